//===- MoveCodes.h - upstream operations on tensors of codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Slices, reshapes and branches move elements without looking at them. On codes
// in canonical storage they move bytes where rows stay whole; where they do
// not, the elements move in a builtin type that has all values.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MOVECODES_H
#define RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MOVECODES_H

#include "mlir/IR/PatternMatch.h"
#include "rung/Dialect/Rung/IR/Rung.h"

namespace rung {

/// True of tensors that rung-separate-storage replaces by their storage, which
/// is canonical unless they are packed: all but those of builtin floats of at
/// least 16 bits and of signless integers of 8, 16 and 32. Tensors of i1 may be
/// conditions, which stay as they are.
bool needsStorage(mlir::Type type);

/// True of operations on numbers, and of functions and calls: a tensor of i1
/// that they make or use holds codes of the format of one bit. To all others it
/// holds conditions, a byte for each.
bool isOurs(mlir::Operation *op);

/// True of an operation that only moves elements of tensors about, and that
/// does the same to their bytes in canonical storage.
bool canMoveBytes(mlir::Operation *op);

/// Makes `op`, for which canMoveBytes, work on bytes: its operands (and the
/// arguments of its regions) have their storage types already, or get them.
void moveBytes(mlir::Operation *op);

/// Lets operations of `root` that move elements of narrow formats in a way that
/// bytes cannot be moved do so in a builtin type, between rung.convert; and
/// turns upstream's widening casts of narrow formats into rung.convert.
void widenMoves(mlir::IRRewriter &rewriter, mlir::Operation *root);

/// Where codes in i1 become conditions or conditions codes (a result of a
/// function is a comparison), converts them.
void separateConditions(mlir::IRRewriter &rewriter, mlir::Operation *root);

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MOVECODES_H
