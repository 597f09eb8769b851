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
    format, padded with zeros to whole steps of K. Operands that are not row-major
    are copied, except for rows of activations anywhere. This pass changes the
    order of floating-point sums.

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

def ConvertTileToNVGPU : Pass<"convert-tile-to-nvgpu", "::mlir::ModuleOp"> {
  let summary = "Turn kernels of tiles into code for one warp of a block of an NVIDIA GPU";
  let description = [{
    `tile.launch` becomes `gpu.launch` with threads (32, warps, 1); a fragment,
    one scalar for each register of a lane, a packed one a word of i32 for each
    word of its units. Packed storage is read by its own vector loads: where its
    order was derived for 16-byte loads (`deriveWeightLayout`), a lane's load
    brings in the codes of its own operand registers, and nothing moves between
    lanes. A `tile.mma` becomes matrix instructions of the module's device
    (`matrix` of `rung.device`, else those of cuda:sm_80): the one for its
    formats, whose fragments its operands must be, side by side, the columns of both
    along K in any one order; multiply-adds where the device has none. Run
    `tile-expand-convert` first; upstream passes go on from `gpu.launch` to PTX.

    Taken are launch, warp, barrier, load, store, splat, map, lookup, slice,
    reduce, relayout, mma and reduce_warps of tile, in scf.for and scf.if; of any other
    operation, or form, an error says what was expected. A table that is looked
    up is a constant array in global memory. Lanes exchange elements by
    `gpu.shuffle`, a register at a time.
    What several lanes hold of one byte of narrow codes, and the sums of several
    warps, meet in shared memory. Where an element is beyond bounds, another is
    loaded; a bound is at least 1. Memory is assumed to be aligned to 16 bytes.

    Before:
    ```mlir
    tile.launch (%i) in (%c4) {
      %n = arith.muli %i, %c16 : index
      %w = tile.load %weights[%n, %k] {storage = ...} : memref<4x8x1x32x4xi32> -> !tile.fragment<16x64x!rung.int<4>, #packed>
      %v = tile.map %w : ... -> !tile.fragment<16x64xf16, #a> { ... }
      %x = tile.load %activations[%c0, %k] bounds [%c1, %c512] : memref<1x512xf16> -> !tile.fragment<8x64xf16, #b>
      %d = tile.mma %v, %x, %zero : ...
      tile.store %d, %y[%c0, %n] bounds [%c1, %c64] transposed : !tile.fragment<16x8xf32, #c>, memref<1x64xf32>
    }
    ```
    After:
    ```mlir
    gpu.launch blocks(%i, %by, %bz) in (%gx = %c4, %gy = %c1, %gz = %c1)
               threads(%tx, %ty, %tz) in (%lx = %c32, %ly = %c1, %lz = %c1) {
      %lane = gpu.thread_id x
      %words = vector.load %weights[%i, %step, %c0, %lane, %c0] {alignment = 16 : i64} : memref<4x8x1x32x4xi32>, vector<4xi32>
      ...
      %d0 = llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"(%a0, %a1, %a2, %a3, %b0, %b1, %c0, %c1, %c2, %c3)
        : (vector<2xf16>, ..., f32) -> !llvm.struct<(f32, f32, f32, f32)>
      ...
      scf.if %isFirstColumn {
        memref.store %y0, %y[%column, %row] : memref<1x64xf32>
      }
      gpu.terminator
    }
    ```
  }];
  let dependentDialects = ["::mlir::NVVM::NVVMDialect", "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
                           "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

#endif // RUNG_CONVERSION_PASSES_TD
