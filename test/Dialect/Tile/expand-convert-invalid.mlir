// RUN: rung-opt %s -split-input-file -verify-diagnostics -tile-expand-convert

// A threshold between these two needs more digits than f64 has.

#line = #tile.layout<"(register:0, lane:4) -> (row:0, col:4) {lane[0..3] -> col[0..3]}">
func.func @too_many_random_bits(%x: !tile.fragment<1x16xf32, #line>, %r: !tile.fragment<1x16xi32, #line>) {
  // expected-error@+1 {{rounds by 32 random bits, but to '!rung.codebook<1, [0.1, 1.7]>' kernels round exactly by up to 0; use a narrower format of random bits}}
  %q = tile.convert %x random(%r : !tile.fragment<1x16xi32, #line>) {rounding = #rung<rounding stochastic>}
      : !tile.fragment<1x16xf32, #line> -> !tile.fragment<1x16x!rung.codebook<1, [0.1, 1.7]>, #line>
  return
}
