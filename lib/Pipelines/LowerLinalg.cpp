//===- LowerLinalg.cpp - linalg on memrefs to vectorisable loops ----------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGLOWERLINALG
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// Elements of a one-dimensional loop that one parallel iteration does.
constexpr int64_t kBlock = 2048;
/// Assumed for a loop of unknown length when its cost is estimated.
constexpr int64_t kUnknownTripCount = 128;
/// Results of a reduction that one parallel iteration computes, and how many of
/// them at a time: they share loads, and their sums do not wait for each other.
constexpr int64_t kResults = 16, kJammedResults = 4;
/// Steps of a reduction done for each pass over an output row in memory.
constexpr int64_t kReductionUnroll = 4;

/// How an operand is walked by one loop.
enum class Access { Invariant, Contiguous, Strided };

Access accessOf(linalg::LinalgOp op, OpOperand &operand, unsigned loop) {
  auto type = dyn_cast<MemRefType>(operand.get().getType());
  if (!type)
    return Access::Invariant;
  AffineMap map = op.getMatchingIndexingMap(&operand);
  AffineExpr dim = getAffineDimExpr(loop, op.getContext());
  bool lastIsDim = false;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (!expr.isFunctionOfDim(loop))
      continue;
    if (i + 1 != map.getNumResults() || expr != dim)
      return Access::Strided;
    lastIsDim = true;
  }
  if (!lastIsDim)
    return Access::Invariant;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)) || strides.back() != 1)
    return Access::Strided;
  return Access::Contiguous;
}

/// Lowers one operation. Loops, from the outside: parallel ones in one
/// scf.parallel, reductions, the innermost loop (parallel or a reduction).
class Lowering {
public:
  Lowering(linalg::LinalgOp op)
      : op(op), builder(op), loc(op.getLoc()),
        iterators(op.getIteratorTypesArray()) {}

  LogicalResult run() {
    if (op->getNumResults() != 0)
      return op.emitError("must be bufferized before it is lowered to loops");
    for (utils::IteratorType iterator : iterators)
      if (iterator != utils::IteratorType::parallel &&
          iterator != utils::IteratorType::reduction)
        return op.emitError(
            "has a window iterator; only parallel and reduction "
            "iterators can be lowered");
    for (Range range : op.createLoopRanges(builder, loc))
      extents.push_back(
          getValueOrCreateConstantIndexOp(builder, loc, range.size));
    staticExtents = op.getStaticLoopRanges();
    indices.resize(iterators.size());
    chooseOrder();
    emitParallel();
    return success();
  }

private:
  /// Values of inputs that are loaded already.
  using Loaded = DenseMap<OpOperand *, Value>;

  bool isReduction(unsigned loop) const {
    return iterators[loop] == utils::IteratorType::reduction;
  }

  Value constant(int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }

  void chooseOrder() {
    int best = -1;
    std::tuple<int, int, int64_t> bestRank;
    for (unsigned loop = 0; loop < iterators.size(); ++loop) {
      int strided = 0;
      for (OpOperand &operand : op->getOpOperands())
        if (op.payloadUsesValueFromOperand(&operand) || op.isDpsInit(&operand))
          strided += accessOf(op, operand, loop) == Access::Strided;
      // Short loops do not fill a vector.
      int64_t extent = staticExtents[loop];
      int isShort = !ShapedType::isDynamic(extent) && extent < 8;
      // Later loops win ties, reductions first: their sum stays in a register.
      std::tuple<int, int, int64_t> rank = {isShort, strided,
                                            -int64_t(isReduction(loop))};
      if (best == -1 || rank <= bestRank)
        best = loop, bestRank = rank;
    }
    for (unsigned loop = 0; loop < iterators.size(); ++loop)
      if (int(loop) != best)
        (isReduction(loop) ? reductions : parallels).push_back(loop);
    if (best < 0)
      return;
    innermost = best;
    if (isReduction(best))
      reductions.push_back(best);
  }

