//===- LoadCodes.h - single codes out of packed memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETOVECTOR_LOADCODES_H
#define RUNG_LIB_CONVERSION_TILETOVECTOR_LOADCODES_H

#include "Access.h"

namespace rung {

/// Codes under 8 bits of canonical storage, as i32, for the lanes at `places`.
mlir::FailureOr<mlir::Value> loadCanonicalCodes(VectorBuilder &b,
                                                const Access &access,
                                                const Places &places);

/// Codes of packed words whose lanes do not run as the fragment's.
mlir::FailureOr<mlir::Value> loadCodesOfWords(KernelLowering &lowering,
                                              VectorBuilder &b,
                                              const Access &access,
                                              const Places &places);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETOVECTOR_LOADCODES_H
