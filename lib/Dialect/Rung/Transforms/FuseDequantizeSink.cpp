//===- FuseDequantizeSink.cpp - gathers and slices of codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeMatch.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Gathers
//===----------------------------------------------------------------------===//

namespace {
/// result[i..., c] = table[indices[i...], c].
struct RowGather {
  DequantizeOp table;
  OpOperand *indices;
};
} // namespace

/// Finds the rows of a dequantized matrix that a linalg.generic looks up.
static std::optional<RowGather> matchGather(linalg::GenericOp op) {
  if (!isElementwise(op) || op.getNumLoops() < 1 ||
      !op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isIdentity())
    return std::nullopt;
  auto extract = op.getBlock()
                     ->getTerminator()
                     ->getOperand(0)
                     .getDefiningOp<tensor::ExtractOp>();
  if (!extract || extract.getIndices().size() != 2)
    return std::nullopt;
  auto table = extract.getTensor().getDefiningOp<DequantizeOp>();
  auto column = extract.getIndices()[1].getDefiningOp<linalg::IndexOp>();
  if (!table || !column || column.getDim() != op.getNumLoops() - 1)
    return std::nullopt;
  Value row = extract.getIndices()[0];
  if (auto cast = row.getDefiningOp<arith::IndexCastOp>())
    row = cast.getIn();
  else if (auto unsignedCast = row.getDefiningOp<arith::IndexCastUIOp>())
    row = unsignedCast.getIn();
  auto argument = dyn_cast<BlockArgument>(row);
  if (!argument || argument.getOwner() != op.getBlock() ||
      !isa<IntegerType>(row.getType()))
    return std::nullopt;
  // Each index serves a whole row: it does not depend on the column.
  OpOperand *indices = op.getMatchingOpOperand(argument);
  AffineMap map = op.getMatchingIndexingMap(indices);
  bool isByRow = map.getNumResults() == op.getNumLoops() - 1;
  for (auto [loop, index] : llvm::enumerate(map.getResults()))
    isByRow &= index == getAffineDimExpr(loop, op.getContext());
  if (op.isDpsInit(indices) || !isByRow)
    return std::nullopt;
  return RowGather{table, indices};
}

/// The rows of `source` at indices[i] / divisor.
static Value gatherRows(OpBuilder &builder, Location loc, Value source,
                        Value indices, int64_t divisor) {
  OpFoldResult count = tensor::getMixedSize(builder, loc, indices, 0);
  if (divisor != 1) {
    Type integer = cast<ShapedType>(indices.getType()).getElementType();
    Value init = tensor::EmptyOp::create(builder, loc, {count}, integer);
    AffineMap map = builder.getDimIdentityMap();
    indices = linalg::GenericOp::create(
                  builder, loc, init.getType(), indices, init,
                  ArrayRef<AffineMap>{map, map}, utils::IteratorType::parallel,
                  [&](OpBuilder &body, Location, ValueRange arguments) {
                    Value by = arith::ConstantOp::create(
                        body, loc, body.getIntegerAttr(integer, divisor));
                    Value row =
                        arith::DivUIOp::create(body, loc, arguments[0], by);
                    linalg::YieldOp::create(body, loc, row);
                  })
                  .getResult(0);
  }
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<OpFoldResult> sizes = {
      count, tensor::getMixedSize(builder, loc, source, 1)};
  Value init =
      tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
  return GatherOp::create(builder, loc, init.getType(), source, indices, init,
                          /*storage=*/ArrayAttr())
      ->getResult(0);
}

/// The extents of blocks of an operand of `op`: `scale` is one of scale, second
/// scale and zero point.
static SmallVector<int64_t> blockOf(DequantizeOp op, Value scale,
                                    std::optional<ArrayRef<int64_t>> block) {
  std::string error;
  return *blockShape(cast<ShapedType>(op.getInput().getType()).getShape(),
                     cast<ShapedType>(scale.getType()).getShape(), block,
                     error);
}

static bool isScalar(Value value) {
  return cast<ShapedType>(value.getType()).getRank() == 0;
}