  int64_t tripCount(unsigned loop) const {
    return ShapedType::isDynamic(staticExtents[loop]) ? kUnknownTripCount
                                                      : staticExtents[loop];
  }

  bool innermostIsParallel() const {
    return innermost && !isReduction(*innermost);
  }

  void emitParallel() {
    int64_t cost = 0;
    for (Operation &inner : op.getBlock()->without_terminator())
      cost += inner.getName().getDialectNamespace() == "math" ? 16 : 1;
    cost = std::max<int64_t>(cost, 1) * (op->getNumOperands() ? 1 : 0) + 1;
    for (unsigned loop : reductions)
      cost *= tripCount(loop);

    bool strip = innermostIsParallel() &&
                 (parallels.empty() || staticExtents[*innermost] >= 2 * kBlock);
    // One vector-sized row is no reason to start threads.
    if (strip && !ShapedType::isDynamic(staticExtents[*innermost]) &&
        staticExtents[*innermost] < 2 * kBlock && parallels.empty())
      strip = false;
    Value zero = constant(0), one = constant(1), begin = zero,
          end = innermost ? extents[*innermost] : one;
    if (!strip && parallels.empty()) {
      emitReductions(begin, end);
      return;
    }
    SmallVector<Value> upper;
    for (unsigned loop : parallels)
      upper.push_back(extents[loop]);
    bool jam = canJam();
    if (strip) {
      upper.push_back(
          arith::CeilDivSIOp::create(builder, loc, end, constant(kBlock)));
      cost *= kBlock;
    } else if (jam) {
      upper.back() = arith::CeilDivSIOp::create(builder, loc, upper.back(),
                                                constant(kResults));
      cost *= kResults;
    } else if (innermostIsParallel()) {
      cost *= tripCount(*innermost);
    }
    SmallVector<Value> lower(upper.size(), zero), steps(upper.size(), one);
    auto parallel = scf::ParallelOp::create(builder, loc, lower, upper, steps);
    parallel->setAttr(kCostAttr, builder.getI64IntegerAttr(cost));
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(parallel.getBody());
    for (auto [loop, iv] : llvm::zip(parallels, parallel.getInductionVars()))
      indices[loop] = iv;
    Value last = parallel.getInductionVars().back();
    if (jam)
      return emitJammed(last);
    if (strip)
      std::tie(begin, end) = blockRange(last, kBlock, end);
    emitReductions(begin, end);
  }

  /// Elements of block `block` of `size`, of `extent` in all.
  std::pair<Value, Value> blockRange(Value block, int64_t size, Value extent) {
    Value begin = arith::MulIOp::create(builder, loc, block, constant(size));
    Value next = arith::AddIOp::create(builder, loc, begin, constant(size));
    return {begin, arith::MinSIOp::create(builder, loc, next, extent)};
  }

  /// Whether results that are neighbours along the last parallel loop can be
  /// computed side by side.
  bool canJam() {
    if (parallels.empty() || reductions.empty() || innermostIsParallel())
      return false;
    unsigned loop = parallels.back();
    int64_t extent = staticExtents[loop];
    if (!ShapedType::isDynamic(extent) && extent < kJammedResults)
      return false;
    return llvm::all_of(op.getDpsInitsMutable(), [&](OpOperand &init) {
      return isCarried(init) &&
             op.getMatchingIndexingMap(&init).isFunctionOfDim(loop);
    });
  }

  /// One block of results, some at a time, then the rest one by one.
  void emitJammed(Value block) {
    unsigned loop = parallels.back();
    auto [begin, end] = blockRange(block, kResults, extents[loop]);
    Value count = arith::SubIOp::create(builder, loc, end, begin);
    Value rest =
        arith::RemUIOp::create(builder, loc, count, constant(kJammedResults));
    Value main = arith::SubIOp::create(builder, loc, end, rest);
    for (auto [from, to, step] : {std::tuple(begin, main, kJammedResults),
                                  std::tuple(main, end, int64_t(1))}) {
      auto forOp = scf::ForOp::create(builder, loc, from, to, constant(step));
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToStart(forOp.getBody());
      SmallVector<Value> positions = {forOp.getInductionVar()};
      for (int64_t i = 1; i < step; ++i)
        positions.push_back(arith::AddIOp::create(
            builder, loc, forOp.getInductionVar(), constant(i)));
      emitAccumulation(positions);
    }
  }

