//===- FormatData.h - What a NumberFormat shares -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_NUMERICS_FORMATDATA_H
#define RUNG_LIB_NUMERICS_FORMATDATA_H

#include "rung/Numerics/NumberFormat.h"

#include <vector>

namespace rung {

struct NumberFormat::Data {
  // As declared.
  Kind kind = Kind::Integer;
  unsigned bits = 0;
  bool isSigned = false;
  int64_t offset = 0;
  unsigned exponentBits = 0;
  unsigned mantissaBits = 0;
  int bias = 0;
  Specials specials = Specials::None;
  std::vector<double> entries;

  // Derived. Up to 8 bits: the value of each valid code (the codes from 0 to
  // table.size() - 1).
  std::vector<double> table;
  // Up to 8 bits: the codes of the distinct finite values in ascending order of
  // value, and those values.
  std::vector<uint16_t> orderedCodes;
  std::vector<double> orderedValues;
  // Float, Exponent: the sign-less code of the greatest finite value.
  uint64_t maxFiniteMagnitude = 0;
  std::optional<uint64_t> positiveInfinity, negativeInfinity, positiveNaN,
      negativeNaN, negativeZero;

  bool isFloatLike() const {
    return kind == Kind::Float || kind == Kind::Exponent;
  }
  uint64_t signMask() const { return uint64_t(1) << (bits - 1); }

  /// The value of a valid code by the rule of its kind.
  double compute(uint64_t code) const;
  /// Float, Exponent: the value that the sign-less code has if it is not
  /// special; one beyond the last is allowed.
  Dyadic computeMagnitude(uint64_t magnitude) const;
  bool isSpecialMagnitude(uint64_t magnitude) const;

  /// The distinct finite values, ascending, are those of rank 0 .. numRanks()
  /// - 1. Zero has one rank, the code of +0.
  uint64_t numRanks() const;
  uint64_t codeOfRank(uint64_t rank) const;
  double valueOfRank(uint64_t rank) const;
  /// More than 8 bits: the rank of the greatest value of no greater magnitude
  /// than `value` and the same sign, for a finite value in range.
  uint64_t rankNear(double value) const;

  /// Fills in everything derived.
  void derive();
};

} // namespace rung

#endif // RUNG_LIB_NUMERICS_FORMATDATA_H
