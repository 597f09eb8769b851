// RUN: rung-opt %s --pass-pipeline="builtin.module(func.func(rung-expand-reshapes,canonicalize))" --split-input-file | FileCheck %s

// CHECK-LABEL: func.func @batches
// CHECK-SAME:  %[[M:.*]]: memref<?x32xf32>, %[[A:.*]]: index, %[[B:.*]]: index
// CHECK:       %[[STRIDE:.*]] = arith.muli %[[B]], %c32
// CHECK:       memref.reinterpret_cast %[[M]] to offset: [0], sizes: [%[[A]], %[[B]], 32], strides: [%[[STRIDE]], 32, 1]
func.func @batches(%m: memref<?x32xf32>, %a: index, %b: index) -> memref<?x?x32xf32> {
  %r = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, %b, 32] : memref<?x32xf32> into memref<?x?x32xf32>
  return %r : memref<?x?x32xf32>
}

// -----

// One dynamic size: upstream's passes know it.

// CHECK-LABEL: func.func @one
// CHECK:       memref.expand_shape
func.func @one(%m: memref<?x32xf32>, %a: index) -> memref<?x2x32xf32> {
  %r = memref.expand_shape %m [[0, 1], [2]] output_shape [%a, 2, 32] : memref<?x32xf32> into memref<?x2x32xf32>
  return %r : memref<?x2x32xf32>
}
