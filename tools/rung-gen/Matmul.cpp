//===- Matmul.cpp - The module of a quantised matmul -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Matmul.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "rung/Numerics/Lossless.h"

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Types to compute in
//===----------------------------------------------------------------------===//

static bool holds(Type wide, Type format) {
  return isLossless(*numberFormatOf(format), *numberFormatOf(wide));
}

/// True of the floats that upstream arith computes in.
static bool isWideFloat(Type type) {
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type);
}

/// True if weights of the format may be rounded to `type`. Entries of codebooks
/// are seldom exact in any float; every other value has to be kept.
static bool holdsWeight(Type type, Type weight) {
  NumberFormat format = *numberFormatOf(weight);
  if (format.kind() != NumberFormat::Kind::Codebook)
    return holds(type, weight);
  return format.maxMagnitude() <= numberFormatOf(type)->maxFinite();
}

ComputeTypes rung::chooseComputeTypes(const MatmulOptions &options) {
  MLIRContext *context = options.x.getContext();
  Type i8 = IntegerType::get(context, 8), i32 = IntegerType::get(context, 32);
  Type f32 = Float32Type::get(context), f64 = Float64Type::get(context);

  ComputeTypes types;
  auto bothFit = [&](Type type) {
    return holds(type, options.x) && holds(type, options.weight);
  };
  bool areIntegers = numberFormatOf(options.x)->isIntegerValued() &&
                     numberFormatOf(options.weight)->isIntegerValued();
  if (areIntegers && !options.scale && bothFit(i32)) {
    types.operand = bothFit(i8) ? i8 : i32;
    types.accumulator = i32;
  } else {
    types.operand = isWideFloat(options.x) ? options.x : f32;
    for (Type wider : {f32, f64})
      if (!holds(types.operand, options.x) ||
          !holdsWeight(types.operand, options.weight))
        types.operand = wider;
    types.accumulator = types.operand == f64 ? f64 : f32;
  }

  bool keepsIntegers = options.activation == Activation::None ||
                       options.activation == Activation::Relu;
  bool isIntegerResult = numberFormatOf(options.result)->isIntegerValued() &&
                         holds(i32, options.result);
  if (types.accumulator == i32 && keepsIntegers && isIntegerResult)
    types.epilogue = i32;
  else
    types.epilogue =
        types.accumulator == f64 || !holds(f32, options.result) ? f64 : f32;
  return types;
}

Type rung::zeroPointFormat(const MatmulOptions &options) {
  if (options.zeroPoint != ZeroPointMode::Integer)
    return options.scale;
  unsigned bits = numberFormatOf(options.weight)->bits();
  MLIRContext *context = options.weight.getContext();
  if (bits > 8)
    return IntegerType::get(context, bits, IntegerType::Unsigned);
  return UIntType::get(context, bits, /*offset=*/0);
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

namespace {
/// The arguments of the function; null where there is none.
struct Arguments {
  Value x, weight, scale, zeroPoint, bias, residual;
};

class MatmulBuilder {
public:
  MatmulBuilder(const MatmulOptions &options, MLIRContext *context)
      : options(options), builder(context), loc(builder.getUnknownLoc()),
        types(chooseComputeTypes(options)) {}

  OwningOpRef<ModuleOp> build();

private:
  void buildFunction();
  Value dequantizeWeight();
  Value multiply(Value x, Value weight);
  Value applyEpilogue(Value sum);
  Value buildElement(OpBuilder &body, ValueRange elements, Type target);
  Value activate(OpBuilder &body, Value value);
  Value toEpilogueType(OpBuilder &body, Value value);

  RankedTensorType matrixOf(int64_t columns, Type element) {
    return RankedTensorType::get({options.m, columns}, element);
  }
  /// An uninitialised M*N tensor.
  Value emptyResult(Type element);
  /// The same values in a format that has all of them.
  Value convertExactly(Value value, Type element);
  Value constant(OpBuilder &body, double value);

  const MatmulOptions &options;
  OpBuilder builder;
  Location loc;
  ComputeTypes types;
  Arguments arguments;
  SmallVector<Value> dynamicSizes; ///< M, if it is dynamic
};
} // namespace

Value MatmulBuilder::emptyResult(Type element) {
  return tensor::EmptyOp::create(builder, loc, matrixOf(options.n, element),
                                 dynamicSizes);
}

Value MatmulBuilder::convertExactly(Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getElementType() == element)
    return value;
  return ConvertOp::create(builder, loc, type.clone(element), value,
                           /*random=*/Value(), RoundingModeAttr(), UnitAttr());
}

