//===- Lossless.h - Does one format hold another? -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_LOSSLESS_H
#define RUNG_NUMERICS_LOSSLESS_H

#include "rung/Numerics/NumberFormat.h"

namespace rung {

/// A code whose value the target format does not have.
struct LostCode {
  uint64_t code;
  double value;
  /// What the value would become: the nearest finite value of the target (ties
  /// to even, saturating), or NaN for NaN, or infinity for infinity; nothing
  /// for NaN where the target has none.
  std::optional<double> nearest;
};

/// The lowest valid code of `from` whose value is not a value of `to`, or
/// nothing: then the conversion is lossless. NaN must be NaN, infinity
/// infinity, and -0 counts as 0.
///
/// Decided by looking at every code in ascending order. For sources of more
/// than 16 bits (f32, f64, tf32, i32), stretches of codes that structure proves
/// to be kept are skipped: a float inside a float with no fewer exponents and
/// mantissa bits, integers up to 2^(mantissa bits + 1) inside a float, integers
/// inside integers.
std::optional<LostCode> firstLostCode(const NumberFormat &from,
                                      const NumberFormat &to);

inline bool isLossless(const NumberFormat &from, const NumberFormat &to) {
  return !firstLostCode(from, to).has_value();
}

} // namespace rung

#endif // RUNG_NUMERICS_LOSSLESS_H
