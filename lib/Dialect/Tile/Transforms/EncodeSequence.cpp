//===- EncodeSequence.cpp - values to codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuiltinFloats.h"
#include "EncodeSteps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

//===----------------------------------------------------------------------===//
// The search for a step
//===----------------------------------------------------------------------===//

Value tile::emitSearch(OpBuilder &builder, Location loc, Value key,
                       ArrayRef<Step> steps) {
  Type i32 = builder.getI32Type(), keyType = key.getType();
  size_t count = llvm::PowerOf2Ceil(steps.size());
  auto keyOf = [&](size_t i) -> uint64_t {
    return i < steps.size() ? uint64_t(steps[i].key)
                            : llvm::maskTrailingOnes<uint64_t>(
                                  keyType.getIntOrFloatBitWidth() - 1);
  };
  Value place =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
  Value one =
      arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(1));
  for (size_t step = count / 2; step; step /= 2) {
    SmallVector<uint64_t> middles;
    for (size_t i = step; i < count; i += 2 * step)
      middles.push_back(keyOf(i));
    bool isFirst = middles.size() == 1;
    Value middle =
        isFirst ? arith::ConstantOp::create(
                      builder, loc,
                      IntegerAttr::get(
                          keyType, llvm::APInt(keyType.getIntOrFloatBitWidth(),
                                               middles[0], /*isSigned=*/false,
                                               /*implicitTrunc=*/true)))
                : emitTable(builder, loc, place, middles, keyType);
    Value isAbove = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sge, key, middle);
    Value bit = arith::ExtUIOp::create(builder, loc, i32, isAbove);
    if (!isFirst)
      bit = arith::OrIOp::create(
          builder, loc, arith::ShLIOp::create(builder, loc, place, one), bit);
    place = bit;
  }
  return place;
}

Value tile::emitStepTable(OpBuilder &builder, Location loc, Value place,
                          SmallVector<uint64_t> entries, Type type) {
  entries.resize(llvm::PowerOf2Ceil(entries.size()), entries.back());
  return emitTable(builder, loc, place, entries, type);
}

//===----------------------------------------------------------------------===//
// Values to codes
//===----------------------------------------------------------------------===//

namespace {

/// What emitRoundToInteger computes.
double roundToInteger(double value, double least, double greatest,
                      const ConversionOptions &options) {
  value = std::isnan(value) ? 0.0 : value;
  value = std::clamp(value, least, greatest);
  return options.rounding.mode == Rounding::Mode::NearestEven
             ? std::nearbyint(value)
             : std::trunc(value);
}

/// n = code + offset for formats whose values are all integers of a range.
std::optional<AffineCode> integerRange(const NumberFormat &format) {
  std::optional<AffineCode> affine = format.affineCode();
  if (!affine || affine->scale != 1 || !format.isIntegerValued() ||
      std::fabs(affine->offset) > 0x1p20)
    return std::nullopt;
  return affine;
}

/// True if rounding to an integer gives the code of each step, at both of its
/// ends: as both are in order, everywhere.
template <typename Keys>
bool roundsToSteps(const NumberFormat &format, ArrayRef<Step> steps,
                   double offset, const ConversionOptions &options) {
  uint64_t mask = format.numCodes() - 1;
  auto agrees = [&](int64_t key, uint64_t code) {
    double n = roundToInteger(Keys::valueOf(key), format.minFinite(),
                              format.maxFinite(), options);
    return (uint64_t(int64_t(n - offset)) & mask) == code;
  };
  for (auto [i, step] : llvm::enumerate(steps)) {
    int64_t last =
        i + 1 == steps.size() ? Keys::greatest() : steps[i + 1].key - 1;
    if (!agrees(step.key, step.code) || !agrees(last, step.code))
      return false;
  }
  return true;
}

template <typename Bits>
Value emitEncodeOf(OpBuilder &builder, Location loc, Value value,
                   const NumberFormat &to, const ConversionOptions &options) {
  using Keys = KeySpace<Bits>;
  SmallVector<Step> steps = StepFinder<Keys>(to, options).find();
  std::optional<AffineCode> integer = integerRange(to);
  if (integer && roundsToSteps<Keys>(to, steps, integer->offset, options)) {
    Value n = emitRoundToInteger(builder, loc, value, to.minFinite(),
                                 to.maxFinite(), options);
    if (integer->offset == 0)
      return n;
    Value offset = arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(int32_t(integer->offset)));
    return arith::SubIOp::create(builder, loc, n, offset);
  }
  Value place =
      emitSearch(builder, loc, emitKey<Keys>(builder, loc, value), steps);
  SmallVector<uint64_t> codes;
  for (const Step &step : steps)
    codes.push_back(step.code);
  return emitStepTable(builder, loc, place, codes, builder.getI32Type());
}

} // namespace

