//===- Dyadic.h - Exact numbers m * 2^e -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every finite value of every number format is an integer times a power of two.
// Sums and products of such numbers are such numbers again, so that a reference
// result is computed exactly and rounded once, at the end.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_DYADIC_H
#define RUNG_NUMERICS_DYADIC_H

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/APInt.h"

namespace rung {

/// An exact finite number (-1)^negative * magnitude * 2^exponent. Zero has no
/// sign.
class Dyadic {
public:
  Dyadic() : magnitude(64, 0) {}
  /// mantissa * 2^exponent.
  Dyadic(int64_t mantissa, int64_t exponent);
  Dyadic(bool negative, uint64_t mantissa, int64_t exponent);
  /// `value` must be finite.
  static Dyadic fromDouble(double value);
  /// `value` must be finite; any semantics.
  static Dyadic fromAPFloat(const llvm::APFloat &value);

  bool isZero() const { return magnitude.isZero(); }
  bool isNegative() const { return negative; }

  Dyadic operator-() const;
  Dyadic operator+(const Dyadic &other) const;
  Dyadic operator-(const Dyadic &other) const { return *this + -other; }
  Dyadic operator*(const Dyadic &other) const;
  /// This times 2^power.
  Dyadic scaled(int64_t power) const;
  Dyadic abs() const { return negative ? -*this : *this; }

  /// Negative, zero or positive as this is less than, equal to or greater than
  /// `other`.
  int compare(const Dyadic &other) const;
  bool operator==(const Dyadic &other) const { return compare(other) == 0; }
  bool operator<(const Dyadic &other) const { return compare(other) < 0; }

  /// The exponent of the leading bit, floor(log2(|x|)); not for zero.
  int64_t floorLog2() const { return exponent + magnitude.getActiveBits() - 1; }

private:
  Dyadic(bool negative, llvm::APInt magnitude, int64_t exponent);

  bool negative = false;
  llvm::APInt magnitude;
  int64_t exponent = 0;
};

} // namespace rung

#endif // RUNG_NUMERICS_DYADIC_H