/// Dequantizes rows `indices` (a vector) of the matrix that `table`
/// dequantizes.
static Value dequantizeRows(OpBuilder &builder, Location loc,
                            DequantizeOp table, Value indices) {
  auto gather = [&](Value operand,
                    std::optional<ArrayRef<int64_t>> block) -> Value {
    if (!operand || isScalar(operand))
      return operand;
    return gatherRows(builder, loc, operand, indices,
                      blockOf(table, operand, block)[0]);
  };
  auto rowBlock = [&](DenseI64ArrayAttr block) {
    return block ? builder.getDenseI64ArrayAttr({1, block[1]}) : block;
  };
  Value codes = gatherRows(builder, loc, table.getInput(), indices, 1);
  Type element = cast<ShapedType>(table.getResult().getType()).getElementType();
  return DequantizeOp::create(
      builder, loc, cast<RankedTensorType>(codes.getType()).clone(element),
      codes, gather(table.getScale(), table.getBlock()),
      gather(table.getSecondScale(), table.getSecondBlock()),
      gather(table.getZeroPoint(), table.getBlock()), table.getModeAttr(),
      rowBlock(table.getBlockAttr()), rowBlock(table.getSecondBlockAttr()));
}

static bool isDynamicMatrix(DequantizeOp op) {
  return ShapedType::isDynamicShape(
      cast<ShapedType>(op.getInput().getType()).getShape());
}

