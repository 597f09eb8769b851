// RUN: rung-opt %s -tile-expand-convert -convert-tile-to-vector -canonicalize -cse | FileCheck %s

// The kernel of an int4 matmul with one row of activations and a scale for each 64 columns: in the
// inner loop one load of 16 words serves 16 rows of the weight; each of the 8 codes in a word is a
// shift, a lookup and a multiply-add with a broadcast element of x, summed in a chain of their own.
// The device asks for words 1024 bytes ahead: 16 loads, or 32 of scales.

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
#spread = #tile.layout<"(register:3, lane:4) -> (row:0, col:3) {register[0..2] -> col[0..2], lane[0..3] -> 0}">
#rows = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
#words = #rung.storage<!rung.int<4>, [48, 256], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
module attributes {rung.device = #rung.device<"cpu:test", {lookup = "permvar512", lookup_entries = 16 : i64, prefetch = 1024 : i64}>} {

// CHECK-LABEL: func @matmul
// CHECK-SAME: %[[W:.*]]: memref<3x32x1x16xi32>, %[[S:.*]]: memref<3x4x16xf16>, %[[X:.*]]: memref<1x256xf32>, %[[Y:.*]]: memref<1x48xf32>
// CHECK-DAG: %[[TABLE:.*]] = arith.constant dense<[0.000000e+00, 1.000000e+00, {{.*}}, -1.000000e+00]> : vector<16xf32>
// CHECK: scf.parallel (%[[TILE:.*]]) =
// CHECK: %[[ROW:.*]] = arith.muli %[[TILE]], %c16
// CHECK: scf.for %[[G:.*]] = {{.*}} iter_args(%[[ACC:.*]] = %{{.*}}) -> (vector<16xf32>) {
// CHECK: %[[SUM:.*]] = scf.for %[[K:.*]] = {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (vector<16xf32>) {
// CHECK: %[[STEP:.*]] = arith.divui %[[K]], %c8
// CHECK: %[[LATER:.*]] = arith.addi %[[STEP]], %c16
// CHECK: memref.prefetch %[[W]][%[[TILE]], %[[LATER]], %c0, %c0], read, locality<2>, data
// CHECK: %[[WORDS:.*]] = vector.load %[[W]][%[[TILE]], %[[STEP]], %c0, %c0] : memref<3x32x1x16xi32>, vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[TABLE]], %[[WORDS]])
// CHECK: %[[C1:.*]] = arith.shrui %[[WORDS]], %{{.*}} : vector<16xi32>
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%[[TABLE]], %[[C1]])
// CHECK-COUNT-6: llvm.call_intrinsic
// CHECK: %[[X0:.*]] = memref.load %[[X]][%c0, %[[K]]]
// CHECK: vector.broadcast %[[X0]] : f32 to vector<16xf32>
// CHECK: arith.mulf {{.*}} fastmath<contract> : vector<16xf32>
// CHECK-NOT: arith.addf
// CHECK: arith.mulf
// CHECK: arith.addf
// CHECK-COUNT-6: arith.mulf
// CHECK: %[[CHAIN:.*]] = arith.addf
// CHECK: %[[NEXT:.*]] = arith.addf %{{.*}}, %[[CHAIN]] : vector<16xf32>
// CHECK-NEXT: scf.yield %[[NEXT]]
// CHECK: %[[LATERG:.*]] = arith.addi %[[G]], %c32
// CHECK: memref.prefetch %[[S]][%[[TILE]], %[[LATERG]], %c0], read
// CHECK: %[[SCALES:.*]] = vector.load %[[S]][%[[TILE]], %[[G]], %c0] : memref<3x4x16xf16>, vector<16xf16>
// CHECK: %[[SCALE:.*]] = arith.extf %[[SCALES]] : vector<16xf16> to vector<16xf32>
// CHECK: math.fma %[[SUM]], %[[SCALE]], %[[ACC]] : vector<16xf32>
// CHECK: vector.store %{{.*}}, %[[Y]][%c0, %[[ROW]]] : memref<1x48xf32>, vector<16xf32>
// CHECK-NOT: tile.
func.func @matmul(%w: memref<3x32x1x16xi32>, %s: memref<3x4x16xf16>, %x: memref<1x256xf32>, %y: memref<1x48xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %c48 = arith.constant 48 : index
  %c64 = arith.constant 64 : index
  %c256 = arith.constant 256 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%tile) in (%c3) {
    %row = arith.muli %tile, %c16 : index
    %init = tile.splat %zero : f32 -> !tile.fragment<16x1xf32, #rows>
    %total = scf.for %g = %c0 to %c4 step %c1 iter_args(%acc = %init) -> (!tile.fragment<16x1xf32, #rows>) {
      %first = arith.muli %g, %c64 : index
      %next = arith.addi %first, %c64 : index
      %end = arith.minui %next, %c256 : index
      %part = scf.for %k = %first to %end step %c8 iter_args(%sum = %init) -> (!tile.fragment<16x1xf32, #rows>) {
        %codes = tile.load %w[%row, %k] {storage = #words} : memref<3x32x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
        %v = tile.convert %codes : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8xf32, #plain>
        %a = tile.load %x[%c0, %k] bounds [%c1, %c256] : memref<1x256xf32> -> !tile.fragment<1x8xf32, #spread>
        %d = tile.mma %v, %a, %sum : !tile.fragment<16x8xf32, #plain>, !tile.fragment<1x8xf32, #spread>, !tile.fragment<16x1xf32, #rows>
        scf.yield %d : !tile.fragment<16x1xf32, #rows>
      }
      %sc = tile.load %s[%row, %first] block [1, 64] {storage = #rung.storage<f16, [48, 4], lanes, rows_per_block = 1>} : memref<3x4x16xf16> -> !tile.fragment<16x1xf16, #rows>
      %sf = tile.convert %sc : !tile.fragment<16x1xf16, #rows> -> !tile.fragment<16x1xf32, #rows>
      %r = tile.map %acc, %part, %sf : !tile.fragment<16x1xf32, #rows>, !tile.fragment<16x1xf32, #rows>, !tile.fragment<16x1xf32, #rows> -> !tile.fragment<16x1xf32, #rows> {
      ^bb0(%a0: f32, %p0: f32, %s0: f32):
        %t = math.fma %p0, %s0, %a0 : f32
        tile.yield %t : f32
      }
      scf.yield %r : !tile.fragment<16x1xf32, #rows>
    }
    tile.store %total, %y[%c0, %row] bounds [%c1, %c48] transposed : !tile.fragment<16x1xf32, #rows>, memref<1x48xf32>
  }
  return
}
}
