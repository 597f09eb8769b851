// RUN: rung-opt %s -split-input-file -tile-expand-convert | FileCheck %s

// A device that looks up 16 entries: one shift and one lookup for each code. No mask, as the
// lookup reads the low four bits only.

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
module attributes {rung.device = #rung.device<"cpu:test", {lookup_entries = 16 : i64}>} {
  // CHECK-LABEL: func @lookup
  // CHECK: tile.map
  // CHECK: ^bb0(%[[WORD:.*]]: i32):
  // CHECK: %[[C1:.*]] = arith.shrui %[[WORD]], %c4_i32
  // CHECK-NOT: arith.andi
  // CHECK: tile.lookup %[[WORD]] in dense<[0.000000e+00, 5.000000e-01, 1.000000e+00, 1.500000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00, 6.000000e+00, -0.000000e+00, -5.000000e-01
  // CHECK: tile.lookup %[[C1]]
  // CHECK: tile.yield {{.*}} : f32, f32, f32, f32, f32, f32, f32, f32
  func.func @lookup(%w: !tile.fragment<16x8xf4E2M1FN, #packed>) -> !tile.fragment<16x8xf32, #plain> {
    %f = tile.convert %w : !tile.fragment<16x8xf4E2M1FN, #packed> -> !tile.fragment<16x8xf32, #plain>
    return %f : !tile.fragment<16x8xf32, #plain>
  }
}

// -----

// Without lookups an integer is extended and converted.

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
// CHECK-LABEL: func @affine
// CHECK: ^bb0(%[[WORD:.*]]: i32):
// CHECK-NOT: tile.lookup
// CHECK: %[[UP:.*]] = arith.shli %[[WORD]], %c28_i32
// CHECK: %[[N:.*]] = arith.shrsi %[[UP]], %c28_i32
// CHECK: arith.sitofp %[[N]] : i32 to f32
func.func @affine(%w: !tile.fragment<16x8x!rung.int<4>, #packed>) -> !tile.fragment<16x8xf32, #plain> {
  %f = tile.convert %w : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8xf32, #plain>
  return %f : !tile.fragment<16x8xf32, #plain>
}

// -----

// The structure is found in the values: this codebook is an integer less 8.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @found
// CHECK: ^bb0(%[[CODE:.*]]: i32):
// CHECK: %[[N:.*]] = arith.andi %[[CODE]], %c7_i32
// CHECK: %[[V:.*]] = arith.addi %[[N]], %c-8_i32
// CHECK: arith.sitofp %[[V]]
func.func @found(%w: !tile.fragment<1x16x!rung.codebook<3, [-8, -7, -6, -5, -4, -3, -2, -1]>, #line>) -> !tile.fragment<1x16xf32, #line> {
  %f = tile.convert %w : !tile.fragment<1x16x!rung.codebook<3, [-8, -7, -6, -5, -4, -3, -2, -1]>, #line> -> !tile.fragment<1x16xf32, #line>
  return %f : !tile.fragment<1x16xf32, #line>
}

// -----

// A float's bits move to those of f32 (23 - 3 = 20 up), and the bias from 7 to 127. Exponent 0 is an
// integer times 2^-9. The largest code of either sign is NaN.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @minifloat
// CHECK: ^bb0(%[[CODE:.*]]: i32):
// CHECK: %[[MAGNITUDE:.*]] = arith.andi %[[CODE]], %c127_i32
// CHECK: %[[MOVED:.*]] = arith.shli %[[MAGNITUDE]], %c20_i32
// CHECK: %[[NORMAL:.*]] = arith.addi %[[MOVED]], %c1006632960_i32
// CHECK: %[[INT:.*]] = arith.sitofp %[[MAGNITUDE]]
// CHECK: arith.mulf %[[INT]], %cst
// CHECK: arith.cmpi ult, %[[MAGNITUDE]], %c8_i32
// CHECK: arith.select
// CHECK: arith.cmpi eq, %[[MAGNITUDE]], %c127_i32
// CHECK: arith.select
// CHECK: arith.ori
// CHECK: arith.bitcast {{.*}} : i32 to f32
func.func @minifloat(%w: !tile.fragment<1x16xf8E4M3FN, #line>) -> !tile.fragment<1x16xf32, #line> {
  %f = tile.convert %w : !tile.fragment<1x16xf8E4M3FN, #line> -> !tile.fragment<1x16xf32, #line>
  return %f : !tile.fragment<1x16xf32, #line>
}

// -----

// No structure: a table.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @table
// CHECK: tile.lookup {{.*}} in dense<[-1.000000e+00, 2.500000e-01, 7.000000e+00, 0.000000e+00]> : tensor<4xf32>
func.func @table(%w: !tile.fragment<1x16x!rung.codebook<2, [-1, 0.25, 7]>, #line>) -> !tile.fragment<1x16xf32, #line> {
  %f = tile.convert %w : !tile.fragment<1x16x!rung.codebook<2, [-1, 0.25, 7]>, #line> -> !tile.fragment<1x16xf32, #line>
  return %f : !tile.fragment<1x16xf32, #line>
}

// -----

// Rounding to integers: clamp, then add 1.5 * 2^23, whose last bits are the integer's.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @round
// CHECK: ^bb0(%[[X:.*]]: f32):
// CHECK: arith.cmpf uno, %[[X]], %[[X]]
// CHECK: arith.cmpf olt
// CHECK: arith.cmpf ogt
// CHECK: %[[SUM:.*]] = arith.addf {{.*}}, %{{.*}} : f32
// CHECK: %[[BITS:.*]] = arith.bitcast %[[SUM]] : f32 to i32
// CHECK: arith.addi %[[BITS]]
func.func @round(%x: !tile.fragment<1x16xf32, #line>) -> !tile.fragment<1x16x!rung.int<4>, #line> {
  %q = tile.convert %x {rounding = #rung<rounding nearest_even>} : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16x!rung.int<4>, #line>
  return %q : !tile.fragment<1x16x!rung.int<4>, #line>
}

// -----

// Into any other format: a search among the values at which the code changes, here of the keys of
// -inf .. inf (f32 bits in their order) for the six steps of [-1, 0, 3] with NaN as 0.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// CHECK-LABEL: func @search
// CHECK: ^bb0(%[[X:.*]]: f32):
// CHECK: %[[BITS:.*]] = arith.bitcast %[[X]] : f32 to i32
// CHECK: arith.shrsi %[[BITS]], %c31_i32
// CHECK: arith.xori %[[BITS]]
// CHECK: arith.cmpi sge
// CHECK: tile.lookup {{.*}} : tensor<2xi32>
// CHECK: arith.cmpi sge
// CHECK: tile.lookup {{.*}} : tensor<4xi32>
// CHECK: arith.cmpi sge
// CHECK: tile.lookup {{.*}} : tensor<8xi32>
// CHECK: tile.yield
func.func @search(%x: !tile.fragment<1x16xf32, #line>) -> !tile.fragment<1x16x!rung.codebook<2, [-1, 0, 3]>, #line> {
  %q = tile.convert %x {rounding = #rung<rounding nearest_even>} : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16x!rung.codebook<2, [-1, 0, 3]>, #line>
  return %q : !tile.fragment<1x16x!rung.codebook<2, [-1, 0, 3]>, #line>
}
