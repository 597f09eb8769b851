//===- Passes.td - conversions between dialects -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_CONVERSION_PASSES_TD
#define RUNG_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertRungToTile : Pass<"convert-rung-to-tile", "::mlir::ModuleOp"> {
  let summary = "Turn matmuls, conversions and gathers on memrefs into kernels of tiles";
  let description = [{
    A `rung.matmul` becomes a kernel for each of its schedules, chosen at run
    time by the number of rows. Activations are first brought into the compute
    format, padded with zeros to whole steps of K. This pass changes the order
    of floating-point sums.

    Before:
    ```mlir
    rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x2x16xf16>)
      init(%y : memref<1x32xf32>) {block = array<i64: 1, 32>, compute = f32, storage = [...],
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
    ```
    After:
    ```mlir
    tile.launch (%tile) in (%c2) {
      %n = arith.muli %tile, %c16
      scf.for %m = %c0 to %c1 step %c1 {
        %sum = scf.for %g = %c0 to %c2 step %c1 iter_args(%acc = %zero) -> !tile.fragment<16x1xf32> {
          %part = scf.for %k = ... iter_args(%p = %zero) {
            %codes = tile.load %w[%n, %k] : memref<2x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
            %values = tile.convert %codes : ... -> !tile.fragment<16x8xf32>
            %xs = tile.load %x[%m, %k] : memref<1x64xf32> -> !tile.fragment<1x8xf32, #replicated>
            tile.mma %values, %xs, %p
          }
          %scale = tile.load %s[%n, %k0] block [1, 32] ...
          tile.map %acc, %part, %scale { fma }
        }
        tile.store %sum, %y[%m, %n] bounds [%c1, %c32] transposed
      }
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::cf::ControlFlowDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::rung::tile::TileDialect"];
}

#endif // RUNG_CONVERSION_PASSES_TD
