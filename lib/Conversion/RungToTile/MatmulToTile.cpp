//===- MatmulToTile.cpp - rung.matmul as a kernel -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/DialectConversion.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;

/// Refuses sums in a format whose values registers hold as codes.
static LogicalResult verifyCompute(MatmulOp op, DeviceAttr device) {
  Type compute = *op.getCompute(), sum = sumFormat(device, compute);
  if (tile::registerType(sum) == sum && StorageAttr::get(sum, {1}).isIdentity())
    return success();
  return op.emitOpError() << "computes in " << compute
                          << ", in which there are no sums; expected i32, f16, "
                             "bf16, f32 or f64 in its `compute`, or in that of "
                             "the device";
}

namespace {
struct ConvertMatmul final : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getInit().getType()))
      return rewriter.notifyMatchFailure(op,
                                         "is on tensors; bufferize it first");
    if (!op.getStorage() || !op.getSchedules() || !op.getCompute())
      return rewriter.notifyMatchFailure(op,
                                         "lacks storage, schedules or compute; "
                                         "run the passes that choose them");
    DeviceAttr device = getDevice(op->getParentOfType<ModuleOp>());
    if (failed(verifyCompute(op, device)))
      return failure();
    KernelBuilder b(op.getLoc(), rewriter, device.getInt("lanes", 16));
    Type compute = *op.getCompute();
    MatrixInstructionAttr instruction =
        findMatrixInstruction(device, compute, compute);
    std::unique_ptr<MatmulKernel> kernel =
        instruction ? makeWarpsMatmul(op, b, instruction)
                    : makeLanesMatmul(op, b);
    if (failed(kernel->verifySchedules()))
      return failure();
    kernel->build();
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void rung::populateMatmulPattern(RewritePatternSet &patterns) {
  patterns.add<ConvertMatmul>(patterns.getContext());
}
