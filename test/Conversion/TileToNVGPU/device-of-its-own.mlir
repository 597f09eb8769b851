// RUN: rung-opt %s --convert-tile-to-nvgpu | FileCheck %s

// A chip that no table of rung's lists is an attribute, and no code: this one multiplies e4m3 by f16.

#a = #tile.layout<"(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:2, lane:5) -> (row:3, col:4) {register[0] -> col[0], register[1] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#mixed = #rung.matrix_instruction<"llvm.imagined.mma", a = f8E4M3FN, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 4096>
module attributes {rung.device = #rung.device<"imagined", {lanes = 32, matrix = [#mixed]}>} {
  // CHECK-LABEL: func @mixed
  // CHECK: llvm.call_intrinsic "llvm.imagined.mma"({{.*}}) : (i32, i32, vector<2xf16>, vector<2xf16>, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
  func.func @mixed(%code: i32, %one: f16, %zero: f32) -> !tile.fragment<16x8xf32, #c> {
    %x = tile.splat %code : i32 -> !tile.fragment<16x16xf8E4M3FN, #a>
    %y = tile.splat %one : f16 -> !tile.fragment<8x16xf16, #b>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x16xf8E4M3FN, #a>, !tile.fragment<8x16xf16, #b>, !tile.fragment<16x8xf32, #c>
    return %r : !tile.fragment<16x8xf32, #c>
  }
}
