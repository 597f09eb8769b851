//===- ExactRange.cpp - what exact arithmetic needs -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/ExactRange.h"

#include <algorithm>
#include <cmath>

using namespace rung;

/// The range of one nonzero number.
static ExactRange ofNumber(double value) {
  int exponent;
  // An integer of 53 bits; its trailing zeros belong to the unit.
  auto integer =
      uint64_t(std::ldexp(std::fabs(std::frexp(value, &exponent)), 53));
  int64_t digits = 53 - llvm::countr_zero(integer);
  return {digits, exponent - digits, exponent};
}

ExactRange ExactRange::of(const NumberFormat &format) {
  if (format.hasTable()) {
    ExactRange range;
    for (uint64_t code = 0; code != format.numCodes(); ++code) {
      if (!format.isValid(code))
        continue;
      double value = format.valueAsDouble(code);
      if (!std::isfinite(value) || value == 0)
        continue;
      ExactRange one = ofNumber(value);
      bool isFirst = range.digits == 0;
      range.digits = std::max(range.digits, one.digits);
      range.unit = isFirst ? one.unit : std::min(range.unit, one.unit);
      range.top = isFirst ? one.top : std::max(range.top, one.top);
    }
    return range;
  }
  int64_t top = ofNumber(format.maxMagnitude()).top;
  if (format.kind() == NumberFormat::Kind::Integer)
    return {top, 0, top};
  return {int64_t(format.mantissaBits()) + 1,
          ofNumber(*format.minPositive()).unit, top};
}

ExactRange ExactRange::times(const ExactRange &other) const {
  // A power of two moves the point only.
  int64_t product = digits <= 1         ? other.digits
                    : other.digits <= 1 ? digits
                                        : digits + other.digits;
  return {product, unit + other.unit, top + other.top};
}

ExactRange ExactRange::plus(const ExactRange &other) const {
  int64_t sumUnit = std::min(unit, other.unit),
          sumTop = std::max(top, other.top) + 1;
  return {sumTop - sumUnit, sumUnit, sumTop};
}
