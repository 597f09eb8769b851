//===- MatmulToTile.cpp - rung.matmul as a kernel -*- C++ -*-===//
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

#include "KernelBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/DialectConversion.h"
#include "rung/Layout/PackedLayout.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

namespace {
/// Lowers one rung.matmul on memrefs.
class MatmulKernel {
public:
  MatmulKernel(MatmulOp op, KernelBuilder &b);
  /// Says which schedule the kernel cannot follow, and why.
  LogicalResult verifySchedules();
  void build();

private:
  KernelOperand operandOf(Value value);
  /// The same, of the rank that it has.
  KernelOperand storedOperand(Value value);
  /// A scale or zero point of each weight of a tile, in `real`.
  Value loadBlocked(const KernelOperand &operand, ArrayRef<int64_t> block,
                    Value row, Value k, LayoutAttr layout,
                    ValueRange bounds = {});
  bool isScaled() const { return scale || zero; }
  void prepareActivations();
  void buildSchedule(ScheduleAttr schedule);
  void buildTile(ScheduleAttr schedule, Value row, Value firstX);
  /// sum over k in [first, end) of weights and x, added to `acc`.
  Value accumulate(ScheduleAttr schedule, Value row, Value firstX, Value first,
                   Value end, Value acc);
  Value accumulateGroups(ScheduleAttr schedule, Value row, Value firstX);
  /// The factor s (with the second scale) of a tile of weights from (row, k).
  Value loadScale(Value row, Value k, LayoutAttr layout);
  Value scaleWeights(Value weights, Value row, Value k, LayoutAttr layout);
  Value applyEpilogue(Value acc, Value row, Value firstX, int64_t rows);

  MatmulOp op;
  KernelBuilder &b;
  KernelOperand x, weight, scale, second, zero, bias, residual, result;
  BitOrder order;
  int64_t N, K, unit; ///< columns of a decode unit
  Value M;
  Type compute;  ///< of products and sums of a group
  Type real;     ///< of scales, scaled sums and the epilogue
  int64_t group; ///< columns that share a scale and zero point; K without
  bool sumsNeeded;
  KernelOperand prepared; ///< x', M * paddedK
  KernelOperand sums;     ///< t, groups * M
  SmallVector<int64_t> scaleBlock, secondBlock, zeroBlock;
  SmallVector<Value> temporaries;
};
} // namespace

KernelOperand MatmulKernel::operandOf(Value value) {
  if (!value)
    return {};
  auto type = cast<MemRefType>(value.getType());
  KernelOperand operand = storedOperand(value);
  if (type.getRank() != 0)
    return operand;
  // One for the whole weight: a line of one element.
  Value line = memref::ExpandShapeOp::create(b, ArrayRef<int64_t>{1}, value,
                                             ArrayRef<ReassociationIndices>{});
  return {line, StorageAttr::get(operand.format(), ArrayRef<int64_t>{1})};
}

KernelOperand MatmulKernel::storedOperand(Value value) {
  if (auto storage = op.getStorage())
    for (auto [operand, attr] :
         llvm::zip_equal(op->getOperands(), storage->getAsRange<StorageAttr>()))
      if (operand == value)
        return {value, attr};
  auto type = cast<MemRefType>(value.getType());
  return {value, StorageAttr::get(type.getElementType(), type.getShape())};
}

