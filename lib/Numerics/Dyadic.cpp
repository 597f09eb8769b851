//===- Dyadic.cpp - Exact numbers m * 2^e -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/Dyadic.h"

#include "llvm/ADT/APSInt.h"

#include <algorithm>
#include <cmath>

using namespace rung;
using llvm::APFloat;
using llvm::APInt;

Dyadic::Dyadic(bool negative, APInt magnitude, int64_t exponent)
    : negative(negative), magnitude(std::move(magnitude)), exponent(exponent) {
  if (this->magnitude.isZero()) {
    this->negative = false;
    this->exponent = 0;
    return;
  }
  // Odd magnitudes keep the widths small over long computations.
  unsigned trailing = this->magnitude.countr_zero();
  this->magnitude.lshrInPlace(trailing);
  this->exponent += trailing;
  this->magnitude =
      this->magnitude.trunc(std::max(1u, this->magnitude.getActiveBits()));
}

Dyadic::Dyadic(bool negative, uint64_t mantissa, int64_t exponent)
    : Dyadic(negative, APInt(64, mantissa), exponent) {}

Dyadic::Dyadic(int64_t mantissa, int64_t exponent)
    : Dyadic(mantissa < 0,
             mantissa < 0 ? 0 - static_cast<uint64_t>(mantissa)
                          : static_cast<uint64_t>(mantissa),
             exponent) {}

Dyadic Dyadic::fromDouble(double value) {
  int power = 0;
  double fraction = std::frexp(value, &power);
  return Dyadic(static_cast<int64_t>(std::ldexp(fraction, 53)),
                static_cast<int64_t>(power) - 53);
}

Dyadic Dyadic::fromAPFloat(const APFloat &value) {
  if (value.isZero())
    return Dyadic();
  unsigned precision = APFloat::semanticsPrecision(value.getSemantics());
  int power = llvm::ilogb(value);
  // The scaled value is an integer below 2^precision: the conversion is exact.
  // The detour over a wide type keeps narrow semantics from overflowing while
  // they are scaled.
  APFloat wide = value;
  bool lost = false;
  if (precision <= 113)
    wide.convert(APFloat::IEEEquad(), APFloat::rmNearestTiesToEven, &lost);
  APFloat scaled = llvm::scalbn(wide, static_cast<int>(precision) - 1 - power,
                                APFloat::rmNearestTiesToEven);
  scaled.clearSign();
  llvm::APSInt integer(precision + 1, /*isUnsigned=*/true);
  bool exact = false;
  scaled.convertToInteger(integer, APFloat::rmTowardZero, &exact);
  return Dyadic(value.isNegative(), integer,
                static_cast<int64_t>(power) -
                    (static_cast<int64_t>(precision) - 1));
}

Dyadic Dyadic::operator-() const {
  Dyadic result = *this;
  result.negative = !negative && !isZero();
  return result;
}

Dyadic Dyadic::scaled(int64_t power) const {
  Dyadic result = *this;
  if (!isZero())
    result.exponent += power;
  return result;
}

Dyadic Dyadic::operator*(const Dyadic &other) const {
  unsigned width = magnitude.getBitWidth() + other.magnitude.getBitWidth();
  return Dyadic(negative != other.negative,
                magnitude.zext(width) * other.magnitude.zext(width),
                exponent + other.exponent);
}

Dyadic Dyadic::operator+(const Dyadic &other) const {
  if (isZero())
    return other;
  if (other.isZero())
    return *this;
  int64_t low = std::min(exponent, other.exponent);
  unsigned shift = static_cast<unsigned>(exponent - low),
           otherShift = static_cast<unsigned>(other.exponent - low);
  unsigned width = std::max(magnitude.getBitWidth() + shift,
                            other.magnitude.getBitWidth() + otherShift) +
                   2;
  APInt a = magnitude.zext(width).shl(shift),
        b = other.magnitude.zext(width).shl(otherShift);
  APInt sum = (negative ? -a : a) + (other.negative ? -b : b);
  bool below = sum.isNegative();
  return Dyadic(below, below ? -sum : sum, low);
}

int Dyadic::compare(const Dyadic &other) const {
  if (isZero() || other.isZero() || negative != other.negative) {
    int sign = isZero() ? 0 : (negative ? -1 : 1);
    int otherSign = other.isZero() ? 0 : (other.negative ? -1 : 1);
    return sign - otherSign;
  }
  int flip = negative ? -1 : 1;
  if (floorLog2() != other.floorLog2())
    return floorLog2() < other.floorLog2() ? -flip : flip;
  int64_t low = std::min(exponent, other.exponent);
  unsigned shift = static_cast<unsigned>(exponent - low),
           otherShift = static_cast<unsigned>(other.exponent - low);
  unsigned width = std::max(magnitude.getBitWidth() + shift,
                            other.magnitude.getBitWidth() + otherShift);
  APInt a = magnitude.zext(width).shl(shift),
        b = other.magnitude.zext(width).shl(otherShift);
  if (a == b)
    return 0;
  return a.ult(b) ? -flip : flip;
}
