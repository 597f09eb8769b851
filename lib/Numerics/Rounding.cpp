//===- Rounding.cpp - Values to codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One algorithm for every format: find the neighbours of x among the ascending
// finite values by binary search, then compare x with a threshold between them.
// All comparisons are exact. What x is (a double, a sum of products, a
// quotient) is the business of a "probe", which only has to compare itself with
// exact numbers.
//
//===----------------------------------------------------------------------===//

#include "FormatData.h"
#include "rung/Numerics/NumberFormat.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

using namespace rung;
using llvm::APFloat;

namespace {
struct DoubleProbe {
  double x;
  std::optional<double> approximation() const { return x; }
  int compare(double value) const { return x < value ? -1 : x > value; }
  int compare(const Dyadic &value) const {
    return Dyadic::fromDouble(x).compare(value);
  }
};

struct DyadicProbe {
  const Dyadic &x;
  std::optional<double> approximation() const { return std::nullopt; }
  int compare(double value) const {
    return x.compare(Dyadic::fromDouble(value));
  }
  int compare(const Dyadic &value) const { return x.compare(value); }
};

/// x = numerator / denominator with a positive denominator.
struct QuotientProbe {
  Dyadic numerator, denominator;
  /// The quotient rounded to double: it decides every comparison but the one
  /// with itself.
  double approximate;

  std::optional<double> approximation() const {
    return std::isfinite(approximate) ? std::optional(approximate)
                                      : std::nullopt;
  }
  int compare(double value) const {
    if (std::isfinite(approximate) && approximate != value)
      return approximate < value ? -1 : 1;
    return compare(Dyadic::fromDouble(value));
  }
  int compare(const Dyadic &value) const {
    return numerator.compare(value * denominator);
  }
};
} // namespace

/// What a + b as a double lacks of the exact sum (Knuth); NaN if it overflows.
static double sumError(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  return (a - (sum - part)) + (b - part);
}

/// Compares x with (low + high) / 2.
template <typename Probe>
static int compareToMidpoint(const Probe &x, double low, double high) {
  double sum = low + high;
  if (sumError(low, high) == 0 && (sum == 0 || std::fabs(sum) > 0x1p-1000))
    return x.compare(sum * 0.5);
  return x.compare(
      (Dyadic::fromDouble(low) + Dyadic::fromDouble(high)).scaled(-1));
}

/// Compares x with low + (high - low) * randomBits / 2^numRandomBits.
template <typename Probe>
static int compareToRandomPoint(const Probe &x, const Dyadic &low,
                                const Dyadic &high, const Rounding &rounding) {
  Dyadic fraction(false, rounding.randomBits,
                  -static_cast<int64_t>(rounding.numRandomBits));
  return x.compare(low + (high - low) * fraction);
}

namespace {
template <typename Probe>
class Encoder {
public:
  Encoder(const NumberFormat::Data &format, const Probe &x, Rounding rounding,
          bool saturate)
      : format(format), x(x), rounding(rounding), saturate(saturate) {
    assert((rounding.mode != Rounding::Mode::Stochastic ||
            (rounding.numRandomBits >= 1 && rounding.numRandomBits <= 62 &&
             rounding.randomBits >> rounding.numRandomBits == 0)) &&
           "random bits out of range");
  }

  uint64_t encode() {
    uint64_t last = format.numRanks() - 1;
    if (x.compare(format.valueOfRank(0)) < 0)
      return encodeBelow();
    if (x.compare(format.valueOfRank(last)) > 0)
      return encodeAbove(last);
    // value(low) <= x < value(high), where high may be one past the last.
    uint64_t low = 0, high = last + 1;
    if (std::optional<double> near = x.approximation(); near && format.bits > 8)
      narrow(*near, low, high);
    while (high - low > 1) {
      uint64_t middle = low + (high - low) / 2;
      (x.compare(format.valueOfRank(middle)) >= 0 ? low : high) = middle;
    }
    if (x.compare(format.valueOfRank(low)) == 0)
      return result(low);
    return result(roundsUp(low) ? high : low);
  }

private:
  bool isNegative() const { return x.compare(0.0) < 0; }

