//===- Memory.cpp - tile.load, tile.store in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "StoreCodes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Layout/PackedLayout.h"
#include <map>

using namespace mlir;
using namespace rung;

static SmallVector<Value> singles(ArrayRef<ValueRange> values) {
  return llvm::map_to_vector(values, [](ValueRange v) { return v.front(); });
}

/// True if memory has a byte for each code that a register holds as i32: codes
/// of 8 bits, and those of scales in the order of lanes.
static bool isCodeInByte(Type format, const WarpAccess &access) {
  return access.type().getElementType().isInteger(8) &&
         tile::registerType(format).isInteger(32) &&
         (numberFormatOf(format)->bits() == 8 ||
          access.kind() == StorageKind::Lanes);
}

/// True if memory packs codes of less than a byte along rows.
static bool isNarrow(const WarpAccess &access) {
  return access.storage && access.kind() == StorageKind::Canonical &&
         access.storage.getBits() < 8 && !access.indices.empty();
}

//===----------------------------------------------------------------------===//
// tile.load
//===----------------------------------------------------------------------===//

namespace {
struct ConvertLoad final : WarpPattern<tile::LoadOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::LoadOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;

private:
  LogicalResult loadWords(tile::LoadOp op, const WarpAccess &access,
                          ConversionPatternRewriter &rewriter) const;
  LogicalResult loadElements(tile::LoadOp op, const WarpAccess &access,
                             ConversionPatternRewriter &rewriter) const;
  void loadNarrow(tile::LoadOp op, const WarpAccess &access,
                  ConversionPatternRewriter &rewriter) const;
};
} // namespace

/// The storage's own loads: each lane brings in wordsPerLoad words at once.
LogicalResult
ConvertLoad::loadWords(tile::LoadOp op, const WarpAccess &access,
                       ConversionPatternRewriter &rewriter) const {
  if (access.kind() != StorageKind::Words || access.transposed ||
      !access.block.empty())
    return refuse(op, rewriter,
                  "gives packed codes, expected storage in words, neither "
                  "transposed nor in blocks");
  PackedLayout packed =
      cantFail(PackedLayout::parse(access.storage.getLayout()));
  int64_t tile[] = {packed.tileRows(), packed.tileColumns()};
  for (unsigned dim : {0, 1})
    if (access.facts[dim].divisor % tile[dim])
      return refuse(op, rewriter,
                    "begins at index " + Twine(dim) +
                        " that is no multiple of " + Twine(tile[dim]) +
                        " for certain, the storage's tile");
  SmallVector<UnitPlace> places;
  for (int64_t reg = 0, e = access.layout.getRegisters(); reg != e; ++reg) {
    std::optional<UnitPlace> place = findUnit(packed, access.layout, reg);
    if (!place)
      return refuse(op, rewriter,
                    "has units in other places than its storage " +
                        packed.str());
    places.push_back(*place);
  }

  VectorBuilder b(op.getLoc(), rewriter);
  Value lane = LaneMap::lane(b);
  int64_t perLoad = packed.wordsPerLoad(), perUnit = packed.order().words();
  // Units share loads.
  std::map<std::array<int64_t, 3>, Value> loads;
  auto load = [&](const UnitPlace &place, int64_t number) {
    Value &loaded = loads[{place.tileRow, place.tileColumn, number}];
    if (loaded)
      return loaded;
    int64_t offset[] = {place.tileRow, place.tileColumn};
    SmallVector<Value> position;
    for (unsigned dim : {0, 1}) {
      Value index = b.add(access.indices[dim], offset[dim] * tile[dim]);
      // A tile beyond the bounds may not exist; read another in its place.
      if (offset[dim] && !access.bounds.empty())
        index = b.minimum(index, b.add(access.bounds[dim], -1));
      position.push_back(b.divide(index, tile[dim]));
    }
    position.append({b.index(number), lane});
    if (perLoad != 1)
      position.push_back(b.index(0));
    auto type = VectorType::get({perLoad}, b.getI32Type());
    loaded = vector::LoadOp::create(b, type, access.memory, position,
                                    /*nontemporal=*/false,
                                    llvm::MaybeAlign(4 * perLoad));
    return loaded;
  };
  SmallVector<Value> words;
  for (const UnitPlace &place : places)
    for (int64_t word = 0; word != perUnit; ++word) {
      int64_t number = place.unit * perUnit + word;
      words.push_back(vector::ExtractOp::create(
          b, load(place, number / perLoad), number % perLoad));
    }
  rewriter.replaceOpWithMultiple(op, {words});
  return success();
}

