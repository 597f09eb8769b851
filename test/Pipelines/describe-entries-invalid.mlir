// RUN: rung-opt %s --rung-describe-entries -split-input-file -verify-diagnostics

// expected-error @+1 {{argument #0 of entry 'scalar' has type 'f32'; expected a ranked tensor (a scalar is a tensor of rank 0)}}
func.func @scalar(%x: f32) {
  return
}

// -----

// expected-error @+1 {{dynamic size 0 of result #0 of entry 'invented' is the size of no argument; the caller could not allocate it}}
func.func @invented(%n: tensor<index>) -> tensor<?xf32> {
  %size = tensor.extract %n[] : tensor<index>
  %e = tensor.empty(%size) : tensor<?xf32>
  return %e : tensor<?xf32>
}

// -----

// A loop that lets a tensor grow, and one that carries another along.

// expected-error @+1 {{dynamic size 0 of result #0 of entry 'grow' is the size of no argument; the caller could not allocate it}}
func.func @grow(%x: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %c1 step %c1 iter_args(%t = %x, %u = %x) -> (tensor<?xf32>, tensor<?xf32>) {
    %s = tensor.concat dim(0) %t, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    %v = arith.negf %t : tensor<?xf32>
    scf.yield %s, %v : tensor<?xf32>, tensor<?xf32>
  }
  return %r#1 : tensor<?xf32>
}

// -----

// expected-error @+1 {{dynamic size 0 of result #0 of entry 'either' is the size of no argument; the caller could not allocate it}}
func.func @either(%x: tensor<?xf32>, %y: tensor<?xf32>, %on: tensor<i1>) -> tensor<?xf32> {
  %p = tensor.extract %on[] : tensor<i1>
  %r = scf.if %p -> tensor<?xf32> {
    scf.yield %x : tensor<?xf32>
  } else {
    scf.yield %y : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// expected-error @+1 {{has 1 arguments marked 'rung.inout' but 0 results}}
func.func @forgotten(%x: tensor<4xf32> {rung.inout}) {
  return
}

// -----

// expected-error @+1 {{result #0 is the updated value of argument #0 and must have its type 'tensor<4xf32>', found 'tensor<8xf32>'}}
func.func @changed(%x: tensor<4xf32> {rung.inout}, %y: tensor<8xf32>) -> tensor<8xf32> {
  return %y : tensor<8xf32>
}

// -----

// expected-error @+1 {{two arguments or results are named "x"}}
func.func @twins(%x: tensor<4xf32> {rung.name = "x"}, %y: tensor<4xf32> {rung.name = "x"}) {
  return
}

// -----

// expected-error @+1 {{an entry must be one block; use scf.if or scf.for instead of branches}}
func.func @branches(%x: tensor<4xf32>) -> tensor<4xf32> {
  cf.br ^exit
^exit:
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{argument #0 of entry 'nameless' has the 'rung.name' ""; expected a string that is not empty}}
func.func @nameless(%x: tensor<4xf32> {rung.name = ""}) {
  return
}

// -----

// expected-error @+1 {{result #0 of entry 'number' has the 'rung.name' 3 : i64; expected a string}}
func.func @number(%x: tensor<4xf32>) -> (tensor<4xf32> {rung.name = 3}) {
  return %x : tensor<4xf32>
}

// -----

// expected-error @+1 {{argument 'x' of entry 'empty' is the empty 'tensor<3x0xf32>'; expected every size to be at least 1}}
func.func @empty(%x: tensor<3x0xf32> {rung.name = "x"}) {
  return
}
