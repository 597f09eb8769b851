//===- KernelBuilder.cpp - what the kernels of convert-rung-to-tile share -*-
// C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "rung/Numerics/Lossless.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

/// Bits of a dimension of `size` points, a power of two.
static unsigned bitsOf(int64_t size) { return llvm::Log2_64(size); }

/// `map` with its dimensions in the order that layouts have.
static LayoutAttr layoutOf(MLIRContext *context, const LinearLayout &map,
                           std::optional<BitOrder> order = std::nullopt) {
  SmallVector<StringRef> ins = {"register", "lane"};
  if (order)
    ins.insert(ins.begin(), "code");
  return LayoutAttr::get(
      context, map.reorderIns(ins).reorderOuts({"row", "col"}), order);
}

LayoutAttr KernelBuilder::lanesAreRows(int64_t columns) {
  return layoutOf(
      getContext(),
      LinearLayout::identity1D(bitsOf(lanes), "lane", "row") *
          LinearLayout::identity1D(bitsOf(columns), "register", "col"));
}
LayoutAttr KernelBuilder::packedRows(const BitOrder &order, int64_t depth) {
  return layoutOf(
      getContext(),
      LinearLayout::identity1D(bitsOf(lanes), "lane", "row") *
          LinearLayout::identity1D(bitsOf(order.codes()), "code", "col") *
          LinearLayout::identity1D(bitsOf(depth / order.codes()), "register",
                                   "col"),
      order);
}
LayoutAttr KernelBuilder::lanesAreColumns() {
  return layoutOf(getContext(),
                  LinearLayout::identity1D(bitsOf(lanes), "lane", "col") *
                      LinearLayout::identity1D(0, "register", "row"));
}
LayoutAttr KernelBuilder::replicated(int64_t rows, int64_t columns) {
  return layoutOf(
      getContext(),
      LinearLayout::zeros1D(bitsOf(lanes), "lane", "row") *
          LinearLayout::identity1D(bitsOf(columns), "register", "col") *
          LinearLayout::identity1D(bitsOf(rows), "register", "row"));
}

Value KernelBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}
Value KernelBuilder::add(Value a, Value b) {
  return arith::AddIOp::create(*this, a, b, arith::IntegerOverflowFlags::nsw);
}
Value KernelBuilder::multiply(Value a, int64_t b) {
  return arith::MulIOp::create(*this, a, index(b),
                               arith::IntegerOverflowFlags::nsw);
}

Value KernelBuilder::size(const KernelOperand &operand, unsigned dim) {
  int64_t size = operand.storage.getShape()[dim];
  if (!ShapedType::isDynamic(size))
    return index(size);
  return memref::DimOp::create(*this, operand.memory, dim);
}

Value KernelBuilder::splat(double value, Type type, LayoutAttr layout) {
  Type held = tile::registerType(type);
  TypedAttr attr;
  if (held != type) // a code
    attr = getIntegerAttr(held, int64_t(*numberFormatOf(type)->encode(value)));
  else if (isa<mlir::FloatType>(type))
    attr = getFloatAttr(type, value);
  else
    attr = getIntegerAttr(type, int64_t(value));
  return tile::SplatOp::create(*this, FragmentType::get(type, layout),
                               arith::ConstantOp::create(*this, attr));
}

/// The storage to write on an access: none for memory that is its own.
static StorageAttr explicitStorage(const KernelOperand &operand) {
  return operand.storage.isIdentity() ? StorageAttr() : operand.storage;
}

Value KernelBuilder::load(const KernelOperand &operand, ValueRange indices,
                          LayoutAttr layout, ValueRange bounds,
                          std::optional<ArrayRef<int64_t>> block,
                          bool transposed) {
  return tile::LoadOp::create(
      *this, FragmentType::get(operand.format(), layout), operand.memory,
      indices, bounds, explicitStorage(operand),
      block ? getDenseI64ArrayAttr(*block) : DenseI64ArrayAttr(), transposed);
}

void KernelBuilder::store(Value fragment, const KernelOperand &operand,
                          ValueRange indices, ValueRange bounds,
                          bool transposed) {
  tile::StoreOp::create(*this, fragment, operand.memory, indices, bounds,
                        explicitStorage(operand), transposed);
}

