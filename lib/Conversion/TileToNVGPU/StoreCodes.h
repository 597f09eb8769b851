//===- StoreCodes.h - codes narrower than a byte to memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETONVGPU_STORECODES_H
#define RUNG_LIB_CONVERSION_TILETONVGPU_STORECODES_H

#include "Access.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

namespace rung {

/// Stores the registers of a fragment, codes as i32, to canonical storage of
/// less than 8 bits. All lanes of the warp come here. Why it cannot be done;
/// empty if it was.
std::string storeCodes(VectorBuilder &b, const WarpAccess &access,
                       mlir::gpu::LaunchOp launch, mlir::ValueRange registers,
                       mlir::RewriterBase &rewriter);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETONVGPU_STORECODES_H