Value MatmulBuilder::dequantizeWeight() {
  auto type = cast<RankedTensorType>(arguments.weight.getType());
  ZeroPointModeAttr mode;
  if (options.zeroPoint)
    mode = ZeroPointModeAttr::get(builder.getContext(), *options.zeroPoint);
  DenseI64ArrayAttr block;
  if (options.scale)
    block = builder.getDenseI64ArrayAttr({1, options.group});
  return DequantizeOp::create(builder, loc, type.clone(types.operand),
                              arguments.weight, arguments.scale,
                              /*secondScale=*/Value(), arguments.zeroPoint,
                              mode, block, /*secondBlock=*/DenseI64ArrayAttr());
}

Value MatmulBuilder::multiply(Value x, Value weight) {
  Value zero = arith::ConstantOp::create(
      builder, loc, builder.getZeroAttr(types.accumulator));
  Value zeros =
      linalg::FillOp::create(builder, loc, zero, emptyResult(types.accumulator))
          .getResult(0);
  return linalg::MatmulTransposeBOp::create(builder, loc, zeros.getType(),
                                            ValueRange{x, weight}, zeros)
      .getResult(0);
}

Value MatmulBuilder::constant(OpBuilder &body, double value) {
  if (isa<IntegerType>(types.epilogue))
    return arith::ConstantOp::create(
        body, loc, body.getIntegerAttr(types.epilogue, int64_t(value)));
  return arith::ConstantOp::create(body, loc,
                                   body.getFloatAttr(types.epilogue, value));
}

Value MatmulBuilder::toEpilogueType(OpBuilder &body, Value value) {
  if (value.getType() == types.epilogue)
    return value;
  if (isa<IntegerType>(value.getType()))
    return arith::SIToFPOp::create(body, loc, types.epilogue, value);
  return arith::ExtFOp::create(body, loc, types.epilogue, value);
}

Value MatmulBuilder::activate(OpBuilder &body, Value value) {
  switch (options.activation) {
  case Activation::None:
    return value;
  case Activation::Relu:
    if (isa<IntegerType>(types.epilogue))
      return arith::MaxSIOp::create(body, loc, value, constant(body, 0));
    return arith::MaximumFOp::create(body, loc, value, constant(body, 0));
  case Activation::Gelu: { // x / 2 * (1 + erf(x / sqrt 2))
    Value root = constant(body, 0.70710678118654752440);
    Value erf = math::ErfOp::create(
        body, loc, arith::MulFOp::create(body, loc, value, root));
    Value one = constant(body, 1), half = constant(body, 0.5);
    Value factor = arith::AddFOp::create(body, loc, erf, one);
    Value halved = arith::MulFOp::create(body, loc, value, half);
    return arith::MulFOp::create(body, loc, halved, factor);
  }
  case Activation::Silu: { // x / (1 + exp -x)
    Value negated = arith::NegFOp::create(body, loc, value);
    Value power = math::ExpOp::create(body, loc, negated);
    Value one = constant(body, 1);
    return arith::DivFOp::create(body, loc, value,
                                 arith::AddFOp::create(body, loc, power, one));
  }
  }
  llvm_unreachable("unknown activation");
}

/// One element of the result in the type `target`, from the sum and, as far as
/// they are asked for, bias and residual.
Value MatmulBuilder::buildElement(OpBuilder &body, ValueRange elements,
                                  Type target) {
  bool isInteger = isa<IntegerType>(types.epilogue);
  auto add = [&](Value left, Value right) -> Value {
    right = toEpilogueType(body, right);
    if (isInteger)
      return arith::AddIOp::create(body, loc, left, right);
    return arith::AddFOp::create(body, loc, left, right);
  };
  Value value = toEpilogueType(body, elements[0]);
  unsigned next = 1;
  if (options.bias)
    value = add(value, elements[next++]);
  value = activate(body, value);
  if (options.residual)
    value = add(value, elements[next++]);
  if (value.getType() == target)
    return value;
  return arith::TruncFOp::create(body, loc, target, value);
}

