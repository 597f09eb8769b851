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
#include "llvm/ADT/TypeSwitch.h"

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

/// True if kernels can take the operand as it is: row-major, or rows anywhere
/// of elements that are loaded side by side.
static bool isReady(Operation *op, OpOperand &operand) {
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type || type.getLayout().isIdentity())
    return true;
  bool isRow = type.getRank() && type.isLastDimUnitStride() &&
               type.getElementTypeBitWidth() > 8;
  return isRow && TypeSwitch<Operation *, bool>(op)
                      .Case([&](MatmulOp matmul) {
                        Value value = operand.get();
                        return value != matmul.getWeight() &&
                               value != matmul.getScale() &&
                               value != matmul.getSecondScale() &&
                               value != matmul.getZeroPoint();
                      })
                      .Case([&](ElementwiseOp elementwise) {
                        Value value = operand.get();
                        return value == elementwise.getInput() ||
                               value == elementwise.getInit();
                      })
                      .Default(false);
}

/// Copies operands that kernels cannot take into row-major memory, and a
/// destination out of it.
static void makeRowMajor(DestinationStyleOpInterface op) {
  ImplicitLocOpBuilder before(op.getLoc(), op), after(op.getLoc(), op);
  after.setInsertionPointAfter(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (isReady(op, operand))
      continue;
    Value view = operand.get();
    auto type = cast<MemRefType>(view.getType());
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim != type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        sizes.push_back(memref::DimOp::create(before, view, dim));
    Value copy = memref::AllocOp::create(
        before, MemRefType::get(type.getShape(), type.getElementType()), sizes);
    if (op.isDpsInit(&operand))
      memref::CopyOp::create(after, copy, view);
    else
      memref::CopyOp::create(before, view, copy);
    memref::DeallocOp::create(after, copy);
    operand.set(copy);
  }
}

/// Memory has no elements of a number format: a storage says what it holds.
static LogicalResult checkStorage(DestinationStyleOpInterface op) {
  if (op->hasAttr("storage")) // the operation's verifier compares it
    return success();
  for (OpOperand &operand : op->getOpOperands()) {
    auto type = cast<MemRefType>(operand.get().getType());
    auto storage = StorageAttr::get(type.getElementType(), type.getShape());
    if (storage.getStorageType().getElementType() != type.getElementType())
      return op->emitOpError()
             << "has operand #" << operand.getOperandNumber() << " of " << type
             << ", which is no memory without `storage`; run "
                "rung-separate-storage first";
  }
  return success();
}

namespace {
struct ConvertRungToTile final
    : rung::impl::ConvertRungToTileBase<ConvertRungToTile> {
  void runOnOperation() override {
    SmallVector<DestinationStyleOpInterface> kernels;
    getOperation().walk([&](Operation *op) {
      if (isa<MatmulOp, ElementwiseOp, GatherOp>(op) &&
          op->getNumResults() == 0)
        kernels.push_back(cast<DestinationStyleOpInterface>(op));
    });
    for (DestinationStyleOpInterface kernel : kernels) {
      if (failed(checkStorage(kernel)))
        return signalPassFailure();
      makeRowMajor(kernel);
    }
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
