//===- LoadCodes.cpp - single codes out of packed memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadCodes.h"
#include "../Common/IndexFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Layout/PackedLayout.h"

using namespace mlir;
using namespace rung;

static bool areUniform(ArrayRef<Coordinate> coordinates) {
  return llvm::all_of(coordinates,
                      [](const Coordinate &c) { return c.isUniform(); });
}

//===----------------------------------------------------------------------===//
// Canonical storage
//===----------------------------------------------------------------------===//

/// Neighbouring codes from a whole byte on: their bytes, split by shuffles.
static Value loadByteAligned(VectorBuilder &b, const Access &access,
                             ArrayRef<Coordinate> at) {
  AccessBuilder builder(b, access);
  const Coordinate &last = at.back();
  int64_t lanes = last.offsets.size(), bits = access.bits();
  int64_t bytes = llvm::divideCeil(lanes * bits, 8);
  SmallVector<Value> position;
  for (const Coordinate &c : at.drop_back())
    position.push_back(builder.scalar(c));
  Value first = b.add(b.divide(b.multiply(last.base, bits), 8),
                      last.offsets.front() * bits / 8);
  position.push_back(first);

  // How many of the bytes there are.
  int64_t columns = access.storage.getShape().back();
  std::optional<int64_t> most = knownMaximum(last.base);
  bool fits = most && *most + last.offsets.back() < columns;
  Value end;
  if (last.bound)
    end = b.divide(b.add(b.multiply(last.bound, bits), 7), 8);
  else if (!fits && access.bounds.empty())
    end = b.index(llvm::divideCeil(columns * bits, 8));
  Value count;
  if (end) {
    count = b.subtract(end, first);
    count = arith::MaxSIOp::create(b, count, b.index(0));
    count = b.minimum(count, b.index(bytes));
  }
  Value loaded = builder.loadVector(VectorType::get({bytes}, b.getI8Type()),
                                    position, count);

  SmallVector<int64_t> low, high, shifts;
  for (int64_t lane = 0; lane != lanes; ++lane) {
    low.push_back(lane * bits / 8);
    high.push_back(std::min(lane * bits / 8 + 1, bytes - 1));
    shifts.push_back(lane * bits % 8);
  }
  Value code = b.asI32(vector::ShuffleOp::create(b, loaded, loaded, low));
  if (8 % bits) {
    Value above = b.asI32(vector::ShuffleOp::create(b, loaded, loaded, high));
    code = b.bitOr(code, b.shiftLeft(above, b.constantI32(8)));
  }
  return b.shiftRight(code, b.words(shifts));
}

FailureOr<Value> rung::loadCanonicalCodes(VectorBuilder &b,
                                          const Access &access,
                                          const Places &places) {
  AccessBuilder builder(b, access);
  int64_t lanes = places.size(), bits = access.bits();
  SmallVector<Coordinate> at = builder.coordinates(places);
  for (auto [dim, c] : llvm::enumerate(at))
    c = builder.divided(c, access.blockOf(dim));
  if (at.empty())
    return b.broadcast(
        b.asI32(memref::LoadOp::create(b, access.memory, ValueRange())), lanes);
  const Coordinate &last = at.back();
  if (lanes > 1 && areUniform(ArrayRef(at).drop_back()) &&
      last.isContiguous() && knownDivisor(last.base) * bits % 8 == 0 &&
      last.offsets.front() * bits % 8 == 0)
    return loadByteAligned(b, access, at);

  // The byte that a code begins in, and the one after it.
  if (!areUniform(at) && failed(builder.checkGather()))
    return failure();
  SmallVector<Value> position;
  for (const Coordinate &c : at)
    position.push_back(builder.value(c));
  Value bit = b.multiply(position.back(), bits);
  position.back() = b.divide(bit, 8);
  Value code = b.asI32(builder.loadAt(position, lanes));
  if (8 % bits) {
    int64_t rowBytes =
        llvm::divideCeil(access.storage.getShape().back() * bits, 8);
    position.back() =
        b.minimum(b.add(position.back(), 1), b.index(rowBytes - 1));
    Value above = b.asI32(builder.loadAt(position, lanes));
    code = b.bitOr(code, b.shiftLeft(above, b.constantI32(8)));
  }
  return b.shiftRight(code, b.asI32(b.remainder(bit, 8)));
}

//===----------------------------------------------------------------------===//
// Packed words
//===----------------------------------------------------------------------===//

