//===- Load.cpp - tile.load on vectors -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/IndexFacts.h"
#include "Access.h"
#include "LoadCodes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Layout/PackedLayout.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

//===----------------------------------------------------------------------===//
// Packed words
//===----------------------------------------------------------------------===//

/// Asks for what a loop over the columns loads `bytes` later. The address may
/// be beyond the end.
static void prefetch(VectorBuilder &b, const Access &access,
                     SmallVector<Value> position, unsigned columnDim,
                     int64_t bytes) {
  MemRefType type = access.type();
  int64_t step = type.getElementTypeBitWidth() / 8;
  for (int64_t extent : type.getShape().drop_front(columnDim + 1))
    step *= extent;
  position[columnDim] =
      b.add(position[columnDim], llvm::divideCeil(bytes, step));
  memref::PrefetchOp::create(b, access.memory, position, /*isWrite=*/false,
                             /*localityHint=*/2, /*isDataCache=*/true);
}

/// Words of whole units, each a contiguous vector; a device that prefetches
/// does so `ahead` bytes from there.
static FailureOr<SmallVector<Value>> loadUnits(VectorBuilder &b,
                                               const Access &access,
                                               LayoutAttr layout,
                                               int64_t ahead) {
  PackedLayout packed =
      cantFail(PackedLayout::parse(access.storage.getLayout()));
  AccessBuilder builder(b, access);
  auto type = VectorType::get({layout.getLanes()}, b.getI32Type());
  SmallVector<Value> words;
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    std::optional<UnitPlace> place = findUnit(packed, layout, reg);
    if (!place)
      return access.op->emitOpError()
             << "has units of " << layout << ", but its storage has those of "
             << packed.str();
    // The tile's first element: a tile exists if that is within the bounds.
    Places first(1, {place->tileRow * packed.tileRows(),
                     place->tileColumn * packed.tileColumns()});
    SmallVector<Coordinate> at = builder.coordinates(first);
    Value tileRow = builder.scalar(at[0], packed.tileRows()),
          tileColumn = builder.scalar(at[1], packed.tileColumns());
    for (unsigned word = 0; word != packed.order().words(); ++word) {
      int64_t number = place->unit * packed.order().words() + word;
      int64_t perLoad = packed.wordsPerLoad();
      SmallVector<Value> position = {tileRow, tileColumn,
                                     b.index(number / perLoad), b.index(0)};
      if (ahead)
        prefetch(b, access, position, /*columnDim=*/1, ahead);
      if (perLoad == 1) {
        words.push_back(builder.loadVector(type, position, {}));
        continue;
      }
      // [lane][word of the load]: every perLoad-th.
      SmallVector<int64_t> lanes;
      for (int64_t lane = 0; lane != layout.getLanes(); ++lane)
        lanes.push_back(lane);
      position.back() = b.indices(lanes);
      position.push_back(b.index(number % perLoad));
      words.push_back(builder.loadAt(position, layout.getLanes()));
    }
  }
  return words;
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

/// Elements of a row-major memref, builtin or codes of 8 bits.
static FailureOr<Value> loadPlain(VectorBuilder &b, const Access &access,
                                  const Places &places) {
  AccessBuilder builder(b, access);
  int64_t lanes = places.size();
  SmallVector<Coordinate> at = builder.coordinates(places);
  SmallVector<Value> position;
  for (auto [dim, c] : llvm::enumerate(at))
    if (access.blockOf(dim) != 1)
      c = builder.divided(c, access.blockOf(dim));
  bool allButLast =
      llvm::all_of(ArrayRef(at).drop_back(at.empty() ? 0 : 1),
                   [](const Coordinate &c) { return c.isUniform(); });
  bool isVector = lanes > 1 && !at.empty() && allButLast &&
                  at.back().isContiguous() &&
                  access.type().isLastDimUnitStride();
  for (const Coordinate &c : ArrayRef(at).drop_back(isVector))
    position.push_back(builder.value(c));
  if (isVector) {
    const Coordinate &last = at.back();
    position.push_back(b.add(last.base, last.offsets.front()));
    auto type = VectorType::get({lanes}, access.type().getElementType());
    return builder.toRegister(
        builder.loadVector(type, position, builder.countWithin(last, lanes)));
  }
  if (!llvm::all_of(at, [](const Coordinate &c) { return c.isUniform(); }) &&
      failed(builder.checkGather()))
    return failure();
  return builder.toRegister(builder.loadAt(position, lanes));
}

