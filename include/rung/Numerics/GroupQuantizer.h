//===- GroupQuantizer.h - Rows into a format, group by group ----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// quantizeBlocks for the many values of a model: blocks of 1xG, the same codes,
// each found by a search in a table.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_GROUPQUANTIZER_H
#define RUNG_NUMERICS_GROUPQUANTIZER_H

#include "rung/Numerics/BlockScaling.h"

namespace rung {

/// The code nearest to a quotient, saturating: encodeQuotient's answer from a
/// table of the points halfway between neighbours. Only a quotient that cannot
/// be told from such a point is looked at exactly.
class NearestCode {
public:
  /// For a format of at most 16 bits with a finite value.
  explicit NearestCode(NumberFormat format);
  /// Of numerator / denominator, finite, denominator > 0.
  uint64_t find(double numerator, double denominator) const;

private:
  NumberFormat format;
  /// Codes by their value, and between each two the range around the point
  /// halfway that is decided exactly.
  std::vector<uint64_t> codes;
  std::vector<double> low, high;
};

/// Rows of values in canonical storage.
struct QuantizedRows {
  std::vector<uint8_t> codes, scales, zeroPoints;
};

/// Quantizes rows in groups of G neighbours, the last group of a row perhaps
/// shorter. w are the values of a group, v those of the format, s its scale:
/// a value of the scale format. Codes are the nearest values, ties as
/// NumberFormat::encode decides, saturating.
///
/// - A format with values of both signs: quantizeBlocks' scales; rule MX where
///   every positive value of the scale format is a power of two, else AbsMax.
///   The code is that of w / s, and w is restored as s * v.
/// - A format that lacks a sign (uint4, int1, e8m0): a zero point z, too, in
///   the scale format. s is (max w - min w) / (max v - min v) rounded to
///   nearest, as AbsMax does; z is s * min v - min w, rounded to nearest. The
///   code is that of (w + z) / s, and w is restored as s * v - z.
class GroupQuantizer {
public:
  /// Fails on formats of more than 16 bits, on one without two values, and on
  /// scale formats that cannot hold the scales or zero points.
  static llvm::Expected<GroupQuantizer> create(const NumberFormat &format,
                                               const NumberFormat &scaleFormat);

  bool hasZeroPoint() const { return zeroPoint; }

  /// `values` are row-major, [rows, columns]; scales and zero points are
  /// [rows, ceil(columns / group)], zero points none without hasZeroPoint().
  /// Fails on what is not finite and on a scale beyond the scale format, naming
  /// the element's row (from `firstRow` on) and column.
  llvm::Expected<QuantizedRows> quantize(llvm::ArrayRef<float> values,
                                         int64_t columns, int64_t group,
                                         int64_t firstRow = 0) const;

private:
  struct Group;
  GroupQuantizer(const NumberFormat &format, const NumberFormat &scaleFormat,
                 ScaleFinder finder, bool zeroPoint)
      : format(format), scaleFormat(scaleFormat), finder(std::move(finder)),
        nearest(format), zeroPoint(zeroPoint) {}
  llvm::Error quantizeGroup(llvm::ArrayRef<float> values, Group &group) const;
  llvm::Expected<double> findScale(double amax, Group &group) const;
  llvm::Expected<double> findZeroPoint(double exact, Group &group) const;

  NumberFormat format, scaleFormat;
  ScaleFinder finder;
  NearestCode nearest;
  bool zeroPoint;
};

} // namespace rung

#endif // RUNG_NUMERICS_GROUPQUANTIZER_H
