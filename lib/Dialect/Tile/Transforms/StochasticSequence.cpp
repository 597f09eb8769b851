//===- StochasticSequence.cpp - rounding by random bits -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// With n random bits r, x between its neighbours low and high becomes high iff
//
//   x > low + (high - low) * r / 2^n
//
// All is done in f64, exactly:
//
//   tables    low and high - low are looked up for the step that x is on; the
//             right side is exact for up to maxRandomBits bits
//   floats    x less its neighbour on zero's side is exact, and the distance
//             of the neighbours a power of two
//   integers  so is x less its integral part, and the distance is one
//
//===----------------------------------------------------------------------===//

#include "BuiltinFloats.h"
#include "EncodeSteps.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Numerics/Dyadic.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

//===----------------------------------------------------------------------===//
// The intervals between values
//===----------------------------------------------------------------------===//

namespace {
using Keys = KeySpace<uint64_t>;

/// Numbers from `key` on, up to the next interval's: those above low + gap * r
/// / 2^n become `high`, the others `low`. Without a gap the two are the same.
struct Interval {
  int64_t key;
  double lowValue = 0, gap = 0;
  uint64_t low, high;
};

/// The exponent of the lowest bit of a finite number other than 0.
int unitExponent(double value) {
  int exponent;
  double fraction = std::frexp(value, &exponent);
  auto digits = static_cast<int64_t>(std::ldexp(std::fabs(fraction), 53));
  return exponent - 53 + llvm::countr_zero(static_cast<uint64_t>(digits));
}

/// The most random bits for which low + gap * r / 2^n is a double for every r.
int exactRandomBits(double low, double gap) {
  constexpr int digits = 53, leastExponent = -1074;
  double high = low + gap;
  if (!std::isfinite(high) ||
      !(Dyadic::fromDouble(low) + Dyadic::fromDouble(gap) ==
        Dyadic::fromDouble(high)))
    return 0;
  int top =
      std::max({low == 0 ? leastExponent : std::ilogb(low),
                high == 0 ? leastExponent : std::ilogb(high), std::ilogb(gap)});
  int unit = std::max(top - digits + 1, leastExponent);
  if (low != 0 && unitExponent(low) < unit)
    return 0;
  return std::max(unitExponent(gap) - unit, 0);
}

/// The intervals of a format of at most 8 bits, from what NumberFormat::encode
/// does with the least random number and with the one half way.
SmallVector<Interval> findIntervals(const NumberFormat &format, bool saturate) {
  ConversionOptions least, middle;
  least.saturate = middle.saturate = saturate;
  least.rounding = Rounding::stochastic(0, 1);
  middle.rounding = Rounding::stochastic(1, 1);
  SmallVector<Step> lows = StepFinder<Keys>(format, least).find(),
                    middles = StepFinder<Keys>(format, middle).find();
  SmallVector<Interval> intervals;
  for (auto [low, half] : llvm::zip_equal(lows, middles)) {
    Interval interval{low.key, 0, 0, low.code, low.code};
    // The numbers that the step does not hold end with these.
    double lowValue =
        low.key == Keys::least() ? std::nan("") : Keys::valueOf(low.key - 1);
    if (std::isfinite(lowValue) && low.key != half.key) {
      interval.lowValue = lowValue;
      interval.gap = 2 * (Keys::valueOf(half.key - 1) - lowValue);
      interval.low = intervals.back().high;
    }
    intervals.push_back(interval);
  }
  return intervals;
}
} // namespace

unsigned tile::maxRandomBits(const NumberFormat &to, bool saturate) {
  constexpr int kMost = 32;
  if (!to.hasTable())
    return kMost;
  int most = kMost;
  for (const Interval &interval : findIntervals(to, saturate))
    if (interval.gap != 0)
      most = std::min(most, exactRandomBits(interval.lowValue, interval.gap));
  return most;
}

//===----------------------------------------------------------------------===//
// The sequences
//===----------------------------------------------------------------------===//

