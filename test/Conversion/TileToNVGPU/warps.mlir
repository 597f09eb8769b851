// RUN: rung-opt %s -convert-tile-to-nvgpu -canonicalize | FileCheck %s

#sums = #tile.layout<"(register:1, lane:5) -> (row:5, col:1) {register[0] -> col[0], lane[0..4] -> row[0..4]}">
#column = #tile.layout<"(register:0, lane:5) -> (row:5, col:0) {lane[0..4] -> row[0..4]}">
#x = #tile.layout<"(register:2, lane:5) -> (row:1, col:1) {register[0] -> col[0], register[1] -> row[0], lane[0..4] -> 0}">
#w = #tile.layout<"(register:1, lane:5) -> (row:5, col:1) {register[0] -> col[0], lane[0..4] -> row[0..4]}">

// The warps of a block are y of its threads. All but the first write their tiles to shared memory; the first adds them to its own
// and has the sum. A product without a matrix instruction is multiply-adds, here of 2 k for each of 2 columns.

// CHECK-LABEL: func @split
// CHECK: gpu.launch blocks({{.*}}) in {{.*}} threads({{.*}}) in (%{{.*}} = %c32, %{{.*}} = %c3, %{{.*}} = %c1) workgroup(%[[SHARED:.*]] : memref<2x2x32xf32, #gpu.address_space<workgroup>>)
// CHECK-COUNT-4: math.fma
// CHECK-DAG: %[[FIRST:.*]] = arith.cmpi eq, %{{.*}}, %c0
// CHECK-DAG: %[[OTHER:.*]] = arith.cmpi ne, %{{.*}}, %c0
// CHECK: scf.if %[[OTHER]]
// CHECK:   %[[PLACE:.*]] = arith.addi %{{.*}}, %c-1
// CHECK:   memref.store %{{.*}}, %[[SHARED]][%[[PLACE]], %c0, %{{.*}}]
// CHECK:   memref.store %{{.*}}, %[[SHARED]][%[[PLACE]], %c1, %{{.*}}]
// CHECK: gpu.barrier
// CHECK: scf.if %[[FIRST]] -> (f32)
// CHECK-COUNT-2: memref.load %[[SHARED]]
// CHECK: } else {
// CHECK: memref.store
func.func @split(%a: memref<32x6xf32>, %b: memref<2x6xf32>, %y: memref<32xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) attributes {warps = 3 : i64} {
    %warp = tile.warp
    %k = arith.muli %warp, %c2 : index
    %w = tile.load %a[%c0, %k] : memref<32x6xf32> -> !tile.fragment<32x2xf32, #w>
    %x = tile.load %b[%c0, %k] : memref<2x6xf32> -> !tile.fragment<2x2xf32, #x>
    %none = tile.splat %zero : f32 -> !tile.fragment<32x2xf32, #sums>
    %part = tile.mma %w, %x, %none : !tile.fragment<32x2xf32, #w>, !tile.fragment<2x2xf32, #x>, !tile.fragment<32x2xf32, #sums>
    %sum = tile.reduce_warps %part : !tile.fragment<32x2xf32, #sums>
    %second = tile.slice %sum [0, 1] : !tile.fragment<32x2xf32, #sums> -> !tile.fragment<32x1xf32, #column>
    %first = arith.cmpi eq, %warp, %c0 : index
    scf.if %first {
      tile.store %second, %y[%c0] transposed : !tile.fragment<32x1xf32, #column>, memref<32xf32>
    }
  }
  return
}

// Codes of 3 bits in rows of whole bytes: each lane reads the two bytes that may hold its code.

#line = #tile.layout<"(register:0, lane:5) -> (row:0, col:5) {lane[0..4] -> col[0..4]}">
#three = #rung.storage<!rung.uint<3>, [2, 40], canonical>

// CHECK-LABEL: func @narrow
// CHECK: %[[BIT:.*]] = arith.muli %{{.*}}, %c3
// CHECK: %[[BYTE:.*]] = arith.divui %[[BIT]], %c8
// CHECK: %[[REST:.*]] = arith.remui %[[BIT]], %c8
// CHECK: memref.load %{{.*}}[%c0, %[[BYTE]]] : memref<2x15xi8>
// CHECK: %[[NEXT:.*]] = arith.minsi %{{.*}}, %c14
// CHECK: memref.load %{{.*}}[%c0, %[[NEXT]]] : memref<2x15xi8>
// CHECK: %[[CODE:.*]] = arith.shrui %{{.*}}, %{{.*}} : i32
// CHECK: %[[BITS:.*]] = arith.andi %[[CODE]], %c7_i32
// CHECK: gpu.barrier
// CHECK: memref.store %[[BITS]]
func.func @narrow(%x: memref<2x15xi8>, %y: memref<1x32xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.launch (%i) in (%c1) {
    %codes = tile.load %x[%c0, %c0] {storage = #three} : memref<2x15xi8> -> !tile.fragment<1x32x!rung.uint<3>, #line>
    %n = tile.map %codes : !tile.fragment<1x32x!rung.uint<3>, #line> -> !tile.fragment<1x32xi32, #line> {
    ^bb0(%c: i32):
      tile.yield %c : i32
    }
    tile.barrier
    tile.store %n, %y[%c0, %c0] : !tile.fragment<1x32xi32, #line>, memref<1x32xi32>
  }
  return
}

// Lanes write their codes to shared memory, a byte each, and meet; lane l then puts byte l of the 12 together.

// CHECK-LABEL: func @narrow_store
// CHECK: gpu.launch {{.*}} workgroup(%[[CODES:.*]] : memref<1x1x32xi8, #gpu.address_space<workgroup>>)
// CHECK: %[[SHORT:.*]] = arith.select %{{.*}}, %{{.*}}, %c0_i32
// CHECK: %[[BYTE:.*]] = arith.trunci %[[SHORT]] : i32 to i8
// CHECK: memref.store %[[BYTE]], %[[CODES]]
// CHECK: nvvm.bar.warp.sync
// CHECK: scf.if
// CHECK-COUNT-4: memref.load %[[CODES]]
// CHECK: memref.store %{{.*}}, %{{.*}} : memref<2x15xi8>
func.func @narrow_store(%y: memref<2x15xi8>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c7 = arith.constant 7 : i32
  %c30 = arith.constant 30 : index
  tile.launch (%i) in (%c1) {
    %sevens = tile.splat %c7 : i32 -> !tile.fragment<1x32x!rung.uint<3>, #line>
    tile.store %sevens, %y[%c0, %c0] bounds [%c2, %c30] {storage = #three} : !tile.fragment<1x32x!rung.uint<3>, #line>, memref<2x15xi8>
  }
  return
}