Value tile::emitEncode(OpBuilder &builder, Location loc, Value value,
                       const NumberFormat &to,
                       const ConversionOptions &options) {
  if (value.getType().isF64())
    return emitEncodeOf<uint64_t>(builder, loc, value, to, options);
  return emitEncodeOf<uint32_t>(builder, loc, value, to, options);
}

//===----------------------------------------------------------------------===//
// Elements to elements
//===----------------------------------------------------------------------===//

/// A builtin element of at least 16 bits as f32 or f64, exactly.
static Value asWideFloat(OpBuilder &builder, Location loc, Type type,
                         Value value) {
  if (type.isF16() || type.isBF16())
    return arith::ExtFOp::create(builder, loc, builder.getF32Type(), value);
  auto integer = dyn_cast<IntegerType>(type);
  if (!integer)
    return value;
  Type wide = integer.getWidth() == 16 ? Type(builder.getF32Type())
                                       : Type(builder.getF64Type());
  if (integer.isUnsigned())
    return arith::UIToFPOp::create(builder, loc, wide, value);
  return arith::SIToFPOp::create(builder, loc, wide, value);
}

/// An element of any number format but tf32 as f64, exactly.
static Value asF64(OpBuilder &builder, Location loc, Type type, Value value) {
  Type f64 = builder.getF64Type();
  NumberFormat format = *numberFormatOf(type);
  if (format.hasTable())
    return emitDecodeCode(builder, loc, format, f64, value, {});
  value = asWideFloat(builder, loc, type, value);
  return value.getType() == f64
             ? value
             : arith::ExtFOp::create(builder, loc, f64, value).getResult();
}

/// Between integers of 16 and 32 bits; what the result cannot hold becomes its
/// least or greatest value.
static Value emitBetweenIntegers(OpBuilder &builder, Location loc, Type from,
                                 Type to, Value value) {
  NumberFormat source = *numberFormatOf(from), target = *numberFormatOf(to);
  auto isWide = [](Type type) { return type.isUnsignedInteger(32); };
  Type common = builder.getIntegerType(isWide(from) || isWide(to) ? 64 : 32);
  if (value.getType() != common)
    value = source.isSigned()
                ? arith::ExtSIOp::create(builder, loc, common, value).getOut()
                : arith::ExtUIOp::create(builder, loc, common, value).getOut();
  auto constant = [&](double x) -> Value {
    return arith::ConstantOp::create(
        builder, loc, builder.getIntegerAttr(common, int64_t(x)));
  };
  if (source.minFinite() < target.minFinite())
    value = arith::MaxSIOp::create(builder, loc, value,
                                   constant(target.minFinite()));
  if (source.maxFinite() > target.maxFinite())
    value = arith::MinSIOp::create(builder, loc, value,
                                   constant(target.maxFinite()));
  if (value.getType() == registerType(to))
    return value;
  return arith::TruncIOp::create(builder, loc, registerType(to), value);
}

Value tile::emitConvert(OpBuilder &builder, Location loc, Type from, Type to,
                        Value value, const ConversionOptions &options) {
  std::optional<NumberFormat> source = numberFormatOf(from),
                              target = numberFormatOf(to);
  if (!source || !target || isa<FloatTF32Type>(from) || isa<FloatTF32Type>(to))
    return {};
  if (from == to && !options.saturate)
    return value;
  if (options.rounding.mode == Rounding::Mode::Stochastic &&
      !(isa<IntegerType>(from) && isa<IntegerType>(to) && !target->hasTable()))
    return emitStochastic(builder, loc, asF64(builder, loc, from, value), to,
                          options);
  if (source->hasTable())
    return emitDecodeCode(builder, loc, *source, to, value, options);
  if (from == to && isa<IntegerType>(from))
    return value;
  if (isa<IntegerType>(from) && isa<IntegerType>(to) && !target->hasTable())
    return emitBetweenIntegers(builder, loc, from, to, value);
  value = asWideFloat(builder, loc, from, value);
  if (target->hasTable())
    return emitEncode(builder, loc, value, *target, options);
  if (isa<IntegerType>(to)) {
    value = emitRoundToInteger(builder, loc, value, target->minFinite(),
                               target->maxFinite(), options);
    return value.getType() == registerType(to)
               ? value
               : arith::TruncIOp::create(builder, loc, registerType(to), value);
  }
  if (to.isF64() && value.getType() != to)
    value = arith::ExtFOp::create(builder, loc, to, value);
  return emitTruncate(builder, loc, value, to, options);
}
