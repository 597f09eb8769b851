// RUN: rung-opt %s -tile-expand-convert -convert-tile-to-nvgpu -canonicalize -cse | FileCheck %s

// y[1, 64] = x[1, 512] · w[64, 512]ᵀ, w in int4 with a f16 scale for each 128 columns.
//
// The storage is deriveWeightLayout(mma.m16n8k16.f16.a, sequential<4>, 16 bytes), see
// test/Unit/Layout/WeightLayoutTest.cpp: tiles of 16 × 64 codes, of which a lane's load of four words
// holds its A registers of four m16n8k16 in order. #a, #b and #c are the instruction's maps, four side
// by side along K; b is the transpose, as tile.mma wants it.

#packed = #tile.layout<"(code:3, register:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[3], register[0..1] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}", order = "sequential<4>">
#a = #tile.layout<"(register:5, lane:5) -> (row:4, col:6) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], register[3..4] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:4, lane:5) -> (row:3, col:6) {register[0] -> col[0], register[1] -> col[3], register[2..3] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#rows = #tile.layout<"(register:1, lane:5) -> (row:4, col:0) {register[0] -> row[3], lane[0..1] -> 0, lane[2..4] -> row[0..2]}">
#words = #rung.storage<!rung.int<4>, [64, 512], words, layout = "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[3], unit[0..1] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}, order = sequential<4>, load = 4">


// One warp for each 16 rows. A lane loads 16 bytes for 4 instructions; its x are pairs of neighbours,
// and rows of x that do not exist read row 0 in their place.

// CHECK-LABEL: func @int4_gemv
// CHECK-SAME: %[[W:.*]]: memref<4x8x1x32x4xi32>, %[[S:.*]]: memref<64x4xf16>, %[[X:.*]]: memref<1x512xf16>, %[[Y:.*]]: memref<1x64xf32>
// CHECK: gpu.launch blocks(%[[BLOCK:[^,]*]], {{.*}}) in (%{{.*}} = %c4, {{.*}}) threads({{.*}}) in (%{{.*}} = %c32, %{{.*}} = %c1, %{{.*}} = %c1)
// CHECK: %[[ROW:.*]] = arith.muli %[[BLOCK]], %c16
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32)
// CHECK: scf.for %[[K:[^ ]*]] = {{.*}} -> (f32, f32, f32, f32)
// CHECK: %[[LANE:.*]] = gpu.thread_id x
// CHECK: %[[STEP:.*]] = arith.divui %[[K]], %c64
// CHECK: %[[WORDS:.*]] = vector.load %[[W]][%[[BLOCK]], %[[STEP]], %c0, %[[LANE]], %c0] {alignment = 16 : i64} : memref<4x8x1x32x4xi32>, vector<4xi32>
// CHECK: %[[WORD:.*]] = vector.extract %[[WORDS]][0]
// CHECK: %[[CODE:.*]] = arith.shli %[[WORD]], %c28_i32
// CHECK: %[[N:.*]] = arith.shrsi %[[CODE]], %c28_i32
// CHECK: %[[A0:.*]] = arith.sitofp %[[N]] : i32 to f16
// CHECK: %[[G:.*]] = arith.andi %[[LANE]], %c28
// CHECK: %[[COLUMN:.*]] = arith.shrui %[[G]], %c2
// CHECK: %[[T:.*]] = arith.andi %[[LANE]], %c3
// CHECK: %[[PLACE:.*]] = arith.shli %[[T]], %c1
// CHECK: %[[XS:.*]] = vector.load %[[X]][%{{.*}}, %{{.*}}] {alignment = 4 : i64} : memref<1x512xf16>, vector<2xf16>
// CHECK-COUNT-7: vector.load %[[X]]
// CHECK: %[[A:.*]] = vector.from_elements %[[A0]], {{.*}} : vector<2xf16>
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"(%[[A]],
// CHECK-COUNT-3: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"
// CHECK-COUNT-2: memref.load %[[S]]
// CHECK-COUNT-4: math.fma
// CHECK: scf.if
// CHECK-NEXT: memref.store %{{.*}}, %[[Y]]
// CHECK-NOT: tile.

func.func @int4_gemv(%w: memref<4x8x1x32x4xi32>, %s: memref<64x4xf16>, %x: memref<1x512xf16>, %y: memref<1x64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %c128 = arith.constant 128 : index
  %c512 = arith.constant 512 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%block) in (%c4) {
    %n = arith.muli %block, %c16 : index
    %none = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %total = scf.for %first = %c0 to %c512 step %c128 iter_args(%acc = %none) -> (!tile.fragment<16x8xf32, #c>) {
      %end = arith.addi %first, %c128 : index
      %part = scf.for %k = %first to %end step %c64 iter_args(%sum = %none) -> (!tile.fragment<16x8xf32, #c>) {
        %codes = tile.load %w[%n, %k] {storage = #words} : memref<4x8x1x32x4xi32> -> !tile.fragment<16x64x!rung.int<4>, #packed>
        %values = tile.convert %codes : !tile.fragment<16x64x!rung.int<4>, #packed> -> !tile.fragment<16x64xf16, #a>
        %xs = tile.load %x[%c0, %k] bounds [%c1, %c512] : memref<1x512xf16> -> !tile.fragment<8x64xf16, #b>
        %next = tile.mma %values, %xs, %sum : !tile.fragment<16x64xf16, #a>, !tile.fragment<8x64xf16, #b>, !tile.fragment<16x8xf32, #c>
        scf.yield %next : !tile.fragment<16x8xf32, #c>
      }
      %scale = tile.load %s[%n, %first] block [1, 128] : memref<64x4xf16> -> !tile.fragment<16x1xf16, #rows>
      %wide = tile.convert %scale : !tile.fragment<16x1xf16, #rows> -> !tile.fragment<16x1xf32, #rows>
      %scaled = tile.map %acc, %part, %wide : !tile.fragment<16x8xf32, #c>, !tile.fragment<16x8xf32, #c>, !tile.fragment<16x1xf32, #rows> -> !tile.fragment<16x8xf32, #c> {
      ^bb0(%a: f32, %p: f32, %f: f32):
        %r = math.fma %p, %f, %a : f32
        tile.yield %r : f32
      }
      scf.yield %scaled : !tile.fragment<16x8xf32, #c>
    }
    tile.store %total, %y[%c0, %n] bounds [%c1, %c64] transposed : !tile.fragment<16x8xf32, #c>, memref<1x64xf32>
  }
  return
}
