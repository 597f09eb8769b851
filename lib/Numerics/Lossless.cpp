//===- Lossless.cpp - Does one format hold another? -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/Lossless.h"

#include <algorithm>
#include <cmath>

using namespace rung;

static std::optional<LostCode> lostAt(const NumberFormat &from,
                                      const NumberFormat &to, uint64_t code) {
  double value = from.valueAsDouble(code);
  if (to.findCode(value))
    return std::nullopt;
  std::optional<uint64_t> nearest =
      to.encode(value, Rounding::nearestEven(), /*saturate=*/true);
  LostCode lost{code, value, std::nullopt};
  if (nearest)
    lost.nearest = to.valueAsDouble(*nearest);
  return lost;
}

/// The exponent of the smallest positive value of an IEEE float.
static int quantumExponent(const NumberFormat &format) {
  return 1 - format.bias() - static_cast<int>(format.mantissaBits());
}

static bool isWideFloat(const NumberFormat &format) {
  return format.kind() == NumberFormat::Kind::Float &&
         format.specials() == Specials::IEEE && format.bits() > 8;
}

static bool floatHoldsFloat(const NumberFormat &from, const NumberFormat &to) {
  return isWideFloat(from) && isWideFloat(to) &&
         from.mantissaBits() <= to.mantissaBits() &&
         from.maxFinite() <= to.maxFinite() &&
         quantumExponent(from) >= quantumExponent(to);
}

/// All integers of magnitude up to this are values of the float; 0 if not even
/// 1 is known to be.
static int64_t heldIntegers(const NumberFormat &to) {
  double limit = std::ldexp(1.0, static_cast<int>(to.mantissaBits()) + 1);
  if (!isWideFloat(to) || quantumExponent(to) > 0 || to.maxFinite() < limit)
    return 0;
  return static_cast<int64_t>(limit);
}

/// The first code from which an enumeration has to look. `from` is an integer
/// of 16 or 32 bits: its codes are one or (if signed) two runs of ascending
/// values.
static std::optional<uint64_t> firstUnproven(const NumberFormat &from,
                                             const NumberFormat &to) {
  double least, greatest; // every integer between them is a value of `to`
  if (to.kind() == NumberFormat::Kind::Integer) {
    least = to.minFinite();
    greatest = to.maxFinite();
  } else {
    greatest = static_cast<double>(heldIntegers(to));
    least = -greatest;
    if (greatest == 0) // nor is it known to hold 0
      return 0;
  }
  uint64_t half = uint64_t(1) << (from.bits() - 1);
  for (uint64_t begin : {uint64_t(0), half}) {
    double low = from.valueAsDouble(begin),
           high = from.valueAsDouble(begin + half - 1);
    if (low < least || low > greatest)
      return begin;
    if (high > greatest)
      return begin + static_cast<uint64_t>(greatest - low) + 1;
  }
  return std::nullopt;
}

std::optional<LostCode> rung::firstLostCode(const NumberFormat &from,
                                            const NumberFormat &to) {
  if (from == to || floatHoldsFloat(from, to))
    return std::nullopt;
  uint64_t begin = 0;
  if (!from.hasTable() && from.kind() == NumberFormat::Kind::Integer) {
    std::optional<uint64_t> unproven = firstUnproven(from, to);
    if (!unproven)
      return std::nullopt;
    begin = *unproven;
  }
  // A wide source that is not proven has more values than the target, or finer
  // ones: the loop ends early.
  uint64_t last = from.bits() == 64 ? ~uint64_t(0) : from.numCodes() - 1;
  for (uint64_t code = begin;; ++code) {
    if (from.isValid(code))
      if (std::optional<LostCode> lost = lostAt(from, to, code))
        return lost;
    if (code == last)
      return std::nullopt;
  }
}
