//===- ExactRange.h - what exact arithmetic needs -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bound on sets of numbers that follows sums and products, to decide in which
// floating format a computation is exact.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_EXACTRANGE_H
#define RUNG_NUMERICS_EXACTRANGE_H

#include "rung/Numerics/NumberFormat.h"

namespace rung {

/// Numbers n * 2^e with an integer |n| < 2^digits, that are multiples of 2^unit
/// and less than 2^top in magnitude.
struct ExactRange {
  int64_t digits = 0, unit = 0, top = 0;

  /// The finite values of a format.
  static ExactRange of(const NumberFormat &format);
  /// All products and all sums or differences with numbers of `other`.
  ExactRange times(const ExactRange &other) const;
  ExactRange plus(const ExactRange &other) const;

  /// True if a float of this range has all of `numbers`.
  bool holds(const ExactRange &numbers) const {
    return holdsBelowTop(numbers) && numbers.top <= top;
  }
  /// The same, but for numbers beyond its range, which overflow.
  bool holdsBelowTop(const ExactRange &numbers) const {
    return numbers.digits <= digits && numbers.unit >= unit;
  }
};

} // namespace rung

#endif // RUNG_NUMERICS_EXACTRANGE_H
