//===- FuseDequantize.cpp - rung-fuse-dequantize -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeMatch.h"
#include "MoveCodes.h"

#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Iterators.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Numerics/Lossless.h"

using namespace mlir;
using namespace rung;

namespace rung {
#define GEN_PASS_DEF_RUNGFUSEDEQUANTIZE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

//===----------------------------------------------------------------------===//
// Contraction and epilogue to rung.matmul
//===----------------------------------------------------------------------===//

/// The bias as a vector.
static Value toVector(OpBuilder &builder, Location loc, const View &view) {
  if (view.dims.size() == 1)
    return view.value;
  SmallVector<ReassociationIndices> all(1);
  llvm::append_range(all[0], llvm::seq<int64_t>(0, view.dims.size()));
  return tensor::CollapseShapeOp::create(builder, loc, view.value, all);
}

/// Replaces the epilogue's result by a rung.matmul.
static void fuse(IRRewriter &rewriter, const Contraction &contraction,
                 const Epilogue &epilogue) {
  Operation *last = epilogue.result.getDefiningOp();
  Location loc = contraction.op->getLoc();
  rewriter.setInsertionPoint(last);
  DequantizeOp weight = contraction.weight;
  ArrayRef<int64_t> rows = contraction.rows;
  int64_t column = contraction.column;

  Value x = toMatrix(rewriter, loc, contraction.x, rows, contraction.depth);
  Value bias, residual;
  if (epilogue.bias)
    bias = toVector(rewriter, loc, *epilogue.bias);
  if (epilogue.residual)
    residual = toMatrix(rewriter, loc, *epilogue.residual, rows, column);

  auto type = cast<RankedTensorType>(epilogue.result.getType());
  SmallVector<OpFoldResult> sizes = {
      tensor::getMixedSize(rewriter, loc, x, 0),
      rewriter.getIndexAttr(
          cast<ShapedType>(weight.getInput().getType()).getDimSize(0))};
  Value init =
      tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  TypeAttr compute;
  if (contraction.accumulator.isF64() || epilogue.isDouble)
    compute = TypeAttr::get(rewriter.getF64Type());
  // Said where it matters.
  Type element = cast<ShapedType>(weight.getType()).getElementType();
  auto dequantized =
      isLossless(*numberFormatOf(getElementTypeOrSelf(weight.getInput())),
                 *numberFormatOf(element))
          ? TypeAttr()
          : TypeAttr::get(element);
  auto matmul = MatmulOp::create(
      rewriter, loc, init.getType(), x, weight.getInput(), weight.getScale(),
      weight.getSecondScale(), weight.getZeroPoint(), bias, residual, init,
      weight.getModeAttr(), weight.getBlockAttr(), weight.getSecondBlockAttr(),
      epilogue.activation, epilogue.saturate, compute, dequantized,
      /*schedules=*/ArrayAttr(), /*storage=*/ArrayAttr());
  auto sizeOf = [&](int64_t loop) {
    const auto *dim = llvm::find(contraction.x.dims, loop);
    return tensor::getMixedSize(rewriter, loc, contraction.x.value,
                                dim - contraction.x.dims.begin());
  };
  Value result = fromMatrix(rewriter, loc, matmul->getResult(0), type,
                            epilogue.resultDims, rows, column, sizeOf);
  if (result.getType() != type)
    result = tensor::CastOp::create(rewriter, loc, type, result);
  rewriter.replaceOp(last, result);
}

//===----------------------------------------------------------------------===//
// What stands alone
//===----------------------------------------------------------------------===//

/// Replaces an operation that no kernel took in by one with a destination.
static void makeKernel(IRRewriter &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Location loc = op->getLoc();
  SmallVector<OpFoldResult> sizes =
      tensor::getMixedSizes(rewriter, loc, op->getOperand(0));
  for (auto [size, extent] : llvm::zip_equal(sizes, type.getShape()))
    if (!ShapedType::isDynamic(extent))
      size = rewriter.getIndexAttr(extent);
  Value init =
      tensor::EmptyOp::create(rewriter, loc, sizes, type.getElementType());
  Operation *kernel;
  if (auto dequantize = dyn_cast<DequantizeOp>(op)) {
    kernel = ElementwiseOp::create(
        rewriter, loc, init.getType(), "dequantize", dequantize.getInput(),
        dequantize.getScale(), dequantize.getSecondScale(),
        dequantize.getZeroPoint(), /*random=*/Value(), init,
        dequantize.getModeAttr(), dequantize.getBlockAttr(),
        dequantize.getSecondBlockAttr(), RoundingMode::NearestEven,
        /*saturate=*/false, /*storage=*/ArrayAttr());
  } else if (auto quantize = dyn_cast<QuantizeOp>(op)) {
    kernel = ElementwiseOp::create(
        rewriter, loc, init.getType(), "quantize", quantize.getInput(),
        quantize.getScale(), /*secondScale=*/Value(), quantize.getZeroPoint(),
        /*random=*/Value(), init, quantize.getModeAttr(),
        quantize.getBlockAttr(),
        /*secondBlock=*/DenseI64ArrayAttr(), quantize.getRounding(),
        quantize.getSaturate(), /*storage=*/ArrayAttr());
  } else {
    auto convert = cast<ConvertOp>(op);
    kernel = ElementwiseOp::create(
        rewriter, loc, init.getType(), "convert", convert.getInput(),
        /*scale=*/Value(), /*secondScale=*/Value(), /*zeroPoint=*/Value(),
        convert.getRandom(), init, /*mode=*/ZeroPointModeAttr(),
        /*block=*/DenseI64ArrayAttr(),
        /*secondBlock=*/DenseI64ArrayAttr(),
        convert.getRounding().value_or(RoundingMode::NearestEven),
        convert.getSaturate(), /*storage=*/ArrayAttr());
  }
  rewriter.replaceOp(op, kernel->getResults());
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

/// Makes equal operations of the dialect in a block one.
static void mergeEqual(IRRewriter &rewriter, Operation *root) {
  root->walk([&](Block *block) {
    llvm::DenseMap<size_t, SmallVector<Operation *>> buckets;
    for (Operation &op : llvm::make_early_inc_range(*block)) {
      if (!isa<DequantizeOp, QuantizeOp, ConvertOp, ParameterOp, ConstantOp>(
              op))
        continue;
      auto flags = OperationEquivalence::IgnoreLocations;
      llvm::hash_code hash = OperationEquivalence::computeHash(
          &op, OperationEquivalence::directHashValue,
          OperationEquivalence::ignoreHashValue, flags);
      SmallVector<Operation *> &bucket = buckets[size_t(hash) >> 1];
      Operation **equal = llvm::find_if(bucket, [&](Operation *other) {
        return OperationEquivalence::isEquivalentTo(other, &op, flags);
      });
      if (equal != bucket.end())
        rewriter.replaceOp(&op, (*equal)->getResults());
      else
        bucket.push_back(&op);
    }
  });
}

/// Erases operations without users, latest first.
static void eraseDead(IRRewriter &rewriter, Operation *root) {
  root->walk<WalkOrder::PostOrder, ReverseIterator>([&](Operation *op) {
    if (op != root && isOpTriviallyDead(op))
      rewriter.eraseOp(op);
  });
}

namespace {
struct FuseDequantize final
    : rung::impl::RungFuseDequantizeBase<FuseDequantize> {
  using RungFuseDequantizeBase::RungFuseDequantizeBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    // Only the values of intermediate results shall count as uses.
    if (failed(resolveSizes()))
      return signalPassFailure();

    IRRewriter rewriter(&getContext());
    foldParameterSlices(function);
    widenMoves(rewriter, function);
    mergeEqual(rewriter, function);
    sinkThroughDequantize(function);
    foldParameterSlices(function);
    SmallVector<linalg::LinalgOp> candidates;
    function.walk([&](linalg::LinalgOp op) {
      if (op.getNumReductionLoops() > 0)
        candidates.push_back(op); // no part of another one's epilogue
    });
    for (linalg::LinalgOp op : candidates)
      fuseContraction(rewriter, op);
    eraseDead(rewriter, function);
    separateConditions(rewriter, function);

    SmallVector<Operation *> rest;
    function.walk([&](Operation *op) {
      if (isa<DequantizeOp, QuantizeOp, ConvertOp>(op) &&
          isa<RankedTensorType>(op->getResult(0).getType()))
        rest.push_back(op);
    });
    for (Operation *op : rest)
      makeKernel(rewriter, op);
    if (failed(resolveSizes()))
      signalPassFailure();
  }

  /// Sizes of results become sizes of arguments.
  LogicalResult resolveSizes() {
    RewritePatternSet patterns(&getContext());
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    tensor::DimOp::getCanonicalizationPatterns(patterns, &getContext());
    return applyPatternsGreedily(getOperation(), std::move(patterns));
  }

  void fuseContraction(IRRewriter &rewriter, linalg::LinalgOp op) {
    std::string reason;
    std::optional<Contraction> contraction = matchContraction(op, reason);
    std::optional<Epilogue> epilogue;
    if (contraction) {
      epilogue = matchEpilogue(*contraction);
      if (epilogue)
        return fuse(rewriter, *contraction, *epilogue);
      reason = "its initial accumulator is no matrix to add";
    }
    if (remarks && !reason.empty())
      op->emitRemark()
          << "contraction with a dequantized operand is not fused: " << reason;
  }
};
} // namespace