/// Scales in the order of the lanes, [rows / 16][groups][16].
static FailureOr<Value> loadLanes(VectorBuilder &b, const Access &access,
                                  const Places &places, int64_t ahead) {
  constexpr int64_t tileRows = 16;
  AccessBuilder builder(b, access);
  int64_t lanes = places.size();
  SmallVector<Coordinate> at = builder.coordinates(places);
  int64_t repeated = access.storage.getRowsPerBlock();
  // Rows of the storage are rows of the weight, so that those of one block of
  // the access need no division where the blocks agree.
  Coordinate row = at[0];
  bool sameBlocks = access.blockOf(0) == repeated;
  if (!sameBlocks)
    row = builder.divided(row, access.blockOf(0));
  Coordinate group = builder.divided(at[1], access.blockOf(1));
  int64_t first = row.lanes ? 0 : row.offsets.front();
  bool isWhole = row.isContiguous() && lanes > 1 && group.isUniform() &&
                 (sameBlocks || repeated == 1) &&
                 knownDivisor(row.base) % tileRows == 0 &&
                 first % tileRows + lanes <= tileRows;
  if (isWhole) {
    SmallVector<Value> position = {builder.scalar(row, tileRows),
                                   builder.scalar(group),
                                   b.index(first % tileRows)};
    if (ahead)
      prefetch(b, access, position, /*columnDim=*/1, ahead);
    auto type = VectorType::get({lanes}, access.type().getElementType());
    return builder.toRegister(builder.loadVector(type, position, {}));
  }
  Value place = builder.value(row);
  if (!sameBlocks)
    place = b.multiply(place, repeated);
  SmallVector<Value> position = {b.divide(place, tileRows),
                                 builder.value(group),
                                 b.remainder(place, tileRows)};
  return builder.toRegister(builder.loadAt(position, lanes));
}

LogicalResult KernelLowering::lowerLoad(tile::LoadOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr layout = op.getType().getLayout();
  Access access = {op,
                   op.getSource(),
                   op.getStorage().value_or(StorageAttr()),
                   op.getIndices(),
                   op.getBounds(),
                   op.getBlock().value_or(ArrayRef<int64_t>()),
                   op.getTransposed()};
  if (layout.isPacked()) {
    if (access.kind() != StorageKind::Words || access.transposed ||
        !access.block.empty())
      return op.emitOpError()
             << "gives packed codes, expected storage in words, neither "
                "transposed nor in blocks";
    FailureOr<SmallVector<Value>> words =
        loadUnits(b, access, layout, device ? device.getInt("prefetch", 0) : 0);
    if (failed(words))
      return failure();
    set(op.getResult(), *words);
    return success();
  }
  SmallVector<Value> results;
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    Places places = placesOf(layout, reg);
    FailureOr<Value> value;
    switch (access.kind()) {
    case StorageKind::Canonical:
      value = access.bits() < 8 ? loadCanonicalCodes(b, access, places)
                                : loadPlain(b, access, places);
      break;
    case StorageKind::Lanes:
      value = loadLanes(b, access, places,
                        device ? device.getInt("prefetch", 0) : 0);
      break;
    case StorageKind::Words:
      value = loadCodesOfWords(*this, b, access, places);
      break;
    }
    if (failed(value))
      return failure();
    results.push_back(*value);
  }
  set(op.getResult(), results);
  return success();
}