namespace {
/// A field of a code in one number: 16 bits of word, 5 of shift, 5 of bit, 6 of
/// width.
constexpr unsigned shiftAt = 16, bitAt = 21, widthAt = 26;

/// Field `number` of the code at each (row, column) of a tile; the first field
/// again where there are fewer.
DenseElementsAttr fieldTable(VectorBuilder &b, const PackedLayout &packed,
                             unsigned number) {
  SmallVector<int32_t> entries;
  for (int64_t row = 0; row != packed.tileRows(); ++row)
    for (int64_t column = 0; column != packed.tileColumns(); ++column) {
      auto fields = packed.fields(row, column, packed.tileColumns());
      const PackedLayout::Field &field =
          fields[number < fields.size() ? number : 0];
      entries.push_back(static_cast<int32_t>(
          uint32_t(field.word) | field.shift << shiftAt | field.bit << bitAt |
          uint32_t(field.width) << widthAt));
    }
  auto type = RankedTensorType::get({int64_t(entries.size())}, b.getI32Type());
  return DenseElementsAttr::get(type, ArrayRef<int32_t>(entries));
}

/// The bits that are stored inverted of the code at each (row, column).
DenseElementsAttr flipTable(VectorBuilder &b, const PackedLayout &packed) {
  SmallVector<int32_t> entries;
  for (int64_t row = 0; row != packed.tileRows(); ++row)
    for (int64_t column = 0; column != packed.tileColumns(); ++column)
      entries.push_back(static_cast<int32_t>(packed.flips(row, column)));
  auto type = RankedTensorType::get({int64_t(entries.size())}, b.getI32Type());
  return DenseElementsAttr::get(type, ArrayRef<int32_t>(entries));
}

unsigned fieldCount(const PackedLayout &packed) {
  size_t most = 1;
  for (unsigned code = 0; code != packed.order().codes(); ++code)
    most = std::max<size_t>(most, packed.order().fields(code).size());
  return most;
}
} // namespace

/// The entry at `index`, a scalar or a vector.
static Value loadEntry(VectorBuilder &b, AccessBuilder &builder, Value memory,
                       Value index) {
  if (isa<VectorType>(index.getType()))
    return builder.gather(memory, index);
  return memref::LoadOp::create(b, memory, index);
}

/// A code as an element of the format's register type.
static Value elementOfCode(VectorBuilder &b, Type format, Value code) {
  Type type = tile::registerType(format);
  auto as = [&](Type element) {
    return cast<VectorType>(code.getType()).clone(element);
  };
  if (type.getIntOrFloatBitWidth() == 16)
    code = arith::TruncIOp::create(b, as(b.getI16Type()), code);
  if (isa<mlir::FloatType>(type))
    code = arith::BitcastOp::create(b, as(type), code);
  return code;
}

FailureOr<Value> rung::loadCodesOfWords(KernelLowering &lowering,
                                        VectorBuilder &b, const Access &access,
                                        const Places &places) {
  PackedLayout packed =
      cantFail(PackedLayout::parse(access.storage.getLayout()));
  AccessBuilder builder(b, access);
  if (packed.bits() > 32)
    return access.op->emitOpError("loads single codes of 64 bits out of words, "
                                  "expected at most 32 bits");
  if (failed(builder.checkGather()))
    return failure();
  SmallVector<Coordinate> at = builder.coordinates(places);
  for (auto [dim, c] : llvm::enumerate(at))
    c = builder.divided(c, access.blockOf(dim));
  Value row = builder.value(at[0]), column = builder.value(at[1]);
  int64_t rows = packed.tileRows(), columns = packed.tileColumns();
  Value inTile = b.add(b.multiply(b.remainder(row, rows), columns),
                       b.remainder(column, columns));
  Value tile =
      b.add(b.multiply(b.divide(row, rows), access.type().getDimSize(1)),
            b.divide(column, columns));
  Value base = b.multiply(tile, packed.wordsPerTile());
  Value memory = builder.flatMemory(), code;
  for (unsigned number = 0, e = fieldCount(packed); number != e; ++number) {
    Value table = lowering.globalTable(b, fieldTable(b, packed, number));
    Value field = loadEntry(b, builder, table, inTile);
    auto part = [&](unsigned at, unsigned width) {
      return b.bitAnd(b.shiftRight(field, b.constantI32(at)),
                      b.constantI32((1 << width) - 1));
    };
    Value word =
        loadEntry(b, builder, memory, b.add(base, b.asIndex(part(0, shiftAt))));
    Value ones = b.constantI32(-1);
    Value mask =
        b.shiftRight(ones, b.subtract(b.constantI32(32), part(widthAt, 6)));
    Value bits = b.bitAnd(b.shiftRight(word, part(shiftAt, 5)), mask);
    bits = b.shiftLeft(bits, part(bitAt, 5));
    code = code ? b.bitOr(code, bits) : bits;
  }
  if (packed.order().hasFlips()) {
    Value table = lowering.globalTable(b, flipTable(b, packed));
    code = arith::XOrIOp::create(b, code, loadEntry(b, builder, table, inTile));
  }
  if (!isa<VectorType>(code.getType()))
    code = b.broadcast(code, places.size());
  return elementOfCode(b, access.storage.getFormat(), code);
}
