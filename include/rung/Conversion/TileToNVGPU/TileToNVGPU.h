//===- TileToNVGPU.h - convert-tile-to-nvgpu -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_CONVERSION_TILETONVGPU_TILETONVGPU_H
#define RUNG_CONVERSION_TILETONVGPU_TILETONVGPU_H

#include "mlir/Pass/Pass.h"

namespace rung {

#define GEN_PASS_DECL_CONVERTTILETONVGPU
#include "rung/Conversion/Passes.h.inc"

} // namespace rung

#endif // RUNG_CONVERSION_TILETONVGPU_TILETONVGPU_H
