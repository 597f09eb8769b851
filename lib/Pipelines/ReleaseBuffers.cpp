//===- ReleaseBuffers.cpp - Free buffers after their last use -------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGRELEASEBUFFERS
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// The last operation of `block` that uses one of `values`; null if one of them
/// lives outside the block or leaves it through its terminator.
Operation *lastUser(Block *block,
                    const BufferViewFlowAnalysis::ValueSetT &values) {
  Operation *last = nullptr;
  for (Value value : values) {
    Block *home = value.getParentBlock();
    if (home != block && !block->findAncestorOpInBlock(*home->getParentOp()))
      return nullptr;
    for (Operation *user : value.getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!ancestor || ancestor->hasTrait<OpTrait::IsTerminator>())
        return nullptr;
      if (!last || last->isBeforeInBlock(ancestor))
        last = ancestor;
    }
  }
  return last;
}

bool isFreed(const BufferViewFlowAnalysis::ValueSetT &values) {
  return llvm::any_of(values, [](Value value) {
    return llvm::any_of(value.getUsers(), llvm::IsaPred<memref::DeallocOp>);
  });
}

struct ReleaseBuffers : impl::RungReleaseBuffersBase<ReleaseBuffers> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (!function.isDeclaration() && failed(release(function)))
        return signalPassFailure();
  }

  LogicalResult release(func::FuncOp function) {
    BufferViewFlowAnalysis aliases(function);
    SmallVector<memref::AllocOp> allocations;
    function.walk([&](memref::AllocOp op) { allocations.push_back(op); });
    for (memref::AllocOp op : allocations) {
      BufferViewFlowAnalysis::ValueSetT values =
          aliases.resolve(op.getResult());
      if (isFreed(values))
        continue;
      if (op->use_empty())
        op.erase();
      else if (failed(release(op, values)))
        return failure();
    }
    return success();
  }

  /// True if the operands of `op` can be computed before `anchor`; `moved` are
  /// then the operations for it, in order.
  static bool canCompute(Operation *op, Operation *anchor,
                         DominanceInfo &dominance,
                         llvm::SetVector<Operation *> &moved) {
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      if (dominance.properlyDominates(operand, anchor))
        return true;
      Operation *source = operand.getDefiningOp();
      if (!source || !isMemoryEffectFree(source) || !isSpeculatable(source) ||
          source->getNumRegions() ||
          !canCompute(source, anchor, dominance, moved))
        return false;
      moved.insert(source);
      return true;
    });
  }

  /// A buffer that leaves a branch is allocated in front of the branch, which
  /// may not be the one that is taken.
  static LogicalResult
  release(memref::AllocOp op, const BufferViewFlowAnalysis::ValueSetT &values) {
    OpBuilder builder(op.getContext());
    Operation *last;
    while (!(last = lastUser(op->getBlock(), values))) {
      Operation *parent = op->getParentOp();
      if (isa<func::FuncOp>(parent)) {
        builder.setInsertionPoint(op->getBlock()->getTerminator());
        memref::DeallocOp::create(builder, op.getLoc(), op.getResult());
        return success();
      }
      if (isa<LoopLikeOpInterface>(parent))
        return op.emitError(
            "a buffer that is allocated in a loop leaves it, so it "
            "could not be released; update a tensor of the same "
            "size in place instead");
      DominanceInfo dominance(parent);
      llvm::SetVector<Operation *> sizes;
      if (!canCompute(op, parent, dominance, sizes))
        return op.emitError("a buffer of dynamic size leaves the branch that "
                            "computes its size, so it could not be released");
      for (Operation *size : sizes)
        size->moveBefore(parent);
      op->moveBefore(parent);
    }
    builder.setInsertionPointAfter(last);
    memref::DeallocOp::create(builder, op.getLoc(), op.getResult());
    return success();
  }
};

} // namespace
} // namespace rung