/// Codes of less than a byte, packed along rows of whole bytes.
void ConvertLoad::loadNarrow(tile::LoadOp op, const WarpAccess &access,
                             ConversionPatternRewriter &rewriter) const {
  VectorBuilder b(op.getLoc(), rewriter);
  WarpAccessBuilder builder(b, access);
  int64_t bits = access.storage.getBits(),
          rowBytes = access.storage.getStorageType().getShape().back();
  SmallVector<Value> results;
  for (int64_t reg = 0, e = access.layout.getRegisters(); reg != e; ++reg) {
    SmallVector<Value> place = builder.locateForLoad(reg, 1).indices;
    Value bit = b.multiply(place.back(), bits);
    Value first = b.divide(bit, 8), shift = b.asI32(b.remainder(bit, 8));
    auto byteAt = [&](Value index) -> Value {
      place.back() = index;
      Value byte = memref::LoadOp::create(b, access.memory, place);
      return arith::ExtUIOp::create(b, b.getI32Type(), byte);
    };
    Value code = byteAt(first);
    if (8 % bits != 0) { // it may reach into the next byte
      Value next = byteAt(b.minimum(b.add(first, 1), b.index(rowBytes - 1)));
      code = b.bitOr(code, b.shiftLeft(next, b.constantI32(8)));
    }
    code = b.shiftRight(code, shift);
    results.push_back(b.bitAnd(code, b.constantI32((1 << bits) - 1)));
  }
  rewriter.replaceOpWithMultiple(op, {results});
}

LogicalResult
ConvertLoad::loadElements(tile::LoadOp op, const WarpAccess &access,
                          ConversionPatternRewriter &rewriter) const {
  Type element = access.type().getElementType();
  Type result = tile::registerType(op.getType().getElementType());
  if (isNarrow(access)) {
    loadNarrow(op, access, rewriter);
    return success();
  }
  bool isCode = isCodeInByte(op.getType().getElementType(), access);
  if (access.kind() == StorageKind::Words || access.indices.empty() ||
      (element != result && !isCode)) {
    std::string text;
    llvm::raw_string_ostream(text)
        << "reads " << access.type() << " into elements of "
        << op.getType().getElementType()
        << ", expected a tensor of elements of at least 16 bits, or of codes "
           "in whole bytes";
    return refuse(op, rewriter, text);
  }

  VectorBuilder b(op.getLoc(), rewriter);
  WarpAccessBuilder builder(b, access);
  int64_t count = access.elementsPerLoad();
  auto finish = [&](Value value) -> Value {
    return isCode ? arith::ExtUIOp::create(b, result, value).getResult()
                  : value;
  };
  SmallVector<Value> results;
  for (int64_t reg = 0, e = access.layout.getRegisters(); reg < e;
       reg += count) {
    Position position = builder.locateForLoad(reg, count);
    if (access.kind() == StorageKind::Lanes) {
      // [rows / 16][groups][16], rows of the weight.
      constexpr int64_t tileRows = 16;
      Value row =
          b.multiply(position.indices[0], access.storage.getRowsPerBlock());
      position.indices = {b.divide(row, tileRows), position.indices[1],
                          b.remainder(row, tileRows)};
    }
    if (count == 1) {
      Value value = memref::LoadOp::create(b, access.memory, position.indices);
      results.push_back(finish(value));
      continue;
    }
    Value loaded = vector::LoadOp::create(
        b, VectorType::get({count}, element), access.memory, position.indices,
        /*nontemporal=*/false,
        llvm::MaybeAlign(count * element.getIntOrFloatBitWidth() / 8));
    for (int64_t i = 0; i != count; ++i)
      results.push_back(finish(vector::ExtractOp::create(b, loaded, i)));
  }
  rewriter.replaceOpWithMultiple(op, {results});
  return success();
}

