//===- LaneMap.cpp - where a lane's elements are -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LaneMap.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace rung;

static constexpr const char *dims[] = {"row", "col"};

Value LaneMap::lane(VectorBuilder &b) {
  return gpu::ThreadIdOp::create(b, gpu::Dimension::x);
}

/// Bits that move equally far move together.
Value LaneMap::apply(VectorBuilder &b, Value lane, ArrayRef<uint64_t> bases) {
  llvm::MapVector<int, uint64_t> masks;
  for (auto [from, basis] : llvm::enumerate(bases))
    for (uint64_t rest = basis; rest; rest &= rest - 1)
      masks[llvm::countr_zero(rest) - int(from)] |= uint64_t(1) << from;
  Value result;
  for (auto [distance, mask] : masks) {
    Value term = b.bitAnd(lane, b.index(mask));
    if (distance > 0)
      term = b.shiftLeft(term, b.index(distance));
    if (distance < 0)
      term = b.shiftRight(term, b.index(-distance));
    result = result ? b.createOrFold<arith::XOrIOp>(result, term) : term;
  }
  return result;
}

LaneMap::LaneMap(VectorBuilder &b, tile::LayoutAttr layout)
    : b(b), layout(layout) {
  Value number = lane(b);
  for (unsigned dim : {0, 1}) {
    LinearLayout lanes = layout.getMap().sublayout({"lane"}, {dims[dim]}),
                 registers =
                     layout.getMap().sublayout({"register"}, {dims[dim]});
    uint64_t laneBits = 0, registerBits = 0;
    for (uint64_t basis : lanes.bases())
      laneBits |= basis;
    for (uint64_t basis : registers.bases())
      registerBits |= basis;
    parts[dim] = apply(b, number, lanes.bases());
    disjoint[dim] = !(laneBits & registerBits);
  }
  // Input bits that reach nothing new are 0 where an element is written: the
  // others are a basis of the tile, so every element has one writer.
  SmallVector<uint64_t> reduced;
  LinearLayout map = layout.getMap();
  unsigned registerBits = map.inBits("register");
  for (auto [bit, basis] : llvm::enumerate(map.bases())) {
    uint64_t rest = basis;
    for (uint64_t pivot : reduced)
      rest = std::min(rest, rest ^ pivot);
    if (rest)
      reduced.push_back(rest);
    else if (bit < registerBits)
      repeatedRegisters |= uint64_t(1) << bit;
    else
      repeatedLanes |= uint64_t(1) << (bit - registerBits);
  }
}

LaneOffset LaneMap::offset(int64_t reg, unsigned dim) {
  auto [row, column] = layout.locate(reg, 0);
  int64_t constant = dim ? column : row, maximum = 0;
  for (auto [r, c] : placesOf(layout, reg))
    maximum = std::max(maximum, dim ? c : r);
  if (disjoint[dim] || !parts[dim])
    return {parts[dim], constant, maximum};
  Value place = b.createOrFold<arith::XOrIOp>(parts[dim], b.index(constant));
  return {place, 0, maximum};
}

std::optional<Value> LaneMap::isWriter(int64_t reg) {
  if (uint64_t(reg) & repeatedRegisters)
    return std::nullopt;
  if (!repeatedLanes)
    return Value();
  Value bits = b.bitAnd(lane(b), b.index(repeatedLanes));
  return Value(
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bits, b.index(0)));
}
