// RUN: rung-opt %s --pass-pipeline="builtin.module(func.func(rung-expand-math))" -verify-diagnostics

func.func @f(%x: f64) -> f64 {
  // expected-error @+1 {{has no expansion into arithmetic for 'f64'; generated code calls no library}}
  %0 = math.sin %x : f64
  return %0 : f64
}

// The expansions are on scalars and vectors.

func.func @unranked(%x: tensor<*xf32>) -> tensor<*xf32> {
  // expected-error @+1 {{is on 'tensor<*xf32>', but is expanded on scalars and vectors; bufferize it first}}
  %0 = math.sin %x : tensor<*xf32>
  return %0 : tensor<*xf32>
}
