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
      if (Operation *last = lastUser(op->getBlock(), values)) {
        OpBuilder builder(op.getContext());
        builder.setInsertionPointAfter(last);
        memref::DeallocOp::create(builder, op.getLoc(), op.getResult());
      } else if (op->use_empty()) {
        op.erase();
      } else if (failed(releaseAtReturn(function, op))) {
        return failure();
      }
    }
    return success();
  }

  /// For a buffer that leaves its block. In a branch the allocation may not
  /// have happened, so it is moved in front of the branch.
  LogicalResult releaseAtReturn(func::FuncOp function, memref::AllocOp op) {
    if (op->getParentOfType<LoopLikeOpInterface>())
      return op.emitError(
          "a buffer that is allocated in a loop leaves it, so it "
          "could not be released; update a tensor of the same "
          "size in place instead");
    Block &body = function.getBody().front();
    if (op->getBlock() != &body) {
      Operation *anchor = body.findAncestorOpInBlock(*op);
      DominanceInfo dominance(function);
      if (!anchor || llvm::any_of(op->getOperands(), [&](Value size) {
            return !dominance.properlyDominates(size, anchor);
          }))
        return op.emitError("a buffer of dynamic size leaves the branch that "
                            "computes its size, so it could not be released");
      op->moveBefore(anchor);
    }
    OpBuilder builder(body.getTerminator());
    memref::DeallocOp::create(builder, op.getLoc(), op.getResult());
    return success();
  }
};

} // namespace
} // namespace rung