  /// Reductions whose innermost loop is one, for each of `positions` of the
  /// last parallel loop (if it is empty: where the loops are).
  void emitAccumulation(ArrayRef<Value> positions) {
    SmallVector<SmallVector<Value>> results;
    forEachPosition(positions, [&](unsigned) {
      results.emplace_back();
      for (OpOperand &init : op.getDpsInitsMutable())
        results.back().push_back(isCarried(init) ? loadIfUsed(init) : Value());
    });
    emitReductionNest(0, positions, results, {});
    forEachPosition(positions, [&](unsigned i) {
      for (auto [init, result] : llvm::zip(op.getDpsInitsMutable(), results[i]))
        if (result && isCarried(init))
          store(init, result);
    });
  }

  void forEachPosition(ArrayRef<Value> positions,
                       function_ref<void(unsigned)> emit) {
    if (positions.empty())
      return emit(0);
    for (auto [i, position] : llvm::enumerate(positions)) {
      indices[parallels.back()] = position;
      emit(i);
    }
  }

  /// `begin`, `end`: of the innermost loop if it is parallel.
  void emitReductions(Value begin, Value end) {
    if (!innermostIsParallel())
      return emitAccumulation({});
    if (reductions.empty())
      return emitInnermost(begin, end, nullptr, 1);
    // Outputs stay in memory; a few steps of the last reduction share a pass.
    OpBuilder::InsertionGuard guard(builder);
    Value zero = constant(0), one = constant(1);
    for (unsigned loop : ArrayRef(reductions).drop_back()) {
      auto forOp = scf::ForOp::create(builder, loc, zero, extents[loop], one);
      indices[loop] = forOp.getInductionVar();
      builder.setInsertionPointToStart(forOp.getBody());
    }
    unsigned last = reductions.back();
    bool canUnroll =
        llvm::all_of(op.getDpsInitsMutable(),
                     [&](OpOperand &init) { return isCarried(init); });
    Value main = zero;
    if (canUnroll) {
      Value unroll = constant(kReductionUnroll);
      Value rest = arith::RemSIOp::create(builder, loc, extents[last], unroll);
      main = arith::SubIOp::create(builder, loc, extents[last], rest);
    }
    for (auto [from, to, step] :
         {std::tuple(zero, main, kReductionUnroll),
          std::tuple(main, extents[last], int64_t(1))}) {
      if (from == to)
        continue;
      auto forOp = scf::ForOp::create(builder, loc, from, to, constant(step));
      OpBuilder::InsertionGuard inner(builder);
      builder.setInsertionPointToStart(forOp.getBody());
      emitInnermost(begin, end, forOp.getInductionVar(), step);
    }
  }

  /// The parallel innermost loop, doing `steps` steps of the last reduction.
  void emitInnermost(Value begin, Value end, Value reduction, int64_t steps) {
    OpBuilder::InsertionGuard guard(builder);
    SmallVector<Value> offsets;
    SmallVector<Loaded> hoisted;
    for (int64_t i = 0; i < steps; ++i) {
      if (reduction) {
        offsets.push_back(i == 0 ? reduction
                                 : arith::AddIOp::create(
                                       builder, loc, reduction, constant(i)));
        indices[reductions.back()] = offsets.back();
      }
      hoisted.push_back(loadInvariant());
    }
    auto forOp = scf::ForOp::create(builder, loc, begin, end, constant(1));
    markIndependent(forOp);
    builder.setInsertionPointToStart(forOp.getBody());
    indices[*innermost] = forOp.getInductionVar();
    SmallVector<Value> values;
    for (OpOperand &init : op.getDpsInitsMutable())
      values.push_back(loadIfUsed(init));
    for (int64_t i = 0; i < steps; ++i) {
      if (reduction)
        indices[reductions.back()] = offsets[i];
      values = emitBody(values, hoisted[i]);
    }
    for (auto [init, value] : llvm::zip(op.getDpsInitsMutable(), values))
      store(init, value);
  }

