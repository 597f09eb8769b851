// RUN: rung-opt %s --rung-finalize-entries -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func private @f(
func.func @f(%context: !llvm.ptr, %x: memref<?x4xf32>, %packed: memref<2x16xi32>) {
  return
}
// CHECK-LABEL: llvm.func @rung_entry_f(
// CHECK-SAME:    %[[CONTEXT:.*]]: !llvm.ptr, %[[DESCRIPTORS:.*]]: !llvm.ptr)
// CHECK:         %[[P:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK:         llvm.load %[[P]] : !llvm.ptr -> !llvm.struct<(ptr, ptr, i64, array<2 x i64>, array<2 x i64>)>
// Of a static size nothing but the data pointer is read: the caller may pass a
// packed weight as a row of bytes.
// CHECK-NOT:     llvm.load {{.*}} -> !llvm.struct
// CHECK:         call @f(%[[CONTEXT]],
// CHECK:         llvm.return

// -----

// expected-error @+1 {{an entry takes the run-time context as its first argument}}
func.func @g(%x: memref<4xf32>) {
  return
}
