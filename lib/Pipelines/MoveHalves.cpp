//===- MoveHalves.cpp - Masked f16 and bf16 vectors move as integers ------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGMOVEHALVES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// i16, or a vector of it, for f16, bf16, or a vector of one; else null.
Type integersOf(Type type) {
  if (!isa<Float16Type, BFloat16Type>(getElementTypeOrSelf(type)))
    return {};
  Type integer = IntegerType::get(type.getContext(), 16);
  auto vector = dyn_cast<VectorType>(type);
  return vector ? Type(vector.clone(integer)) : integer;
}

struct MoveHalves : impl::RungMoveHalvesBase<MoveHalves> {
  void runOnOperation() override {
    getOperation().walk([](Operation *op) {
      if (!isa<LLVM::LoadOp, LLVM::StoreOp, LLVM::MaskedLoadOp,
               LLVM::MaskedStoreOp>(op))
        return;
      OpBuilder builder(op);
      for (OpOperand &operand : op->getOpOperands())
        if (Type integers = integersOf(operand.get().getType()))
          operand.set(LLVM::BitcastOp::create(builder, op->getLoc(), integers,
                                              operand.get()));
      if (op->getNumResults() == 0)
        return;
      Value result = op->getResult(0);
      Type halves = result.getType();
      Type integers = integersOf(halves);
      if (!integers)
        return;
      result.setType(integers);
      builder.setInsertionPointAfter(op);
      auto cast =
          LLVM::BitcastOp::create(builder, op->getLoc(), halves, result);
      result.replaceAllUsesExcept(cast, cast);
    });
  }
};

} // namespace
} // namespace rung
