//===- EqualSizes.cpp - Which dynamic sizes are one -----------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "EqualSizes.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"

using namespace mlir;
using namespace rung;

EqualSizes::EqualSizes(func::FuncOp function) {
  function.walk([&](Operation *op) { visit(op); });
  solve();
}

unsigned EqualSizes::key(Value value, int64_t dim) {
  return keys.try_emplace({value, dim}, keys.size()).first->second;
}

unsigned EqualSizes::classOf(Value value, int64_t dim) {
  unsigned number = key(value, dim);
  classes.grow(keys.size());
  return classes.findLeader(number);
}

bool EqualSizes::haveEqualShapes(Value a, Value b) {
  auto type = cast<RankedTensorType>(a.getType());
  if (type != b.getType())
    return false;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim) && classOf(a, dim) != classOf(b, dim))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// What follows from each operation
//===----------------------------------------------------------------------===//

/// `size` is dimension `dim` of `value`.
void EqualSizes::joinSize(Value value, int64_t dim, OpFoldResult size) {
  auto sizeValue = dyn_cast<Value>(size);
  if (!sizeValue)
    return;
  if (auto dimOp = sizeValue.getDefiningOp<tensor::DimOp>())
    if (std::optional<int64_t> source = dimOp.getConstantIndex())
      return join(value, dim, dimOp.getSource(), *source);
  join(value, dim, sizeValue, -1);
}

void EqualSizes::joinAll(Value a, Value b) {
  auto type = dyn_cast<RankedTensorType>(a.getType());
  auto other = dyn_cast<RankedTensorType>(b.getType());
  if (!type || !other || type.getRank() != other.getRank())
    return;
  for (int64_t dim = 0; dim < type.getRank(); ++dim)
    if (type.isDynamicDim(dim) || other.isDynamicDim(dim))
      join(a, dim, b, dim);
}

void EqualSizes::visitLinalg(linalg::LinalgOp op) {
  DenseMap<unsigned, std::pair<Value, int64_t>> first;
  for (OpOperand &operand : op->getOpOperands()) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    if (!isa<RankedTensorType>(operand.get().getType()))
      continue;
    for (auto [dim, expr] : llvm::enumerate(map.getResults()))
      if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
        auto [it, isNew] =
            first.try_emplace(loop.getPosition(), operand.get(), dim);
        if (!isNew)
          join(it->second.first, it->second.second, operand.get(), dim);
      }
  }
  for (auto [init, result] : llvm::zip(op.getDpsInits(), op->getResults()))
    joinAll(init, result);
}

void EqualSizes::visitReshape(Value narrow, Value wide,
                              ArrayRef<ReassociationIndices> groups) {
  for (auto [dim, group] : llvm::enumerate(groups)) {
    // The dynamic size survives where all other sizes of the group are 1.
    auto type = cast<RankedTensorType>(wide.getType());
    int64_t kept = -1;
    for (int64_t inner : group)
      if (type.getDimSize(inner) != 1)
        kept = kept == -1 ? inner : -2;
    if (kept >= 0)
      join(narrow, dim, wide, kept);
  }
}

/// The dynamic dimensions of a tensor.
static SmallVector<int64_t> dynamicDims(Value value) {
  SmallVector<int64_t> dims;
  if (auto type = dyn_cast<RankedTensorType>(value.getType()))
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        dims.push_back(dim);
  return dims;
}

void EqualSizes::visitFor(scf::ForOp op) {
  for (auto [init, argument, yielded, result] :
       llvm::zip_equal(op.getInitArgs(), op.getRegionIterArgs(),
                       op.getYieldedValues(), op.getResults()))
    for (int64_t dim : dynamicDims(argument)) {
      Carried size{key(init, dim), key(argument, dim), key(yielded, dim)};
      carried.push_back(size);
      implications.push_back(
          {{size.argument, size.yielded}, {size.init, key(result, dim)}});
    }
}

