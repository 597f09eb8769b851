// RUN: rung-opt %s -split-input-file -tile-expand-convert | FileCheck %s

// On a GPU, packed codes are decoded by the sequence that the search finds for the device whose cost table `decode` names. What
// only the device has is LLVM's intrinsic.

#packed = #tile.layout<"(code:2, register:0, lane:5) -> (row:4, col:3) {code[0] -> col[0], code[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}", order = "sequential<8>">
#plain = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
module attributes {rung.device = #rung.device<"imagined", {decode = "cuda:sm_90a"}>} {
  // CHECK-LABEL: func @pairs
  // CHECK: ^bb0(%[[WORD:.*]]: i32):
  // CHECK: %[[LOW:.*]] = arith.trunci %[[WORD]] : i32 to i16
  // CHECK: %[[A:.*]] = llvm.call_intrinsic "llvm.nvvm.e4m3x2.to.f16x2.rn"(%[[LOW]]) : (i16) -> vector<2xf16>
  // CHECK: arith.shrui %[[WORD]], %c16_i32
  // CHECK: llvm.call_intrinsic "llvm.nvvm.e4m3x2.to.f16x2.rn"
  // CHECK: %[[A0:.*]] = vector.extract %[[A]][0]
  // CHECK: tile.yield %[[A0]], {{.*}} : f16, f16, f16, f16
  // CHECK-NOT: func.func private
  func.func @pairs(%w: !tile.fragment<16x8xf8E4M3FN, #packed>) -> !tile.fragment<16x8xf16, #plain> {
    %f = tile.convert %w : !tile.fragment<16x8xf8E4M3FN, #packed> -> !tile.fragment<16x8xf16, #plain>
    return %f : !tile.fragment<16x8xf16, #plain>
  }
}

// -----

// Of bytes whose sign bit the order stores inverted, PRMT makes 1024 + 128 + value.

#packed = #tile.layout<"(code:2, register:0, lane:5) -> (row:4, col:3) {code[0] -> col[0], code[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}", order = "sequential<8> ^ 0x80808080">
#plain = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
module attributes {rung.device = #rung.device<"imagined", {decode = "cuda:sm_80"}>} {
  // CHECK-LABEL: func @bytes
  // CHECK: ^bb0(%[[WORD:.*]]: i32):
  // CHECK: %[[PAIR:.*]] = llvm.call_intrinsic "llvm.nvvm.prmt"(%[[WORD]], %{{.*}}, %{{.*}}) : (i32, i32, i32) -> i32
  // CHECK: %[[VECTOR:.*]] = vector.from_elements %[[PAIR]] : vector<1xi32>
  // CHECK: %[[HALVES:.*]] = vector.bitcast %[[VECTOR]] : vector<1xi32> to vector<2xf16>
  // CHECK: %[[OFFSET:.*]] = arith.constant dense<-1.152000e+03> : vector<2xf16>
  // CHECK: arith.addf %[[HALVES]], %[[OFFSET]] : vector<2xf16>
  // CHECK: llvm.call_intrinsic "llvm.nvvm.prmt"
  // CHECK-NOT: arith.sitofp
  func.func @bytes(%w: !tile.fragment<16x8x!rung.int<8>, #packed>) -> !tile.fragment<16x8xf16, #plain> {
    %f = tile.convert %w : !tile.fragment<16x8x!rung.int<8>, #packed> -> !tile.fragment<16x8xf16, #plain>
    return %f : !tile.fragment<16x8xf16, #plain>
  }
}

// -----

// Bytes of a sequence are codes, in i32, to a tile.

#packed = #tile.layout<"(code:2, register:0, lane:5) -> (row:4, col:3) {code[0] -> col[0], code[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}", order = "sequential<8>">
#plain = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
module attributes {rung.device = #rung.device<"imagined", {decode = "cuda:sm_80"}>} {
  // CHECK-LABEL: func @integers
  // CHECK: ^bb0(%[[WORD:.*]]: i32):
  // CHECK: vector.bitcast {{.*}} : vector<1xi32> to vector<4xi8>
  // CHECK: %[[CODE:.*]] = arith.extui %{{.*}} : i8 to i32
  // CHECK: tile.yield {{.*}} : i32, i32, i32, i32
  func.func @integers(%w: !tile.fragment<16x8x!rung.int<8>, #packed>) -> !tile.fragment<16x8xi8, #plain> {
    %f = tile.convert %w : !tile.fragment<16x8x!rung.int<8>, #packed> -> !tile.fragment<16x8xi8, #plain>
    return %f : !tile.fragment<16x8xi8, #plain>
  }
}