namespace {
class StochasticEmitter {
public:
  StochasticEmitter(OpBuilder &builder, Location loc,
                    const ConversionOptions &options)
      : builder(builder), loc(loc), options(options), f64(builder.getF64Type()),
        i32(builder.getI32Type()), bits(options.rounding.numRandomBits) {
    Value random = options.randomBits;
    if (bits < 32)
      random = arith::AndIOp::create(builder, loc, random,
                                     integer(i32, (uint64_t(1) << bits) - 1));
    randomNumber = arith::UIToFPOp::create(builder, loc, f64, random);
  }

  /// The code of `x` in a format of at most 8 bits, as i32.
  Value toTable(Value x, const NumberFormat &to) {
    SmallVector<Interval> intervals = findIntervals(to, options.saturate);
    SmallVector<Step> steps;
    SmallVector<uint64_t> lowValues, gaps, lows, highs;
    for (const Interval &interval : intervals) {
      steps.push_back({interval.key, interval.high});
      lowValues.push_back(llvm::bit_cast<uint64_t>(interval.lowValue));
      gaps.push_back(
          llvm::bit_cast<uint64_t>(std::ldexp(interval.gap, -int(bits))));
      lows.push_back(interval.low);
      highs.push_back(interval.high);
    }
    Value place =
        emitSearch(builder, loc, emitKey<Keys>(builder, loc, x), steps);
    auto table = [&](ArrayRef<uint64_t> entries, Type type) {
      return emitStepTable(builder, loc, place, SmallVector<uint64_t>(entries),
                           type);
    };
    Value threshold = arith::AddFOp::create(
        builder, loc, table(lowValues, f64),
        arith::MulFOp::create(builder, loc, table(gaps, f64), randomNumber));
    Value isLow = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLE,
                                        x, threshold);
    return arith::SelectOp::create(builder, loc, isLow, table(lows, i32),
                                   table(highs, i32));
  }

  /// `x` as an element of a builtin float type of at least 16 bits.
  Value toFloat(Value x, Type to) {
    NumberFormat format = *numberFormatOf(to);
    if (options.saturate)
      x = clamp(x, format.minFinite(), format.maxFinite());
    if (to.isF64())
      return x;
    ConversionOptions towardZero;
    towardZero.rounding = Rounding::towardZero();
    Value inner = emitTruncate(builder, loc, x, to, towardZero);
    Value wide = arith::ExtFOp::create(builder, loc, f64, inner);
    Value rest =
        arith::SubFOp::create(builder, loc, magnitude(x), magnitude(wide));
    Type type = builder.getIntegerType(to.getIntOrFloatBitWidth());
    Value code = arith::BitcastOp::create(builder, loc, type, inner);

    // Away from zero if more is left than the random part of the distance; from
    // below, the random part counts from the other neighbour.
    Value part = arith::MulFOp::create(builder, loc, randomNumber,
                                       floating(std::ldexp(1.0, -int(bits))));
    Value distance = distanceBeyond(code, format);
    Value fromOther = arith::SubFOp::create(builder, loc, floating(1.0), part);
    Value isNegative = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::slt, code, integer(type, 0));
    auto isAway = [&](arith::CmpFPredicate predicate, Value fraction) -> Value {
      return arith::CmpFOp::create(
          builder, loc, predicate, rest,
          arith::MulFOp::create(builder, loc, distance, fraction));
    };
    Value steps = arith::SelectOp::create(
        builder, loc, isNegative, isAway(arith::CmpFPredicate::OGE, fromOther),
        isAway(arith::CmpFPredicate::OGT, part));
    code = arith::AddIOp::create(
        builder, loc, code, arith::ExtUIOp::create(builder, loc, type, steps));
    return arith::BitcastOp::create(builder, loc, to, code);
  }

  /// `x` as an integer of 16 or 32 bits.
  Value toInteger(Value x, const NumberFormat &to, Type type) {
    ConversionOptions towardZero;
    towardZero.rounding = Rounding::towardZero();
    double least = to.minFinite(), greatest = to.maxFinite();
    x = replaceIf(arith::CmpFPredicate::UNO, x, x, 0);
    x = clamp(x, least, greatest);
    Value n = emitRoundToInteger(builder, loc, x, least, greatest, towardZero);
    Value whole = to.isSigned()
                      ? Value(arith::SIToFPOp::create(builder, loc, f64, n))
                      : Value(arith::UIToFPOp::create(builder, loc, f64, n));
    Value rest = arith::SubFOp::create(builder, loc, x, whole);
    Value part = arith::MulFOp::create(builder, loc, randomNumber,
                                       floating(std::ldexp(1.0, -int(bits))));
    auto asInteger = [&](arith::CmpFPredicate predicate, Value limit) -> Value {
      return arith::ExtUIOp::create(
          builder, loc, i32,
          arith::CmpFOp::create(builder, loc, predicate, rest, limit));
    };
    n = arith::AddIOp::create(builder, loc, n,
                              asInteger(arith::CmpFPredicate::OGT, part));
    Value below = arith::SubFOp::create(builder, loc, part, floating(1.0));
    n = arith::SubIOp::create(builder, loc, n,
                              asInteger(arith::CmpFPredicate::OLE, below));
    return n.getType() == type
               ? n
               : arith::TruncIOp::create(builder, loc, type, n).getResult();
  }

