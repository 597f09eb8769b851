// RUN: rung-opt %s -split-input-file -rung-check-indices | FileCheck %s

// An offset that comes from an input is checked where it is known; the size and stride count.

// CHECK-LABEL: func @slice
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>, %[[I:.*]]: index, %[[C:.*]]: tensor<8x4xf32>
func.func @slice(%x: tensor<2x4xf32>, %i: index, %c: tensor<8x4xf32>) -> tensor<8x4xf32> {
  // CHECK: %[[ROOM:.*]] = arith.subi %c8{{.*}}, %{{.*}} : index
  // CHECK: %[[STARTS:.*]] = arith.cmpi ult, %[[I]], %[[ROOM]] : index
  // CHECK: %[[INSIDE:.*]] = arith.andi %{{.*}}, %[[STARTS]] : i1
  // CHECK: cf.assert %[[INSIDE]], "tensor.insert_slice reaches outside of dimension 0 of tensor<8x4xf32>"
  // CHECK-NOT: cf.assert
  // CHECK: tensor.insert_slice %[[X]] into %[[C]][%[[I]], 0]
  %n = tensor.insert_slice %x into %c[%i, 0] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<8x4xf32>
  return %n : tensor<8x4xf32>
}

// -----

// What the bounds of values prove is not checked.

// CHECK-LABEL: func @proved
// CHECK-NOT: cf.assert
func.func @proved(%x: tensor<?xf32>) -> tensor<2xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %sum = scf.for %i = %c0 to %n step %c1 iter_args(%a = %zero) -> f32 {
    %v = tensor.extract %x[%i] : tensor<?xf32>
    %b = arith.addf %a, %v : f32
    scf.yield %b : f32
  }
  %e = tensor.from_elements %sum, %zero : tensor<2xf32>
  return %e : tensor<2xf32>
}

// -----

// In a region the assertion does not end the function: the access moves inside.

#row = affine_map<(a, b) -> (a)>
#all = affine_map<(a, b) -> (a, b)>
// CHECK-LABEL: func @rows
func.func @rows(%t: tensor<10x4xf32>, %i: tensor<3xi32>) -> tensor<3x4xf32> {
  %e = tensor.empty() : tensor<3x4xf32>
  %r = linalg.generic {indexing_maps = [#row, #all], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<3xi32>) outs(%e : tensor<3x4xf32>) {
  ^bb0(%k: i32, %o: f32):
    // CHECK: %[[ROW:.*]] = arith.index_cast
    // CHECK: cf.assert %[[INSIDE:.*]], "tensor.extract reaches outside of dimension 0 of tensor<10x4xf32>"
    // CHECK: %[[SAFE:.*]] = arith.select %[[INSIDE]], %[[ROW]], %c0
    // CHECK-NOT: cf.assert
    // CHECK: tensor.extract %{{.*}}[%[[SAFE]], %{{.*}}]
    %row = arith.index_cast %k : i32 to index
    %c = linalg.index 1 : index
    %v = tensor.extract %t[%row, %c] : tensor<10x4xf32>
    linalg.yield %v : f32
  } -> tensor<3x4xf32>
  return %r : tensor<3x4xf32>
}
