// RUN: rung-opt %s -split-input-file -verify-diagnostics -convert-tile-to-vector

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @convert(%x: memref<16xf16>, %i: index) {
  %v = tile.load %x[%i] : memref<16xf16> -> !tile.fragment<1x16xf16, #line>
  // expected-error@+1 {{is left; run tile-expand-convert before convert-tile-to-vector}}
  %f = tile.convert %v : !tile.fragment<1x16xf16, #line> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

// Column c of the result is in lane c, of the operand in register c.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
#spread = #tile.layout<"(register:4, lane:4) -> (row:0, col:4) {register[0..3] -> col[0..3], lane[0..3] -> 0}">
func.func @places(%x: memref<16xf32>, %i: index) {
  %v = tile.load %x[%i] : memref<16xf32> -> !tile.fragment<1x16xf32, #line>
  %w = tile.load %x[%i] : memref<16xf32> -> !tile.fragment<1x16xf32, #spread>
  // expected-error@+1 {{needs element (0, 15) of operand 1 in lane 15 with (0, 0) in lane 0}}
  %r = tile.map %v, %w : !tile.fragment<1x16xf32, #line>, !tile.fragment<1x16xf32, #spread> -> !tile.fragment<1x16xf32, #line> {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %b : f32
    tile.yield %s : f32
  }
  return
}

// -----

#rows = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
func.func @sums(%x: memref<16x1xf32>, %i: index) {
  %a = tile.load %x[%i, %i] : memref<16x1xf32> -> !tile.fragment<16x1xf32, #rows>
  %z = arith.constant 0.0 : f32
  %c = tile.splat %z : f32 -> !tile.fragment<16x16xf32, #tile.layout<"(register:4, lane:4) -> (row:4, col:4) {register[0..3] -> row[0..3], lane[0..3] -> col[0..3]}">>
  // expected-error@+1 {{sums in lanes that}}
  %d = tile.mma %a, %a, %c : !tile.fragment<16x1xf32, #rows>, !tile.fragment<16x1xf32, #rows>, !tile.fragment<16x16xf32, #tile.layout<"(register:4, lane:4) -> (row:4, col:4) {register[0..3] -> row[0..3], lane[0..3] -> col[0..3]}">>
  return
}

// -----

#rows = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
func.func @bytes(%x: memref<16x1xi8>, %i: index) {
  %a = tile.load %x[%i, %i] {storage = #rung.storage<!rung.int<4>, [16, 1], canonical>} : memref<16x1xi8> -> !tile.fragment<16x1x!rung.int<4>, #rows>
  // expected-error@+1 {{writes codes of 4 bits, several to a byte: expected lanes that run along the last dimension}}
  tile.store %a, %x[%i, %i] {storage = #rung.storage<!rung.int<4>, [16, 1], canonical>} : !tile.fragment<16x1x!rung.int<4>, #rows>, memref<16x1xi8>
  return
}

// -----

#a = #tile.layout<"(register:1, lane:4) -> (row:1, col:4) {register[0] -> row[0], lane[0..3] -> col[0..3]}">
func.func @strided(%x: memref<64x64xf32, strided<[128, 2]>>, %i: index) {
  // expected-error@+1 {{expected a contiguous row-major memref}}
  %a = tile.load %x[%i, %i] transposed : memref<64x64xf32, strided<[128, 2]>> -> !tile.fragment<2x16xf32, #a>
  return
}

// -----

#a = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @argument(%x: !tile.fragment<1x16xf32, #a>, %y: memref<1x16xf32>, %i: index) {
  // expected-error@+1 {{takes a tile that comes from outside of the kernel; load it there}}
  tile.store %x, %y[%i, %i] : !tile.fragment<1x16xf32, #a>, memref<1x16xf32>
  return
}
