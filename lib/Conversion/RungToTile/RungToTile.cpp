//===- RungToTile.cpp - convert-rung-to-tile -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// rung.matmul, rung.elementwise and rung.gather on memrefs become tile.launch.
//
//===----------------------------------------------------------------------===//

#include "rung/Conversion/RungToTile/RungToTile.h"
#include "KernelBuilder.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"

namespace rung {
#define GEN_PASS_DEF_CONVERTRUNGTOTILE
#include "rung/Conversion/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

void rung::populateRungToTileConversionPatterns(RewritePatternSet &patterns) {
  populateMatmulPattern(patterns);
  populateElementwisePatterns(patterns);
}

namespace {
struct ConvertRungToTile final
    : rung::impl::ConvertRungToTileBase<ConvertRungToTile> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateRungToTileConversionPatterns(patterns);
    walkAndApplyPatterns(getOperation(), std::move(patterns));
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!isa<MatmulOp, ElementwiseOp, GatherOp>(op))
        return WalkResult::advance();
      op->emitOpError("is left: it must be on memrefs, and a matmul needs "
                      "storage, schedules and compute "
                      "(run rung-select-compute, rung-select-schedule, "
                      "rung-separate-storage and "
                      "bufferization first)");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