Value KernelBuilder::convert(Value fragment, Type type, bool saturate,
                             RoundingMode rounding, Value random) {
  auto from = cast<FragmentType>(fragment.getType());
  LayoutAttr layout = from.getLayout();
  if (layout.isPacked())
    return decode(fragment, type, lanesAreRows(layout.getColumns()));
  NumberFormat source = *numberFormatOf(from.getElementType());
  bool isExact = isLossless(source, *numberFormatOf(type)) &&
                 !(saturate && source.hasInfinity());
  if (from.getElementType() == type && isExact)
    return fragment;
  RoundingModeAttr mode = isExact
                              ? RoundingModeAttr()
                              : RoundingModeAttr::get(getContext(), rounding);
  return tile::ConvertOp::create(*this, FragmentType::get(type, layout),
                                 fragment, isExact ? Value() : random, mode,
                                 saturate && !isExact);
}

Value KernelBuilder::decode(Value packed, Type type, LayoutAttr layout) {
  Type source = cast<FragmentType>(packed.getType()).getElementType();
  RoundingModeAttr mode =
      isLossless(*numberFormatOf(source), *numberFormatOf(type))
          ? RoundingModeAttr()
          : RoundingModeAttr::get(getContext(), RoundingMode::NearestEven);
  return tile::ConvertOp::create(*this, FragmentType::get(type, layout), packed,
                                 Value(), mode, /*saturate=*/false);
}

Value KernelBuilder::map(
    ValueRange inputs, Type type, LayoutAttr layout,
    function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body) {
  auto op = tile::MapOp::create(*this, FragmentType::get(type, layout), inputs);
  OpBuilder::InsertionGuard guard(*this);
  Block *block = createBlock(&op.getBody());
  for (Value input : inputs)
    block->addArgument(
        tile::registerType(
            cast<FragmentType>(input.getType()).getElementType()),
        getLoc());
  Value result = body(*this, block->getArguments());
  tile::YieldOp::create(*this, result);
  return op;
}

Value KernelBuilder::loop(Value lower, Value upper, int64_t step, Value init,
                          function_ref<Value(Value, Value)> body) {
  auto op = scf::ForOp::create(*this, lower, upper, index(step), init);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  scf::YieldOp::create(*this,
                       body(op.getInductionVar(), op.getRegionIterArg(0)));
  return op.getResult(0);
}

void KernelBuilder::loop(Value lower, Value upper, int64_t step,
                         function_ref<void(Value)> body) {
  auto op = scf::ForOp::create(*this, lower, upper, index(step));
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointToStart(op.getBody());
  body(op.getInductionVar());
}

void KernelBuilder::launch(ValueRange sizes,
                           function_ref<void(ValueRange)> body, int64_t warps) {
  auto op = tile::LaunchOp::create(*this, sizes, warps);
  OpBuilder::InsertionGuard guard(*this);
  Block *block = createBlock(&op.getBody());
  for (size_t dim = 0; dim != sizes.size(); ++dim)
    block->addArgument(getIndexType(), getLoc());
  body(block->getArguments());
  tile::YieldOp::create(*this);
}

Type rung::commonFloat(MLIRContext *context, ArrayRef<Type> formats) {
  Type f32 = Float32Type::get(context);
  for (Type format : formats)
    if (format && !isLossless(*numberFormatOf(format), *numberFormatOf(f32)))
      return Float64Type::get(context);
  return f32;
}

Value rung::addNumbers(ImplicitLocOpBuilder &b, Value x, Value y) {
  if (isa<mlir::FloatType>(x.getType()))
    return arith::AddFOp::create(b, x, y);
  return arith::AddIOp::create(b, x, y);
}
Value rung::subtractNumbers(ImplicitLocOpBuilder &b, Value x, Value y) {
  if (isa<mlir::FloatType>(x.getType()))
    return arith::SubFOp::create(b, x, y);
  return arith::SubIOp::create(b, x, y);
}
Value rung::multiplyNumbers(ImplicitLocOpBuilder &b, Value x, Value y) {
  if (isa<mlir::FloatType>(x.getType()))
    return arith::MulFOp::create(b, x, y);
  return arith::MulIOp::create(b, x, y);
}
