// RUN: rung-opt %s -split-input-file -verify-diagnostics -tile-expand-convert

// A device without a cost table.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
module attributes {rung.device = #rung.device<"imagined", {decode = "cuda:sm_12"}>} {
  func.func @no_table(%x: !tile.fragment<1x16x!rung.int<4>, #line>) {
    // expected-error@+1 {{is for a device that decodes as "cuda:sm_12", of which there is no cost table; expected cuda:sm_80, }}
    %q = tile.convert %x : !tile.fragment<1x16x!rung.int<4>, #line> -> !tile.fragment<1x16xf32, #line>
    return
  }
}

// -----

// A threshold between these two needs more digits than f64 has.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @too_many_random_bits(%x: !tile.fragment<1x16xf32, #line>, %r: !tile.fragment<1x16xi32, #line>) {
  // expected-error@+1 {{rounds by 32 random bits, but to '!rung.codebook<1, [0.1, 1.7]>' kernels round exactly by up to 0; use a narrower format of random bits}}
  %q = tile.convert %x random(%r : !tile.fragment<1x16xi32, #line>) {rounding = #rung<rounding stochastic>}
      : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16x!rung.codebook<1, [0.1, 1.7]>, #line>
  return
}