LogicalResult
ConvertLoad::matchAndRewrite(tile::LoadOp op, OneToNOpAdaptor adaptor,
                             ConversionPatternRewriter &rewriter) const {
  WarpAccess access = {op.getType().getLayout(),
                       adaptor.getSource().front(),
                       op.getStorage().value_or(StorageAttr()),
                       singles(adaptor.getIndices()),
                       singles(adaptor.getBounds()),
                       conversion.facts[op],
                       op.getBlock().value_or(ArrayRef<int64_t>()),
                       op.getTransposed()};
  return access.layout.isPacked() ? loadWords(op, access, rewriter)
                                  : loadElements(op, access, rewriter);
}

//===----------------------------------------------------------------------===//
// tile.store
//===----------------------------------------------------------------------===//

namespace {
/// One element at a time, each by one lane.
struct ConvertStore final : WarpPattern<tile::StoreOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::StoreOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};
} // namespace

LogicalResult
ConvertStore::matchAndRewrite(tile::StoreOp op, OneToNOpAdaptor adaptor,
                              ConversionPatternRewriter &rewriter) const {
  WarpAccess access = {op.getValue().getType().getLayout(),
                       adaptor.getDestination().front(),
                       op.getStorage().value_or(StorageAttr()),
                       singles(adaptor.getIndices()),
                       singles(adaptor.getBounds()),
                       conversion.facts[op],
                       {},
                       op.getTransposed()};
  Type element = access.type().getElementType(),
       held = op.getValue().getType().getElementType();
  if (isNarrow(access)) {
    VectorBuilder b(op.getLoc(), rewriter);
    std::string problem =
        storeCodes(b, access, op->getParentOfType<gpu::LaunchOp>(),
                   adaptor.getValue(), rewriter);
    if (!problem.empty())
      return refuse(op, rewriter, problem);
    rewriter.eraseOp(op);
    return success();
  }
  bool isCode = isCodeInByte(held, access);
  if (access.kind() != StorageKind::Canonical || access.indices.empty() ||
      (element != tile::registerType(held) && !isCode)) {
    std::string text;
    llvm::raw_string_ostream(text)
        << "writes " << access.type() << " with elements of " << held
        << ", expected a tensor of elements of at least 8 bits";
    return refuse(op, rewriter, text);
  }
  VectorBuilder b(op.getLoc(), rewriter);
  WarpAccessBuilder builder(b, access);
  for (auto [reg, value] : llvm::enumerate(adaptor.getValue())) {
    std::optional<Value> writes = builder.lanes().isWriter(reg);
    if (!writes)
      continue;
    Position position = builder.locate(reg);
    Value condition = position.within;
    if (*writes)
      condition = condition
                      ? Value(arith::AndIOp::create(b, condition, *writes))
                      : *writes;
    OpBuilder::InsertionGuard guard(b);
    if (condition) {
      auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    Value stored = value;
    if (isCode)
      stored = arith::TruncIOp::create(b, element, stored);
    memref::StoreOp::create(b, stored, access.memory, position.indices);
  }
  rewriter.eraseOp(op);
  return success();
}

void rung::populateMemoryPatterns(WarpConversion &conversion,
                                  RewritePatternSet &patterns) {
  patterns.add<ConvertLoad, ConvertStore>(conversion, patterns.getContext());
}
