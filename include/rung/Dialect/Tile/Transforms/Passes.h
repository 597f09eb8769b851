//===- Passes.h - passes on the tile dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each pass is described by before/after IR in Passes.td.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_TRANSFORMS_PASSES_H
#define RUNG_DIALECT_TILE_TRANSFORMS_PASSES_H

#include "mlir/Pass/Pass.h"

namespace rung::tile {

#define GEN_PASS_DECL
#include "rung/Dialect/Tile/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "rung/Dialect/Tile/Transforms/Passes.h.inc"

} // namespace rung::tile

namespace rung {
/// Registers every pass of this file.
inline void registerTilePasses() { tile::registerTileTransformsPasses(); }
} // namespace rung

#endif // RUNG_DIALECT_TILE_TRANSFORMS_PASSES_H
