// RUN: rung-opt --rung-expand-pack --split-input-file %s | FileCheck %s

// Codes of 4 bits into words of 8 codes, 16 rows side by side. The row is the lane's; code v of a word is in column 8 * tile + v
// at bit 4 * v.

// CHECK-LABEL: func @words(
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<30x32xi8>
func.func @words(%w: tensor<30x32xi8>) -> tensor<2x8x1x16xi32> {
  // CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel", "parallel", "parallel"]} outs(%{{.*}} : tensor<2x8x1x16xi32>)
  // CHECK: %[[TILE:.*]] = linalg.index 0
  // CHECK: %[[STEP:.*]] = linalg.index 1
  // CHECK: %[[LANE:.*]] = linalg.index 3
  // CHECK: %[[FIRST:.*]] = arith.muli %[[TILE]], %c16
  // CHECK: %[[COL:.*]] = arith.muli %[[STEP]], %c8
  // CHECK: %[[ROW:.*]] = arith.addi %[[FIRST]], %{{.*}}
  // Beyond row 29 there is nothing to read.
  // CHECK: arith.cmpi ult, %[[ROW]], %c30
  // CHECK: arith.cmpi ult, %[[COL]], %c64
  // CHECK: %[[R:.*]] = arith.select %[[IN:.*]], %[[ROW]], %c0
  // CHECK: %[[C:.*]] = arith.select %[[IN]], %[[COL]], %c0
  // CHECK: %[[BIT:.*]] = arith.muli %[[C]], %c4
  // CHECK: %[[BYTE:.*]] = arith.shrui %[[BIT]], %c3
  // CHECK: tensor.extract %[[W]][%[[R]], %[[BYTE]]]
  // CHECK: %[[CODE:.*]] = arith.select %[[IN]], %{{.*}}, %c0_i32
  // CHECK: arith.andi %[[CODE]], %c15_i32
  // Seven more.
  // CHECK-COUNT-7: arith.xori %{{.*}}, %{{.*}} : i32
  // CHECK: linalg.yield
  %p = rung.pack %w into <!rung.int<4>, [30, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
      : tensor<30x32xi8> -> tensor<2x8x1x16xi32>
  return %p : tensor<2x8x1x16xi32>
}

// -----

// Sign bits that the order stores inverted are inverted at the start.

// CHECK-LABEL: func @flips(
func.func @flips(%w: tensor<16x4xi8>) -> tensor<1x1x1x16xi32> {
  // CHECK: %[[FLIPS:.*]] = arith.constant -2139062144 : i32
  // CHECK: arith.xori %{{.*}}, %[[FLIPS]] : i32
  %p = rung.pack %w into <!rung.int<8>, [16, 4], words, layout = "(code:2, unit:0, lane:4) -> (row:4, col:2) {code[0..1] -> col[0..1], lane[0..3] -> row[0..3]}, order = sequential<8> ^ 0x80808080, load = 1">
      : tensor<16x4xi8> -> tensor<1x1x1x16xi32>
  return %p : tensor<1x1x1x16xi32>
}

// -----

// A format without 0 is padded by another finite value; activations are 0 there.

// CHECK-LABEL: func @no_zero(
func.func @no_zero(%w: tensor<16x4xi8>) -> tensor<1x1x1x16xi32> {
  // CHECK-NOT: arith.divui
  // CHECK: arith.select %{{.*}}, %{{.*}}, %{{.*}} : i32
  // CHECK: linalg.yield
  %p = rung.pack %w into <!rung.codebook<1, [-1, 1]>, [16, 32], words, layout = "(code:5, unit:0, lane:4) -> (row:4, col:5) {code[0..4] -> col[0..4], lane[0..3] -> row[0..3]}, order = sequential<1>, load = 1">
      : tensor<16x4xi8> -> tensor<1x1x1x16xi32>
  return %p : tensor<1x1x1x16xi32>
}

// -----

// Scales follow the lanes, each repeated for the rows of its block; rows beyond the last are 0.

// CHECK-LABEL: func @lanes(
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<8x2xf16>
func.func @lanes(%s: tensor<8x2xf16>) -> tensor<2x2x16xf16> {
  // CHECK: linalg.generic
  // CHECK: %[[TILE:.*]] = linalg.index 0
  // CHECK: %[[G:.*]] = linalg.index 1
  // CHECK: %[[LANE:.*]] = linalg.index 2
  // CHECK: %[[FIRST:.*]] = arith.muli %[[TILE]], %c16
  // CHECK: %[[N:.*]] = arith.addi %[[FIRST]], %[[LANE]]
  // CHECK: %[[ROW:.*]] = arith.divui %[[N]], %c4
  // CHECK: %[[IN:.*]] = arith.cmpi ult, %[[ROW]], %c8
  // CHECK: %[[R:.*]] = arith.select %[[IN]], %[[ROW]], %c0
  // CHECK: %[[V:.*]] = tensor.extract %[[S]][%[[R]], %[[G]]]
  // CHECK: %[[E:.*]] = arith.select %[[IN]], %[[V]], %cst
  // CHECK: linalg.yield %[[E]] : f16
  %p = rung.pack %s into <f16, [8, 2], lanes, rows_per_block = 4> : tensor<8x2xf16> -> tensor<2x2x16xf16>
  return %p : tensor<2x2x16xf16>
}

// -----

// Zero points of less than a byte come out one in each.

// CHECK-LABEL: func @narrow_lanes(
func.func @narrow_lanes(%z: tensor<32x1xi8>) -> tensor<2x2x16xi8> {
  // CHECK: %[[CODE:.*]] = arith.select %{{.*}}, %{{.*}}, %c0_i32
  // CHECK: %[[BYTE:.*]] = arith.trunci %[[CODE]] : i32 to i8
  // CHECK: linalg.yield %[[BYTE]] : i8
  %p = rung.pack %z into <!rung.uint<3>, [32, 2], lanes, rows_per_block = 1> : tensor<32x1xi8> -> tensor<2x2x16xi8>
  return %p : tensor<2x2x16xi8>
}
