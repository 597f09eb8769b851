//===- Manifest.h - Writes the manifest of a bundle -------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H
#define RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace rung {

/// What the manifest says of a module that was compiled for one target.
struct EntryDescriptions {
  /// "entries": the same for every target.
  llvm::json::Array entries;
  /// "packed" of this target's binary.
  llvm::json::Array packed;
};

/// Describes those functions of `module` that rung-describe-entries described,
/// in order. Fails with a diagnostic at the function for an element type that
/// no user's array can hold.
mlir::FailureOr<EntryDescriptions> describeEntries(mlir::ModuleOp module);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H
