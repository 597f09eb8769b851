//===- CarryInPlace.cpp - Tensors that loops carry are updated in place ---===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "CopyOver.h"
#include "EqualSizes.h"

#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGCARRYINPLACE
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// An operand of a terminator and the value whose place its value takes.
struct Update {
  OpOperand *operand;
  Value destination;
};

/// True of values that have no memory of their own: others, and parts of them.
bool isAlias(Value value) {
  Operation *op = value.getDefiningOp();
  return !op || !isa<linalg::LinalgOp, DestinationStyleOpInterface,
                     tensor::InsertSliceOp>(op);
}

struct CarryInPlace : impl::RungCarryInPlaceBase<CarryInPlace> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    std::optional<EqualSizes> sizes;
    SmallVector<SmallVector<Update>> terminators;
    auto add = [&](auto operands, auto destinations) {
      SmallVector<Update> updates;
      for (auto [operand, destination] : llvm::zip(operands, destinations)) {
        auto type = dyn_cast<RankedTensorType>(operand.get().getType());
        if (!type || operand.get() == destination ||
            type != destination.getType())
          continue;
        if (!type.hasStaticShape() && !sizes)
          sizes.emplace(function);
        if (type.hasStaticShape() ||
            sizes->haveEqualShapes(operand.get(), destination))
          updates.push_back({&operand, destination});
      }
      terminators.push_back(std::move(updates));
    };
    SmallVector<Operation *> loops;
    function.walk([&](LoopLikeOpInterface op) { loops.push_back(op); });
    for (Operation *op : loops) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        add(loop.getBody()->getTerminator()->getOpOperands(),
            loop.getRegionIterArgs());
      } else if (auto loop = dyn_cast<scf::WhileOp>(op)) {
        // What is passed on takes the place of what came in, and what comes
        // back that of what was passed on.
        add(loop.getConditionOp().getArgsMutable(), loop.getBeforeArguments());
        add(loop.getYieldOp()->getOpOperands(), loop.getAfterArguments());
      }
    }
    for (ArrayRef<Update> updates : terminators)
      insert(updates);
  }

  /// Updates that read other places come from copies.
  static void insert(ArrayRef<Update> updates) {
    for (Update update : updates) {
      Value value = update.operand->get();
      if (updates.size() == 1 || !isAlias(value))
        continue;
      OpBuilder builder(update.operand->getOwner());
      update.operand->set(bufferization::AllocTensorOp::create(
          builder, value.getLoc(), cast<RankedTensorType>(value.getType()),
          /*dynamicSizes=*/ValueRange(), /*copy=*/value));
    }
    for (Update update : updates) {
      Value value = update.operand->get();
      OpBuilder builder(update.operand->getOwner());
      update.operand->set(copyOver(builder, value, update.destination));
    }
  }
};

} // namespace
} // namespace rung
