//===- DumpPasses.h - Writes the IR after each pass -------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H
#define RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H

#include "llvm/ADT/StringRef.h"
#include <memory>
#include <string>

namespace mlir {
class PassInstrumentation;
} // namespace mlir

namespace rung {

/// A folder with the IR after each pass, of one or more pass managers.
struct PassDump {
  /// Makes the folder.
  explicit PassDump(llvm::StringRef directory);

  std::string directory;
  /// The message of the first file that could not be written.
  std::string error;
  /// The module as it was written last.
  std::string last;
  unsigned number = 0;
};

/// Writes the whole module into the folder as NNN-PASS.mlir after each pass
/// that changed it.
std::unique_ptr<mlir::PassInstrumentation> createPassDumper(PassDump &dump);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_DUMPPASSES_H