  /// `values` holds, for each position, the carried outputs, before and after;
  /// the others are null.
  void emitReductionNest(unsigned depth, ArrayRef<Value> positions,
                         SmallVectorImpl<SmallVector<Value>> &values,
                         ArrayRef<Loaded> hoisted) {
    if (depth == reductions.size())
      return forEachPosition(positions, [&](unsigned i) {
        emitStep(values[i], hoisted.empty() ? Loaded() : hoisted[i]);
      });
    unsigned loop = reductions[depth];
    bool isInnermost = depth + 1 == reductions.size();
    SmallVector<Loaded> invariant;
    SmallVector<Value> carried;
    forEachPosition(positions, [&](unsigned i) {
      if (isInnermost)
        invariant.push_back(loadInvariant());
      // An output that the body does not read still has a last value.
      for (auto [value, init] : llvm::zip(values[i], op.getDpsInitsMutable()))
        if (isCarried(init))
          carried.push_back(value ? value : load(init));
    });
    auto forOp = scf::ForOp::create(builder, loc, constant(0), extents[loop],
                                    constant(1), carried);
    if (isInnermost)
      markIndependent(forOp);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(forOp.getBody());
    indices[loop] = forOp.getInductionVar();
    auto forEachCarried = [&](function_ref<void(Value &)> visit) {
      for (SmallVector<Value> &of : values)
        for (auto [value, init] : llvm::zip(of, op.getDpsInitsMutable()))
          if (isCarried(init))
            visit(value);
    };
    const auto *argument = forOp.getRegionIterArgs().begin();
    forEachCarried([&](Value &value) { value = *argument++; });
    emitReductionNest(depth + 1, positions, values, invariant);
    SmallVector<Value> yielded;
    forEachCarried([&](Value &value) { yielded.push_back(value); });
    if (!yielded.empty())
      scf::YieldOp::create(builder, loc, yielded);
    auto result = forOp.getResults().begin();
    forEachCarried([&](Value &value) { value = *result++; });
  }

  /// One step of the reductions.
  void emitStep(SmallVector<Value> &values, const Loaded &hoisted) {
    SmallVector<Value> outputs = values;
    for (auto [output, init] : llvm::zip(outputs, op.getDpsInitsMutable()))
      if (!isCarried(init))
        output = loadIfUsed(init);
    outputs = emitBody(outputs, hoisted);
    for (auto [i, init] : llvm::enumerate(op.getDpsInitsMutable())) {
      if (isCarried(init))
        values[i] = outputs[i];
      else
        store(init, outputs[i]);
    }
  }

  /// Whether an output is one value for all steps of the reductions.
  bool isCarried(OpOperand &init) {
    AffineMap map = op.getMatchingIndexingMap(&init);
    return llvm::none_of(
        reductions, [&](unsigned loop) { return map.isFunctionOfDim(loop); });
  }

  /// Inputs that the innermost loop does not move through, read before it.
  /// Bufferization lets an output share memory with an input only where both
  /// are walked in the same way, so the loop does not write them.
  Loaded loadInvariant() {
    Loaded result;
    for (OpOperand *operand : op.getDpsInputOperands())
      if (op.payloadUsesValueFromOperand(operand) &&
          !op.getMatchingIndexingMap(operand).isFunctionOfDim(*innermost))
        result[operand] = load(*operand);
    return result;
  }

  /// Tells LLVM that an iteration touches no memory that another one writes
  /// (for the same reason), which spares checks at run time.
  void markIndependent(scf::ForOp loop) {
    MLIRContext *context = builder.getContext();
    auto group = LLVM::AccessGroupAttr::get(
        context, DistinctAttr::create(builder.getUnitAttr()));
    loop->setAttr("loop_annotation", LLVM::LoopAnnotationAttr::get(
                                         context, {}, {}, {}, {}, {}, {}, {},
                                         {}, {}, {}, {}, {}, {}, {}, group));
  }

