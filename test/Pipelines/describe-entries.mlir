// RUN: rung-opt %s --rung-describe-entries | FileCheck %s

// Sizes that the operations force to agree share a name; an argument without a
// name gets one; an inout argument is listed once.
// CHECK-LABEL: func.func @scale(
// CHECK-SAME: rung.signature = [
// CHECK-SAME: {kind = "input", name = "x", shape = ["M", 4], type = tensor<?x4xf32>}
// CHECK-SAME: {kind = "input", name = "arg1", shape = [4], type = tensor<4xf32>}
// CHECK-SAME: {kind = "inout", name = "cache", shape = [8, "N"], type = tensor<8x?xf32>}
// CHECK-SAME: {kind = "output", name = "y", shape = ["M", 4], type = tensor<?x4xf32>}
func.func @scale(%x: tensor<?x4xf32> {rung.name = "x"}, %row: tensor<4xf32>, %cache: tensor<8x?xf32> {rung.name = "cache", rung.inout})
    -> (tensor<?x4xf32> {rung.name = "y"}, tensor<8x?xf32>) {
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x4xf32>
  %e = tensor.empty(%m) : tensor<?x4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (n)>, affine_map<(m, n) -> (m, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%x, %row : tensor<?x4xf32>, tensor<4xf32>) outs(%e : tensor<?x4xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    linalg.yield %0 : f32
  } -> tensor<?x4xf32>
  return %y, %cache : tensor<?x4xf32>, tensor<8x?xf32>
}

// Two inputs of one elementwise operation have equal sizes.
// CHECK-LABEL: func.func @add(
// CHECK-SAME: name = "arg0", shape = ["M"]
// CHECK-SAME: name = "arg1", shape = ["M"]
// CHECK-SAME: name = "result", shape = ["M"]
func.func @add(%x: tensor<?xf32>, %y: tensor<?xf32>) -> tensor<?xf32> {
  %0 = arith.addf %x, %y : tensor<?xf32>
  return %0 : tensor<?xf32>
}

// A size survives a reshape that adds or drops sizes of 1.
// CHECK-LABEL: func.func @reshape(
// CHECK-SAME: name = "result", shape = ["M", 8]
func.func @reshape(%x: tensor<?x1x8xf32>) -> tensor<?x8xf32> {
  %0 = tensor.collapse_shape %x [[0, 1], [2]] : tensor<?x1x8xf32> into tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// A size survives loops that keep it, nested too, and branches that agree.
// CHECK-LABEL: func.func @loops(
// CHECK-SAME: name = "arg0", shape = ["M"]
// CHECK-SAME: name = "result0", shape = ["M"]
// CHECK-SAME: name = "result1", shape = ["M"]
// CHECK-SAME: name = "result2", shape = ["M"]
func.func @loops(%x: tensor<?xf32>, %n: tensor<index>, %on: tensor<i1>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %count = tensor.extract %n[] : tensor<index>
  %m = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%m) : tensor<?xf32>
  %0 = scf.for %i = %c0 to %count step %c1 iter_args(%t = %e) -> (tensor<?xf32>) {
    %inner = scf.for %j = %c0 to %i step %c1 iter_args(%u = %t) -> (tensor<?xf32>) {
      %s = arith.addf %u, %u : tensor<?xf32>
      scf.yield %s : tensor<?xf32>
    }
    scf.yield %inner : tensor<?xf32>
  }
  %p = tensor.extract %on[] : tensor<i1>
  %1 = scf.while (%t = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    scf.condition(%p) %t : tensor<?xf32>
  } do {
  ^bb0(%u: tensor<?xf32>):
    %s = arith.addf %u, %u : tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  %2 = scf.if %p -> tensor<?xf32> {
    %s = arith.negf %x : tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  } else {
    %f = tensor.empty(%m) : tensor<?xf32>
    scf.yield %f : tensor<?xf32>
  }
  return %0, %1, %2 : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// Private functions are no entries.
// CHECK: func.func private @helper(%{{.*}}: index) -> index {
func.func private @helper(%x: index) -> index {
  return %x : index
}
