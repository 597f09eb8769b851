// RUN: rung-opt %s | rung-opt | FileCheck %s
// RUN: rung-opt %s --emit-bytecode | rung-opt | FileCheck %s
// RUN: rung-opt %s --mlir-print-op-generic | rung-opt | FileCheck %s

// Every operation and type, in text and bytecode.

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
#spread = #tile.layout<"(register:4, lane:4) -> (row:1, col:3) {register[0..2] -> col[0..2], register[3] -> row[0], lane[0..3] -> 0}">
#sums = #tile.layout<"(register:1, lane:4) -> (row:4, col:1) {register[0] -> col[0], lane[0..3] -> row[0..3]}">
#rows = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
#words = #rung.storage<!rung.int<4>, [64, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">

// CHECK-LABEL: func @kernel
func.func @kernel(%w: memref<4x8x1x16xi32>, %s: memref<4x2x16xf16>, %x: memref<?x64xf32>, %y: memref<?x64xf32>, %m: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %c3 = arith.constant 3 : i32
  // CHECK: tile.launch (%[[I:.*]]) in (%{{.*}}) {
  tile.launch (%i) in (%c16) {
    // CHECK: tile.splat %{{.*}} : f32 -> <16x2xf32, #
    %acc = tile.splat %zero : f32 -> !tile.fragment<16x2xf32, #sums>
    // CHECK: tile.load %{{.*}}[%[[I]], %{{.*}}] {storage = #rung.storage<!rung.int<4>, [64, 64], words
    %codes = tile.load %w[%i, %c0] {storage = #words} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
    // CHECK: tile.convert %{{.*}} : <16x8x!rung.int<4>, #{{.*}}> -> <16x8xf32, #
    %v = tile.convert %codes : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8xf32, #plain>
    // CHECK: tile.load %{{.*}}[%{{.*}}, %{{.*}}] bounds{{ ?}}[%{{.*}}, %{{.*}}] : memref<?x64xf32> -> <2x8xf32, #
    %a = tile.load %x[%c0, %c0] bounds [%m, %n] : memref<?x64xf32> -> !tile.fragment<2x8xf32, #spread>
    // CHECK: tile.mma %{{.*}}, %{{.*}}, %{{.*}} : !tile.fragment<16x8xf32
    %d = tile.mma %v, %a, %acc : !tile.fragment<16x8xf32, #plain>, !tile.fragment<2x8xf32, #spread>, !tile.fragment<16x2xf32, #sums>
    // CHECK: tile.load %{{.*}} block [1, 32] {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>}
    %sc = tile.load %s[%i, %c0] block [1, 32] {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16> -> !tile.fragment<16x1xf16, #rows>
    %sf = tile.convert %sc : !tile.fragment<16x1xf16, #rows> -> !tile.fragment<16x1xf32, #rows>
    // CHECK: tile.map %{{.*}}, %{{.*}} : {{.*}} {
    // CHECK-NEXT: ^bb0(%{{.*}}: f32, %{{.*}}: f32):
    %r = tile.map %d, %sf : !tile.fragment<16x2xf32, #sums>, !tile.fragment<16x1xf32, #rows> -> !tile.fragment<16x2xf32, #sums> {
    ^bb0(%p: f32, %q: f32):
      %t = arith.mulf %p, %q : f32
      // CHECK: tile.yield %{{.*}} : f32
      tile.yield %t : f32
    }
    // CHECK: tile.convert %{{.*}} {rounding = #rung<rounding toward_zero>, saturate}
    %h = tile.convert %r {rounding = #rung<rounding toward_zero>, saturate} : !tile.fragment<16x2xf32, #sums> -> !tile.fragment<16x2xf16, #sums>
    %f = tile.convert %h : !tile.fragment<16x2xf16, #sums> -> !tile.fragment<16x2xf32, #sums>
    // CHECK: tile.convert %{{.*}} random(%{{.*}} : !tile.fragment<16x2xi8, #{{.*}}) {rounding = #rung<rounding stochastic>}
    %bits = tile.splat %c3 : i32 -> !tile.fragment<16x2xi8, #sums>
    %st = tile.convert %f random(%bits : !tile.fragment<16x2xi8, #sums>) {rounding = #rung<rounding stochastic>}
        : !tile.fragment<16x2xf32, #sums> -> !tile.fragment<16x2xf8E5M2, #sums>
    // CHECK: tile.reduce %{{.*}} : <16x2xf32, #{{.*}}> -> <16x1xf32, #
    %sum = tile.reduce %f : !tile.fragment<16x2xf32, #sums> -> !tile.fragment<16x1xf32, #rows>
    // CHECK: tile.relayout
    %same = tile.relayout %f : !tile.fragment<16x2xf32, #sums> -> !tile.fragment<16x2xf32, #sums>
    // CHECK: tile.store %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] bounds{{ ?}}[%{{.*}}, %{{.*}}] transposed : <16x2xf32
    tile.store %same, %y[%c0, %i] bounds [%m, %n] transposed : !tile.fragment<16x2xf32, #sums>, memref<?x64xf32>
  }
  return
}

#wide = #tile.layout<"(register:4, lane:4) -> (row:4, col:4) {register[0..3] -> col[0..3], lane[0..3] -> row[0..3]}">

// CHECK-LABEL: func @warps
func.func @warps(%one: f32) {
  %c4 = arith.constant 4 : index
  // CHECK: tile.launch (%{{.*}}) in (%{{.*}}) attributes {warps = 8 : i64} {
  tile.launch (%i) in (%c4) attributes {warps = 8 : i64} {
    // CHECK: tile.warp
    %w = tile.warp
    %all = tile.splat %one : f32 -> !tile.fragment<16x16xf32, #wide>
    // CHECK: tile.slice %{{.*}} [0, 8] : <16x16xf32, #{{.*}}> -> <16x8xf32, #
    %part = tile.slice %all [0, 8] : !tile.fragment<16x16xf32, #wide> -> !tile.fragment<16x8xf32, #plain>
    // CHECK: tile.reduce_warps %{{.*}} : <16x8xf32, #
    %sum = tile.reduce_warps %part : !tile.fragment<16x8xf32, #plain>
  }
  return
}

// CHECK-LABEL: func @lookup
func.func @lookup(%i: i32) -> f32 {
  // CHECK: tile.lookup %{{.*}} in dense<[0.000000e+00, 1.000000e+00]> : tensor<2xf32>
  %v = tile.lookup %i in dense<[0.0, 1.0]> : tensor<2xf32>
  return %v : f32
}

#a = #tile.layout<"(register:1, lane:4) -> (row:1, col:4) {register[0] -> row[0], lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @buffers
func.func @buffers(%x: memref<?x?xf16>, %m: index, %k: index, %c: !tile.fragment<2x2xf16, #tile.layout<"(register:2, lane:4) -> (row:1, col:1) {register[0] -> col[0], register[1] -> row[0], lane[0..3] -> 0}">>) {
  %c0 = arith.constant 0 : index
  // CHECK: tile.alloc {stages = 4 : i64} : <2x16xf16, shared, swizzle = 3>
  %ring = tile.alloc {stages = 4 : i64} : !tile.buffer<2x16xf16, shared, swizzle = 3>
  tile.launch () in () {
    // CHECK: tile.role producer warps 1 {
    tile.role producer warps 1 {
      // CHECK: tile.copy async %{{.*}}[%{{.*}}, %{{.*}}] bounds [%{{.*}}, %{{.*}}] to %{{.*}}[%{{.*}}] : memref<?x?xf16>, !tile.buffer
      %t = tile.copy async %x[%c0, %c0] bounds [%m, %k] to %ring[%c0] : memref<?x?xf16>, !tile.buffer<2x16xf16, shared, swizzle = 3>
      // CHECK: tile.copy %{{.*}}
      tile.copy %x[%c0, %c0] to %ring[%c0] : memref<?x?xf16>, !tile.buffer<2x16xf16, shared, swizzle = 3>
      // CHECK: tile.wait %{{.*}}
      tile.wait %t
      // CHECK: tile.barrier
      tile.barrier
    }
    tile.role consumer warps 4 {
      // CHECK: tile.read %{{.*}}[%{{.*}}] : <2x16xf16, shared, swizzle = 3> -> <2x16xf16
      %r = tile.read %ring[%c0] : !tile.buffer<2x16xf16, shared, swizzle = 3> -> !tile.fragment<2x16xf16, #a>
      // CHECK: tile.mma async
      %d, %u = tile.mma async %r, %ring, %c : !tile.fragment<2x16xf16, #a>, !tile.buffer<2x16xf16, shared, swizzle = 3>, !tile.fragment<2x2xf16, #tile.layout<"(register:2, lane:4) -> (row:1, col:1) {register[0] -> col[0], register[1] -> row[0], lane[0..3] -> 0}">>
      tile.wait %u
    }
  }
  return
}
