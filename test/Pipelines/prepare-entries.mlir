// RUN: rung-opt %s --rung-describe-entries --rung-prepare-entries | FileCheck %s
// RUN: rung-opt %s --rung-describe-entries --rung-prepare-entries --one-shot-bufferize --canonicalize | FileCheck %s --check-prefix=INPLACE

// The context comes first, results are written to trailing arguments, the
// updated value of an inout argument into itself.
// CHECK-LABEL: func.func @append(
// CHECK-SAME:    %{{[^:]*}}: !llvm.ptr, %[[X:[^:]*]]: memref<4xf32> {rung.name = "x"},
// CHECK-SAME:    %[[CACHE:[^:]*]]: memref<8x4xf32> {rung.inout, rung.name = "cache"},
// CHECK-SAME:    %[[Y:[^:]*]]: memref<4xf32> {rung.name = "y"}) attributes
// CHECK:         bufferization.to_tensor %[[X]] restrict : memref<4xf32> to tensor<4xf32>
// CHECK:         bufferization.to_tensor %[[CACHE]] restrict writable
// CHECK:         materialize_in_destination %{{.*}} in restrict writable %[[Y]]
// CHECK:         %[[NEW:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<8x4xf32>)
// CHECK:         materialize_in_destination %[[NEW]] in restrict writable %[[CACHE]]
// CHECK-NEXT:    return

// Nothing of the cache is copied.
// INPLACE-LABEL: func.func @append(
// INPLACE-SAME:    !llvm.ptr, %[[X:[^:]*]]: memref<4xf32> {rung.name = "x"}, %[[CACHE:[^:]*]]: memref<8x4xf32> {{.*}}, %[[Y:[^:]*]]: memref<4xf32> {rung.name = "y"})
// INPLACE-NOT:     memref.alloc
// INPLACE:         %[[ROW:.*]] = memref.subview %[[CACHE]][2, 0] [1, 4] [1, 1]
// INPLACE-NEXT:    memref.copy %[[X]], %[[ROW]]
// INPLACE-NEXT:    memref.copy %[[X]], %[[Y]] :
// INPLACE-NEXT:    return
func.func @append(%x: tensor<4xf32> {rung.name = "x"}, %cache: tensor<8x4xf32> {rung.name = "cache", rung.inout})
    -> (tensor<4xf32> {rung.name = "y"}, tensor<8x4xf32>) {
  %new = tensor.insert_slice %x into %cache[2, 0] [1, 4] [1, 1] : tensor<4xf32> into tensor<8x4xf32>
  return %x, %new : tensor<4xf32>, tensor<8x4xf32>
}
