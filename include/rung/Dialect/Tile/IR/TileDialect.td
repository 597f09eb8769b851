//===- TileDialect.td - the dialect of tiles moving through memory levels -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_IR_TILEDIALECT_TD
#define RUNG_DIALECT_TILE_IR_TILEDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "rung/Dialect/Tile/IR/TileEnums.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::rung::tile";
  let summary = "One kernel, seen as tiles moving through memory levels";
  let description = [{
    A `tile.launch` runs independent blocks. A block loads tiles into fragments
    (spread over the registers of its lanes as a layout says), converts them,
    multiplies them and stores them. The same operations serve GPUs and CPUs: on
    a CPU the lanes are those of a vector. What differs is the layouts, the
    schedule and the last conversion.

    A fragment has rows and columns. Loads and stores name a tile by the
    coordinates of its first element in the logical tensor; `#rung.storage` says
    how that tensor sits in memory.
  }];
  // Builtin types are number formats once that dialect is there.
  let dependentDialects = ["::rung::RungDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    /// Of an scf.for: how many iterations' loads are in flight, see tile-pipeline.
    static constexpr ::llvm::StringLiteral kStagesAttrName = "tile.stages";
    void registerTypes();
    void registerAttributes();
  }];
}

def Tile_RoleAttr : EnumAttr<Tile_Dialect, Tile_Role, "role">;

def Tile_LayoutAttr : AttrDef<Tile_Dialect, "Layout"> {
  let mnemonic = "layout";
  let summary = "which register of which lane holds which element of a tile";
  let description = [{
    A GF(2)-linear map (register, lane) -> (row, col); see Layout/LinearLayout.h.
    With `order`, registers hold packed codes: the map is
    (code, register, lane) -> (row, col), a register stands for one decode unit,
    and `order` places the bits of its codes in its 32-bit words.

    ```mlir
    #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
    ```
  }];
  let parameters = (ins "::rung::LinearLayout":$map, "std::optional<::rung::BitOrder>":$order);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilder<(ins "const ::rung::LinearLayout &":$map), [{ return $_get($_ctxt, map, std::nullopt); }]>,
  ];
  let extraClassDeclaration = [{
    int64_t getRows() const { return int64_t(1) << getMap().outBits("row"); }
    int64_t getColumns() const { return int64_t(1) << getMap().outBits("col"); }
    int64_t getLanes() const { return int64_t(1) << getMap().inBits("lane"); }
    /// Registers of a lane: elements, or decode units if packed.
    int64_t getRegisters() const { return int64_t(1) << getMap().inBits("register"); }
    bool isPacked() const { return getOrder().has_value(); }
    /// (row, column) of an element that a lane holds.
    std::pair<int64_t, int64_t> locate(int64_t reg, int64_t lane, int64_t code = 0) const;
    /// The register whose element in lane 0 is at (row, col), if there is one. Of a packed layout: the unit.
    std::optional<int64_t> findRegister(int64_t row, int64_t col) const;
  }];
}

def Tile_FragmentType : TypeDef<Tile_Dialect, "Fragment"> {
  let mnemonic = "fragment";
  let summary = "a tile in the registers of a block's lanes";
  let description = [{
    ```mlir
    !tile.fragment<16x8xf32, #weights>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                        "::rung::tile::LayoutAttr":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::Type":$elementType, "::rung::tile::LayoutAttr":$layout), [{
      return $_get(elementType.getContext(), layout.getRows(), layout.getColumns(), elementType, layout);
    }]>,
  ];
}

def Tile_BufferType : TypeDef<Tile_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "a tile in a memory level, several stages deep";
  let description = [{
    `swizzle` XORs that many bits of the row into the 16-byte column, so that
    rows read side by side fall into different banks.

    ```mlir
    !tile.buffer<64x64xf16, shared, swizzle = 3>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$elementType,
                        "::rung::tile::MemoryLevel":$level, "int64_t":$swizzle);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Tile_TokenType : TypeDef<Tile_Dialect, "Token"> {
  let mnemonic = "token";
  let summary = "an asynchronous copy or multiplication under way";
  let description = [{
    ```mlir
    !tile.token
    ```
  }];
}

#endif // RUNG_DIALECT_TILE_IR_TILEDIALECT_TD
