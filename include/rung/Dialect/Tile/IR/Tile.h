//===- Tile.h - the tile dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Types, attributes and operations of the dialect; see TileDialect.td.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_IR_TILE_H
#define RUNG_DIALECT_TILE_IR_TILE_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Layout/BitOrder.h"
#include "rung/Layout/LinearLayout.h"

#include "rung/Dialect/Tile/IR/TileEnums.h.inc"

#include "rung/Dialect/Tile/IR/TileDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "rung/Dialect/Tile/IR/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "rung/Dialect/Tile/IR/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "rung/Dialect/Tile/IR/TileOps.h.inc"

namespace rung::tile {

/// The type that an element has in the region of a `tile.map`: itself if it is
/// a builtin float of at least 16 bits, i16 or i32 if it is an integer of so
/// many, else i32, its code.
mlir::Type registerType(mlir::Type elementType);

} // namespace rung::tile

#endif // RUNG_DIALECT_TILE_IR_TILE_H
