//===- DecodeProof.h - a function evaluated on every code -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODEPROOF_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODEPROOF_H

#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"

namespace rung::tile {

/// Folds the operations of @decode on every valid code of `from` in every
/// position, the other codes all 0 and all ones, and compares with `to`'s code
/// of the value, bit for bit, any NaN for NaN. The number of codes, or an error
/// that names the first code and position that differ, or an operation that
/// does not fold.
llvm::Expected<uint64_t> proveDecode(const DecodeProgram &program,
                                     const NumberFormat &from,
                                     const NumberFormat &to);

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODEPROOF_H