MatmulKernel::MatmulKernel(MatmulOp op, KernelBuilder &b)
    : op(op), b(b), x(operandOf(op.getX())), weight(operandOf(op.getWeight())),
      scale(operandOf(op.getScale())), second(operandOf(op.getSecondScale())),
      zero(operandOf(op.getZeroPoint())), bias(operandOf(op.getBias())),
      residual(operandOf(op.getResidual())), result(operandOf(op.getInit())),
      order(cantFail(PackedLayout::parse(weight.storage.getLayout())).order()),
      N(weight.storage.getShape()[0]), K(weight.storage.getShape()[1]),
      unit(order.codes()), M(b.size(result, 0)), compute(*op.getCompute()),
      group(0) {
  SmallVector<Type> formats;
  for (const KernelOperand &operand : {scale, second, zero, bias, residual})
    if (operand)
      formats.push_back(operand.format());
  // Integer sums stay integers where the epilogue keeps them integers.
  auto isKept = [&](Type format) {
    return numberFormatOf(format)->isIntegerValued() &&
           isLossless(*numberFormatOf(format), *numberFormatOf(compute));
  };
  bool isScaled = scale || second || zero;
  bool isKeptActivation = op.getActivation() == Activation::None ||
                          op.getActivation() == Activation::Relu;
  bool isInteger = isa<IntegerType>(compute) && !isScaled && isKeptActivation &&
                   llvm::all_of(formats, isKept);
  formats.push_back(isa<IntegerType>(compute) ? result.format() : compute);
  real = isInteger ? compute : commonFloat(op.getContext(), formats);

  auto blocks = [&](const KernelOperand &operand,
                    std::optional<ArrayRef<int64_t>> block,
                    SmallVector<int64_t> &extents) {
    if (!operand)
      return;
    std::string error;
    if (operand.rank() != 2)
      return;
    extents = *blockShape(weight.storage.getShape(), operand.storage.getShape(),
                          block, error);
    // A block that reaches the end of a row divides nothing.
    if (extents[1] < K)
      group = std::gcd(group, extents[1]);
  };
  blocks(scale, op.getBlock(), scaleBlock);
  blocks(second, op.getSecondBlock(), secondBlock);
  blocks(zero, op.getBlock(), zeroBlock);
  if (!group)
    group = K;
  sumsNeeded = bool(zero);
}

LogicalResult MatmulKernel::verifySchedules() {
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

void MatmulKernel::build() {
  auto schedules = op.getSchedules()->getAsRange<ScheduleAttr>();
  sumsNeeded &= llvm::any_of(schedules, [](ScheduleAttr s) {
    return s.getScale() == ScalePlace::Accumulator;
  });
  prepareActivations();
  // The last schedule serves any number of rows; those before it up to theirs.
  std::function<void(ArrayRef<ScheduleAttr>)> choose =
      [&](ArrayRef<ScheduleAttr> rest) {
        if (rest.size() == 1)
          return buildSchedule(rest.front());
        Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ule, M,
                                           b.index(rest.front().getUpTo()));
        auto branch = scf::IfOp::create(b, fits, /*withElseRegion=*/true);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(branch.thenBlock());
        buildSchedule(rest.front());
        b.setInsertionPointToStart(branch.elseBlock());
        choose(rest.drop_front());
      };
  choose(SmallVector<ScheduleAttr>(schedules.begin(), schedules.end()));
  for (Value temporary : temporaries)
    memref::DeallocOp::create(b, temporary);
}

//===----------------------------------------------------------------------===//
// Activations in the compute format, and their sums
//===----------------------------------------------------------------------===//

