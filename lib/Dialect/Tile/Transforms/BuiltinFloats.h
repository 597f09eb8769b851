//===- BuiltinFloats.h - rounding between builtin types -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_BUILTINFLOATS_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_BUILTINFLOATS_H

#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"

namespace rung::tile {

/// Entry `index` of a table of the codes of `type` (i32, f32 or f64).
mlir::Value emitTable(mlir::OpBuilder &builder, mlir::Location loc,
                      mlir::Value index, llvm::ArrayRef<uint64_t> entries,
                      mlir::Type type);

/// An f32 or f64 rounded to a narrower builtin float as NumberFormat::encode
/// does, but for the payload of NaNs.
mlir::Value emitTruncate(mlir::OpBuilder &builder, mlir::Location loc,
                         mlir::Value value, mlir::Type to,
                         const ConversionOptions &options);

/// An f32 or f64 rounded to the nearest even integer (or toward zero) within
/// [least, greatest], as i32; NaN becomes 0, or the nearest of the range.
mlir::Value emitRoundToInteger(mlir::OpBuilder &builder, mlir::Location loc,
                               mlir::Value value, double least, double greatest,
                               const ConversionOptions &options);

/// An f64 rounded to `to` by `options.randomBits`, as NumberFormat::encode does
/// but for the payload of NaNs (NaN becomes 0 where there is none): the code of
/// a format of at most 8 bits, as i32, or an element as registerType(to).
mlir::Value emitStochastic(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::Value value, mlir::Type to,
                           const ConversionOptions &options);

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_BUILTINFLOATS_H
