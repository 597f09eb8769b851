//===- DecodeSequence.cpp - codes to values -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"
#include "BuiltinFloats.h"
#include "CodeOps.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Numerics/Lossless.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>
#include <variant>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

//===----------------------------------------------------------------------===//
// Sequences from a code to the bits of an f32
//===----------------------------------------------------------------------===//

namespace {

/// Bits of f32 below the exponent, and its bias.
constexpr unsigned f32MantissaBits = 23;
constexpr int f32Bias = 127;
constexpr uint32_t f32Infinity = 0x7f800000, f32NaN = 0x7fc00000;

template <typename Ops>
typename Ops::Int extend(Ops &ops, typename Ops::Int code, unsigned bits,
                         bool isSigned) {
  if (isSigned)
    return ops.shrSigned(ops.shl(code, 32 - bits), 32 - bits);
  return ops.bitAnd(code, llvm::maskTrailingOnes<uint32_t>(bits));
}

bool isSmallInteger(double x) {
  return x == std::trunc(x) && std::fabs(x) < 0x1p30;
}

/// scale * n + offset.
template <typename Ops>
typename Ops::Float decodeAffine(Ops &ops, typename Ops::Int code,
                                 unsigned bits, AffineCode affine) {
  typename Ops::Int n = extend(ops, code, bits, affine.isSigned);
  double offset = affine.offset / affine.scale;
  bool addInteger = affine.scale != 0 && isSmallInteger(offset);
  if (addInteger && offset != 0)
    n = ops.add(n, ops.constant(static_cast<uint32_t>(int64_t(offset))));
  typename Ops::Float x = ops.toFloat(n);
  if (affine.scale != 1)
    x = ops.mul(x, ops.constantFloat(float(affine.scale)));
  if (!addInteger && affine.offset != 0)
    x = ops.addFloat(x, ops.constantFloat(float(affine.offset)));
  return x;
}

/// Sign, exponent and mantissa moved to their places, the bias corrected.
template <typename Ops>
typename Ops::Float decodeMinifloat(Ops &ops, typename Ops::Int code,
                                    const MinifloatView &view) {
  unsigned width = view.exponentBits + view.mantissaBits;
  uint32_t least = uint32_t(1) << view.mantissaBits;
  unsigned shift = f32MantissaBits - view.mantissaBits;
  typename Ops::Int magnitude =
      ops.bitAnd(code, llvm::maskTrailingOnes<uint32_t>(width));
  typename Ops::Int moved = ops.shl(magnitude, shift);
  typename Ops::Int normal = ops.add(
      moved, ops.constant(static_cast<uint32_t>(f32Bias - view.bias) << 23));
  typename Ops::Int bits = normal;
  float unit =
      std::ldexp(1.0f, 1 - view.bias - static_cast<int>(view.mantissaBits));
  typename Ops::Int subnormal =
      ops.asInt(ops.mul(ops.toFloat(magnitude), ops.constantFloat(unit)));
  bits = ops.select(ops.isBelow(magnitude, least), subnormal, normal);
  uint32_t top = llvm::maskTrailingOnes<uint32_t>(width);
  if (view.specials == Specials::IEEE) {
    uint32_t infinity = top & ~(least - 1);
    bits = ops.select(ops.isBelow(magnitude, infinity), bits,
                      ops.bitOr(moved, ops.constant(f32Infinity)));
  }
  if (view.specials == Specials::FN)
    bits = ops.select(ops.isEqual(magnitude, top), ops.constant(f32NaN), bits);
  if (!view.isSigned)
    return ops.asFloat(bits);
  typename Ops::Int sign =
      ops.bitAnd(ops.shl(code, 31 - width), uint32_t(1) << 31);
  bits = ops.bitOr(bits, sign);
  // The code of -0 has become -0.
  if (view.specials == Specials::FNUZ)
    bits = ops.select(ops.isEqual(bits, uint32_t(1) << 31),
                      ops.constant(f32NaN), bits);
  return ops.asFloat(bits);
}

/// 2^(code - 127), 255 is NaN: e8m0.
template <typename Ops>
typename Ops::Float decodeExponent(Ops &ops, typename Ops::Int code) {
  code = ops.bitAnd(code, 0xff);
  typename Ops::Int bits = ops.shl(code, f32MantissaBits);
  // 2^-127 is a subnormal with this one bit, NaN is infinity with it.
  typename Ops::Int bit = ops.constant(uint32_t(1) << 22);
  bits = ops.select(ops.isEqual(code, 0), bit, bits);
  bits = ops.select(ops.isEqual(code, 0xff), ops.bitOr(bits, bit), bits);
  return ops.asFloat(bits);
}

/// How a value follows from its code. The structure of a format is found once.
struct ByLine {
  AffineCode affine;
};
struct ByFields {
  MinifloatView view;
};
struct ByExponent {};
using Method = std::variant<ByLine, ByFields, ByExponent>;

/// The same for all methods, so that what is proved is what is emitted.
template <typename Ops>
typename Ops::Float decodeBy(Ops &ops, const Method &method, unsigned bits,
                             typename Ops::Int code) {
  if (const auto *line = std::get_if<ByLine>(&method))
    return decodeAffine(ops, code, bits, line->affine);
  if (const auto *fields = std::get_if<ByFields>(&method))
    return decodeMinifloat(ops, code, fields->view);
  return decodeExponent(ops, code);
}

bool isSame(float x, double expected) {
  if (std::isnan(expected))
    return std::isnan(x);
  return double(x) == expected && std::signbit(x) == std::signbit(expected);
}

/// True if the method gives the value of every code, whatever is above it.
bool isProved(const Method &method, const NumberFormat &from) {
  EvaluateOps ops;
  for (uint64_t code = 0; code != from.numCodes(); ++code) {
    if (!from.isValid(code))
      continue;
    uint32_t above = ~llvm::maskTrailingOnes<uint32_t>(from.bits());
    for (uint32_t dirty : {uint32_t(code), uint32_t(code) | above})
      if (!isSame(decodeBy(ops, method, from.bits(), dirty),
                  from.valueAsDouble(code)))
        return false;
  }
  return true;
}

std::optional<Method> chooseMethod(const NumberFormat &from) {
  SmallVector<Method, 3> methods;
  if (std::optional<AffineCode> affine = from.affineCode())
    methods.push_back(ByLine{*affine});
  if (std::optional<MinifloatView> view = from.minifloatView())
    methods.push_back(ByFields{*view});
  if (from.bits() == 8)
    methods.push_back(ByExponent{});
  for (const Method &method : methods)
    if (isProved(method, from))
      return method;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The code in `to` of every code of `from`; 0 for those that have no value.
SmallVector<uint64_t> convertedCodes(const NumberFormat &from,
                                     const NumberFormat &to,
                                     const ConversionOptions &options) {
  uint64_t zero = *to.encode(0.0, {}, /*saturate=*/true);
  SmallVector<uint64_t> codes;
  for (uint64_t code = 0; code != from.numCodes(); ++code) {
    std::optional<llvm::APFloat> value = from.value(code);
    std::optional<uint64_t> converted;
    if (value)
      converted = to.encode(*value, options.rounding, options.saturate);
    codes.push_back(converted.value_or(zero));
  }
  return codes;
}

} // namespace

Value tile::emitTable(OpBuilder &builder, Location loc, Value index,
                      ArrayRef<uint64_t> entries, Type type) {
  auto tableType =
      RankedTensorType::get({static_cast<int64_t>(entries.size())}, type);
  SmallVector<Attribute> attributes;
  for (uint64_t entry : entries) {
    llvm::APInt bits(type.getIntOrFloatBitWidth(), entry, /*isSigned=*/false,
                     /*implicitTrunc=*/true);
    if (auto floating = dyn_cast<mlir::FloatType>(type))
      attributes.push_back(FloatAttr::get(
          type, llvm::APFloat(floating.getFloatSemantics(), bits)));
    else
      attributes.push_back(IntegerAttr::get(type, bits));
  }
  return LookupOp::create(builder, loc, type, index,
                          DenseElementsAttr::get(tableType, attributes));
}

//===----------------------------------------------------------------------===//
// Codes to elements
//===----------------------------------------------------------------------===//

/// n = code + offset for two integer formats, or nothing.
static std::optional<AffineCode> integerCode(const NumberFormat &format) {
  std::optional<AffineCode> affine = format.affineCode();
  if (!affine || affine->scale != 1 || !isSmallInteger(affine->offset))
    return std::nullopt;
  return affine;
}

/// Between integer formats, without loss.
static Value emitIntegerDecode(OpBuilder &builder, Location loc,
                               const NumberFormat &from, const NumberFormat &to,
                               Value code) {
  std::optional<AffineCode> source = integerCode(from),
                            target = integerCode(to);
  if (!source || !target || !isLossless(from, to))
    return {};
  EmitOps ops(builder, loc);
  Value n = extend(ops, code, from.bits(), source->isSigned);
  int64_t difference = static_cast<int64_t>(source->offset) -
                       static_cast<int64_t>(target->offset);
  return difference ? ops.add(n, ops.constant(uint32_t(difference))) : n;
}

Value tile::emitDecodeCode(OpBuilder &builder, Location loc,
                           const NumberFormat &from, Type to, Value code,
                           const ConversionOptions &options) {
  std::optional<NumberFormat> target = numberFormatOf(to);
  Type i32 = builder.getI32Type(), f32 = builder.getF32Type();
  if (!target || isa<FloatTF32Type>(to) || !from.hasTable())
    return {};
  bool inRegisters =
      static_cast<int64_t>(from.numCodes()) <= options.lookupEntries;
  // Then infinity becomes a number.
  bool saturates = options.saturate && from.hasInfinity();
  auto lookup = [&](const NumberFormat &format, Type type) {
    return emitTable(builder, loc, code, convertedCodes(from, format, options),
                     type);
  };

  if (!isa<mlir::FloatType>(to) || target->hasTable()) {
    if (from == *target && !saturates)
      return code;
    Value result = emitIntegerDecode(builder, loc, from, *target, code);
    if (!result)
      result = lookup(*target, i32);
    if (registerType(to) == i32)
      return result;
    return arith::TruncIOp::create(builder, loc, registerType(to), result);
  }

  bool throughF32 = !saturates && isLossless(from, NumberFormat::f32()) &&
                    (to.isF64() || isLossless(from, *target));
  std::optional<Method> method;
  if (throughF32 && !inRegisters)
    method = chooseMethod(from);
  if (method || (to.isF64() && throughF32 && inRegisters)) {
    EmitOps ops(builder, loc);
    Value wide = method ? decodeBy(ops, *method, from.bits(), code)
                        : lookup(NumberFormat::f32(), f32);
    if (to.isF32())
      return wide;
    if (to.isF64())
      return arith::ExtFOp::create(builder, loc, to, wide);
    return emitTruncate(builder, loc, wide, to, options);
  }
  if (to.isF32() || to.isF64())
    return lookup(*target, to);
  // Registers look up 32-bit entries: the 16 bits of the result in one.
  Value bits = arith::TruncIOp::create(builder, loc, builder.getI16Type(),
                                       lookup(*target, i32));
  return arith::BitcastOp::create(builder, loc, to, bits);
}

SmallVector<Value> tile::emitUnpack(OpBuilder &builder, Location loc,
                                    const BitOrder &order, ValueRange words) {
  EmitOps ops(builder, loc);
  SmallVector<Value> plain(words);
  for (auto [word, flips] : llvm::zip_equal(plain, order.flips()))
    if (flips)
      word = ops.bitXor(word, ops.constant(flips));
  SmallVector<Value> codes;
  for (unsigned v = 0; v != order.codes(); ++v) {
    Value code;
    for (const BitOrder::Field &field : order.fields(v)) {
      Value part = plain[field.word];
      bool isLast = field.bit + field.width == order.bits();
      // Nothing is needed of the bits above the code, so its last field, if it
      // lies high enough, is only shifted.
      if (isLast && field.shift >= field.bit) {
        part = ops.shrUnsigned(part, field.shift - field.bit);
        if (field.bit)
          part = ops.bitAnd(part, ~llvm::maskTrailingOnes<uint32_t>(field.bit));
      } else {
        part = ops.shrUnsigned(part, field.shift);
        if (!isLast)
          part =
              ops.bitAnd(part, llvm::maskTrailingOnes<uint32_t>(field.width));
        part = ops.shl(part, field.bit);
      }
      code = code ? ops.bitOr(code, part) : part;
    }
    codes.push_back(code);
  }
  return codes;
}

/// Two words, the low one first, as an element of 64 bits.
static Value elementOfWords(OpBuilder &builder, Location loc, Type type,
                            Value low, Value high) {
  auto wide = [&](Value word) -> Value {
    return arith::ExtUIOp::create(builder, loc, builder.getI64Type(), word);
  };
  Value shift =
      arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(32));
  Value code = arith::OrIOp::create(
      builder, loc, wide(low),
      arith::ShLIOp::create(builder, loc, wide(high), shift));
  return arith::BitcastOp::create(builder, loc, type, code);
}

