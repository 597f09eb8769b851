// RUN: rung-opt %s -split-input-file -verify-diagnostics

// expected-error@+1 {{expected a map from (register, lane) to (row, col)}}
#layout = #tile.layout<"(lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">

// -----

// expected-error@+1 {{layout has units of 4 codes, but its order places 8}}
#layout = #tile.layout<"(code:2, register:0, lane:4) -> (row:4, col:2) {code[0..1] -> col[0..1], lane[0..3] -> row[0..3]}", order = "sequential<4>">

// -----

// expected-error@+1 {{leaves out elements of the tile}}
#layout = #tile.layout<"(register:0, lane:4) -> (row:1, col:4) {lane[0..3] -> col[0..3]}">

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// expected-error@+1 {{fragment is 2x16, but its layout covers 1x16}}
func.func private @shape(!tile.fragment<2x16xf32, #line>)

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
// expected-error@+1 {{fragment of 'i64', expected a number format}}
func.func private @element(!tile.fragment<1x16xi64, #line>)

// -----

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
// expected-error@+1 {{layout packs codes of 4 bits, but '!rung.int<8>' has 8}}
func.func private @width(!tile.fragment<16x8x!rung.int<8>, #packed>)

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @lossless(%v: !tile.fragment<1x16x!rung.int<8>, #line>) {
  // expected-error@+1 {{loses code 17; give it a rounding mode, or a format that has all values}}
  %f = tile.convert %v : !tile.fragment<1x16x!rung.int<8>, #line> -> !tile.fragment<1x16xf8E4M3FN, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @no_random_bits(%v: !tile.fragment<1x16xf32, #line>) {
  // expected-error@+1 {{rounds stochastically without random bits}}
  %f = tile.convert %v {rounding = #rung<rounding stochastic>} : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf16, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
#column = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
func.func @random_bits_elsewhere(%v: !tile.fragment<1x16xf32, #line>, %r: !tile.fragment<16x1xi8, #column>) {
  // expected-error@+1 {{has random bits in the layout}}
  %f = tile.convert %v random(%r : !tile.fragment<16x1xi8, #column>) {rounding = #rung<rounding stochastic>}
      : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf16, #line>
  return
}

// -----

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
func.func @packed_stochastic(%v: !tile.fragment<16x8x!rung.int<4>, #packed>, %r: !tile.fragment<16x8xi8, #plain>) {
  // expected-error@+1 {{rounds packed codes stochastically; unpack them with another tile.convert first}}
  %f = tile.convert %v random(%r : !tile.fragment<16x8xi8, #plain>) {rounding = #rung<rounding stochastic>}
      : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8x!rung.int<3>, #plain>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
#column = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
func.func @places(%v: !tile.fragment<1x16xf16, #line>) {
  // expected-error@+1 {{expected the same places; use tile.relayout}}
  %f = tile.convert %v : !tile.fragment<1x16xf16, #line> -> !tile.fragment<16x1xf32, #column>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @element(%x: memref<64xf16>, %i: index) {
  // expected-error@+1 {{has a fragment of 'f32' and memory of 'f16'}}
  %v = tile.load %x[%i] : memref<64xf16> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @indices(%x: memref<4x64xf32>, %i: index) {
  // expected-error@+1 {{has 1 indices, expected one for each dimension}}
  %v = tile.load %x[%i] : memref<4x64xf32> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @bounds(%x: memref<4x64xf32>, %i: index) {
  // expected-error@+1 {{has 1 bounds, expected none or one for each of its 2 indices}}
  %v = tile.load %x[%i, %i] bounds [%i] : memref<4x64xf32> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @storage(%x: memref<4x60xi8>, %i: index) {
  // expected-error@+1 {{but its storage is}}
  %v = tile.load %x[%i, %i] {storage = #rung.storage<!rung.int<4>, [4, 64], canonical>} : memref<4x60xi8> -> !tile.fragment<1x16x!rung.int<4>, #line>
  return
}

// -----

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
func.func @packed(%v: !tile.fragment<16x8x!rung.int<4>, #packed>, %x: memref<16x8xi8>, %i: index) {
  // expected-error@+1 {{stores a packed fragment; unpack it with tile.convert first}}
  tile.store %v, %x[%i, %i] : !tile.fragment<16x8x!rung.int<4>, #packed>, memref<16x8xi8>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @region(%v: !tile.fragment<1x16x!rung.int<4>, #line>) {
  // expected-error@+1 {{expected 'i32'}}
  %r = tile.map %v : !tile.fragment<1x16x!rung.int<4>, #line> -> !tile.fragment<1x16xf32, #line> {
  ^bb0(%a: f32):
    tile.yield %a : f32
  }
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @yield(%v: !tile.fragment<1x16xf32, #line>) {
  // expected-error@+1 {{must end with a tile.yield of 1 times 'f32'}}
  %r = tile.map %v : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf32, #line> {
  ^bb0(%a: f32):
    tile.yield %a, %a : f32, f32
  }
  return
}

// -----

func.func @table(%i: i32) {
  // expected-error@+1 {{has a table of 3 entries, expected a power of two}}
  %v = tile.lookup %i in dense<[0.0, 1.0, 2.0]> : tensor<3xf32>
  return
}

// -----

#rows = #tile.layout<"(register:2, lane:4) -> (row:4, col:2) {register[0..1] -> col[0..1], lane[0..3] -> row[0..3]}">
#spread = #tile.layout<"(register:3, lane:4) -> (row:0, col:3) {register[0..2] -> col[0..2], lane[0..3] -> 0}">
#column = #tile.layout<"(register:0, lane:4) -> (row:4, col:0) {lane[0..3] -> row[0..3]}">
func.func @depth(%a: !tile.fragment<16x4xf32, #rows>, %b: !tile.fragment<1x8xf32, #spread>, %c: !tile.fragment<16x1xf32, #column>) {
  // expected-error@+1 {{multiplies 16x4 by 1x8 (transposed) into 16x1}}
  %d = tile.mma %a, %b, %c : !tile.fragment<16x4xf32, #rows>, !tile.fragment<1x8xf32, #spread>, !tile.fragment<16x1xf32, #column>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @reduce(%v: !tile.fragment<1x16xf32, #line>) {
  // expected-error@+1 {{expected one column of the same rows}}
  %s = tile.reduce %v : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

// expected-error@+1 {{found 'far', expected global, shared or register}}
func.func private @level(!tile.buffer<64x64xf16, far>)

// -----

func.func @launch(%n: index) {
  // expected-error@+1 {{has 1 sizes and 2 indices, expected one index for each size}}
  tile.launch (%i, %j) in (%n) {
  }
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @splat(%v: f16) {
  // expected-error@+1 {{expected a value of 'f32' and a layout that is not packed}}
  %s = tile.splat %v : f16 -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @relayout(%v: !tile.fragment<1x16xf32, #line>) {
  // expected-error@+1 {{expected the same tile}}
  %r = tile.relayout %v : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf16, #line>
  return
}

// -----

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
func.func @relayout_packed(%v: !tile.fragment<16x8x!rung.int<4>, #packed>) {
  // expected-error@+1 {{moves packed codes; unpack them with tile.convert first}}
  %r = tile.relayout %v : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8x!rung.int<4>, #packed>
  return
}

// -----

func.func @stages() {
  // expected-error@+1 {{has 0 stages, expected at least 1}}
  %b = tile.alloc {stages = 0 : i64} : !tile.buffer<64x64xf16, shared>
  return
}

// -----

func.func @copy_element(%x: memref<64x64xf32>, %i: index) {
  %b = tile.alloc : !tile.buffer<64x64xf16, shared>
  // expected-error@+1 {{expected a ranked memref of the buffer's element type}}
  tile.copy %x[%i, %i] to %b[%i] : memref<64x64xf32>, !tile.buffer<64x64xf16, shared>
  return
}

// -----

func.func @copy_indices(%x: memref<64x64xf16>, %i: index) {
  %b = tile.alloc : !tile.buffer<64x64xf16, shared>
  // expected-error@+1 {{has 1 indices and 0 bounds}}
  tile.copy %x[%i] to %b[%i] : memref<64x64xf16>, !tile.buffer<64x64xf16, shared>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @read(%i: index) {
  %b = tile.alloc : !tile.buffer<64x64xf16, shared>
  // expected-error@+1 {{reads}}
  %v = tile.read %b[%i] : !tile.buffer<64x64xf16, shared> -> !tile.fragment<1x16xf16, #line>
  return
}

// -----

func.func @no_warps() {
  // expected-error@+1 {{has 0 warps, expected at least 1}}
  tile.launch () in () attributes {warps = 0 : i64} {
  }
  return
}

// -----

func.func @no_launch() {
  // expected-error@+1 {{is in no tile.launch, whose warps it could number}}
  %w = tile.warp
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @codes(%v: !tile.fragment<1x16x!rung.int<8>, #line>) {
  // expected-error@+1 {{adds up elements of '!rung.int<8>', which registers hold as codes; convert them}}
  %s = tile.reduce_warps %v : !tile.fragment<1x16x!rung.int<8>, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
#two = #tile.layout<"(register:1, lane:4) -> (row:0, col:5) {lane[0..3] -> col[0..3], register[0] -> col[4]}">
func.func @outside(%v: !tile.fragment<1x32xf32, #two>) {
  // expected-error@+1 {{takes 1x16 elements at [0, 17] of 1x32}}
  %s = tile.slice %v [0, 17] : !tile.fragment<1x32xf32, #two> -> !tile.fragment<1x16xf32, #line>
  return
}

// -----

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @elements(%v: !tile.fragment<1x16xf32, #line>) {
  // expected-error@+1 {{expected fragments of the same elements, not packed, over as many lanes}}
  %s = tile.slice %v [0, 0] : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16xf16, #line>
  return
}
