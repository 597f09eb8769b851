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

// -----

func.func @too_large_whole() -> tensor<16x64xi8> {
  // expected-error @+1 {{is a slice of 'tensor<9223372036854775807x64xi8>', which no memory holds}}
  %0 = rung.parameter @w {whole = tensor<9223372036854775807x64xi8>, offsets = array<i64: 24, 0>, sizes = array<i64: 16, 64>} : tensor<16x64xi8>
  return %0 : tensor<16x64xi8>
}

// -----

func.func @every_other() -> memref<8xf32, strided<[2], offset: ?>> {
  // expected-error @+1 {{has the type 'memref<8xf32, strided<[2], offset: ?>>', expected one that memory in rows, 'memref<8xf32>', casts to}}
  %0 = rung.parameter @w : memref<8xf32, strided<[2], offset: ?>>
  return %0 : memref<8xf32, strided<[2], offset: ?>>
}
