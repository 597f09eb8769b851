//===- ExpandMathF64.h - exp and erf of f64 as plain arithmetic -*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_LIB_PIPELINES_EXPANDMATHF64_H
#define RUNG_LIB_PIPELINES_EXPANDMATHF64_H

#include "mlir/IR/PatternMatch.h"

namespace rung {

/// Patterns for math.exp (within 1 ulp) and math.erf (within 5 ulp) on f64
/// scalars and vectors: upstream approximates f32 alone. Branchless.
void populateExpandMathF64Patterns(mlir::RewritePatternSet &patterns);

} // namespace rung

#endif // RUNG_LIB_PIPELINES_EXPANDMATHF64_H
