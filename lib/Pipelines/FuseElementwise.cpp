//===- FuseElementwise.cpp - linalg to few generic operations -------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Tensor/Transforms/Transforms.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGFUSEELEMENTWISE
#include "rung/Pipelines/Passes.h.inc"

namespace {

struct DecomposeAggregate final
    : OpInterfaceRewritePattern<linalg::AggregatedOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;
  LogicalResult matchAndRewrite(linalg::AggregatedOpInterface op,
                                PatternRewriter &rewriter) const override {
    if (!isa<linalg::SoftmaxOp>(op))
      return rewriter.notifyMatchFailure(op, "not a softmax");
    FailureOr<SmallVector<Value>> results = op.decomposeOperation(rewriter);
    if (failed(results))
      return rewriter.notifyMatchFailure(op, "cannot be decomposed");
    rewriter.replaceOp(op, *results);
    return success();
  }
};

/// Work that is not worth repeating for each element of a broadcast.
bool isCheap(linalg::LinalgOp op) {
  return llvm::all_of(op.getBlock()->without_terminator(), [](Operation
                                                                  &inner) {
    return !isa_and_nonnull<math::MathDialect>(inner.getDialect()) &&
           !isa<arith::DivFOp, arith::DivSIOp, arith::DivUIOp, arith::RemFOp,
                arith::RemSIOp, arith::RemUIOp, tensor::ExtractOp>(inner);
  });
}

bool shouldFuse(OpOperand *operand) {
  auto producer = operand->get().getDefiningOp<linalg::LinalgOp>();
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  if (!producer || !consumer)
    return false;
  // Filling is free to repeat; anything else must have this one consumer.
  bool isFill =
      producer.getNumDpsInputs() == 1 &&
      !isa<ShapedType>(producer.getDpsInputOperand(0)->get().getType()) &&
      llvm::hasSingleElement(*producer.getBlock());
  if (isFill)
    return true;
  if (!operand->get().hasOneUse() || producer->getNumResults() != 1)
    return false;
  // A consumer with more loops than its map of the operand computes an
  // element more than once.
  AffineMap map = consumer.getMatchingIndexingMap(operand);
  if (map.isPermutation())
    return true;
  return isCheap(producer) && consumer.getNumReductionLoops() == 0;
}

/// Bufferization gives one buffer to all users of a tensor.empty.
void splitEmptyTensors(func::FuncOp function) {
  SmallVector<tensor::EmptyOp> empties;
  function.walk([&](tensor::EmptyOp op) { empties.push_back(op); });
  for (tensor::EmptyOp op : empties)
    for (OpOperand &use : llvm::make_early_inc_range(op->getUses())) {
      if (op->hasOneUse())
        break;
      OpBuilder builder(use.getOwner());
      use.set(builder.clone(*op)->getResult(0));
    }
}

struct FuseElementwise : impl::RungFuseElementwiseBase<FuseElementwise> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    MLIRContext *context = &getContext();
    {
      RewritePatternSet patterns(context);
      patterns.add<DecomposeAggregate>(context);
      tensor::populateDecomposeTensorConcatPatterns(patterns);
      linalg::populateDecomposePadPatterns(patterns);
      linalg::populateLinalgNamedOpsGeneralizationPatterns(patterns);
      if (failed(applyPatternsGreedily(function, std::move(patterns))))
        return signalPassFailure();
    }
    {
      RewritePatternSet patterns(context);
      linalg::populateElementwiseOpsFusionPatterns(patterns, shouldFuse);
      linalg::populateEraseUnusedOperandsAndResultsPatterns(patterns);
      linalg::GenericOp::getCanonicalizationPatterns(patterns, context);
      affine::AffineApplyOp::getCanonicalizationPatterns(patterns, context);
      context->getLoadedDialect<linalg::LinalgDialect>()
          ->getCanonicalizationPatterns(patterns);
      if (failed(applyPatternsGreedily(function, std::move(patterns))))
        return signalPassFailure();
    }
    splitEmptyTensors(function);
  }
};

} // namespace
} // namespace rung