  /// Searching 2^64 ranks takes long: starts at those around `near` if they
  /// enclose x.
  void narrow(double near, uint64_t &low, uint64_t &high) const {
    uint64_t rank = format.rankNear(near);
    uint64_t newLow = rank > low ? rank - 1 : low;
    uint64_t newHigh = std::min(high, rank + 2);
    if (newLow < newHigh && x.compare(format.valueOfRank(newLow)) >= 0)
      low = newLow;
    if (newLow < newHigh && newHigh < high &&
        x.compare(format.valueOfRank(newHigh)) < 0)
      high = newHigh;
  }

  uint64_t result(uint64_t rank) const {
    if (format.negativeZero && isNegative() && format.valueOfRank(rank) == 0)
      return *format.negativeZero;
    return format.codeOfRank(rank);
  }

  /// Whether x between the values of ranks low and low + 1 becomes the latter.
  bool roundsUp(uint64_t low) const {
    double lowValue = format.valueOfRank(low),
           highValue = format.valueOfRank(low + 1);
    if (rounding.mode == Rounding::Mode::Stochastic)
      return compareToRandomPoint(x, Dyadic::fromDouble(lowValue),
                                  Dyadic::fromDouble(highValue), rounding) > 0;
    if (rounding.mode == Rounding::Mode::TowardZero &&
        (lowValue >= 0 || highValue <= 0))
      return highValue <= 0;
    if (int order = compareToMidpoint(x, lowValue, highValue))
      return order > 0;
    return tieGoesUp(low, lowValue, highValue);
  }

  /// Which neighbour of a midpoint is even. IEEE 754 says: the one with the
  /// even last digit, with one digit (2^k and 2^(k+1)) the greater. Both are
  /// the even multiple of the neighbours' distance, and that needs no digits.
  bool tieGoesUp(uint64_t low, double lowValue, double highValue) const {
    double distance = highValue - lowValue;
    // A distance that is no double has more digits than its neighbours: they
    // are no multiples of it.
    if (sumError(highValue, -lowValue) == 0 &&
        std::fmod(lowValue, distance) == 0)
      return std::fmod(lowValue, 2 * distance) != 0;
    uint64_t lowCode = format.codeOfRank(low),
             highCode = format.codeOfRank(low + 1);
    if ((lowCode ^ highCode) & 1)
      return lowCode & 1;
    if (std::fabs(lowValue) != std::fabs(highValue))
      return std::fabs(highValue) < std::fabs(lowValue);
    return highCode < lowCode;
  }

  /// Whether x, beyond `edge`, overflows. `next` is the step that would follow
  /// the edge; `isOdd` says that of a tie between them.
  bool overflows(const Dyadic &edge, const Dyadic &next, bool isOdd) const {
    int away = edge < next ? 1 : -1;
    switch (rounding.mode) {
    case Rounding::Mode::TowardZero:
      return false;
    case Rounding::Mode::Stochastic:
      if (away > 0)
        return compareToRandomPoint(x, edge, next, rounding) > 0;
      return compareToRandomPoint(x, next, edge, rounding) <= 0;
    case Rounding::Mode::NearestEven:
      break;
    }
    int order = x.compare((edge + next).scaled(-1)) * away;
    return order > 0 || (order == 0 && isOdd);
  }

  /// Whether the greatest magnitude is an odd multiple of its last digit.
  bool isEdgeOdd() const {
    return format.mantissaBits == 0 || (format.maxFiniteMagnitude & 1);
  }

  uint64_t encodeAbove(uint64_t last) const {
    std::optional<uint64_t> beyond =
        format.positiveInfinity ? format.positiveInfinity : format.positiveNaN;
    if (saturate || !beyond)
      return result(last);
    Dyadic edge = format.computeMagnitude(format.maxFiniteMagnitude);
    Dyadic next = format.computeMagnitude(format.maxFiniteMagnitude + 1);
    return overflows(edge, next, isEdgeOdd()) ? *beyond : result(last);
  }