Value MatmulBuilder::applyEpilogue(Value sum) {
  // Floats that arith knows are rounded with the epilogue, others after it.
  bool isArithResult = isWideFloat(options.result);
  Type target = isArithResult ? options.result : types.epilogue;

  MLIRContext *context = builder.getContext();
  AffineMap matrix = builder.getMultiDimIdentityMap(2);
  AffineMap columns =
      AffineMap::get(2, 0, builder.getAffineDimExpr(1), context);
  SmallVector<Value> inputs = {sum};
  SmallVector<AffineMap> maps = {matrix};
  auto addInput = [&](Value value, AffineMap map) {
    inputs.push_back(isArithResult ? value
                                   : convertExactly(value, types.epilogue));
    maps.push_back(map);
  };
  if (options.bias)
    addInput(arguments.bias, columns);
  if (options.residual)
    addInput(arguments.residual, matrix);
  maps.push_back(matrix);

  Value result = sum;
  bool isIdle = types.accumulator == target && inputs.size() == 1 &&
                options.activation == Activation::None;
  if (!isIdle) {
    Value init = emptyResult(target);
    SmallVector<utils::IteratorType> iterators(2,
                                               utils::IteratorType::parallel);
    result = linalg::GenericOp::create(
                 builder, loc, init.getType(), inputs, init, maps, iterators,
                 [&](OpBuilder &body, Location, ValueRange elements) {
                   linalg::YieldOp::create(
                       body, loc, buildElement(body, elements, target));
                 })
                 .getResult(0);
  }
  if (target == options.result)
    return result;
  return ConvertOp::create(
      builder, loc, matrixOf(options.n, options.result), result,
      /*random=*/Value(),
      RoundingModeAttr::get(context, RoundingMode::NearestEven),
      builder.getUnitAttr());
}

void MatmulBuilder::buildFunction() {
  const int64_t n = options.n, k = options.k;
  SmallVector<Type> argumentTypes;
  SmallVector<Attribute> names;
  SmallVector<Value *> slots;
  auto nameOf = [&](StringRef name) -> Attribute {
    return builder.getDictionaryAttr(builder.getNamedAttr(
        RungDialect::kNameAttrName, builder.getStringAttr(name)));
  };
  auto declare = [&](StringRef name, Value &slot, RankedTensorType type) {
    argumentTypes.push_back(type);
    names.push_back(nameOf(name));
    slots.push_back(&slot);
  };
  declare("x", arguments.x, matrixOf(k, options.x));
  declare("w", arguments.weight, RankedTensorType::get({n, k}, options.weight));
  if (options.scale) {
    int64_t groups = llvm::divideCeil(k, options.group);
    declare("s", arguments.scale,
            RankedTensorType::get({n, groups}, options.scale));
    if (options.zeroPoint)
      declare("z", arguments.zeroPoint,
              RankedTensorType::get({n, groups}, zeroPointFormat(options)));
  }
  if (options.bias)
    declare("bias", arguments.bias, RankedTensorType::get({n}, options.result));
  if (options.residual)
    declare("residual", arguments.residual, matrixOf(n, options.result));

  Type resultType = matrixOf(n, options.result);
  auto function =
      func::FuncOp::create(builder, loc, options.entry,
                           builder.getFunctionType(argumentTypes, resultType));
  function.setAllArgAttrs(names);
  function.setAllResultAttrs(nameOf("y"));
  Block *entry = function.addEntryBlock();
  for (auto [slot, argument] : llvm::zip_equal(slots, entry->getArguments()))
    *slot = argument;

  builder.setInsertionPointToStart(entry);
  if (ShapedType::isDynamic(options.m))
    dynamicSizes.push_back(tensor::DimOp::create(builder, loc, arguments.x, 0));
  Value weight = dequantizeWeight();
  Value x = convertExactly(arguments.x, types.operand);
  Value y = applyEpilogue(multiply(x, weight));
  func::ReturnOp::create(builder, loc, y);
}

OwningOpRef<ModuleOp> MatmulBuilder::build() {
  OwningOpRef<ModuleOp> module = ModuleOp::create(builder, loc);
  builder.setInsertionPointToStart(module->getBody());
  buildFunction();
  return module;
}

OwningOpRef<ModuleOp> rung::buildMatmul(const MatmulOptions &options,
                                        MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       linalg::LinalgDialect, math::MathDialect,
                       tensor::TensorDialect, RungDialect>();
  return MatmulBuilder(options, context).build();
}