private:
  Value integer(Type type, uint64_t value) {
    return arith::ConstantOp::create(
        builder, loc,
        IntegerAttr::get(type, llvm::APInt(type.getIntOrFloatBitWidth(), value,
                                           /*isSigned=*/false,
                                           /*implicitTrunc=*/true)));
  }
  Value floating(double value) {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getF64FloatAttr(value));
  }
  Value magnitude(Value x) {
    Type i64 = builder.getI64Type();
    Value key = arith::AndIOp::create(
        builder, loc, arith::BitcastOp::create(builder, loc, i64, x),
        integer(i64, Keys::magnitudeMask));
    return arith::BitcastOp::create(builder, loc, f64, key);
  }
  Value replaceIf(arith::CmpFPredicate predicate, Value x, Value y,
                  double other) {
    Value which = arith::CmpFOp::create(builder, loc, predicate, x, y);
    return arith::SelectOp::create(builder, loc, which, floating(other), x);
  }
  /// NaN stays NaN.
  Value clamp(Value x, double least, double greatest) {
    x = replaceIf(arith::CmpFPredicate::OLT, x, floating(least), least);
    return replaceIf(arith::CmpFPredicate::OGT, x, floating(greatest),
                     greatest);
  }
  /// The distance of a float of code `code` from the next one away from zero,
  /// as f64; after the last one what it would be.
  Value distanceBeyond(Value code, const NumberFormat &format) {
    constexpr int f64Bias = 1023, f64Digits = 52;
    Type type = code.getType(), i64 = builder.getI64Type();
    Value field = arith::ShRUIOp::create(builder, loc, code,
                                         integer(type, format.mantissaBits()));
    field = arith::AndIOp::create(
        builder, loc, field,
        integer(type, (uint64_t(1) << format.exponentBits()) - 1));
    field = arith::MaxUIOp::create(builder, loc, field, integer(type, 1));
    field = arith::ExtUIOp::create(builder, loc, i64, field);
    int rebias = f64Bias - format.bias() - int(format.mantissaBits());
    field = arith::AddIOp::create(builder, loc, field, integer(i64, rebias));
    field = arith::ShLIOp::create(builder, loc, field, integer(i64, f64Digits));
    return arith::BitcastOp::create(builder, loc, f64, field);
  }

  OpBuilder &builder;
  Location loc;
  const ConversionOptions &options;
  Type f64, i32;
  unsigned bits;
  Value randomNumber;
};
} // namespace

Value tile::emitStochastic(OpBuilder &builder, Location loc, Value value,
                           Type to, const ConversionOptions &options) {
  StochasticEmitter emitter(builder, loc, options);
  NumberFormat target = *numberFormatOf(to);
  if (target.hasTable())
    return emitter.toTable(value, target);
  if (isa<IntegerType>(to))
    return emitter.toInteger(value, target, registerType(to));
  return emitter.toFloat(value, to);
}
