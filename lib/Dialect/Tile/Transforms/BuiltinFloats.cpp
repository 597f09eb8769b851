//===- BuiltinFloats.cpp - rounding between builtin types -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BuiltinFloats.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "rung/Dialect/Rung/IR/Rung.h"

using namespace mlir;
using namespace rung;
using namespace rung::tile;

namespace {

/// The operations that the sequences here share, on i32 or i64 bits.
class Bits {
public:
  Bits(OpBuilder &builder, Location loc) : builder(builder), loc(loc) {}

  Value integer(Type type, uint64_t value) {
    return arith::ConstantOp::create(
        builder, loc,
        IntegerAttr::get(type, llvm::APInt(type.getIntOrFloatBitWidth(), value,
                                           /*isSigned=*/false,
                                           /*implicitTrunc=*/true)));
  }
  Value floating(Type type, double value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getFloatAttr(type, value));
  }
  Value asInt(Value x) {
    Type type = builder.getIntegerType(x.getType().getIntOrFloatBitWidth());
    return arith::BitcastOp::create(builder, loc, type, x);
  }
  Value asFloat(Value x, Type type) {
    return arith::BitcastOp::create(builder, loc, type, x);
  }
  /// The bits of |x|: in the order of |x|.
  Value magnitude(Value x) {
    Value bits = asInt(x);
    unsigned width = bits.getType().getIntOrFloatBitWidth();
    return arith::AndIOp::create(
        builder, loc, bits,
        integer(bits.getType(), ~uint64_t(0) >> (65 - width)));
  }
  Value select(Value which, Value x, Value y) {
    return arith::SelectOp::create(builder, loc, which, x, y);
  }
  Value compare(arith::CmpFPredicate predicate, Value x, Value y) {
    return arith::CmpFOp::create(builder, loc, predicate, x, y);
  }
  Value compare(arith::CmpIPredicate predicate, Value x, Value y) {
    return arith::CmpIOp::create(builder, loc, predicate, x, y);
  }
  Value add(Value x, uint64_t y) {
    return arith::AddIOp::create(builder, loc, x, integer(x.getType(), y));
  }
  Value add(Value x, Value y) {
    return arith::AddIOp::create(builder, loc, x, y);
  }
  Value bitAnd(Value x, uint64_t y) {
    return arith::AndIOp::create(builder, loc, x, integer(x.getType(), y));
  }
  Value bitOr(Value x, uint64_t y) {
    return arith::OrIOp::create(builder, loc, x, integer(x.getType(), y));
  }
  Value shiftRight(Value x, unsigned n) {
    return arith::ShRUIOp::create(builder, loc, x, integer(x.getType(), n));
  }
  Value clamp(Value x, double least, double greatest) {
    Value low = floating(x.getType(), least),
          high = floating(x.getType(), greatest);
    x = select(compare(arith::CmpFPredicate::OLT, x, low), low, x);
    return select(compare(arith::CmpFPredicate::OGT, x, high), high, x);
  }
  Value truncate(Value x, Type type) {
    return arith::TruncFOp::create(builder, loc, type, x);
  }
  Value truncateInt(Value x, unsigned width) {
    return arith::TruncIOp::create(builder, loc, builder.getIntegerType(width),
                                   x);
  }
  Value extend(Value x, Type type) {
    return arith::ExtFOp::create(builder, loc, type, x);
  }
  Value toInteger(Value x) {
    return arith::FPToSIOp::create(builder, loc, builder.getI32Type(), x);
  }
  Value toUnsigned(Value x) {
    return arith::FPToUIOp::create(builder, loc, builder.getI32Type(), x);
  }

  /// The neighbour on zero's side.
  Value truncateTowardZero(Value x, Type type) {
    Value nearest = truncate(x, type), wide = extend(nearest, x.getType());
    Value bits = asInt(nearest);
    Value isBeyond =
        compare(arith::CmpIPredicate::ugt, magnitude(wide), magnitude(x));
    return asFloat(select(isBeyond, add(bits, ~uint64_t(0)), bits), type);
  }

  /// f32 to bf16, on integers: the instruction that some CPUs have flushes
  /// subnormals.
  Value truncateToBF16(Value x, bool nearest) {
    Value bits = asInt(x), rounded = bits;
    if (nearest)
      rounded = add(add(bits, 0x7fff), bitAnd(shiftRight(bits, 16), 1));
    // A NaN stays one if only its low bits say so, or if the carry goes far.
    Value isNaN = compare(arith::CmpFPredicate::UNO, x, x);
    rounded = select(isNaN, bitOr(bits, 1 << 22), rounded);
    return asFloat(truncateInt(shiftRight(rounded, 16), 16),
                   builder.getBF16Type());
  }

private:
  OpBuilder &builder;
  Location loc;
};

} // namespace

Value tile::emitTruncate(OpBuilder &builder, Location loc, Value value, Type to,
                         const ConversionOptions &options) {
  Bits bits(builder, loc);
  bool nearest = options.rounding.mode == Rounding::Mode::NearestEven;
  Type f32 = builder.getF32Type();
  if (options.saturate) {
    std::optional<NumberFormat> format = numberFormatOf(to);
    value = bits.clamp(value, format->minFinite(), format->maxFinite());
  }
  if (value.getType() == to)
    return value;
  if (value.getType().isF64() && nearest)
    return bits.truncate(value, to);
  if (value.getType().isF64() && !to.isF32())
    value = bits.truncateTowardZero(value, f32);
  if (to.isBF16())
    return bits.truncateToBF16(value, nearest);
  return nearest ? bits.truncate(value, to)
                 : bits.truncateTowardZero(value, to);
}

Value tile::emitRoundToInteger(OpBuilder &builder, Location loc, Value value,
                               double least, double greatest,
                               const ConversionOptions &options) {
  Bits bits(builder, loc);
  // Sums with 1.5 * 2^23 (f32) or 1.5 * 2^52 have no fraction, and hold the
  // integer in their low bits.
  constexpr double f32Limit = 0x1p22, f32Magic = 0x1.8p23, f64Magic = 0x1.8p52;
  if (value.getType().isF32() && (least < -f32Limit || greatest > f32Limit))
    value = bits.extend(value, builder.getF64Type());
  Type type = value.getType();
  value = bits.select(bits.compare(arith::CmpFPredicate::UNO, value, value),
                      bits.floating(type, 0.0), value);
  value = bits.clamp(value, least, greatest);
  if (options.rounding.mode != Rounding::Mode::NearestEven)
    return greatest > std::numeric_limits<int32_t>::max()
               ? bits.toUnsigned(value)
               : bits.toInteger(value);
  Value magic = bits.floating(type, type.isF32() ? f32Magic : f64Magic);
  Value sum = bits.asInt(arith::AddFOp::create(builder, loc, value, magic));
  if (type.isF64())
    return bits.truncateInt(sum, 32);
  return bits.add(sum, -uint64_t(llvm::bit_cast<uint32_t>(float(f32Magic))));
}
