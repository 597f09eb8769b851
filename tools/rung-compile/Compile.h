//===- Compile.h - One module to code for its targets -----------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_COMPILE_H
#define RUNG_TOOLS_RUNG_COMPILE_COMPILE_H

#include "rung/Target/Target.h"

#include "mlir/IR/BuiltinOps.h"
#include <string>
#include <vector>

namespace rung {

enum class Emit { MLIR, LLVM, Assembly, Object, Bundle };

struct CompileOptions {
  std::vector<Target> targets;
  Emit emit = Emit::Bundle;
  /// "-" is standard output.
  std::string output;
  std::vector<std::string> parameters;
  /// Empty: no dump.
  std::string dumpDirectory;
};

/// Compiles `module` (which is consumed) and writes `options.output`, whole or
/// not at all. Errors in the module are diagnostics; the others are returned.
/// After a diagnostic the error's message is empty.
llvm::Error compile(mlir::ModuleOp module, const CompileOptions &options);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_COMPILE_H
