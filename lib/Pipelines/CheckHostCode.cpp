//===- CheckHostCode.cpp - What the host of a GPU may do ------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"
#include "rung/Target/Device.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGCHECKHOSTCODE
#include "rung/Pipelines/Passes.h.inc"

namespace {

bool isMemRef(Type type) { return isa<BaseMemRefType>(type); }

/// Whether the operation itself, not one in it, may read or write a memref.
bool accessesMemory(Operation *op) {
  if (isa<memref::AllocOp, memref::DeallocOp>(op) ||
      llvm::none_of(op->getOperandTypes(), isMemRef))
    return false;
  if (auto effects = dyn_cast<MemoryEffectOpInterface>(op))
    return !effects.hasNoEffect();
  return !op->hasTrait<OpTrait::HasRecursiveMemoryEffects>();
}

struct CheckHostCode : impl::RungCheckHostCodeBase<CheckHostCode> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    StringRef device = getDevice(module).getName();
    SymbolTable symbols(module);
    auto check = [&](Operation *op) -> WalkResult {
      if (isa<gpu::LaunchOp>(op))
        return WalkResult::skip();
      if (auto get = dyn_cast<memref::GetGlobalOp>(op)) {
        auto global = symbols.lookup<memref::GlobalOp>(get.getName());
        if (global->hasAttr(kConstantAttr))
          return WalkResult::advance();
        return op->emitError("a constant tensor lies in memory of the host, "
                             "which kernels of ")
               << device << " cannot read; make it an argument or a "
               << "rung.parameter";
      }
      if (!accessesMemory(op))
        return WalkResult::advance();
      return op->emitError()
             << "'" << op->getName() << "' would run on the host, which cannot "
             << "access the memory of " << device
             << "; there, kernels are made of rung.matmul (a linalg "
                "contraction over rung.dequantize), rung.dequantize, "
                "rung.quantize and rung.convert only";
    };
    for (auto function : module.getOps<func::FuncOp>())
      if (function->hasAttr(kSignatureAttr) &&
          !function->hasAttr(RungDialect::kPackerAttrName) &&
          function.walk<WalkOrder::PreOrder>(check).wasInterrupted())
        return signalPassFailure();
  }
};

} // namespace
} // namespace rung
