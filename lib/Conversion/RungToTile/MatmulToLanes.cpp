//===- MatmulToLanes.cpp - rung.matmul on lanes that are rows -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel for each schedule:
//
//   x' = x in the compute format, rows padded with zeros to whole steps of K;
//   t  = sums of x' over each group, if there are zero points;
//   for each tile of weight rows, for each tile of rows of x:
//     scale at the accumulator:   acc += s * (sum of one group - z * t)
//     scale at decode:            acc += x' * (s * (v - z))
//     y = activation(acc + bias) + residual
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

namespace {
class LanesMatmul final : public MatmulKernel {
public:
  LanesMatmul(MatmulOp op, KernelBuilder &b)
      : MatmulKernel(op, b), order(packed.order()), unit(order.codes()) {}
  LogicalResult verifySchedules() override;

private:
  void prepare() override;
  void buildSchedule(ScheduleAttr schedule) override;
  void buildTile(ScheduleAttr schedule, Value row, Value firstX);
  /// sum over k in [first, end) of weights and x, added to `acc`.
  Value accumulate(ScheduleAttr schedule, Value row, Value firstX, Value first,
                   Value end, Value acc);
  Value accumulateGroups(ScheduleAttr schedule, Value row, Value firstX);
  Value scaleWeights(Value weights, Value row, Value k, LayoutAttr layout);

  const BitOrder &order;
  int64_t unit;           ///< columns of a decode unit
  KernelOperand prepared; ///< x', M * paddedK
  KernelOperand sums;     ///< t, groups * M
};
} // namespace

LogicalResult LanesMatmul::verifySchedules() {
  // Sums of all rows of a step are in registers: more only spill, and the code
  // of a step grows with its rows.
  constexpr int64_t kMostRows = 64;
  for (auto schedule : op.getSchedules()->getAsRange<ScheduleAttr>()) {
    if (schedule.getRows() > kMostRows || schedule.getStages() != 1 ||
        schedule.getSplitK() != 1 || schedule.getWarps() != 1)
      return op.emitOpError()
             << "has the schedule " << schedule << ", expected at most "
             << kMostRows << " rows, and 1 for stages, split_k and warps";
    int64_t depth = schedule.getDepth();
    if (depth % unit != 0 || schedule.getColumns() != b.lanes)
      return op.emitOpError()
             << "has the schedule " << schedule
             << ", but its weights are packed "
             << "for columns = " << b.lanes << " and depth = " << unit;
    if (depth != unit && K % depth != 0)
      return op.emitOpError() << "has the schedule " << schedule << ", but its "
                              << K << " columns are no whole steps of " << depth
                              << "; say depth = " << unit;
    if (isScaled() && schedule.getScale() == ScalePlace::Accumulator &&
        group % depth != 0 && group != K)
      return op.emitOpError()
             << "has the schedule " << schedule << ", but groups of " << group
             << " columns do not hold whole steps of " << depth
             << "; say scale = decode";
  }
  return success();
}

void LanesMatmul::prepare() {
  bool sumsNeeded =
      zero && llvm::any_of(op.getSchedules()->getAsRange<ScheduleAttr>(),
                           [](ScheduleAttr s) {
                             return s.getScale() == ScalePlace::Accumulator;
                           });
  if (!sumsNeeded) {
    prepared = prepareActivations(unit);
    return;
  }
  int64_t groups = llvm::divideCeil(K, group);
  sums = allocate({groups, result.storage.getShape()[0]}, compute);
  prepared = prepareActivations(unit, [&](Value m, const KernelOperand &x) {
    LayoutAttr piece = b.replicated(1, unit), one = b.replicated(1, 1);
    Value steps = b.index(llvm::alignTo(K, unit));
    b.loop(b.index(0), b.index(groups), 1, [&](Value g) {
      Value first = b.multiply(g, group);
      Value end = arith::MinUIOp::create(
          b, b.add(first, b.index(llvm::alignTo(group, unit))), steps);
      Value total = b.loop(
          first, end, unit, b.splat(0, compute, one),
          [&](Value k, Value sum) -> Value {
            Value part =
                tile::ReduceOp::create(b, tile::FragmentType::get(compute, one),
                                       b.load(x, {m, k}, piece));
            return b.map({sum, part}, compute, one,
                         [](ImplicitLocOpBuilder &body, ValueRange args) {
                           return addNumbers(body, args[0], args[1]);
                         });
          });
      b.store(total, sums, {g, m});
    });
  });
}

