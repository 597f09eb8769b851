//===- DecodeSequence.h - arithmetic between number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Scalar code, one lane's, that turns codes of one number format into another.
//
// Decoding. The sequence follows from the value table, however the format is
// spelled. The first of these that applies is emitted:
//
//   lookup      a format of at most `lookupEntries` codes: tile.lookup, which
//               ignores the bits above the code, so no mask is needed
//   affine      value = scale * n + offset: sign or zero extension, an integer
//               addition or a multiplication and an addition
//   minifloat   exponent and mantissa move under those of f32 and the bias is
//               corrected by an integer addition; codes of exponent 0 are
//               integers times a power of two, so that no intermediate value is
//               subnormal; infinities and NaNs by selects
//   exponent    the code is the exponent of f32
//   table       tile.lookup in a table of any size
//
// All but the tables are evaluated on every code when they are chosen, and
// taken only if every value is the format's.
//
// Encoding. The code of x is a step function of x in the order of its bits: the
// steps are found through NumberFormat::encode, and the code emitted is a
// branch-free binary search for the step, with tile.lookup on each level.
// Integers are rounded by the addition of a large number instead, which is
// checked against the same steps. Builtin floats are rounded by arith.truncf.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_TRANSFORMS_DECODESEQUENCE_H
#define RUNG_DIALECT_TILE_TRANSFORMS_DECODESEQUENCE_H

#include "mlir/IR/Builders.h"
#include "rung/Layout/BitOrder.h"
#include "rung/Numerics/NumberFormat.h"

namespace rung::tile {

/// What a conversion may use and how it rounds.
struct ConversionOptions {
  /// Largest table that the device looks up in registers.
  int64_t lookupEntries = 0;
  /// Of values that the target lacks.
  Rounding rounding = {};
  /// Values beyond the target's finite ones, infinity too, become the last.
  bool saturate = false;
  /// Stochastic rounding only: the random bits, in the low
  /// `rounding.numRandomBits` (at most maxRandomBits) bits of an i32; other
  /// bits are ignored, as is `rounding.randomBits`.
  mlir::Value randomBits = {};
};

/// The most random bits by which emitConvert rounds exactly: 32, or fewer where
/// a threshold between two values of the format would be no f64.
unsigned maxRandomBits(const NumberFormat &to, bool saturate);

/// The V codes, as i32 with unspecified upper bits, in the R i32 `words` of a
/// decode unit.
llvm::SmallVector<mlir::Value> emitUnpack(mlir::OpBuilder &builder,
                                          mlir::Location loc,
                                          const BitOrder &order,
                                          mlir::ValueRange words);

/// The element of type `to`, as registerType(to), whose value is that of `code`
/// (i32, bits above the format's width ignored) of a format of at most 8 bits.
/// Null if `to` is no number format or one that is not supported (tf32).
mlir::Value emitDecodeCode(mlir::OpBuilder &builder, mlir::Location loc,
                           const NumberFormat &from, mlir::Type to,
                           mlir::Value code, const ConversionOptions &options);

/// The V values of a decode unit: emitUnpack, then emitDecodeCode. Codes of 16
/// or 32 bits are converted by emitConvert.
llvm::SmallVector<mlir::Value> emitDecode(mlir::OpBuilder &builder,
                                          mlir::Location loc, mlir::Type from,
                                          const BitOrder &order, mlir::Type to,
                                          mlir::ValueRange words,
                                          const ConversionOptions &options);

/// The code, as i32, of `value`, an f32 or f64, in a format of at most 8 bits:
/// NumberFormat::encode, bit for bit; where that has no code for NaN, the code
/// of 0.
mlir::Value emitEncode(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value value, const NumberFormat &to,
                       const ConversionOptions &options);

/// `value`, an element of type `from` as registerType(from), as an element of
/// type `to`. Null if there is no conversion between them (tf32, 64-bit
/// integers).
mlir::Value emitConvert(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::Type from, mlir::Type to, mlir::Value value,
                        const ConversionOptions &options);

} // namespace rung::tile

#endif // RUNG_DIALECT_TILE_TRANSFORMS_DECODESEQUENCE_H