static void sinkGather(IRRewriter &rewriter, linalg::GenericOp op) {
  std::optional<RowGather> match = matchGather(op);
  if (!match || isDynamicMatrix(match->table))
    return;
  rewriter.setInsertionPoint(op);
  Location loc = op.getLoc();
  Value init = op.getDpsInitOperand(0)->get();
  View indices{match->indices->get(), {}, {}};
  auto indexType = indices.getType();
  // Indices of any rank as one list.
  SmallVector<int64_t> rows =
      llvm::to_vector(llvm::seq<int64_t>(0, indexType.getRank()));
  Value list = indices.value;
  SmallVector<ReassociationIndices> all(indexType.getRank() ? 1 : 0);
  if (!rows.empty())
    llvm::append_range(all[0], rows);
  if (rows.size() > 1)
    list = tensor::CollapseShapeOp::create(rewriter, loc, list, all);
  else if (rows.empty())
    list = tensor::ExpandShapeOp::create(
        rewriter, loc, RankedTensorType::get({1}, indexType.getElementType()),
        list, all);
  Value result = dequantizeRows(rewriter, loc, match->table, list);

  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<int64_t> dims =
      llvm::to_vector(llvm::seq<int64_t>(0, type.getRank()));
  result = fromMatrix(rewriter, loc, result, type, dims, rows, rows.size(),
                      [&](int64_t dim) {
                        return tensor::getMixedSize(rewriter, loc, init, dim);
                      });
  if (result.getType() != type)
    result = tensor::CastOp::create(rewriter, loc, type, result);
  rewriter.replaceOp(op, result);
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

/// The slice of a scale that serves `slice` of the scaled tensor; nothing if a
/// block is cut.
static std::optional<Value> sliceScale(OpBuilder &builder,
                                       tensor::ExtractSliceOp slice,
                                       DequantizeOp op, Value scale,
                                       std::optional<ArrayRef<int64_t>> block) {
  if (!scale || isScalar(scale))
    return scale;
  SmallVector<OpFoldResult> offsets, sizes;
  auto shape = cast<ShapedType>(scale.getType()).getShape();
  SmallVector<OpFoldResult> codeOffsets = slice.getMixedOffsets(),
                            codeSizes = slice.getMixedSizes();
  for (auto [dim, extent] : llvm::enumerate(blockOf(op, scale, block))) {
    std::optional<int64_t> offset = getConstantIntValue(codeOffsets[dim]),
                           size = getConstantIntValue(codeSizes[dim]);
    if (shape[dim] == 1) {
      // One block for the whole dimension, wherever the slice starts.
      offsets.push_back(builder.getIndexAttr(0));
      sizes.push_back(builder.getIndexAttr(1));
    } else if (extent == 1) {
      offsets.push_back(codeOffsets[dim]);
      sizes.push_back(codeSizes[dim]);
    } else if (offset && size && *offset % extent == 0) {
      offsets.push_back(builder.getIndexAttr(*offset / extent));
      sizes.push_back(builder.getIndexAttr(llvm::divideCeil(*size, extent)));
    } else {
      return std::nullopt;
    }
  }
  return tensor::ExtractSliceOp::create(builder, slice.getLoc(), scale, offsets,
                                        sizes, slice.getMixedStrides())
      .getResult();
}

/// A slice of whole rows of a matrix, as a list of row numbers.
static Value rowNumbers(OpBuilder &builder, tensor::ExtractSliceOp slice) {
  Location loc = slice.getLoc();
  Type i32 = builder.getI32Type();
  Value first =
      getValueOrCreateConstantIndexOp(builder, loc, slice.getMixedOffsets()[0]);
  Value init =
      tensor::EmptyOp::create(builder, loc, {slice.getMixedSizes()[0]}, i32);
  return linalg::GenericOp::create(
             builder, loc, init.getType(), ValueRange(), init,
             ArrayRef<AffineMap>{builder.getDimIdentityMap()},
             utils::IteratorType::parallel,
             [&](OpBuilder &body, Location, ValueRange) {
               Value index = linalg::IndexOp::create(body, loc, 0);
               Value row = arith::AddIOp::create(body, loc, index, first);
               linalg::YieldOp::create(
                   body, loc,
                   ValueRange{arith::IndexCastOp::create(body, loc, i32, row)});
             })
      .getResult(0);
}

static bool isStatic(tensor::ExtractSliceOp slice) {
  return slice.getType().hasStaticShape() && slice.hasUnitStride() &&
         !ShapedType::isDynamicShape(slice.getStaticOffsets());
}

/// A slice of a parameter as a parameter; null of anything else.
static Value sliceOfParameter(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  auto whole =
      slice ? slice.getSource().getDefiningOp<ParameterOp>() : ParameterOp();
  if (!whole || whole.getWhole() || whole.getStorage() || !isStatic(slice) ||
      slice.getType().getRank() == 0 ||
      slice.getDroppedDims().test(slice.getSourceType().getRank() - 1))
    return {};
  OpBuilder builder(slice);
  return ParameterOp::create(
      builder, slice.getLoc(), slice.getType(), whole.getNameAttr(),
      /*storage=*/StorageAttr(), whole.getNegatedAttr(),
      TypeAttr::get(slice.getSourceType()),
      builder.getDenseI64ArrayAttr(slice.getStaticOffsets()),
      builder.getDenseI64ArrayAttr(slice.getStaticSizes()));
}

void rung::foldParameterSlices(Operation *root) {
  root->walk([](Operation *op) {
    if (!isa<DequantizeOp, ConvertOp>(op))
      return;
    for (OpOperand &operand : op->getOpOperands())
      if (Value parameter = sliceOfParameter(operand.get()))
        operand.set(parameter);
  });
}

static void sinkSlice(IRRewriter &rewriter, tensor::ExtractSliceOp slice) {
  auto op = slice.getSource().getDefiningOp<DequantizeOp>();
  if (!op || isDynamicMatrix(op) || !slice.hasUnitStride())
    return;
  auto type = cast<RankedTensorType>(op.getInput().getType());
  Location loc = slice.getLoc();
  rewriter.setInsertionPoint(slice);
  if (slice.getType().getRank() != type.getRank())
    return;
  // Codes in a format of ours have no slices but those of parameters, but a
  // matrix of them has rows.
  bool areParameters = llvm::all_of(op->getOperands(), [](Value operand) {
    return operand.getDefiningOp<ParameterOp>();
  });
  if (!canReshape(type.getElementType()) &&
      !(areParameters && isStatic(slice))) {
    bool isRows = type.getRank() == 2 && slice.getStaticOffsets()[1] == 0 &&
                  slice.getStaticSizes()[1] == type.getDimSize(1);
    if (!isRows)
      return;
    Value rows = dequantizeRows(rewriter, loc, op, rowNumbers(rewriter, slice));
    if (rows.getType() != slice.getType())
      rows = tensor::CastOp::create(rewriter, loc, slice.getType(), rows);
    rewriter.replaceOp(slice, rows);
    return;
  }
  std::optional<Value> scale = sliceScale(rewriter, slice, op, op.getScale(),
                                          op.getBlock()),
                       second =
                           sliceScale(rewriter, slice, op, op.getSecondScale(),
                                      op.getSecondBlock()),
                       zero = sliceScale(rewriter, slice, op, op.getZeroPoint(),
                                         op.getBlock());
  if (!scale || !second || !zero)
    return;
  Value codes = tensor::ExtractSliceOp::create(
      rewriter, loc, op.getInput(), slice.getMixedOffsets(),
      slice.getMixedSizes(), slice.getMixedStrides());
  rewriter.replaceOpWithNewOp<DequantizeOp>(
      slice, slice.getType(), codes, *scale, *second, *zero, op.getModeAttr(),
      op.getBlockAttr(), op.getSecondBlockAttr());
}

void rung::sinkThroughDequantize(Operation *root) {
  IRRewriter rewriter(root->getContext());
  SmallVector<Operation *> readers;
  root->walk([&](Operation *op) {
    if (isa<linalg::GenericOp, tensor::ExtractSliceOp>(op))
      readers.push_back(op);
  });
  for (Operation *op : readers) {
    if (auto generic = dyn_cast<linalg::GenericOp>(op))
      sinkGather(rewriter, generic);
    else
      sinkSlice(rewriter, cast<tensor::ExtractSliceOp>(op));
  }
}
