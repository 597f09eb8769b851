//===- Passes.td - passes on the tile dialect -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_TRANSFORMS_PASSES_TD
#define RUNG_DIALECT_TILE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TileExpandConvert : Pass<"tile-expand-convert"> {
  let summary = "Conversions of tiles become arithmetic on each element";
  let description = [{
    Every `tile.convert` becomes a `tile.map` whose region decodes the words of
    a unit, or one code. For an x86-64 the words of a unit are decoded by the
    cheapest sequence that a search finds for their bit order, folded on every
    code before it is used (see DecodeProgram.h); otherwise the sequence follows
    from the source's value table (see DecodeSequence.h); with a
    rounding mode the region ends in the code, or builtin value, that
    `NumberFormat::encode` gives. NaN becomes the code of zero in a format that
    has no NaN. Exact: no value changes but as the rounding mode says.

    The device (`rung.device` of the module) says how many entries a table
    lookup in registers has (`lookup_entries`, 0 if absent).

    Before:
    ```mlir
    %f = tile.convert %w : !tile.fragment<16x8xf4E2M1FN, #packed> -> !tile.fragment<16x8xf32, #plain>
    ```
    After, with 16 entries:
    ```mlir
    %f = tile.map %w : !tile.fragment<16x8xf4E2M1FN, #packed> -> !tile.fragment<16x8xf32, #plain> {
    ^bb0(%word: i32):
      %v0 = tile.lookup %word in dense<[0.0, 0.5, ...]> : tensor<16xf32>
      %c1 = arith.shrui %word, %c4_i32 : i32
      %v1 = tile.lookup %c1 in dense<[0.0, 0.5, ...]> : tensor<16xf32>
      ...
      tile.yield %v0, %v1, ... : f32, f32, ...
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::vector::VectorDialect", "::rung::RungDialect",
                           "::rung::tile::TileDialect"];
}

#endif // RUNG_DIALECT_TILE_TRANSFORMS_PASSES_TD
