//===- DumpPasses.h - Writes the IR after each pass -------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H
#define RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H

#include "llvm/ADT/StringRef.h"
#include <memory>

namespace mlir {
class PassInstrumentation;
}

namespace rung {

/// Writes the whole module into `directory` as NNN-PASS.mlir after each pass
/// that changed it. `error` gets the message of the first file that could not
/// be written.
std::unique_ptr<mlir::PassInstrumentation>
createPassDumper(llvm::StringRef directory, std::string &error);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H
