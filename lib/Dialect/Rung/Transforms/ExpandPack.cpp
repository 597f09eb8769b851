//===- ExpandPack.cpp - rung-expand-pack -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// rung.pack of canonical storage becomes a linalg.generic over packed words:
//
//   word of (unit, lane, tile) = OR over its fields of
//     ((code(row, col) >> bit) & mask) << shift
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Layout/PackedLayout.h"

namespace rung {
#define GEN_PASS_DEF_RUNGEXPANDPACK
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

namespace {
/// Builds scalar code inside the body of the generic.
class PackBuilder {
public:
  PackBuilder(ImplicitLocOpBuilder &b, PackOp op)
      : b(b), input(op.getInput()), storage(op.getStorage()),
        bits(storage.getBits()),
        padCode(findPadCode(*numberFormatOf(storage.getFormat()))) {}

  /// The packed word at the output's position.
  Value word(const PackedLayout &layout, ValueRange position);
  /// The element of a scale in lane order at the output's position.
  Value laneElement(ValueRange position);

private:
  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, value);
  }
  Value i32(uint32_t value) {
    return arith::ConstantIntOp::create(b, b.getI32Type(), int32_t(value));
  }
  /// The image under the columns `bases` (one for each bit) of a point.
  Value image(Value point, ArrayRef<uint64_t> bases);
  /// The code at (row, col) as i32 (`part` 0: low 32 bits, 1: high), or the pad
  /// code.
  Value code(Value row, Value col, unsigned part);
  Value extract(Value row, Value col);

  ImplicitLocOpBuilder &b;
  Value input;
  StorageAttr storage;
  unsigned bits;
  uint64_t padCode;
};
} // namespace

Value PackBuilder::image(Value point, ArrayRef<uint64_t> bases) {
  Value result = index(0);
  for (auto [bit, base] : llvm::enumerate(bases)) {
    if (!base)
      continue;
    Value isSet = arith::AndIOp::create(
        b, arith::ShRUIOp::create(b, point, index(bit)), index(1));
    result = arith::XOrIOp::create(
        b, result, arith::MulIOp::create(b, isSet, index(base)));
  }
  return result;
}

Value PackBuilder::extract(Value row, Value col) {
  return tensor::ExtractOp::create(b, input, ValueRange{row, col});
}

Value PackBuilder::code(Value row, Value col, unsigned part) {
  ArrayRef<int64_t> shape = storage.getShape();
  auto below = [&](Value value, int64_t bound) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, value,
                                 index(bound));
  };
  Value inside =
      arith::AndIOp::create(b, below(row, shape[0]), below(col, shape[1]));
  // Out of bounds reads go to element (0, 0) and are replaced.
  Value r = arith::SelectOp::create(b, inside, row, index(0));
  Value c = arith::SelectOp::create(b, inside, col, index(0));
  Value value;
  if (bits < 8) {
    Value firstBit = arith::MulIOp::create(b, c, index(bits));
    Value byte = arith::ShRUIOp::create(b, firstBit, index(3));
    Value last =
        index(cast<RankedTensorType>(input.getType()).getDimSize(1) - 1);
    Value low = arith::ExtUIOp::create(b, b.getI32Type(), extract(r, byte));
    // A code that ends in the next byte; at the end of a row there is none.
    Value next = arith::MinUIOp::create(
        b, arith::AddIOp::create(b, byte, index(1)), last);
    Value high = arith::ExtUIOp::create(b, b.getI32Type(), extract(r, next));
    Value both =
        arith::OrIOp::create(b, low, arith::ShLIOp::create(b, high, i32(8)));
    Value shift = arith::IndexCastOp::create(
        b, b.getI32Type(), arith::AndIOp::create(b, firstBit, index(7)));
    value = arith::AndIOp::create(b, arith::ShRUIOp::create(b, both, shift),
                                  i32((1u << bits) - 1));
  } else {
    value = extract(r, c);
    if (!value.getType().isInteger())
      value = arith::BitcastOp::create(b, b.getIntegerType(bits), value);
    if (part)
      value = arith::ShRUIOp::create(
          b, value, arith::ConstantIntOp::create(b, b.getI64Type(), 32));
    if (bits < 32)
      value = arith::ExtUIOp::create(b, b.getI32Type(), value);
    if (bits > 32)
      value = arith::TruncIOp::create(b, b.getI32Type(), value);
  }
  return arith::SelectOp::create(b, inside, value, i32(padCode >> (32 * part)));
}

