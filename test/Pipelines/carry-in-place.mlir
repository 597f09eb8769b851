// RUN: rung-opt %s --rung-carry-in-place -split-input-file | FileCheck %s

// What a loop yields takes the place of what it carries.
// CHECK-LABEL: func.func @sum
// CHECK:         scf.for {{.*}} iter_args(%[[T:.*]] = %{{.*}})
// CHECK:           %[[S:.*]] = arith.addf
// CHECK:           %[[U:.*]] = linalg.generic {{.*}} ins(%[[S]] : tensor<4xf32>) outs(%[[T]] : tensor<4xf32>)
// CHECK:           scf.yield %[[U]]
func.func @sum(%x: tensor<4xf32>, %n: index) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> (tensor<4xf32>) {
    %s = arith.addf %t, %x : tensor<4xf32>
    scf.yield %s : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

// Two that change places do so through copies, taken before either is overwritten.
// CHECK-LABEL: func.func @swap
// CHECK:         scf.for {{.*}} iter_args(%[[T:.*]] = %{{.*}}, %[[U:.*]] = %{{.*}})
// CHECK:           %[[A:.*]] = bufferization.alloc_tensor() copy(%[[U]])
// CHECK:           %[[B:.*]] = bufferization.alloc_tensor() copy(%[[T]])
// CHECK:           %[[NEW_T:.*]] = linalg.generic {{.*}} ins(%[[A]] : {{.*}}) outs(%[[T]] :
// CHECK:           %[[NEW_U:.*]] = linalg.generic {{.*}} ins(%[[B]] : {{.*}}) outs(%[[U]] :
// CHECK:           scf.yield %[[NEW_T]], %[[NEW_U]]
func.func @swap(%x: tensor<4xf32>, %y: tensor<4xf32>, %n: index) -> (tensor<4xf32>, tensor<4xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r:2 = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x, %u = %y) -> (tensor<4xf32>, tensor<4xf32>) {
    scf.yield %u, %t : tensor<4xf32>, tensor<4xf32>
  }
  return %r#0, %r#1 : tensor<4xf32>, tensor<4xf32>
}

// -----

// Both halves of a while: what is passed on, and what comes back. The size follows from the sum's operands.
// CHECK-LABEL: func.func @while
// CHECK:         scf.while (%[[T:.*]] = %{{.*}})
// CHECK:           %[[P:.*]] = linalg.generic {{.*}} outs(%[[T]] : tensor<?xf32>)
// CHECK:           scf.condition(%{{.*}}) %[[P]]
// CHECK:         ^bb0(%[[U:.*]]: tensor<?xf32>):
// CHECK:           %[[B:.*]] = linalg.generic {{.*}} outs(%[[U]] : tensor<?xf32>)
// CHECK:           scf.yield %[[B]]
func.func @while(%x: tensor<?xf32>, %more: i1) -> tensor<?xf32> {
  %r = scf.while (%t = %x) : (tensor<?xf32>) -> tensor<?xf32> {
    %s = arith.addf %t, %x : tensor<?xf32>
    scf.condition(%more) %s : tensor<?xf32>
  } do {
  ^bb0(%u: tensor<?xf32>):
    %v = arith.mulf %u, %x : tensor<?xf32>
    scf.yield %v : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}

// -----

// What grows has no place to take.
// CHECK-LABEL: func.func @grow
// CHECK:         %[[S:.*]] = tensor.concat
// CHECK-NEXT:    scf.yield %[[S]]
func.func @grow(%x: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%t = %x) -> (tensor<?xf32>) {
    %s = tensor.concat dim(0) %t, %x : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>
    scf.yield %s : tensor<?xf32>
  }
  return %r : tensor<?xf32>
}
