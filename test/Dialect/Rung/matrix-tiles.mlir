// RUN: rung-opt %s --rung-set-device=target=cuda:sm_80 --rung-select-compute --rung-select-schedule --rung-separate-storage | FileCheck %s

// On a device with matrix instructions weights are packed as its operand A, as many side by side along K as fill loads of 16 bytes.

// Groups of 128: lanes hold runs of 8 columns, a load of 16 bytes of x. Rows of a call up to 8, up to 16, and more.
// CHECK-LABEL: func @int4
// CHECK: compute = f16, schedules = [#rung.schedule<rows = 8, columns = 16, depth = 128, up_to = 8, scale = accumulator, stages = 3, warps = 2>,
// CHECK-SAME: #rung.schedule<rows = 16, columns = 16, depth = 64, up_to = 16, scale = accumulator, stages = 3, warps = 4>,
// CHECK-SAME: #rung.schedule<rows = 64, columns = 16, depth = 64, scale = accumulator, stages = 3, warps = 4>]
// CHECK-SAME: words, layout = "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[1], unit[0] -> col[2], unit[1] -> col[5], lane[0..1] -> col[3..4], lane[2..4] -> row[0..2]}
func.func @int4(%x: tensor<?x256xf16>, %w: tensor<64x256x!rung.int<4>>, %s: tensor<64x2xf16>, %e: tensor<?x64xf16>) -> tensor<?x64xf16> {
  %y = rung.matmul x(%x : tensor<?x256xf16>) weight(%w : tensor<64x256x!rung.int<4>>) scale(%s : tensor<64x2xf16>) init(%e : tensor<?x64xf16>) {block = array<i64: 1, 128>} -> tensor<?x64xf16>
  return %y : tensor<?x64xf16>
}

// Groups of 16, one instruction each: runs of 4.
// CHECK-LABEL: func @groups_of_16
// CHECK: compute = f16,
// CHECK-SAME: unit[0..1] -> col[4..5], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}
func.func @groups_of_16(%x: tensor<4x256xf16>, %w: tensor<64x256x!rung.int<4>>, %s: tensor<64x16xf16>, %e: tensor<4x64xf16>) -> tensor<4x64xf16> {
  %y = rung.matmul x(%x : tensor<4x256xf16>) weight(%w : tensor<64x256x!rung.int<4>>) scale(%s : tensor<64x16xf16>) init(%e : tensor<4x64xf16>) {block = array<i64: 1, 16>} -> tensor<4x64xf16>
  return %y : tensor<4x64xf16>
}

// Groups of 8 would meet in one instruction: multiply-adds in f32, lanes are rows.
// CHECK-LABEL: func @groups_of_8
// CHECK: compute = f32,
// CHECK-SAME: lane[0..4] -> row[0..4]
func.func @groups_of_8(%x: tensor<4x256xf16>, %w: tensor<64x256x!rung.int<4>>, %s: tensor<64x32xf16>, %e: tensor<4x64xf16>) -> tensor<4x64xf16> {
  %y = rung.matmul x(%x : tensor<4x256xf16>) weight(%w : tensor<64x256x!rung.int<4>>) scale(%s : tensor<64x32xf16>) init(%e : tensor<4x64xf16>) {block = array<i64: 1, 8>} -> tensor<4x64xf16>
  return %y : tensor<4x64xf16>
}

// Integers stay integers; those that i8 lacks are added up in i32.
// CHECK-LABEL: func @integers
// CHECK: compute = i8,
// CHECK: compute = i32,
func.func @integers(%x: tensor<4x256xi8>, %w: tensor<64x256x!rung.int<2>>, %v: tensor<64x256x!rung.uint<8>>, %e: tensor<4x64xi32>) -> (tensor<4x64xi32>, tensor<4x64xi32>) {
  %y = rung.matmul x(%x : tensor<4x256xi8>) weight(%w : tensor<64x256x!rung.int<2>>) init(%e : tensor<4x64xi32>) -> tensor<4x64xi32>
  %z = rung.matmul x(%x : tensor<4x256xi8>) weight(%v : tensor<64x256x!rung.uint<8>>) init(%e : tensor<4x64xi32>) -> tensor<4x64xi32>
  return %y, %z : tensor<4x64xi32>, tensor<4x64xi32>
}

// A schedule that is written by hand is obeyed.
// CHECK-LABEL: func @by_hand
// CHECK: schedules = [#rung.schedule<rows = 32, columns = 16, depth = 64, scale = accumulator, warps = 2>]
func.func @by_hand(%x: tensor<4x256xf16>, %w: tensor<64x256x!rung.int<4>>, %e: tensor<4x64xf16>) -> tensor<4x64xf16> {
  %y = rung.matmul x(%x : tensor<4x256xf16>) weight(%w : tensor<64x256x!rung.int<4>>) init(%e : tensor<4x64xf16>)
    {schedules = [#rung.schedule<rows = 32, columns = 16, depth = 64, scale = accumulator, warps = 2>]} -> tensor<4x64xf16>
  return %y : tensor<4x64xf16>
}
