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

def ConvertTileToVector : Pass<"convert-tile-to-vector", "::mlir::ModuleOp"> {
  let summary = "Turn kernels of tiles into vector code for a CPU";
  let description = [{
    A fragment becomes one vector for each register, with one lane of the vector
    for each lane of the layout; a packed fragment, one vector of i32 for each
    word of its units. `tile.launch` becomes `scf.parallel`, buffers arrays on
    the stack; copies are done at once, waits and barriers vanish. Run
    `tile-expand-convert` first. How tables are looked up is what `rung.device`
    of the module says: `lookup` is `permvar512`, `permps` or `gather`.

    Sums of a `tile.mma` are in another order where it has few sums: each then
    has several chains of additions. Loads read no element at or beyond their
    bounds, but assume that a bound is at least 1.

    Before:
    ```mlir
    tile.launch (%i) in (%c4) {
      %n = arith.muli %i, %c16 : index
      %w = tile.load %weights[%n, %k] {storage = ...} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
      %v = tile.map %w : ... -> !tile.fragment<16x8xf32, #plain> { ... }
      %x = tile.load %activations[%m, %k] : memref<1x64xf32> -> !tile.fragment<1x8xf32, #replicated>
      %d = tile.mma %v, %x, %c : ...
      tile.store %d, %y[%m, %n] transposed : !tile.fragment<16x1xf32, #sums>, memref<1x64xf32>
    }
    ```
    After:
    ```mlir
    scf.parallel (%i) = (%c0) to (%c4) step (%c1) {
      %words = vector.load %weights[%tile, %chunk, %c0, %c0] : memref<4x8x1x16xi32>, vector<16xi32>
      %v0 = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%table, %words) : ...
      ...
      %x0 = memref.load %activations[%m, %k] : memref<1x64xf32>
      %b0 = vector.broadcast %x0 : f32 to vector<16xf32>
      %p0 = arith.mulf %v0, %b0 fastmath<contract> : vector<16xf32>
      ...
      vector.store %d0, %y[%m, %n] : memref<1x64xf32>, vector<16xf32>
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // RUNG_CONVERSION_PASSES_TD
