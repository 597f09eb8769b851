//===- Rung.h - the rung dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types, attributes and operations of the dialect; see RungDialect.td.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNG_H
#define RUNG_DIALECT_RUNG_IR_RUNG_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "rung/Numerics/NumberFormat.h"

#include "rung/Dialect/Rung/IR/RungEnums.h.inc"

#include "rung/Dialect/Rung/IR/RungDialect.h.inc"
#include "rung/Dialect/Rung/IR/RungInterfaces.h.inc"
#define GET_TYPEDEF_CLASSES
#include "rung/Dialect/Rung/IR/RungTypes.h.inc"
#define GET_ATTRDEF_CLASSES
#include "rung/Dialect/Rung/IR/RungAttrs.h.inc"

namespace rung {

/// The number format of a type, or nothing if it is none.
std::optional<NumberFormat> numberFormatOf(mlir::Type type);

/// True of a ranked tensor or memref whose elements are in a number format.
bool isFormatTensor(mlir::Type type);

/// True if memory may hold a tensor with these sizes (those that are known) of
/// elements of `bits` bits, each dimension padded a little: that is less than
/// the 2^47 bytes that a process on x86-64 can address.
bool isAddressable(llvm::ArrayRef<int64_t> shape, int64_t bits);

/// As above, for a tensor, memref or vector; true of every other type.
bool isAddressable(mlir::Type type);

/// Refuses an operation with an operand, a result, a block argument or a
/// signature that no memory holds, so that sizes behind can be multiplied.
mlir::LogicalResult verifyAddressable(mlir::Operation *op);

/// As above, for `root` and all operations inside.
mlir::LogicalResult verifyAllAddressable(mlir::Operation *root);

/// Trait of operations that `verifyAddressable` accepts.
template <typename Op>
struct Addressable : mlir::OpTrait::TraitBase<Op, Addressable> {
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyAddressable(op);
  }
};

/// The code that fills packed weights beyond the edges of a matrix: of 0 if the
/// format has it, else of a finite value (activations are 0 there).
uint64_t findPadCode(const NumberFormat &format);

/// The block shape that a scale or zero-point tensor has against an input of
/// `shape`: `block` if given, else derived from the scale's own shape. Failure,
/// with `error` saying what was found and expected, if they disagree. A scale
/// of rank 0 has blocks as large as the input.
mlir::FailureOr<llvm::SmallVector<int64_t>>
blockShape(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> scaleShape,
           std::optional<llvm::ArrayRef<int64_t>> block, std::string &error);

/// A mode but `stochastic`, which needs the random bits of each element; none
/// is nearest_even.
Rounding roundingOf(std::optional<RoundingMode> mode);

/// Checks that `op` has random bits, with elements of type `random` (null:
/// none), if and only if it rounds stochastically, and in an integer format.
mlir::LogicalResult verifyRandomBits(mlir::Operation *op,
                                     std::optional<RoundingMode> rounding,
                                     mlir::Type random);

} // namespace rung

#define GET_OP_CLASSES
#include "rung/Dialect/Rung/IR/RungOps.h.inc"

#endif // RUNG_DIALECT_RUNG_IR_RUNG_H
