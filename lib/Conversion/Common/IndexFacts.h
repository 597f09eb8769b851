//===- IndexFacts.h - what is known of an index -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts that loops, constants and multiplications tell about an index value.
// Indices are taken to be non-negative and not to overflow.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_COMMON_INDEXFACTS_H
#define RUNG_LIB_CONVERSION_COMMON_INDEXFACTS_H

#include "mlir/IR/Value.h"
#include <cstdint>
#include <optional>

namespace rung {

/// A number that divides the index: 0 (all do) for 0, 1 if nothing is known.
int64_t knownDivisor(mlir::Value index);

/// The index is at most this.
std::optional<int64_t> knownMaximum(mlir::Value index);

/// True if index + offset < bound is certain.
bool isKnownBelow(mlir::Value index, int64_t offset, mlir::Value bound);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_COMMON_INDEXFACTS_H
