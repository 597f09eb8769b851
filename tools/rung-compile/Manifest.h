//===- Manifest.h - Writes the manifest of a bundle -------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H
#define RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"

namespace rung {

/// The "entries" of the manifest: those functions of `module` that
/// rung-describe-entries described, in order. Fails with a diagnostic at the
/// function for an element type that no user's array can hold.
mlir::FailureOr<llvm::json::Array> describeEntries(mlir::ModuleOp module);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_MANIFEST_H
