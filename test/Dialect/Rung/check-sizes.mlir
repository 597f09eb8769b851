// RUN: rung-opt --rung-check-sizes --split-input-file --verify-diagnostics %s | FileCheck %s
// RUN: not rung-opt --rung-to-cpu --split-input-file %s 2>&1 | FileCheck %s --check-prefix=FIRST

// One element less than 2^47 bytes, in the width of its format; sizes to come count as 1.

// CHECK-LABEL: func.func @largest
func.func @largest(%a: tensor<35184372088831xf32>, %b: tensor<1125899906842623x!rung.uint<1>>, %c: tensor<?x35184372088831xf32>) {
  return
}

// -----

// It comes before passes that multiply.
// FIRST: 'tensor.empty' op has the result
func.func @result() {
  // expected-error @+1 {{'tensor.empty' op has the result 'tensor<2097152x2097152x64xf32>', which no memory holds; expected less than 2^47 bytes}}
  %0 = tensor.empty() : tensor<2097152x2097152x64xf32>
  return
}

// -----

// Their product is 0 modulo 2^64.
// expected-error @+1 {{'func.func' op has the block argument 'tensor<4294967296x4294967296xf32>'}}
func.func @argument(%a: tensor<4294967296x4294967296xf32>) {
  return
}

// -----

// expected-error @+1 {{'func.func' op has the argument 'tensor<35184372088832xf32>'}}
func.func private @declared(tensor<35184372088832xf32>)

// -----

// Nothing is read from it, but its sizes are multiplied.
// expected-error @+1 {{'func.func' op has the block argument 'tensor<0x35184372088832xf32>'}}
func.func @empty(%a: tensor<0x35184372088832xf32>) {
  return
}

// -----

// expected-error @+1 {{'func.func' op has the block argument 'memref<17592186044416xcomplex<f32>>'}}
func.func @complex(%a: memref<17592186044416xcomplex<f32>>) {
  return
}

// -----

// expected-error @+1 {{'func.func' op has the block argument 'memref<2199023255552xvector<16xf32>>'}}
func.func @vectors(%a: memref<2199023255552xvector<16xf32>>) {
  return
}

// -----

// expected-error @+1 {{'func.func' op has the block argument 'tensor<17592186044416xindex>'}}
func.func @indices(%a: tensor<17592186044416xindex>) {
  return
}