/// A code of 16 or 32 bits as an element.
static Value elementOfCode(OpBuilder &builder, Location loc, Type type,
                           Value code) {
  unsigned bits = type.getIntOrFloatBitWidth();
  if (bits == 16)
    code = arith::TruncIOp::create(builder, loc, builder.getI16Type(), code);
  if (isa<mlir::FloatType>(type))
    code = arith::BitcastOp::create(builder, loc, type, code);
  return code;
}

SmallVector<Value> tile::emitDecode(OpBuilder &builder, Location loc, Type from,
                                    const BitOrder &order, Type to,
                                    ValueRange words,
                                    const ConversionOptions &options) {
  std::optional<NumberFormat> format = numberFormatOf(from);
  if (!format)
    return {};
  SmallVector<Value> values;
  if (format->bits() == 64) {
    for (unsigned v = 0; v != order.codes(); ++v)
      if (Value value =
              emitConvert(builder, loc, from, to,
                          elementOfWords(builder, loc, from, words[2 * v],
                                         words[2 * v + 1]),
                          options))
        values.push_back(value);
    return values;
  }
  for (Value code : emitUnpack(builder, loc, order, words)) {
    Value value =
        format->hasTable()
            ? emitDecodeCode(builder, loc, *format, to, code, options)
            : emitConvert(builder, loc, from, to,
                          elementOfCode(builder, loc, from, code), options);
    if (!value)
      return {};
    values.push_back(value);
  }
  return values;
}
