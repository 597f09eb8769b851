//===- Operands.h - what operations check of their operands -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_IR_OPERANDS_H
#define RUNG_LIB_DIALECT_RUNG_IR_OPERANDS_H

#include "rung/Dialect/Rung/IR/Rung.h"

namespace rung {

/// The type of a tensor or memref as a tensor; null of a null value.
mlir::RankedTensorType tensorTypeOf(mlir::Value value);

/// Checks scale, second scale and zero point of an operation against an input
/// of the type `input`. Types are logical; absent ones are null.
mlir::LogicalResult
verifyScaling(mlir::Operation *op, mlir::RankedTensorType input,
              mlir::RankedTensorType scale, mlir::RankedTensorType second,
              mlir::RankedTensorType zero, std::optional<ZeroPointMode> mode,
              std::optional<llvm::ArrayRef<int64_t>> block,
              std::optional<llvm::ArrayRef<int64_t>> secondBlock);

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_IR_OPERANDS_H
