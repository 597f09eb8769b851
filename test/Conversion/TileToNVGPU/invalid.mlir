// RUN: rung-opt %s -split-input-file -verify-diagnostics -convert-tile-to-nvgpu

#line = #tile.layout<"(register:0, lane:5) -> (row:0, col:5) {lane[0..4] -> col[0..4]}">
func.func @convert(%x: memref<32xf16>, %i: index) {
  %v = tile.load %x[%i] : memref<32xf16> -> !tile.fragment<1x32xf16, #line>
  // expected-error@+1 {{is left; run tile-expand-convert before convert-tile-to-nvgpu}}
  %f = tile.convert %v : !tile.fragment<1x32xf16, #line> -> !tile.fragment<1x32xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:5) -> (row:0, col:5) {lane[0..4] -> col[0..4]}">
#one = #tile.layout<"(register:0, lane:5) -> (row:0, col:0) {lane[0..4] -> 0}">
func.func @sum_of_codes(%x: memref<32xi8>, %i: index) {
  %v = tile.load %x[%i] : memref<32xi8> -> !tile.fragment<1x32xi8, #line>
  // expected-error@+1 {{adds up codes, expected elements of at least 16 bits}}
  %s = tile.reduce %v : !tile.fragment<1x32xi8, #line> -> !tile.fragment<1x1xi8, #one>
  return
}

// -----

func.func @buffer() {
  // expected-error@+1 {{has no form for a warp here; expected launch, warp, load, store, splat, map, lookup, slice, reduce, relayout, mma or reduce_warps of tile}}
  %b = tile.alloc : !tile.buffer<64x64xf16, shared, swizzle = 3>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @lanes(%x: memref<16xf32>, %i: index) {
  // expected-error@+1 {{has a fragment over 16 lanes, expected the 32 of a warp}}
  %v = tile.load %x[%i] : memref<16xf32> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:5) -> (row:0, col:5) {lane[0..4] -> col[0..4]}">
func.func @tiles_inside(%x: memref<32xi32>, %i: index) {
  %v = tile.load %x[%i] : memref<32xi32> -> !tile.fragment<1x32xi32, #line>
  // expected-error@+1 {{has a tile.splat in its region, which has no form for a warp here}}
  %r = tile.map %v : !tile.fragment<1x32xi32, #line> -> !tile.fragment<1x32xf32, #line> {
  ^bb0(%a: i32):
    %s = arith.constant 0.0 : f32
    %none = tile.splat %s : f32 -> !tile.fragment<1x32xf32, #line>
    tile.yield %s : f32
  }
  return
}

// -----

// Rows and columns of b in the order of a.

#a = #tile.layout<"(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:2, lane:5) -> (row:3, col:4) {register[0..1] -> col[0..1], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
func.func @operands(%one: f16, %zero: f32) {
  %a = tile.splat %one : f16 -> !tile.fragment<16x16xf16, #a>
  %b = tile.splat %one : f16 -> !tile.fragment<8x16xf16, #b>
  %c = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
  // expected-error@+1 {{has the operand b in a layout that is not the one of m16n8k16, side by side}}
  %d = tile.mma %a, %b, %c : !tile.fragment<16x16xf16, #a>, !tile.fragment<8x16xf16, #b>, !tile.fragment<16x8xf32, #c>
  return
}

// -----

#a = #tile.layout<"(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:2, lane:5) -> (row:3, col:4) {register[0] -> col[0], register[1] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
func.func @formats(%one: f16, %zero: f32) {
  %a = tile.splat %one : f16 -> !tile.fragment<16x16xf16, #a>
  %b = tile.splat %zero : f32 -> !tile.fragment<8x16xf32, #b>
  %c = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
  // expected-error@+1 {{multiplies f16 by f32 into f32; the device has i8 by i8 into i32, !rung.uint<8> by i8 into i32, f16 by f16 into f32, bf16 by bf16 into f32}}
  %d = tile.mma %a, %b, %c : !tile.fragment<16x16xf16, #a>, !tile.fragment<8x16xf32, #b>, !tile.fragment<16x8xf32, #c>
  return
}

// -----

// Multiply-adds take what the lane of the sum holds.

#a = #tile.layout<"(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:2, lane:5) -> (row:3, col:4) {register[0] -> col[0], register[1] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
func.func @lanes(%one: f32) {
  %a = tile.splat %one : f32 -> !tile.fragment<16x16xf32, #a>
  %b = tile.splat %one : f32 -> !tile.fragment<8x16xf32, #b>
  %c = tile.splat %one : f32 -> !tile.fragment<16x8xf32, #c>
  // expected-error@+1 {{has in no register of the operand a what each lane multiplies for element (0, 0), and the device no matrix instruction for these formats}}
  %d = tile.mma %a, %b, %c : !tile.fragment<16x16xf32, #a>, !tile.fragment<8x16xf32, #b>, !tile.fragment<16x8xf32, #c>
  return
}

// -----

#all = #tile.layout<"(register:1, lane:5) -> (row:3, col:3) {register[0] -> col[0], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#half = #tile.layout<"(register:0, lane:5) -> (row:3, col:2) {lane[0..1] -> col[0..1], lane[2..4] -> row[0..2]}">
func.func @slice(%one: f32) {
  %a = tile.splat %one : f32 -> !tile.fragment<8x8xf32, #all>
  // expected-error@+1 {{needs element (7, 7) in lane 31 with (0, 4) in lane 0, but no register of the input has them there}}
  %b = tile.slice %a [0, 4] : !tile.fragment<8x8xf32, #all> -> !tile.fragment<8x4xf32, #half>
  return
}

// -----

func.func @warps() {
  %c1 = arith.constant 1 : index
  // expected-error@+1 {{has 64 warps, but a block has at most 32}}
  tile.launch (%i) in (%c1) attributes {warps = 64 : i64} {
  }
  return
}

// -----

// A tile of the storage begins at a multiple of 16 rows.

#packed = #tile.layout<"(code:3, register:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[3], register[0..1] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}", order = "sequential<4>">
#words = #rung.storage<!rung.int<4>, [64, 512], words, layout = "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], code[1] -> row[3], code[2] -> col[3], unit[0..1] -> col[4..5], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}, order = sequential<4>, load = 4">
func.func @tiles(%w: memref<4x8x1x32x4xi32>, %n: index) {
  // expected-error@+1 {{begins at index 0 that is no multiple of 16 for certain, the storage's tile}}
  %codes = tile.load %w[%n, %n] {storage = #words} : memref<4x8x1x32x4xi32> -> !tile.fragment<16x64x!rung.int<4>, #packed>
  return
}

// -----

// Memory has no elements of a number format; a storage says what its bytes are.

#line = #tile.layout<"(register:1, lane:5) -> (row:0, col:6) {register[0] -> col[5], lane[0..4] -> col[0..4]}">
func.func @codes_without_storage(%m: memref<1x64x!rung.int<8>>, %i: index) {
  // expected-error@+1 {{reads memref<1x64x!rung.int<8>> into elements of !rung.int<8>, expected a tensor of elements of at least 16 bits, or of codes in whole bytes}}
  %codes = tile.load %m[%i, %i] : memref<1x64x!rung.int<8>> -> !tile.fragment<1x64x!rung.int<8>, #line>
  return
}

// -----

// What a device lacks.

#a = #tile.layout<"(register:4, lane:5) -> (row:4, col:5) {register[0..1] -> col[0..1], register[2] -> row[3], register[3] -> col[4], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}">
#b = #tile.layout<"(register:3, lane:5) -> (row:3, col:5) {register[0..1] -> col[0..1], register[2] -> col[4], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
module attributes {rung.device = #rung.device<"plain", {lanes = 32}>} {
  func.func @no_instructions(%code: i32, %zero: f32) {
    %a = tile.splat %code : i32 -> !tile.fragment<16x32xf8E4M3FN, #a>
    %b = tile.splat %code : i32 -> !tile.fragment<8x32xf8E4M3FN, #b>
    %c = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    // expected-error@+1 {{multiplies f8E4M3FN by f8E4M3FN into f32; the device has no matrix instructions}}
    %d = tile.mma %a, %b, %c : !tile.fragment<16x32xf8E4M3FN, #a>, !tile.fragment<8x32xf8E4M3FN, #b>, !tile.fragment<16x8xf32, #c>
    return
  }
}