//===----------------------------------------------------------------------===//
// The main loop
//===----------------------------------------------------------------------===//

void LanesMatmul::buildSchedule(ScheduleAttr schedule) {
  b.launch(b.index(llvm::divideCeil(N, b.lanes)), [&](ValueRange position) {
    Value row = b.multiply(position[0], b.lanes);
    b.loop(b.index(0), M, schedule.getRows(),
           [&](Value firstX) { buildTile(schedule, row, firstX); });
  });
}

void LanesMatmul::buildTile(ScheduleAttr schedule, Value row, Value firstX) {
  int64_t rows = schedule.getRows();
  LayoutAttr layout = b.lanesAreRows(rows);
  Value acc;
  if (isScaled() && schedule.getScale() == ScalePlace::Accumulator) {
    acc = accumulateGroups(schedule, row, firstX);
  } else {
    Value steps = b.index(llvm::divideCeil(K, unit) * unit);
    acc = accumulate(schedule, row, firstX, b.index(0), steps,
                     b.splat(0, compute, layout));
    acc = b.convert(acc, real);
  }
  finish(acc, row, firstX, b.lanesAreRows(1));
}

Value LanesMatmul::accumulate(ScheduleAttr schedule, Value row, Value firstX,
                              Value first, Value end, Value acc) {
  int64_t depth = schedule.getDepth();
  LayoutAttr packed = b.packedRows(order, depth),
             decoded = b.lanesAreRows(depth),
             spread = b.replicated(schedule.getRows(), depth);
  return b.loop(first, end, depth, acc, [&](Value k, Value sum) -> Value {
    Value weights = b.load(weight, {row, k}, packed);
    if (isScaled() && schedule.getScale() == ScalePlace::Decode)
      weights = scaleWeights(weights, row, k, decoded);
    else
      weights = b.convert(weights, compute);
    Value activations =
        b.load(prepared, {firstX, k}, spread, {M, b.size(prepared, 1)});
    return tile::MmaOp::create(b, sum.getType(), Type(), weights, activations,
                               sum)
        .getResult();
  });
}

Value LanesMatmul::accumulateGroups(ScheduleAttr schedule, Value row,
                                    Value firstX) {
  int64_t rows = schedule.getRows(), groups = llvm::divideCeil(K, group);
  LayoutAttr layout = b.lanesAreRows(rows);
  Value steps = b.index(llvm::alignTo(K, unit));
  return b.loop(
      b.index(0), b.index(groups), 1, b.splat(0, real, layout),
      [&](Value g, Value acc) -> Value {
        Value first = b.multiply(g, group);
        Value end = steps;
        if (groups != 1)
          end = arith::MinUIOp::create(b, b.add(first, b.index(group)), steps);
        Value part = accumulate(schedule, row, firstX, first, end,
                                b.splat(0, compute, layout));
        Value total;
        if (zero)
          total = b.load(sums, {g, firstX}, b.replicated(1, rows),
                         {b.index(groups), M});
        return addScaled(acc, part, total, row, first, b.lanesAreRows(1));
      });
}

Value LanesMatmul::scaleWeights(Value weights, Value row, Value k,
                                LayoutAttr layout) {
  // K may end inside a step: the scales beyond it do not exist.
  SmallVector<Value> inputs = {b.convert(weights, real)};
  auto loadAll = [&](const KernelOperand &operand, ArrayRef<int64_t> block) {
    return loadBlocked(operand, block, row, k, layout,
                       {b.index(llvm::alignTo(N, 16)), b.index(K)});
  };
  if (scale)
    inputs.push_back(loadAll(scale, scaleBlock));
  if (second)
    inputs.push_back(loadAll(second, secondBlock));
  if (zero)
    inputs.push_back(loadAll(zero, zeroBlock));
  Value scaled =
      b.map(inputs, real, layout,
            [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
              Value v = args[0], z = zero ? args.back() : Value();
              if (zero && *op.getMode() != ZeroPointMode::Rescale)
                v = subtractNumbers(body, v, z);
              if (scale) {
                Value s = args[1];
                if (second)
                  s = multiplyNumbers(body, s, args[2]);
                v = multiplyNumbers(body, v, s);
              }
              if (zero && *op.getMode() == ZeroPointMode::Rescale)
                v = subtractNumbers(body, v, z);
              return v;
            });
  return b.convert(scaled, compute);
}

std::unique_ptr<MatmulKernel> rung::makeLanesMatmul(MatmulOp op,
                                                    KernelBuilder &b) {
  return std::make_unique<LanesMatmul>(op, b);
}
