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

def TilePipeline : Pass<"tile-pipeline"> {
  let summary = "Loads of packed weights and scales are issued iterations ahead";
  let description = [{
    A loop with `tile.stages = S` loads what is in `words` or `lanes` storage
    S - 1 iterations before it is used, into registers that the loop carries, so
    that memory is busy while an iteration computes. Such a loop runs at least
    once. Loads whose indices depend on carried values stay.

    Before:
    ```mlir
    %sum = scf.for %k = %c0 to %end step %c64 iter_args(%acc = %none) -> (!tile.fragment<16x8xf32, #c>) {
      %w = tile.load %words[%n, %k] {storage = #words} : memref<4x8x1x32x4xi32> -> !tile.fragment<16x64x!rung.int<4>, #packed>
      ...
    } {tile.stages = 2 : i64}
    ```
    After:
    ```mlir
    %first = tile.load %words[%n, %c0] ...
    %sum:2 = scf.for %k = %c0 to %end step %c64 iter_args(%acc = %none, %w = %first) -> (...) {
      %ahead = arith.addi %k, %c64 : index
      %more = arith.cmpi ult, %ahead, %end : index
      %next = scf.if %more -> (...) {
        %l = tile.load %words[%n, %ahead] ...
        scf.yield %l : ...
      } else {
        scf.yield %w : ...
      }
      ...
      scf.yield %acc_next, %next : ...
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect", "::rung::tile::TileDialect"];
}

#endif // RUNG_DIALECT_TILE_TRANSFORMS_PASSES_TD
