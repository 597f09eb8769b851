// RUN: rung-opt %s -split-input-file -convert-tile-to-nvgpu | FileCheck %s

// A table is an array in global memory, made once, and a lookup a load from it by the low bits of the index.

#line = #tile.layout<"(register:1, lane:5) -> (row:0, col:6) {register[0] -> col[5], lane[0..4] -> col[0..4]}">
// CHECK: memref.global "private" constant @rung_table : memref<4xf32, 1> = dense<[0.000000e+00, 1.000000e+00, -1.000000e+00, 5.000000e-01]> {alignment = 64 : i64}
// CHECK-LABEL: func @lookup
// CHECK: %[[TABLE:.*]] = memref.get_global @rung_table
// CHECK: %[[LOW:.*]] = arith.andi %{{.*}}, %c3_i32
// CHECK: %[[INDEX:.*]] = arith.index_cast{{(ui)?}} %[[LOW]] : i32 to index
// CHECK: memref.load %[[TABLE]][%[[INDEX]]] : memref<4xf32, 1>
// CHECK-COUNT-3: memref.load %{{.*}} : memref<4xf32, 1>
// CHECK-NOT: tile.lookup
func.func @lookup(%x: memref<64xi32>, %y: memref<64xf32>, %i: index) {
  %v = tile.load %x[%i] : memref<64xi32> -> !tile.fragment<1x64xi32, #line>
  %r = tile.map %v : !tile.fragment<1x64xi32, #line> -> !tile.fragment<1x64xf32, #line> {
  ^bb0(%a: i32):
    %c2 = arith.constant 2 : i32
    %b = arith.shrui %a, %c2 : i32
    %s = tile.lookup %a in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
    %t = tile.lookup %b in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
    %p = arith.mulf %s, %t : f32
    tile.yield %p : f32
  }
  tile.store %r, %y[%i] : !tile.fragment<1x64xf32, #line>, memref<64xf32>
  return
}

// -----

// A module inside of another has tables of its own.

#line = #tile.layout<"(register:0, lane:5) -> (row:0, col:5) {lane[0..4] -> col[0..4]}">
// CHECK: module {
// CHECK-NEXT: module {
// CHECK-NEXT: memref.global "private" constant @rung_table : memref<2xi32, 1>
// CHECK: func @inside
module {
  module {
    func.func @inside(%x: memref<32xi32>, %i: index) {
      %v = tile.load %x[%i] : memref<32xi32> -> !tile.fragment<1x32xi32, #line>
      %r = tile.map %v : !tile.fragment<1x32xi32, #line> -> !tile.fragment<1x32xi32, #line> {
      ^bb0(%a: i32):
        %s = tile.lookup %a in dense<[7, 5]> : tensor<2xi32>
        tile.yield %s : i32
      }
      tile.store %r, %x[%i] : !tile.fragment<1x32xi32, #line>, memref<32xi32>
      return
    }
  }
}
