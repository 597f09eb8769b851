//===- Access.cpp - the elements of one load or store of a lane -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace rung;

std::optional<unsigned> WarpAccess::tileDim(size_t dim) const {
  size_t rank = indices.size();
  if (dim + 1 == rank)
    return transposed ? 0 : 1;
  if (dim + 2 == rank)
    return transposed ? 1 : 0;
  return std::nullopt;
}

static std::optional<int64_t> constantOf(Value value) {
  llvm::APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

/// True if the layout has 2^bits neighbours of dimension `dim` in neighbouring
/// registers, and nothing else of as fine a step.
static bool hasRuns(const LinearLayout &map, unsigned dim, unsigned bits) {
  if (bits > map.inBits("register"))
    return false;
  LinearLayout along =
      map.sublayout({"register", "lane"}, {dim ? "col" : "row"});
  LinearLayout across =
      map.sublayout({"register", "lane"}, {dim ? "row" : "col"});
  for (auto [bit, basis] : llvm::enumerate(along.bases())) {
    if (bit < bits && (basis != uint64_t(1) << bit || across.bases()[bit] != 0))
      return false;
    if (bit >= bits && (basis & ((uint64_t(1) << bits) - 1)))
      return false;
  }
  return true;
}

int64_t WarpAccess::elementsPerLoad() const {
  constexpr int64_t loadBytes = 16;
  if (indices.empty() || kind() != StorageKind::Canonical)
    return 1;
  size_t last = indices.size() - 1;
  unsigned bits = type().getElementTypeBitWidth();
  SmallVector<int64_t> strides;
  int64_t offset;
  if (bits < 8 || blockOf(last) != 1 ||
      failed(type().getStridesAndOffset(strides, offset)) ||
      strides.back() != 1)
    return 1;
  strides.back() = 0;
  strides.push_back(offset);
  strides.push_back(facts[last].divisor);
  if (!bounds.empty())
    strides.push_back(constantOf(bounds[last]).value_or(1));
  for (int64_t count = loadBytes * 8 / bits; count > 1; count /= 2)
    if (hasRuns(layout.getMap(), *tileDim(last), llvm::Log2_64(count)) &&
        llvm::all_of(strides, [&](int64_t stride) {
          return stride != ShapedType::kDynamic && stride % count == 0;
        }))
      return count;
  return 1;
}

Position WarpAccessBuilder::locate(int64_t reg) {
  Position position;
  position.checked.resize(access.indices.size());
  for (auto [dim, base] : llvm::enumerate(access.indices)) {
    LaneOffset offset = {{}, 0, 0};
    if (std::optional<unsigned> tileDim = access.tileDim(dim))
      offset = map.offset(reg, *tileDim);
    Value index = base;
    if (offset.lane)
      index = b.add(index, offset.lane);
    index = b.add(index, offset.constant);
    position.indices.push_back(index);
    if (access.bounds.empty())
      continue;
    std::optional<int64_t> bound = constantOf(access.bounds[dim]),
                           most = access.facts[dim].maximum;
    if (bound && most && *most + offset.maximum < *bound)
      continue;
    Value within = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult,
                                                 index, access.bounds[dim]);
    position.checked.set(dim);
    position.within =
        position.within ? b.createOrFold<arith::AndIOp>(position.within, within)
                        : within;
  }
  return position;
}

Position WarpAccessBuilder::locateForLoad(int64_t reg, int64_t count) {
  Position position = locate(reg);
  size_t last = access.indices.size() - 1;
  for (auto [dim, index] : llvm::enumerate(position.indices)) {
    if (position.checked[dim])
      index = b.minimum(index,
                        b.add(access.bounds[dim], dim == last ? -count : -1));
    index = b.divide(index, access.blockOf(dim));
  }
  return position;
}
