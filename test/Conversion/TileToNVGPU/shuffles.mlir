// RUN: rung-opt %s -split-input-file -convert-tile-to-nvgpu -canonicalize -cse | FileCheck %s

// Sums of rows of the accumulators of m16n8k16: two registers of a lane, then the four lanes of a row.

#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#rows = #tile.layout<"(register:1, lane:5) -> (row:4, col:0) {register[0] -> row[3], lane[0..1] -> 0, lane[2..4] -> row[0..2]}">
// CHECK-LABEL: func @rows
// CHECK-SAME: (%[[X:.*]]: memref<16x8xf32>
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i32
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK-DAG: %[[WARP:.*]] = arith.constant 32 : i32
// CHECK: %[[A0:.*]] = arith.addf
// CHECK: %[[A1:.*]] = arith.addf
// CHECK: %[[B0:.*]] = arith.bitcast %[[A0]] : f32 to i32
// CHECK: %[[S0:.*]], %{{.*}} = gpu.shuffle  xor %[[B0]], %[[ONE]], %[[WARP]] : i32
// CHECK: %[[F0:.*]] = arith.bitcast %[[S0]] : i32 to f32
// CHECK: arith.addf %[[A0]], %[[F0]] : f32
// CHECK: gpu.shuffle  xor
// CHECK: gpu.shuffle  xor %{{.*}}, %[[TWO]], %[[WARP]] : i32
// CHECK: gpu.shuffle  xor
// CHECK-NOT: gpu.shuffle
func.func @rows(%x: memref<16x8xf32>, %y: memref<16xf32>, %i: index) {
  %v = tile.load %x[%i, %i] : memref<16x8xf32> -> !tile.fragment<16x8xf32, #c>
  %s = tile.reduce %v : !tile.fragment<16x8xf32, #c> -> !tile.fragment<16x1xf32, #rows>
  tile.store %s, %y[%i] transposed : !tile.fragment<16x1xf32, #rows>, memref<16xf32>
  return
}

// -----

// The lanes have what the other layout wants, in another register: no operation at all.

#a = #tile.layout<"(register:2, lane:5) -> (row:2, col:5) {register[0..1] -> row[0..1], lane[0..4] -> col[0..4]}">
#b = #tile.layout<"(register:2, lane:5) -> (row:2, col:5) {register[0] -> row[1], register[1] -> row[0], lane[0..4] -> col[0..4]}">
// CHECK-LABEL: func @registers
// CHECK-NOT: gpu.shuffle
// CHECK-NOT: arith.select
// CHECK: return
func.func @registers(%x: memref<4x32xf32>, %y: memref<4x32xf32>, %i: index) {
  %v = tile.load %x[%i, %i] : memref<4x32xf32> -> !tile.fragment<4x32xf32, #a>
  %r = tile.relayout %v : !tile.fragment<4x32xf32, #a> -> !tile.fragment<4x32xf32, #b>
  tile.store %r, %y[%i, %i] : !tile.fragment<4x32xf32, #b>, memref<4x32xf32>
  return
}

// -----

// What all lanes hold: each selects its own.

#all = #tile.layout<"(register:1, lane:5) -> (row:0, col:1) {register[0] -> col[0], lane[0..4] -> 0}">
#even = #tile.layout<"(register:0, lane:5) -> (row:0, col:1) {lane[0] -> col[0], lane[1..4] -> 0}">
// CHECK-LABEL: func @select
// CHECK-NOT: gpu.shuffle
// CHECK: arith.cmpi eq
// CHECK: arith.select
// CHECK-NOT: gpu.shuffle
func.func @select(%x: memref<2xf32>, %y: memref<2xf32>, %i: index) {
  %v = tile.load %x[%i] : memref<2xf32> -> !tile.fragment<1x2xf32, #all>
  %r = tile.relayout %v : !tile.fragment<1x2xf32, #all> -> !tile.fragment<1x2xf32, #even>
  tile.store %r, %y[%i] : !tile.fragment<1x2xf32, #even>, memref<2xf32>
  return
}

// -----

// Rows and columns of lanes change places: one exchange for each register, of 16 bits in a word of 32.

#a = #tile.layout<"(register:1, lane:5) -> (row:3, col:3) {register[0] -> col[2], lane[0..2] -> row[0..2], lane[3..4] -> col[0..1]}">
#b = #tile.layout<"(register:1, lane:5) -> (row:3, col:3) {register[0] -> col[2], lane[0..1] -> col[0..1], lane[2..4] -> row[0..2]}">
// CHECK-LABEL: func @transpose
// CHECK: %[[WORD:.*]] = arith.extui %{{.*}} : i16 to i32
// CHECK: %[[OTHER:.*]], %{{.*}} = gpu.shuffle  idx %[[WORD]], %[[FROM:.*]], %c32_i32 : i32
// CHECK: %[[HALF:.*]] = arith.trunci %[[OTHER]] : i32 to i16
// CHECK: arith.bitcast %[[HALF]] : i16 to f16
// CHECK: gpu.shuffle  idx %{{.*}}, %[[FROM]], %c32_i32 : i32
// CHECK-NOT: gpu.shuffle
func.func @transpose(%x: memref<8x8xf16>, %y: memref<8x8xf16>, %i: index) {
  %v = tile.load %x[%i, %i] : memref<8x8xf16> -> !tile.fragment<8x8xf16, #a>
  %r = tile.relayout %v : !tile.fragment<8x8xf16, #a> -> !tile.fragment<8x8xf16, #b>
  tile.store %r, %y[%i, %i] : !tile.fragment<8x8xf16, #b>, memref<8x8xf16>
  return
}
