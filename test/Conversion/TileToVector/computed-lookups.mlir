// RUN: rung-opt %s -convert-tile-to-vector -canonicalize -cse | FileCheck %s

// Equally spaced entries are computed where the code lies whole in bits 12 to 22 of its word: these become the mantissa of an f32.

#words = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
module attributes {rung.device = #rung.device<"cpu:test", {computed_lookups = 11 : i64, lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 0 : i64}>} {

// Two's complement: the sign counts -8, so it is flipped. 15 << 16 is 983040; 128.0 with that bit flipped is 0x43080000; 128 + 8 is taken off.
// CHECK-LABEL: func @signed
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<983040> : vector<16xi32>
// CHECK-DAG: %[[ONE:.*]] = arith.constant dense<1124597760> : vector<16xi32>
// CHECK-DAG: %[[OFFSET:.*]] = arith.constant dense<1.360000e+02> : vector<16xf32>
// CHECK: %[[W:.*]] = vector.load
// CHECK: %[[CODE:.*]] = arith.andi %[[W]], %[[MASK]]
// CHECK: %[[BITS:.*]] = arith.xori %[[CODE]], %[[ONE]]
// CHECK: %[[FLOAT:.*]] = arith.bitcast %[[BITS]] : vector<16xi32> to vector<16xf32>
// CHECK: %[[VALUE:.*]] = arith.subf %[[FLOAT]], %[[OFFSET]]
// CHECK: vector.store %[[VALUE]]
func.func @signed(%x: memref<16xi32>, %y: memref<1x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.launch (%i) in (%c1) {
    %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
    %v = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %c16 = arith.constant 16 : i32
      %a = arith.shrui %w, %c16 : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0]> : tensor<16xf32>
      tile.yield %e : f32
    }
    tile.store %v, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<1x16xf32>
  }
  return
}

// Too low in the word, too high, not equally spaced, and -0, which no sum gives: looked up.
// CHECK-LABEL: func @looked_up
// CHECK-NOT: arith.subf
// CHECK-COUNT-4: permvar.sf.512
func.func @looked_up(%x: memref<16xi32>, %y: memref<4x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  tile.launch (%i) in (%c1) {
    %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
    %low = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %d = arith.constant 11 : i32
      %a = arith.shrui %w, %d : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
      tile.yield %e : f32
    }
    %high = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %d = arith.constant 22 : i32
      %a = arith.shrui %w, %d : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
      tile.yield %e : f32
    }
    %uneven = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %d = arith.constant 16 : i32
      %a = arith.shrui %w, %d : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, 2.0, 4.0]> : tensor<4xf32>
      tile.yield %e : f32
    }
    %zero = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %d = arith.constant 16 : i32
      %a = arith.shrui %w, %d : i32
      %e = tile.lookup %a in dense<[-0.0, 1.0, 2.0, 3.0]> : tensor<4xf32>
      tile.yield %e : f32
    }
    tile.store %low, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<4x16xf32>
    tile.store %high, %y[%c1, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<4x16xf32>
    tile.store %uneven, %y[%c2, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<4x16xf32>
    tile.store %zero, %y[%c3, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<4x16xf32>
  }
  return
}
}
