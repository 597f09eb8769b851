//===- Store.cpp - tile.store on vectors -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/IndexFacts.h"
#include "Access.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

namespace {
/// Which lanes of a register write: those whose element no lane before them
/// has written.
struct Writers {
  llvm::DenseSet<std::pair<int64_t, int64_t>> written;

  SmallVector<bool> next(const Places &places) {
    SmallVector<bool> writes;
    for (auto place : places)
      writes.push_back(written.insert(place).second);
    return writes;
  }
};

class StoreBuilder {
public:
  StoreBuilder(VectorBuilder &b, const Access &access)
      : b(b), access(access), builder(b, access) {}

  LogicalResult store(Value value, const Places &places, ArrayRef<bool> writes);

private:
  void storeElement(Value value, ArrayRef<Coordinate> at, int64_t lane);
  void storeVector(Value value, ArrayRef<Coordinate> at);
  LogicalResult scatter(Value value, ArrayRef<Coordinate> at,
                        ArrayRef<bool> writes);
  LogicalResult storeCodes(Value value, ArrayRef<Coordinate> at);
  /// The bytes of codes side by side.
  Value packCodes(Value codes, int64_t lanes);
  /// Continues inside a branch for `condition`, if there is one.
  void enterIf(Value condition) {
    if (!condition)
      return;
    auto branch = scf::IfOp::create(b, condition);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  /// Scalar indices of the dimensions before the last.
  SmallVector<Value> outer(ArrayRef<Coordinate> at) {
    SmallVector<Value> position;
    for (const Coordinate &c : at.drop_back())
      position.push_back(b.add(c.base, c.offsets.front()));
    return position;
  }

  VectorBuilder &b;
  const Access &access;
  AccessBuilder builder;
};
} // namespace

void StoreBuilder::storeElement(Value value, ArrayRef<Coordinate> at,
                                int64_t lane) {
  OpBuilder::InsertionGuard guard(b);
  enterIf(builder.isWithin(at));
  SmallVector<Value> position;
  for (const Coordinate &c : at)
    position.push_back(b.add(c.base, c.offsets[lane]));
  Value element = vector::ExtractOp::create(b, value, lane);
  memref::StoreOp::create(b, builder.toMemory(element), access.memory,
                          position);
}

void StoreBuilder::storeVector(Value value, ArrayRef<Coordinate> at) {
  OpBuilder::InsertionGuard guard(b);
  enterIf(builder.isWithin(at.drop_back()));
  SmallVector<Value> position = outer(at);
  const Coordinate &last = at.back();
  position.push_back(b.add(last.base, last.offsets.front()));
  builder.storeVector(builder.toMemory(value), position,
                      builder.countWithin(last, last.offsets.size()));
}

LogicalResult StoreBuilder::scatter(Value value, ArrayRef<Coordinate> at,
                                    ArrayRef<bool> writes) {
  if (failed(builder.checkGather()))
    return failure();
  auto maskType = VectorType::get({int64_t(writes.size())}, b.getI1Type());
  Value mask =
      arith::ConstantOp::create(b, DenseElementsAttr::get(maskType, writes));
  if (Value within = builder.isWithin(at))
    mask = b.bitAnd(mask, within);
  SmallVector<Value> position;
  for (Coordinate c : at) {
    c.bound = {};
    position.push_back(builder.value(c));
  }
  Value index = builder.flatIndex(position);
  vector::ScatterOp::create(b, /*resultType=*/Type(), builder.flatMemory(),
                            ValueRange(b.index(0)), index, mask,
                            builder.toMemory(value));
  return success();
}

//===----------------------------------------------------------------------===//
// Codes under 8 bits
//===----------------------------------------------------------------------===//

Value StoreBuilder::packCodes(Value codes, int64_t lanes) {
  int64_t bits = access.bits(), bytes = llvm::divideCeil(lanes * bits, 8);
  auto type = VectorType::get({bytes}, b.getI32Type());
  codes = b.bitAnd(codes, b.constantI32((1 << bits) - 1));
  // Byte j takes, one after the other, the codes that overlap it: shifted by
  // 8 more than their place in it, so that no shift is negative.
  Value sum = b.zero(type);
  int64_t most = llvm::divideCeil(8, bits) + (8 % bits ? 1 : 0);
  for (int64_t part = 0; part != most; ++part) {
    SmallVector<int64_t> from, shifts, masks;
    for (int64_t byte = 0; byte != bytes; ++byte) {
      int64_t code = byte * 8 / bits + part;
      bool overlaps = code < lanes && code * bits < (byte + 1) * 8;
      from.push_back(overlaps ? code : 0);
      shifts.push_back(overlaps ? code * bits - byte * 8 + 8 : 0);
      masks.push_back(overlaps ? 0xff00 : 0);
    }
    Value shuffled = vector::ShuffleOp::create(b, codes, codes, from);
    Value placed = b.shiftLeft(shuffled, b.words(shifts));
    sum = b.bitOr(sum, b.bitAnd(placed, b.words(masks)));
  }
  sum = b.shiftRight(sum, b.constantI32(8));
  return arith::TruncIOp::create(b, type.clone(b.getI8Type()), sum);
}

LogicalResult StoreBuilder::storeCodes(Value value, ArrayRef<Coordinate> at) {
  int64_t bits = access.bits(), lanes = at.back().offsets.size();
  const Coordinate &last = at.back();
  bool isLine = last.isContiguous() &&
                llvm::all_of(at.drop_back(),
                             [](const Coordinate &c) { return c.isUniform(); });
  if (!isLine || knownDivisor(last.base) * bits % 8 ||
      last.offsets.front() * bits % 8 || lanes * bits % 8)
    return access.op->emitOpError()
           << "writes codes of " << bits
           << " bits, several to a byte: expected lanes that run along the "
              "last dimension from a multiple of "
           << 8 / std::gcd<int64_t>(8, bits);
  OpBuilder::InsertionGuard guard(b);
  enterIf(builder.isWithin(at.drop_back()));
  Value count;
  if (last.bound) {
    // The row ends inside: no code after it, and its bits are 0.
    Value codes = builder.countWithin(last, lanes);
    auto maskType = VectorType::get({lanes}, b.getI1Type());
    Value mask = vector::CreateMaskOp::create(b, maskType, ValueRange(codes));
    value = arith::SelectOp::create(b, mask, value, b.zero(value.getType()));
    count = b.divide(b.add(b.multiply(codes, bits), 7), 8);
  }
  SmallVector<Value> position = outer(at);
  position.push_back(b.add(b.divide(b.multiply(last.base, bits), 8),
                           last.offsets.front() * bits / 8));
  builder.storeVector(packCodes(value, lanes), position, count);
  return success();
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

LogicalResult StoreBuilder::store(Value value, const Places &places,
                                  ArrayRef<bool> writes) {
  int64_t lanes = places.size();
  SmallVector<Coordinate> at = builder.coordinates(places);
  bool all = llvm::all_of(writes, [](bool b) { return b; });
  if (access.bits() < 8 && access.storage) {
    if (!all || at.empty())
      return access.op->emitOpError()
             << "writes codes of " << access.bits()
             << " bits, several to a byte: expected lanes that run along the "
                "last dimension";
    return storeCodes(value, at);
  }
  if (llvm::all_of(at, [](const Coordinate &c) { return c.isUniform(); })) {
    storeElement(value, at, 0);
    return success();
  }
  bool outerUniform =
      llvm::all_of(ArrayRef(at).drop_back(),
                   [](const Coordinate &c) { return c.isUniform(); });
  if (all && lanes > 1 && outerUniform && at.back().isContiguous() &&
      access.type().isLastDimUnitStride()) {
    storeVector(value, at);
    return success();
  }
  return scatter(value, at, writes);
}

LogicalResult KernelLowering::lowerStore(tile::StoreOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr layout = op.getValue().getType().getLayout();
  Access access = {op,
                   op.getDestination(),
                   op.getStorage().value_or(StorageAttr()),
                   op.getIndices(),
                   op.getBounds(),
                   {},
                   op.getTransposed()};
  if (access.kind() != StorageKind::Canonical)
    return op.emitOpError() << "writes " << stringifyStorageKind(access.kind())
                            << " storage, expected canonical";
  StoreBuilder builder(b, access);
  Writers writers;
  for (auto [reg, value] : llvm::enumerate(get(op.getValue()))) {
    Places places = placesOf(layout, reg);
    SmallVector<bool> writes = writers.next(places);
    if (llvm::none_of(writes, [](bool b) { return b; }))
      continue;
    if (failed(builder.store(value, places, writes)))
      return failure();
  }
  return success();
}
