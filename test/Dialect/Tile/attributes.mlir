// RUN: rung-opt %s | rung-opt | FileCheck %s
// RUN: rung-opt %s -emit-bytecode | rung-opt | FileCheck %s

// CHECK: module @attributes attributes {
module @attributes attributes {
  // CHECK-SAME: a.layout = #tile.layout<"(register:1, lane:4) -> (row:4, col:1) {register[0] -> col[0], lane[0..3] -> row[0..3]}">
  a.layout = #tile.layout<"(register:1, lane:4) -> (row:4, col:1) {register[0] -> col[0], lane[0..3] -> row[0..3]}">,
  // CHECK-SAME: b.packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
  b.packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">,
  // CHECK-SAME: c.role = #tile<role consumer>
  c.role = #tile<role consumer>
} {
  // CHECK: func.func private @types(
  // CHECK-SAME: !tile.fragment<1x16xf32, #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">>
  // CHECK-SAME: !tile.buffer<64x64xf16, shared, swizzle = 3>, !tile.buffer<8x8x!rung.int<4>, global>, !tile.token)
  func.func private @types(!tile.fragment<1x16xf32, #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">>,
                           !tile.buffer<64x64xf16, shared, swizzle = 3>, !tile.buffer<8x8x!rung.int<4>, global, swizzle = 0>, !tile.token)
}
