// RUN: rung-opt %s -split-input-file -verify-diagnostics -allow-unregistered-dialect -o %t

func.func @slice_in_part() {
  // expected-error @+1 {{is a slice without whole, offsets or sizes; give all three}}
  %0 = rung.parameter @w {offsets = array<i64: 0, 0>} : tensor<16x64xi8>
  return
}

// -----

func.func @slice_outside() {
  // expected-error @+1 {{is 'tensor<16x64xi8>', which is no slice at [24, 0] of sizes [16, 64] of 'tensor<32x64xi8>'}}
  %0 = rung.parameter @w {whole = tensor<32x64xi8>, offsets = array<i64: 24, 0>, sizes = array<i64: 16, 64>} : tensor<16x64xi8>
  return
}