Value PackBuilder::word(const PackedLayout &layout, ValueRange position) {
  // position: row tile, column tile, load, lane(, word in load)
  unsigned words = layout.order().words(), perLoad = layout.wordsPerLoad();
  Value wordOfLane = position[2];
  if (perLoad > 1)
    wordOfLane = arith::AddIOp::create(
        b, arith::MulIOp::create(b, position[2], index(perLoad)), position[4]);
  Value unit = arith::DivUIOp::create(b, wordOfLane, index(words));
  Value wordOfUnit = arith::RemUIOp::create(b, wordOfLane, index(words));

  const LinearLayout &map = layout.map();
  unsigned rowBits = map.outBits("row"), codeBits = map.inBits("code"),
           unitBits = map.inBits("unit");
  auto images = [&](unsigned first, unsigned count, bool isRow) {
    SmallVector<uint64_t> result;
    for (uint64_t base : map.bases().slice(first, count))
      result.push_back(isRow ? base & ((uint64_t(1) << rowBits) - 1)
                             : base >> rowBits);
    return result;
  };
  auto place = [&](bool isRow, Value tile, int64_t size) {
    Value inTile = arith::XOrIOp::create(
        b, image(unit, images(codeBits, unitBits, isRow)),
        image(position[3],
              images(codeBits + unitBits, map.inBits("lane"), isRow)));
    return std::pair(arith::MulIOp::create(b, tile, index(size)), inTile);
  };
  auto [rowBase, rowInTile] = place(true, position[0], layout.tileRows());
  auto [colBase, colInTile] = place(false, position[1], layout.tileColumns());

  SmallVector<Value> values;
  for (uint32_t flips : layout.order().flips())
    values.push_back(i32(flips));
  for (unsigned v = 0; v != layout.order().codes(); ++v) {
    uint64_t image = map.apply(uint64_t(v));
    Value row = arith::AddIOp::create(
        b, rowBase,
        arith::XOrIOp::create(b, rowInTile,
                              index(image & ((uint64_t(1) << rowBits) - 1))));
    Value col = arith::AddIOp::create(
        b, colBase,
        arith::XOrIOp::create(b, colInTile, index(image >> rowBits)));
    Value parts[2];
    for (const BitOrder::Field &field : layout.order().fields(v)) {
      unsigned part = field.bit / 32;
      if (!parts[part])
        parts[part] = code(row, col, part);
      Value piece = arith::ShRUIOp::create(b, parts[part], i32(field.bit % 32));
      if (field.width < 32)
        piece = arith::AndIOp::create(b, piece, i32((1u << field.width) - 1));
      piece = arith::ShLIOp::create(b, piece, i32(field.shift));
      values[field.word] = arith::XOrIOp::create(b, values[field.word], piece);
    }
  }
  Value result = values[0];
  for (unsigned w = 1; w != words; ++w)
    result = arith::SelectOp::create(
        b,
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, wordOfUnit,
                              index(w)),
        values[w], result);
  return result;
}

Value PackBuilder::laneElement(ValueRange position) {
  // position: tile of 16 rows, group, lane
  Value row = arith::AddIOp::create(
      b, arith::MulIOp::create(b, position[0], index(16)), position[2]);
  row = arith::DivUIOp::create(b, row, index(storage.getRowsPerBlock()));
  if (bits < 8)
    return arith::TruncIOp::create(b, b.getI8Type(), code(row, position[1], 0));
  Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, row,
                                       index(storage.getShape()[0]));
  Value value =
      extract(arith::SelectOp::create(b, inside, row, index(0)), position[1]);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(value.getType()));
  return arith::SelectOp::create(b, inside, value, zero);
}

namespace {
struct ExpandPackPattern final : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    auto type = cast<RankedTensorType>(op.getType());
    StorageAttr storage = op.getStorage();
    if (storage.getKind() == StorageKind::Canonical)
      return rewriter.notifyMatchFailure(
          op, "packs into canonical storage, which the input is in");
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    Value empty =
        tensor::EmptyOp::create(b, type.getShape(), type.getElementType());
    AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
    SmallVector<utils::IteratorType> parallel(type.getRank(),
                                              utils::IteratorType::parallel);
    auto generic = linalg::GenericOp::create(
        rewriter, op.getLoc(), type, ValueRange(), empty, identity, parallel,
        [&](OpBuilder &builder, Location loc, ValueRange) {
          ImplicitLocOpBuilder body(loc, builder);
          SmallVector<Value> position;
          for (int64_t dim = 0; dim != type.getRank(); ++dim)
            position.push_back(linalg::IndexOp::create(body, dim));
          PackBuilder pack(body, op);
          Value element =
              storage.getKind() == StorageKind::Lanes
                  ? pack.laneElement(position)
                  : pack.word(
                        cantFail(PackedLayout::parse(storage.getLayout())),
                        position);
          linalg::YieldOp::create(body, element);
        });
    rewriter.replaceOp(op, generic);
    return success();
  }
};

struct ExpandPack final : rung::impl::RungExpandPackBase<ExpandPack> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ExpandPackPattern>(&getContext());
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
