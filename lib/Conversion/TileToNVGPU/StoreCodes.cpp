//===- StoreCodes.cpp - tile.store of codes narrower than a byte -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Canonical storage packs neighbouring codes of a row, which several lanes may
// hold, into bytes:
//
//   every lane writes its codes to shared memory, a byte each, zeros where
//   the row has ended; the warp meets; every lane puts bytes together, one of
//   32 after the other.
//
//===----------------------------------------------------------------------===//

#include "StoreCodes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace rung;

namespace {
class CodeStore {
public:
  CodeStore(VectorBuilder &b, const WarpAccess &access, Value codesOfBlock)
      : b(b), access(access), last(access.indices.size() - 1),
        bits(access.storage.getBits()),
        along(extent(*access.tileDim(last) == 1)),
        across(extent(*access.tileDim(last) != 1)), memory(codesOfBlock) {}

  void writeCodes(ValueRange registers);
  void packBytes();

private:
  int64_t extent(bool isColumn) const {
    return isColumn ? access.layout.getColumns() : access.layout.getRows();
  }
  /// Of this warp: [warp][line][code].
  SmallVector<Value> place(Value line, Value code) {
    return {gpu::ThreadIdOp::create(b, gpu::Dimension::y), line, code};
  }
  Value isBelow(Value index, Value bound) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, bound);
  }
  void meet() { NVVM::SyncWarpOp::create(b, b.constantI32(-1)); }

  VectorBuilder &b;
  const WarpAccess &access;
  size_t last;
  int64_t bits, along, across;
  Value memory;
};
} // namespace

void CodeStore::writeCodes(ValueRange registers) {
  LaneMap map(b, access.layout);
  meet(); // with those who still read what was stored before
  unsigned dim = *access.tileDim(last);
  for (int64_t reg = 0, e = registers.size(); reg != e; ++reg) {
    std::optional<Value> writes = map.isWriter(reg);
    if (!writes)
      continue;
    auto position = [&](unsigned dim) {
      LaneOffset offset = map.offset(reg, dim);
      Value constant = b.index(offset.constant);
      return offset.lane ? b.add(offset.lane, constant) : constant;
    };
    Value column = position(dim), line = position(1 - dim);
    // A register may hold more bits: those of a sign.
    Value value =
        b.bitAnd(registers[reg], b.constantI32((int32_t(1) << bits) - 1));
    if (!access.bounds.empty())
      value = arith::SelectOp::create(
          b, isBelow(b.add(access.indices[last], column), access.bounds[last]),
          value, b.constantI32(0));
    value = arith::TruncIOp::create(b, b.getI8Type(), value);
    OpBuilder::InsertionGuard guard(b);
    if (*writes) {
      auto branch = scf::IfOp::create(b, *writes, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    memref::StoreOp::create(b, value, memory, place(line, column));
  }
  meet();
}

void CodeStore::packBytes() {
  Value lane = LaneMap::lane(b);
  int64_t bytesOfLine = along * bits / 8, total = across * bytesOfLine;
  // Codes that a byte may have bits of.
  int64_t reach = llvm::divideCeil(8 + bits - 1, bits);
  for (int64_t first = 0; first < total; first += warpLanes) {
    Value number = b.add(lane, first);
    Value line = b.divide(number, bytesOfLine),
          byte = b.remainder(number, bytesOfLine);
    SmallVector<Value> target(access.indices);
    target[last] = b.add(b.divide(b.multiply(target[last], bits), 8), byte);
    if (last > 0)
      target[last - 1] = b.add(target[last - 1], line);
    Value within;
    auto require = [&](Value condition) {
      within = within ? arith::AndIOp::create(b, within, condition).getResult()
                      : condition;
    };
    if (total - first < warpLanes)
      require(isBelow(number, b.index(total)));
    if (!access.bounds.empty()) {
      Value rowBits = b.multiply(access.bounds[last], bits);
      require(isBelow(target[last], b.divide(b.add(rowBits, 7), 8)));
      if (last > 0)
        require(isBelow(target[last - 1], access.bounds[last - 1]));
    }
    OpBuilder::InsertionGuard guard(b);
    if (within) {
      auto branch = scf::IfOp::create(b, within, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    Value bit = b.multiply(byte, 8);
    Value code = b.divide(bit, bits);
    Value shift = b.asI32(b.remainder(bit, bits)), word = b.constantI32(0);
    for (int64_t i = 0; i != reach; ++i) {
      // Bits of those beyond the line are not of this byte.
      Value at = i ? b.minimum(b.add(code, i), b.index(along - 1)) : code;
      Value held = memref::LoadOp::create(b, memory, place(line, at));
      held = arith::ExtUIOp::create(b, b.getI32Type(), held);
      word = b.bitOr(word, b.shiftLeft(held, b.constantI32(i * bits)));
    }
    word = b.shiftRight(word, shift);
    memref::StoreOp::create(b, arith::TruncIOp::create(b, b.getI8Type(), word),
                            access.memory, target);
  }
}

std::string rung::storeCodes(VectorBuilder &b, const WarpAccess &access,
                             gpu::LaunchOp launch, ValueRange registers,
                             RewriterBase &rewriter) {
  size_t last = access.indices.size() - 1;
  bool isColumn = *access.tileDim(last) == 1;
  int64_t columns = access.layout.getColumns(), rows = access.layout.getRows();
  int64_t along = isColumn ? columns : rows, across = isColumn ? rows : columns;
  std::optional<int64_t> warps =
      launch ? getConstantIntValue(launch.getBlockSizeY()) : std::nullopt;
  if (!warps)
    return "is in no tile.launch";
  if (along % 8 != 0 || access.facts[last].divisor % 8 != 0)
    return "writes codes of " + std::to_string(access.storage.getBits()) +
           " bits that neither begin nor end with whole bytes for certain; "
           "store multiples of 8 from a multiple of 8 on";
  if (last == 0 && across != 1)
    return "writes a tile into one dimension";
  auto shared =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({*warps, across, along}, b.getI8Type(),
                              AffineMap(), shared);
  Value memory;
  rewriter.modifyOpInPlace(launch, [&] {
    memory = launch.addWorkgroupAttribution(type, b.getLoc());
  });
  CodeStore store(b, access, memory);
  store.writeCodes(registers);
  store.packBytes();
  return "";
}
