//===- BlockScaling.h - Scales and zero points per block -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The meaning of rung.dequantize and rung.quantize on constants, computed
// exactly and rounded once, so plain that it is the specification. Folders and
// tests call it; kernels are compared with it.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_BLOCKSCALING_H
#define RUNG_NUMERICS_BLOCKSCALING_H

#include "rung/Numerics/NumberFormat.h"

#include "llvm/ADT/SmallVector.h"

#include <vector>

namespace rung {

/// Row-major codes of a tensor; the memory is the caller's.
struct CodesRef {
  NumberFormat format;
  llvm::ArrayRef<int64_t> shape;
  llvm::ArrayRef<uint64_t> codes;
};

/// What the value w of an element is, given its code's value v, the scale s of
/// its block (1 if there is none; times the second scale t if there is one) and
/// the zero point z of its block.
enum class ZeroPointRule {
  None,     ///< w = s * v
  Subtract, ///< w = s * (v - z): zero points `integer` and `float`
  Rescale,  ///< w = s * v - z
};

/// Scales of a tensor of rank n. Each operand has rank 0 (one value for all) or
/// n. Then with a block shape its dimension i is ceil(dim i / block i), and
/// element (x0, x1, ...) belongs to block (x0 / block 0, ...); without one it
/// is 1 or dim i. Blocks count elements of the scaled tensor, second blocks
/// too.
struct BlockScaling {
  std::optional<CodesRef> scale, secondScale, zeroPoint;
  ZeroPointRule rule = ZeroPointRule::None;
  llvm::ArrayRef<int64_t> block, secondBlock;
};

/// The values of `input` in `result`, each computed exactly and rounded once.
/// NaN or infinite scales follow IEEE arithmetic. Fails on shapes that
/// disagree, invalid codes, and NaN where `result` has none, naming the
/// element.
llvm::Expected<std::vector<uint64_t>> dequantize(const CodesRef &input,
                                                 const BlockScaling &scaling,
                                                 const NumberFormat &result,
                                                 Rounding rounding = {},
                                                 bool saturate = false);

/// The codes of `result` whose scaled values are nearest to `input`: x / s + z,
/// for Rescale (x + z) / s, computed exactly and rounded once. Division by a
/// zero scale gives the code of 0 / s = 0 for x = 0 (x + z = 0), else that of
/// an infinity, with IEEE's sign. Fails as dequantize does.
llvm::Expected<std::vector<uint64_t>> quantize(const CodesRef &input,
                                               const BlockScaling &scaling,
                                               const NumberFormat &result,
                                               Rounding rounding = {},
                                               bool saturate = true);

/// Codes with the scales that were found for them; scaleShape[i] =
/// ceil(shape[i] / block[i]).
struct BlockQuantized {
  std::vector<uint64_t> codes, scales;
  llvm::SmallVector<int64_t> scaleShape;
};

/// How the scale of a block follows from amax, the greatest magnitude in it.
enum class ScaleRule {
  /// amax / m rounded to nearest, m the greatest magnitude that `format` has
  /// with both signs (with one, if it has only one); the least positive scale
  /// if that is zero though amax is not.
  AbsMax,
  /// OCP Microscaling: 2^(floor(log2(amax)) - floor(log2(greatest value of
  /// `format`))), for powers of two within the range of the scale format;
  /// 2^-127 or the least positive scale for amax = 0. (OCP's INT8 elements
  /// carry a factor of 2^-6; the integers of `int8` do not, so their scales are
  /// 2^-6 times OCP's.)
  MX,
};

/// The scale of a block, as a code of the scale format.
class ScaleFinder {
public:
  /// Fails where no scale can do what the rule says.
  static llvm::Expected<ScaleFinder> create(const NumberFormat &format,
                                            const NumberFormat &scaleFormat,
                                            ScaleRule rule);
  /// AbsMax with `greatest` for m.
  static llvm::Expected<ScaleFinder> create(double greatest,
                                            const NumberFormat &scaleFormat);

  /// Fails for MX on a scale format without the power of two.
  llvm::Expected<uint64_t> find(double amax) const;
  /// Whether find(amax) would be greater if the scale format had more values.
  bool exceedsScales(double amax) const;

private:
  ScaleFinder(NumberFormat scaleFormat, double least, double greatest)
      : scaleFormat(std::move(scaleFormat)), least(least), greatest(greatest) {}
  int findExponent(double amax) const;
  llvm::Expected<uint64_t> findPowerOfTwo(double amax) const;

  NumberFormat scaleFormat;
  ScaleRule rule = ScaleRule::AbsMax;
  double least;    ///< positive value of the scale format
  double greatest; ///< m, for MX the greatest value of the format
};

/// Quantizes finite values in blocks, codes rounded to nearest and saturating.
/// Fails on a block shape of another rank or with a size below 1, on NaN or
/// infinity in `values`, and for MX on a scale format without the power of two.
llvm::Expected<BlockQuantized>
quantizeBlocks(llvm::ArrayRef<double> values, llvm::ArrayRef<int64_t> shape,
               llvm::ArrayRef<int64_t> block, const NumberFormat &format,
               const NumberFormat &scaleFormat, ScaleRule rule);

} // namespace rung

#endif // RUNG_NUMERICS_BLOCKSCALING_H
