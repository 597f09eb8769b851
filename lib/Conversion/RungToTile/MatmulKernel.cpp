//===- MatmulKernel.cpp - what all kernels of a rung.matmul share -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

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
      packed(cantFail(PackedLayout::parse(weight.storage.getLayout()))),
      N(weight.storage.getShape()[0]), K(weight.storage.getShape()[1]),
      M(b.size(result, 0)), compute(*op.getCompute()),
      sum(sumFormat(getDevice(op->getParentOfType<ModuleOp>()), compute)),
      group(0) {
  SmallVector<Type> formats;
  for (const KernelOperand &operand : {scale, second, zero, bias, residual})
    if (operand)
      formats.push_back(operand.format());
  // Integer sums stay integers where the epilogue keeps them integers.
  auto isKept = [&](Type format) {
    return numberFormatOf(format)->isIntegerValued() &&
           isLossless(*numberFormatOf(format), *numberFormatOf(sum));
  };
  bool isScaled = scale || second || zero;
  bool isKeptActivation = op.getActivation() == Activation::None ||
                          op.getActivation() == Activation::Relu;
  bool isInteger = isa<IntegerType>(sum) && !isScaled && isKeptActivation &&
                   llvm::all_of(formats, isKept);
  formats.push_back(isa<IntegerType>(sum) ? result.format() : sum);
  real = isInteger ? sum : commonFloat(op.getContext(), formats);

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
}

void MatmulKernel::build() {
  auto schedules = op.getSchedules()->getAsRange<ScheduleAttr>();
  prepare();
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
// Activations in the compute format
//===----------------------------------------------------------------------===//

KernelOperand MatmulKernel::allocate(ArrayRef<int64_t> shape, Type type) {
  auto storage = StorageAttr::get(type, shape);
  RankedTensorType stored = storage.getStorageType();
  SmallVector<Value> sizes;
  if (llvm::is_contained(shape, ShapedType::kDynamic))
    sizes.push_back(M);
  Value memory = memref::AllocOp::create(
      b, MemRefType::get(stored.getShape(), stored.getElementType()), sizes);
  temporaries.push_back(memory);
  return {memory, storage};
}

KernelOperand MatmulKernel::prepareActivations(
    int64_t depth, function_ref<void(Value, const KernelOperand &)> more) {
  bool isReady = x.format() == compute && K % depth == 0 &&
                 x.storage.getKind() == StorageKind::Canonical &&
                 numberFormatOf(compute)->bits() >= 8;
  if (isReady && !more)
    return x;
  int64_t paddedK = llvm::alignTo(K, std::max(depth, b.lanes));
  KernelOperand prepared =
      isReady ? x : allocate({result.storage.getShape()[0], paddedK}, compute);
  b.launch(M, [&](ValueRange position) {
    Value m = position[0];
    LayoutAttr line = b.lanesAreColumns();
    if (!isReady) {
      int64_t whole = K / b.lanes * b.lanes;
      auto copy = [&](Value k, ValueRange bounds) {
        b.store(b.convert(b.load(x, {m, k}, line, bounds), compute), prepared,
                {m, k}, bounds);
      };
      if (whole)
        b.loop(b.index(0), b.index(whole), b.lanes,
               [&](Value k) { copy(k, {}); });
      for (int64_t k = whole; k < paddedK; k += b.lanes)
        b.store(b.splat(0, compute, line), prepared, {m, b.index(k)});
      if (whole != K)
        copy(b.index(whole), {M, b.index(K)});
    }
    if (more) {
      if (!isReady) // what other lanes have written
        tile::BarrierOp::create(b);
      more(m, prepared);
    }
  });
  return prepared;
}

//===----------------------------------------------------------------------===//
// Scales, zero points
//===----------------------------------------------------------------------===//

Value MatmulKernel::loadBlocked(const KernelOperand &operand,
                                ArrayRef<int64_t> block, Value row, Value k,
                                LayoutAttr layout, ValueRange bounds) {
  if (operand.rank() != 2)
    return b.convert(b.load(operand, b.index(0), b.replicated(1, 1)), real);
  // Their rows are padded to strips of 16: more may reach beyond.
  constexpr int64_t storedRows = 16;
  SmallVector<Value> within(bounds);
  if (bounds.empty() && layout.getRows() > storedRows)
    within = {b.index(llvm::alignTo(N, storedRows)), b.index(K)};
  return b.convert(b.load(operand, {row, k}, layout, within, block), real);
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

Value MatmulKernel::addScaled(Value acc, Value sum, Value total, Value row,
                              Value k, LayoutAttr column) {
  bool isRescale = zero && *op.getMode() == ZeroPointMode::Rescale;
  SmallVector<Value> inputs = {acc, b.convert(sum, real)};
  if (scale)
    inputs.push_back(loadScale(row, k, column));
  if (zero) {
    inputs.push_back(loadBlocked(zero, zeroBlock, row, k, column));
    inputs.push_back(b.convert(total, real));
  }
  LayoutAttr layout = cast<tile::FragmentType>(acc.getType()).getLayout();
  return b.map(
      inputs, real, layout,
      [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
        Value acc = args[0], sum = args[1];
        auto addTo = [&](Value part, Value to) -> Value {
          return scale
                     ? math::FmaOp::create(body, args[2], part, to).getResult()
                     : addNumbers(body, part, to);
        };
        if (!zero)
          return addTo(sum, acc);
        Value offset = arith::NegFOp::create(body, args.drop_back().back());
        Value total = args.back();
        if (!isRescale)
          return addTo(math::FmaOp::create(body, offset, total, sum), acc);
        return addTo(sum, math::FmaOp::create(body, offset, total, acc));
      });
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

void MatmulKernel::finish(Value acc, Value row, Value firstX,
                          LayoutAttr column) {
  LayoutAttr layout = cast<tile::FragmentType>(acc.getType()).getLayout();
  if (bias || residual || op.getActivation() != Activation::None) {
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
    acc = b.map(inputs, real, layout,
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
  b.store(b.convert(acc, result.format(), op.getSaturate()), result,
          {firstX, row}, {M, b.index(N)},
          /*transposed=*/true);
}
