// RUN: rung-opt %s --rung-outline-parallel=grain=4096 -split-input-file -verify-diagnostics | FileCheck %s

// Two loops that differ in the buffer only share one function.
// CHECK-LABEL: func.func private @f.parallel.0(
// CHECK-SAME:    %[[CONTEXT:.*]]: !llvm.ptr, %[[CAPTURES:.*]]: !llvm.ptr, %[[CHUNK:.*]]: i64) attributes {passthrough = ["noinline"]}
// CHECK:         %[[BEGIN:.*]] = arith.muli
// CHECK:         %[[NEXT:.*]] = arith.addi %[[BEGIN]]
// CHECK:         %[[END:.*]] = arith.minsi %[[NEXT]]
// CHECK:         scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK:           memref.store
// CHECK-NOT:   func.func private @f.parallel.1

// CHECK-LABEL: func.func @f(
// CHECK-SAME:    %[[CONTEXT:[^:]*]]: !llvm.ptr
// CHECK:         %[[CAPTURES:.*]] = llvm.alloca
// CHECK-NOT:     scf.parallel
// CHECK:         %[[BODY:.*]] = constant @f.parallel.0
// CHECK:         %[[LEAST:.*]] = arith.constant 64 : index
// CHECK:         call @rung.launch(%[[CONTEXT]], %[[CAPTURES]], %{{.*}}, %[[LEAST]],
// CHECK:         constant @f.parallel.0
// CHECK:         call @rung.launch(%[[CONTEXT]], %[[CAPTURES]],
// CHECK-NOT:     call

// The launcher calls parallel_for, or the body if there is one chunk.
// CHECK-LABEL: func.func private @rung.launch(
// CHECK:         scf.if
// CHECK:           llvm.call
// CHECK:         } else {
// CHECK:           llvm.call
func.func @f(%context: !llvm.ptr, %x: memref<?xf32>, %y: memref<?xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %x[%i] : memref<?xf32>
  } {rung.cost = 64 : i64}
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %y[%i] : memref<?xf32>
  } {rung.cost = 64 : i64}
  return
}

// -----

// An inner parallel loop becomes sequential.
// CHECK-LABEL: func.func private @nested.parallel.0(
// CHECK:         scf.for
// CHECK:           scf.for
// CHECK-NOT:   scf.parallel
func.func @nested(%context: !llvm.ptr, %x: memref<?x?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    scf.parallel (%j) = (%c0) to (%n) step (%c1) {
      memref.store %zero, %x[%i, %j] : memref<?x?xf32>
    }
  }
  return
}

// -----

func.func @no_context(%x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  // expected-error @+1 {{needs the run-time context, but function 'no_context' does not take it as its first argument}}
  scf.parallel (%i) = (%c0) to (%n) step (%c1) {
    memref.store %zero, %x[%i] : memref<?xf32>
  }
  return
}
