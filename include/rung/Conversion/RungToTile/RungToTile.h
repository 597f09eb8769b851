//===- RungToTile.h - convert-rung-to-tile -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_CONVERSION_RUNGTOTILE_RUNGTOTILE_H
#define RUNG_CONVERSION_RUNGTOTILE_RUNGTOTILE_H

#include "mlir/Pass/Pass.h"

namespace rung {

#define GEN_PASS_DECL_CONVERTRUNGTOTILE
#include "rung/Conversion/Passes.h.inc"

/// rung.matmul, rung.elementwise and rung.gather on memrefs become tile.launch.
void populateRungToTileConversionPatterns(mlir::RewritePatternSet &patterns);

} // namespace rung

#endif // RUNG_CONVERSION_RUNGTOTILE_RUNGTOTILE_H
