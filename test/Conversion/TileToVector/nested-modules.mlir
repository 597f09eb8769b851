// RUN: rung-opt %s --convert-tile-to-vector | FileCheck %s

// A module inside of another has its own device, and its tables are its own.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK: module {
// CHECK-NEXT: module attributes
// CHECK-NEXT: memref.global "private" constant @rung_table : memref<4xf32>
// CHECK: func @inside
// CHECK: memref.get_global @rung_table
// CHECK: vector.gather
module {
  module attributes {rung.device = #rung.device<"cpu:test", {lanes = 16 : i64}>} {
    func.func @inside(%x: memref<16xi32>, %y: memref<16xf32>) {
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      tile.launch (%i) in (%c1) {
        %codes = tile.load %x[%c0] : memref<16xi32> -> !tile.fragment<1x16xi32, #line>
        %v = tile.map %codes : !tile.fragment<1x16xi32, #line> -> !tile.fragment<1x16xf32, #line> {
        ^bb0(%w: i32):
          %e = tile.lookup %w in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
          tile.yield %e : f32
        }
        tile.store %v, %y[%c0] : !tile.fragment<1x16xf32, #line>, memref<16xf32>
      }
      return
    }
  }
}
