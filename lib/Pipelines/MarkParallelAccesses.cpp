//===- MarkParallelAccesses.cpp - Access groups of independent loops ------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/LLVMIR/LLVMInterfaces.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGMARKPARALLELACCESSES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// Marks what lies between the loop's branch into its body and its header.
void mark(LLVM::CondBrOp branch, ArrayAttr groups) {
  Block *header = branch->getBlock();
  SmallVector<Block *> pending = {branch.getTrueDest()};
  llvm::SmallPtrSet<Block *, 8> seen = {header};
  while (!pending.empty()) {
    Block *block = pending.pop_back_val();
    if (!seen.insert(block).second)
      continue;
    for (Operation &op : *block)
      if (auto access = dyn_cast<LLVM::AccessGroupOpInterface>(op))
        if (isa<LLVM::LoadOp, LLVM::StoreOp>(op))
          access.setAccessGroups(groups);
    llvm::append_range(pending, block->getSuccessors());
  }
}

struct MarkParallelAccesses
    : impl::RungMarkParallelAccessesBase<MarkParallelAccesses> {
  void runOnOperation() override {
    getOperation().walk([](LLVM::CondBrOp branch) {
      LLVM::LoopAnnotationAttr annotation = branch.getLoopAnnotationAttr();
      if (!annotation || annotation.getParallelAccesses().empty())
        return;
      SmallVector<Attribute> groups(annotation.getParallelAccesses().begin(),
                                    annotation.getParallelAccesses().end());
      mark(branch, ArrayAttr::get(branch.getContext(), groups));
    });
  }
};

} // namespace
} // namespace rung
