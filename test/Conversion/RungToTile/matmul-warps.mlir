// RUN: rung-opt --convert-rung-to-tile --split-input-file --verify-diagnostics %s | FileCheck %s

#device = #rung.device<"a warp", {lanes = 32 : i64, matrix = [
  #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>]}>
#x = #rung.storage<f16, [4, 256], canonical>
#w = #rung.storage<!rung.int<4>, [64, 256], words, layout = "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[1], unit[0] -> col[2], unit[1] -> col[5], lane[0..1] -> col[3..4], lane[2..4] -> row[0..2]}, order = sequential<4>, load = 4">
#s = #rung.storage<f16, [64, 8], lanes, rows_per_block = 1>
#y = #rung.storage<f16, [4, 64], canonical>
module attributes {rung.device = #device} {
  // A block has 16 rows of the weight; its two warps take turns along K. Both groups of 32 of a step have a sum and a scale of their own.

  // CHECK-LABEL: func @groups
  // CHECK: tile.launch (%[[N:.*]], %[[M:.*]]) in (%{{.*}}, %{{.*}}) attributes {warps = 2 : i64}
  // CHECK: %[[WARP:.*]] = tile.warp
  // CHECK: %[[FIRST:.*]] = arith.muli %[[WARP]], %c64
  // CHECK: scf.for %{{.*}} = %[[FIRST]] to %c256{{.*}} step %c128
  // CHECK:   tile.load {{.*}} -> <16x64x!rung.int<4>
  // CHECK:   tile.convert {{.*}} -> <16x64xf16
  // CHECK:   tile.slice %{{.*}} [0, 0] : {{.*}} -> <16x32xf16
  // CHECK:   tile.mma
  // CHECK:   tile.load {{.*}} block [1, 32] {{.*}} -> <16x1xf16
  // CHECK:   tile.map
  // CHECK:   tile.slice %{{.*}} [0, 32] : {{.*}} -> <16x32xf16
  // CHECK:   tile.mma
  // CHECK:   tile.load {{.*}} block [1, 32] {{.*}} -> <16x1xf16
  // CHECK: } {tile.stages = 2 : i64}
  // CHECK: %[[SUM:.*]] = tile.reduce_warps
  // CHECK: scf.if
  // CHECK:   tile.store
  func.func @groups(%x: memref<4x256xf16>, %w: memref<4x4x1x32x4xi32>, %s: memref<4x8x16xf16>, %y: memref<4x64xf16>) {
    rung.matmul x(%x : memref<4x256xf16>) weight(%w : memref<4x4x1x32x4xi32>) scale(%s : memref<4x8x16xf16>) init(%y : memref<4x64xf16>)
      {block = array<i64: 1, 32>, compute = f16, storage = [#x, #w, #s, #y],
       schedules = [#rung.schedule<rows = 8, columns = 16, depth = 64, scale = accumulator, stages = 2, warps = 2>]}
    return
  }
}

// -----

#device = #rung.device<"a warp", {lanes = 32 : i64, matrix = [
  #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>]}>
#x = #rung.storage<f16, [4, 256], canonical>
#w = #rung.storage<!rung.int<4>, [64, 256], words, layout = "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[1], unit[0] -> col[2], unit[1] -> col[5], lane[0..1] -> col[3..4], lane[2..4] -> row[0..2]}, order = sequential<4>, load = 4">
#y = #rung.storage<f16, [4, 64], canonical>
module attributes {rung.device = #device} {
  func.func @rows(%x: memref<4x256xf16>, %w: memref<4x4x1x32x4xi32>, %y: memref<4x64xf16>) {
    // expected-error@+2 {{is left}}
    // expected-error@+1 {{but its weights are packed for columns = 16 and its instruction takes whole 8 rows}}
    rung.matmul x(%x : memref<4x256xf16>) weight(%w : memref<4x4x1x32x4xi32>) init(%y : memref<4x64xf16>)
      {compute = f16, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 4, columns = 16, depth = 64, scale = accumulator>]}
    return
  }
  func.func @warps(%x: memref<4x256xf16>, %w: memref<4x4x1x32x4xi32>, %y: memref<4x64xf16>) {
    // expected-error@+1 {{but its 256 columns are fewer steps of 64 than it has warps}}
    rung.matmul x(%x : memref<4x256xf16>) weight(%w : memref<4x4x1x32x4xi32>) init(%y : memref<4x64xf16>)
      {compute = f16, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 8, columns = 16, depth = 64, scale = accumulator, warps = 8>]}
    return
  }
  func.func @depth(%x: memref<4x256xf16>, %w: memref<4x4x1x32x4xi32>, %y: memref<4x64xf16>) {
    // expected-error@+1 {{but its weights are packed for depth = 64}}
    rung.matmul x(%x : memref<4x256xf16>) weight(%w : memref<4x4x1x32x4xi32>) init(%y : memref<4x64xf16>)
      {compute = f16, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 8, columns = 16, depth = 32, scale = accumulator>]}
    return
  }
  func.func @split(%x: memref<4x256xf16>, %w: memref<4x4x1x32x4xi32>, %y: memref<4x64xf16>) {
    // expected-error@+1 {{expected 1 for split_k, and scale = accumulator}}
    rung.matmul x(%x : memref<4x256xf16>) weight(%w : memref<4x4x1x32x4xi32>) init(%y : memref<4x64xf16>)
      {compute = f16, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 8, columns = 16, depth = 64, scale = accumulator, split_k = 2>]}
    return
  }
}
