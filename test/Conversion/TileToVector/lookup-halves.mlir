// RUN: rung-opt %s -convert-tile-to-vector -canonicalize -cse | FileCheck %s

// A device that looks up 16-bit entries for each half of a lane finds two codes of one shifted word, where f32 has no more than bf16's bits.

#words = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
module attributes {rung.device = #rung.device<"cpu:test", {lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64}>} {

// The upper code's lookup leaves zeros below it, by a mask that is not a constant to LLVM.
// CHECK-LABEL: func @both_halves
// CHECK: %[[ASM:.*]] = llvm.inline_asm "", "=r,0"
// CHECK: %[[MASK:.*]] = llvm.bitcast %[[ASM]] : i32 to vector<32xi1>
// CHECK: %[[W:.*]] = vector.load
// CHECK: %[[SHIFTED:.*]] = arith.shrui %[[W]], %{{.*}} : vector<16xi32>
// CHECK: %[[LOW:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.*}}, %[[SHIFTED]])
// CHECK: %[[HALVES:.*]] = vector.bitcast %[[SHIFTED]] : vector<16xi32> to vector<32xi16>
// CHECK: %[[FOUND:.*]] = llvm.call_intrinsic "llvm.x86.avx512.permvar.hi.512"(%{{.*}}, %[[HALVES]])
// CHECK: %[[UPPER:.*]] = arith.select %[[MASK]], %[[FOUND]], %{{.*}} : vector<32xi1>, vector<32xi16>
// CHECK: %[[BITS:.*]] = vector.bitcast %[[UPPER]] : vector<32xi16> to vector<16xi32>
// CHECK: %[[HIGH:.*]] = arith.bitcast %[[BITS]] : vector<16xi32> to vector<16xf32>
// CHECK: vector.store %[[LOW]]
// CHECK: vector.store %[[HIGH]]
func.func @both_halves(%x: memref<16xi32>, %y: memref<2x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  tile.launch (%i) in (%c1) {
    %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
    %v = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %c4 = arith.constant 4 : i32
      %a = arith.shrui %w, %c4 : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
      tile.yield %e : f32
    }
    %u = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
    ^bb0(%w: i32):
      %c20 = arith.constant 20 : i32
      %a = arith.shrui %w, %c20 : i32
      %e = tile.lookup %a in dense<[0.0, 1.0, -1.0, 0.5]> : tensor<4xf32>
      tile.yield %e : f32
    }
    tile.store %v, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
    tile.store %u, %y[%c1, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
  }
  return
}

// An entry with more bits: each code by itself.
// CHECK-LABEL: func @more_bits
// CHECK: %[[SHIFTED:.*]] = arith.shrui
// CHECK: llvm.call_intrinsic "llvm.x86.avx512.permvar.sf.512"(%{{.*}}, %[[SHIFTED]])
func.func @more_bits(%x: memref<16xi32>, %y: memref<2x16xf32>) {
  %c0 = arith.constant 0 : index
  %codes = tile.load %x[%c0] transposed : memref<16xi32> -> !tile.fragment<16x1xi32, #words>
  %u = tile.map %codes : !tile.fragment<16x1xi32, #words> -> !tile.fragment<16x1xf32, #words> {
  ^bb0(%w: i32):
    %c20 = arith.constant 20 : i32
    %a = arith.shrui %w, %c20 : i32
    %e = tile.lookup %a in dense<[0.0, 0.1, -1.0, 0.5]> : tensor<4xf32>
    tile.yield %e : f32
  }
  tile.store %u, %y[%c0, %c0] transposed : !tile.fragment<16x1xf32, #words>, memref<2x16xf32>
  return
}
}