void EqualSizes::visitWhile(scf::WhileOp op) {
  for (auto [init, argument, yielded] :
       llvm::zip_equal(op.getInits(), op.getBeforeArguments(),
                       op.getYieldOp().getOperands()))
    for (int64_t dim : dynamicDims(argument))
      carried.push_back(
          {key(init, dim), key(argument, dim), key(yielded, dim)});
  for (auto [passed, argument, result] :
       llvm::zip_equal(op.getConditionOp().getArgs(), op.getAfterArguments(),
                       op.getResults())) {
    joinAll(passed, argument);
    // What leaves the loop has a size from outside if all that is passed has.
    for (int64_t dim : dynamicDims(passed))
      for (Value init : op.getInits())
        for (int64_t other : dynamicDims(init)) {
          Pair sizes{key(passed, dim), key(init, other)};
          implications.push_back({sizes, {sizes.second, key(result, dim)}});
        }
  }
}

void EqualSizes::visitIf(scf::IfOp op) {
  if (op.getNumResults() == 0)
    return;
  for (auto [first, second, result] :
       llvm::zip_equal(op.thenYield().getOperands(),
                       op.elseYield().getOperands(), op.getResults()))
    for (int64_t dim : dynamicDims(result)) {
      Pair sizes{key(first, dim), key(second, dim)};
      implications.push_back({sizes, {sizes.first, key(result, dim)}});
    }
}

void EqualSizes::visit(Operation *op) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return visitLinalg(linalgOp);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return visitFor(loop);
  if (auto loop = dyn_cast<scf::WhileOp>(op))
    return visitWhile(loop);
  if (auto branch = dyn_cast<scf::IfOp>(op))
    return visitIf(branch);
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
    return visitReshape(expand.getSrc(), expand.getResult(),
                        expand.getReassociationIndices());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
    return visitReshape(collapse.getResult(), collapse.getSrc(),
                        collapse.getReassociationIndices());
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return joinAll(insert.getDest(), insert.getResult());
  if (auto cast = dyn_cast<tensor::CastOp>(op))
    return joinAll(cast.getSource(), cast.getResult());
  if (op->getNumResults() == 1 &&
      (op->hasTrait<OpTrait::SameOperandsAndResultShape>() ||
       OpTrait::hasElementwiseMappableTraits(op))) {
    for (Value operand : op->getOperands())
      joinAll(operand, op->getResult(0));
    return;
  }
  // Everything else that can say the sizes of its results.
  auto reifiable = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
  if (!reifiable)
    return;
  if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
    for (auto [dim, size] : llvm::enumerate(empty.getMixedSizes()))
      joinSize(empty.getResult(), dim, size);
    return;
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    llvm::SmallBitVector dropped = slice.getDroppedDims();
    int64_t result = 0;
    for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
      if (!dropped.test(dim))
        joinSize(slice.getResult(), result++, size);
    return;
  }
  OpBuilder builder(op);
  ReifiedRankedShapedTypeDims sizes;
  if (failed(reifiable.reifyResultShapes(builder, sizes)))
    return;
  for (auto [result, dims] : llvm::zip(op->getResults(), sizes))
    for (auto [dim, size] : llvm::enumerate(dims))
      joinSize(result, dim, size);
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

void EqualSizes::solve() {
  size_t assumed;
  do {
    assumed = carried.size();
    classes.clear();
    classes.grow(keys.size());
    for (Pair fact : facts)
      classes.join(fact.first, fact.second);
    for (const Carried &size : carried)
      classes.join(size.init, size.argument);
    bool isNew;
    do {
      isNew = false;
      for (const Implication &rule : implications)
        if (isEqual(rule.premise) && !isEqual(rule.conclusion)) {
          classes.join(rule.conclusion.first, rule.conclusion.second);
          isNew = true;
        }
    } while (isNew);
    llvm::erase_if(carried, [&](const Carried &size) {
      return !isEqual({size.argument, size.yielded});
    });
  } while (carried.size() != assumed);
}
