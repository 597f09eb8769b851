//===- FormatParser.h - FORMAT as every command takes it -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_FORMATPARSER_H
#define RUNG_DIALECT_RUNG_IR_FORMATPARSER_H

#include "mlir/IR/Types.h"
#include "mlir/Support/LLVM.h"

#include <string>

namespace rung {

/// The type of a number format given as text: one of the names of
/// Numerics/NamedFormats.h (`int4`, `e4m3`, `nf4`, ...) or any MLIR type that
/// is a number format (`!rung.uint<5, offset = 16>`, `f16`). Loads the rung
/// dialect into `context`. On failure `error` says what was found and what is
/// expected; nothing is printed.
mlir::FailureOr<mlir::Type> parseFormat(llvm::StringRef text,
                                        mlir::MLIRContext *context,
                                        std::string &error);

} // namespace rung

#endif // RUNG_DIALECT_RUNG_IR_FORMATPARSER_H