  SmallVector<Value> position(OpOperand &operand) {
    AffineMap map = op.getMatchingIndexingMap(&operand);
    SmallVector<Value> result;
    for (AffineExpr expr : map.getResults()) {
      if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
        result.push_back(indices[dim.getPosition()]);
        continue;
      }
      // Loops that the expression does not use may not have an index yet.
      SmallVector<Value> dims = indices;
      for (Value &dim : dims)
        if (!dim)
          dim = constant(0);
      result.push_back(affine::AffineApplyOp::create(
          builder, loc, AffineMap::get(map.getNumDims(), 0, expr), dims));
    }
    return result;
  }

  Value load(OpOperand &operand) {
    if (!isa<MemRefType>(operand.get().getType()))
      return operand.get();
    return memref::LoadOp::create(builder, loc, operand.get(),
                                  position(operand));
  }

  Value loadIfUsed(OpOperand &operand) {
    return op.payloadUsesValueFromOperand(&operand) ? load(operand) : Value();
  }

  void store(OpOperand &operand, Value value) {
    memref::StoreOp::create(builder, loc, value, operand.get(),
                            position(operand));
  }

  /// One execution of the payload on `outputs`, the current output values.
  SmallVector<Value> emitBody(ArrayRef<Value> outputs, const Loaded &hoisted) {
    IRMapping mapping;
    Block *body = op.getBlock();
    for (OpOperand *operand : op.getDpsInputOperands()) {
      BlockArgument arg = op.getMatchingBlockArgument(operand);
      if (arg.use_empty())
        continue;
      Value known = hoisted.lookup(operand);
      mapping.map(arg, known ? known : load(*operand));
    }
    for (auto [init, value] : llvm::zip(op.getDpsInitsMutable(), outputs))
      if (value)
        mapping.map(op.getMatchingBlockArgument(&init), value);
    for (Operation &inner : body->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(inner)) {
        mapping.map(index.getResult(), indices[index.getDim()]);
        continue;
      }
      Operation *clone = builder.clone(inner, mapping);
      if (!reductions.empty())
        allowReassociation(inner, clone);
    }
    SmallVector<Value> results;
    for (Value value : body->getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
    return results;
  }

  /// The operation that adds to an output may be reordered.
  void allowReassociation(Operation &inner, Operation *clone) {
    if (!isa<arith::AddFOp, arith::MulFOp>(inner) ||
        !llvm::any_of(op.getRegionOutputArgs(), [&](BlockArgument arg) {
          return llvm::is_contained(inner.getOperands(), arg);
        }))
      return;
    clone->setAttr("fastmath", arith::FastMathFlagsAttr::get(
                                   builder.getContext(),
                                   arith::FastMathFlags::reassoc |
                                       arith::FastMathFlags::contract));
  }

  linalg::LinalgOp op;
  OpBuilder builder;
  Location loc;
  SmallVector<utils::IteratorType> iterators;
  SmallVector<int64_t> staticExtents;
  SmallVector<Value> extents, indices;
  SmallVector<unsigned> parallels, reductions;
  std::optional<unsigned> innermost;
};

struct LowerLinalg : impl::RungLowerLinalgBase<LowerLinalg> {
  void runOnOperation() override {
    SmallVector<memref::CopyOp> copies;
    getOperation().walk([&](memref::CopyOp op) { copies.push_back(op); });
    for (memref::CopyOp op : copies) {
      OpBuilder builder(op);
      linalg::CopyOp::create(builder, op.getLoc(), op.getSource(),
                             op.getTarget());
      op.erase();
    }
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      if (failed(Lowering(op).run()))
        return signalPassFailure();
      op.erase();
    }
  }
};

} // namespace
} // namespace rung