void MatmulKernel::prepareActivations() {
  int64_t paddedK = llvm::alignTo(K, std::max(unit, b.lanes));
  int64_t groups = llvm::divideCeil(K, group);
  bool isReady =
      x.storage.isIdentity() && x.format() == compute && K % unit == 0;
  auto allocate = [&](ArrayRef<int64_t> shape, Type type) {
    SmallVector<Value> sizes;
    if (llvm::is_contained(shape, ShapedType::kDynamic))
      sizes.push_back(M);
    Value memory =
        memref::AllocOp::create(b, MemRefType::get(shape, type), sizes);
    temporaries.push_back(memory);
    return KernelOperand{memory, StorageAttr::get(type, shape)};
  };
  int64_t rows = result.storage.getShape()[0];
  prepared = isReady ? x : allocate({rows, paddedK}, compute);
  if (sumsNeeded)
    sums = allocate({groups, rows}, compute);
  if (isReady && !sumsNeeded)
    return;

  b.launch(M, [&](ValueRange position) {
    Value m = position[0], zeroIndex = b.index(0);
    LayoutAttr line = b.lanesAreColumns();
    if (!isReady) {
      int64_t whole = K / b.lanes * b.lanes;
      auto copy = [&](Value k, ValueRange bounds) {
        b.store(b.convert(b.load(x, {m, k}, line, bounds), compute), prepared,
                {m, k}, bounds);
      };
      if (whole)
        b.loop(zeroIndex, b.index(whole), b.lanes,
               [&](Value k) { copy(k, {}); });
      for (int64_t k = whole; k < paddedK; k += b.lanes)
        b.store(b.splat(0, compute, line), prepared, {m, b.index(k)});
      if (whole != K)
        copy(b.index(whole), {M, b.index(K)});
    }
    if (!sumsNeeded)
      return;
    LayoutAttr piece = b.replicated(1, unit), one = b.replicated(1, 1);
    Value steps = b.index(llvm::divideCeil(K, unit) * unit);
    b.loop(zeroIndex, b.index(groups), 1, [&](Value g) {
      Value first = b.multiply(g, group);
      Value end = arith::MinUIOp::create(
          b, b.add(first, b.index(llvm::alignTo(group, unit))), steps);
      Value total = b.loop(
          first, end, unit, b.splat(0, compute, one),
          [&](Value k, Value sum) -> Value {
            Value part =
                tile::ReduceOp::create(b, tile::FragmentType::get(compute, one),
                                       b.load(prepared, {m, k}, piece));
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

void MatmulKernel::buildSchedule(ScheduleAttr schedule) {
  b.launch(b.index(llvm::divideCeil(N, b.lanes)), [&](ValueRange position) {
    Value row = b.multiply(position[0], b.lanes);
    b.loop(b.index(0), M, schedule.getRows(),
           [&](Value firstX) { buildTile(schedule, row, firstX); });
  });
}

void MatmulKernel::buildTile(ScheduleAttr schedule, Value row, Value firstX) {
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
  acc = applyEpilogue(acc, row, firstX, rows);
  b.store(b.convert(acc, result.format(), op.getSaturate()), result,
          {firstX, row}, {M, b.index(N)},
          /*transposed=*/true);
}

Value MatmulKernel::accumulate(ScheduleAttr schedule, Value row, Value firstX,
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

Value MatmulKernel::accumulateGroups(ScheduleAttr schedule, Value row,
                                     Value firstX) {
  int64_t rows = schedule.getRows(), groups = llvm::divideCeil(K, group);
  LayoutAttr layout = b.lanesAreRows(rows), column = b.lanesAreRows(1);
  bool isRescale = zero && *op.getMode() == ZeroPointMode::Rescale;
  Value steps = b.index(llvm::divideCeil(K, unit) * unit);
  return b.loop(
      b.index(0), b.index(groups), 1, b.splat(0, real, layout),
      [&](Value g, Value acc) -> Value {
        Value first = b.multiply(g, group);
        Value end = steps;
        if (groups != 1)
          end = arith::MinUIOp::create(b, b.add(first, b.index(group)), steps);
        Value sum = accumulate(schedule, row, firstX, first, end,
                               b.splat(0, compute, layout));
        sum = b.convert(sum, real);
        SmallVector<Value> inputs = {acc, sum};
        if (scale)
          inputs.push_back(loadScale(row, first, column));
        if (zero) {
          inputs.push_back(loadBlocked(zero, zeroBlock, row, first, column));
          inputs.push_back(
              b.convert(b.load(sums, {g, firstX}, b.replicated(1, rows),
                               {b.index(groups), M}),
                        real));
        }
        return b.map(
            inputs, real, layout,
            [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
              Value acc = args[0], sum = args[1];
              auto addScaled = [&](Value part, Value to) -> Value {
                return scale ? math::FmaOp::create(body, args[2], part, to)
                                   .getResult()
                             : addNumbers(body, part, to);
              };
              if (!zero)
                return addScaled(sum, acc);
              Value offset =
                  arith::NegFOp::create(body, args.drop_back().back());
              Value total = args.back();
              if (!isRescale)
                return addScaled(math::FmaOp::create(body, offset, total, sum),
                                 acc);
              return addScaled(sum,
                               math::FmaOp::create(body, offset, total, acc));
            });
      });
}

//===----------------------------------------------------------------------===//
// Scales, zero points
//===----------------------------------------------------------------------===//

Value MatmulKernel::loadBlocked(const KernelOperand &operand,
                                ArrayRef<int64_t> block, Value row, Value k,
                                LayoutAttr layout, ValueRange bounds) {
  Value loaded = operand.rank() == 2
                     ? b.load(operand, {row, k}, layout, bounds, block)
                     : b.load(operand, b.index(0), b.replicated(1, 1));
  return b.convert(loaded, real);
}

Value MatmulKernel::loadScale(Value row, Value k, LayoutAttr layout) {
  Value s = loadBlocked(scale, scaleBlock, row, k, layout);
  if (!second)
    return s;
  Value t = loadBlocked(second, secondBlock, row, k, layout);
  return b.map({s, t}, real, layout,
               [](ImplicitLocOpBuilder &body, ValueRange args) {
                 return multiplyNumbers(body, args[0], args[1]);
               });
}

Value MatmulKernel::scaleWeights(Value weights, Value row, Value k,
                                 LayoutAttr layout) {
  // K may end inside a step: the scales beyond it do not exist.
  SmallVector<Value> inputs = {b.convert(weights, real)};
  auto loadAll = [&](const KernelOperand &operand, ArrayRef<int64_t> block) {
    return loadBlocked(operand, block, row, k, layout,
                       {b.index(llvm::alignTo(N, b.lanes)), b.index(K)});
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

//===----------------------------------------------------------------------===//
// Epilogue
//===----------------------------------------------------------------------===//

/// A constant of the type of `like`.
static Value number(ImplicitLocOpBuilder &b, Value like, double value) {
  if (isa<IntegerType>(like.getType()))
    return arith::ConstantOp::create(
        b, b.getIntegerAttr(like.getType(), int64_t(value)));
  return arith::ConstantOp::create(b, b.getFloatAttr(like.getType(), value));
}

static Value activate(ImplicitLocOpBuilder &b, Activation activation, Value x) {
  switch (activation) {
  case Activation::None:
    return x;
  case Activation::Relu:
    if (isa<IntegerType>(x.getType()))
      return arith::MaxSIOp::create(b, x, number(b, x, 0));
    return arith::MaximumFOp::create(b, x, number(b, x, 0));
  case Activation::Gelu: {
    Value erf = math::ErfOp::create(
        b, arith::MulFOp::create(b, x, number(b, x, 0.70710678118654752440)));
    Value half = arith::MulFOp::create(b, x, number(b, x, 0.5));
    return arith::MulFOp::create(
        b, half, arith::AddFOp::create(b, erf, number(b, x, 1)));
  }
  case Activation::Silu: {
    Value exp = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(
        b, x, arith::AddFOp::create(b, exp, number(b, x, 1)));
  }
  }
  llvm_unreachable("all activations are listed");
}

Value MatmulKernel::applyEpilogue(Value acc, Value row, Value firstX,
                                  int64_t rows) {
  if (!bias && !residual && op.getActivation() == Activation::None)
    return acc;
  LayoutAttr layout = b.lanesAreRows(rows), column = b.lanesAreRows(1);
  SmallVector<Value> inputs = {acc};
  if (bias)
    inputs.push_back(b.convert(b.load(bias, row, column, b.index(N),
                                      std::nullopt, /*transposed=*/true),
                               real));
  if (residual)
    inputs.push_back(
        b.convert(b.load(residual, {firstX, row}, layout, {M, b.index(N)},
                         std::nullopt, /*transposed=*/true),
                  real));
  return b.map(inputs, real, layout,
               [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
                 Value value = args[0];
                 if (bias)
                   value = addNumbers(body, value, args[1]);
                 value = activate(body, op.getActivation(), value);
                 if (residual)
                   value = addNumbers(body, value, args.back());
                 return value;
               });
}

/// Refuses sums in a format whose values registers hold as codes.
static LogicalResult verifyCompute(MatmulOp op) {
  Type compute = *op.getCompute();
  if (tile::registerType(compute) == compute &&
      StorageAttr::get(compute, {1}).isIdentity())
    return success();
  return op.emitOpError() << "computes in " << compute
                          << ", in which there are no sums; expected i32, f16, "
                             "bf16, f32 or f64 in its `compute`, or in that of "
                             "the device";
}

namespace {
struct ConvertMatmul final : OpRewritePattern<MatmulOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(MatmulOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getInit().getType()))
      return rewriter.notifyMatchFailure(op,
                                         "is on tensors; bufferize it first");
    if (!op.getStorage() || !op.getSchedules() || !op.getCompute())
      return rewriter.notifyMatchFailure(op,
                                         "lacks storage, schedules or compute; "
                                         "run the passes that choose them");
    if (failed(verifyCompute(op)))
      return failure();
    DeviceAttr device = getDevice(op->getParentOfType<ModuleOp>());
    KernelBuilder b(op.getLoc(), rewriter, device.getInt("lanes", 16));
    MatmulKernel kernel(op, b);
    if (failed(kernel.verifySchedules()))
      return failure();
    kernel.build();
    rewriter.eraseOp(op);
    return success();
  }
};
} // namespace

void rung::populateMatmulPattern(RewritePatternSet &patterns) {
  patterns.add<ConvertMatmul>(patterns.getContext());
}
