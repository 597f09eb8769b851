//===- TileEnums.td - enumerations of the tile dialect -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_IR_TILEENUMS_TD
#define RUNG_DIALECT_TILE_IR_TILEENUMS_TD

include "mlir/IR/EnumAttr.td"

def Tile_MemoryLevel : I32EnumAttr<"MemoryLevel", "level of a device's memory", [
  I32EnumAttrCase<"Global", 0, "global">,
  I32EnumAttrCase<"Shared", 1, "shared">,
  I32EnumAttrCase<"Register", 2, "register">,
]> {
  let cppNamespace = "::rung::tile";
  let genSpecializedAttr = 0;
}

def Tile_Role : I32EnumAttr<"Role", "what the warps of a region do", [
  I32EnumAttrCase<"Producer", 0, "producer">,
  I32EnumAttrCase<"Consumer", 1, "consumer">,
]> {
  let cppNamespace = "::rung::tile";
  let genSpecializedAttr = 0;
}

#endif // RUNG_DIALECT_TILE_IR_TILEENUMS_TD