  uint64_t encodeBelow() const {
    std::optional<uint64_t> beyond =
        format.negativeInfinity ? format.negativeInfinity : format.negativeNaN;
    if (saturate || !beyond)
      return result(0);
    if (format.isSigned) {
      Dyadic edge = -format.computeMagnitude(format.maxFiniteMagnitude);
      Dyadic next = -format.computeMagnitude(format.maxFiniteMagnitude + 1);
      return overflows(edge, next, isEdgeOdd()) ? *beyond : result(0);
    }
    // Unsigned: zero, or for e8m0 a positive number, is the least value.
    if (format.kind == NumberFormat::Kind::Exponent)
      return isNegative() ? *beyond : result(0);
    Dyadic next = -format.computeMagnitude(1);
    if (rounding.mode == Rounding::Mode::TowardZero)
      return x.compare(next) <= 0 ? *beyond : result(0);
    return overflows(Dyadic(), next, /*isOdd=*/false) ? *beyond : result(0);
  }

  const NumberFormat::Data &format;
  const Probe &x;
  Rounding rounding;
  bool saturate;
};
} // namespace

template <typename Probe>
static uint64_t encodeProbe(const NumberFormat::Data &format, const Probe &x,
                            Rounding rounding, bool saturate) {
  return Encoder<Probe>(format, x, rounding, saturate).encode();
}

static std::optional<uint64_t> encodeNaN(const NumberFormat::Data &format,
                                         bool negative) {
  return negative ? format.negativeNaN : format.positiveNaN;
}

static uint64_t encodeInfinity(const NumberFormat::Data &format, bool negative,
                               bool saturate) {
  if (!saturate) {
    if (std::optional<uint64_t> infinity =
            negative ? format.negativeInfinity : format.positiveInfinity)
      return *infinity;
    if (std::optional<uint64_t> nan = encodeNaN(format, negative))
      return *nan;
  }
  return format.codeOfRank(negative ? 0 : format.numRanks() - 1);
}

std::optional<uint64_t> NumberFormat::encode(double value, Rounding rounding,
                                             bool saturate) const {
  if (std::isnan(value))
    return encodeNaN(*impl, std::signbit(value));
  if (std::isinf(value))
    return encodeInfinity(*impl, value < 0, saturate);
  if (value == 0 && std::signbit(value) && impl->negativeZero)
    return impl->negativeZero;
  return encodeProbe(*impl, DoubleProbe{value}, rounding, saturate);
}

std::optional<uint64_t> NumberFormat::encode(const APFloat &value,
                                             Rounding rounding,
                                             bool saturate) const {
  if (value.isNaN())
    return encodeNaN(*impl, value.isNegative());
  if (value.isInfinity())
    return encodeInfinity(*impl, value.isNegative(), saturate);
  if (value.isZero())
    return encode(value.isNegative() ? -0.0 : 0.0, rounding, saturate);
  return encode(Dyadic::fromAPFloat(value), rounding, saturate);
}

uint64_t NumberFormat::encode(const Dyadic &value, Rounding rounding,
                              bool saturate) const {
  return encodeProbe(*impl, DyadicProbe{value}, rounding, saturate);
}

uint64_t NumberFormat::encodeQuotient(double numerator, double denominator,
                                      Rounding rounding, bool saturate) const {
  assert(std::isfinite(numerator) && std::isfinite(denominator) &&
         denominator != 0 && "no finite quotient");
  if (numerator == 0)
    return *encode(numerator / denominator, rounding, saturate);
  if (denominator < 0) {
    numerator = -numerator;
    denominator = -denominator;
  }
  QuotientProbe x{Dyadic::fromDouble(numerator),
                  Dyadic::fromDouble(denominator), numerator / denominator};
  return encodeProbe(*impl, x, rounding, saturate);
}

uint64_t NumberFormat::encodeQuotient(const Dyadic &numerator,
                                      const Dyadic &denominator,
                                      Rounding rounding, bool saturate) const {
  assert(!denominator.isZero() && "no finite quotient");
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  QuotientProbe x{denominator.isNegative() ? -numerator : numerator,
                  denominator.abs(), unknown};
  return encodeProbe(*impl, x, rounding, saturate);
}

std::optional<uint64_t> NumberFormat::findCode(double value) const {
  if (std::isnan(value))
    return encodeNaN(*impl, std::signbit(value));
  if (std::isinf(value))
    return value < 0 ? impl->negativeInfinity : impl->positiveInfinity;
  if (value < minFinite() || value > maxFinite())
    return std::nullopt;
  std::optional<uint64_t> code = encode(value);
  return code && valueAsDouble(*code) == value ? code : std::nullopt;
}
