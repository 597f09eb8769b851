//===- Passes.h - conversions between dialects -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each pass is described by before/after IR in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_CONVERSION_PASSES_H
#define RUNG_CONVERSION_PASSES_H

#include "rung/Conversion/RungToTile/RungToTile.h"
#include "rung/Conversion/TileToNVGPU/TileToNVGPU.h"
#include "rung/Conversion/TileToVector/TileToVector.h"

namespace rung {

#define GEN_PASS_REGISTRATION
#include "rung/Conversion/Passes.h.inc"

/// Registers every pass of this file.
inline void registerConversionPasses() { registerRungConversionPasses(); }

} // namespace rung

#endif // RUNG_CONVERSION_PASSES_H
