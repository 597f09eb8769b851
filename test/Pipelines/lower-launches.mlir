// RUN: rung-opt %s -allow-unregistered-dialect -rung-lower-launches -split-input-file -verify-diagnostics | FileCheck %s

// Equal kernels become one, and `step.b` a name of letters.

// CHECK: module attributes {rung.kernels = ["copy_kernel", "step_b_kernel"]}
// CHECK-LABEL: func @copy
// CHECK-SAME: %[[CONTEXT:.*]]: !llvm.ptr, %[[X:.*]]: memref<?xf32, strided<[2], offset: ?>>, %[[S:.*]]: i8, %[[N:.*]]: index
// CHECK-DAG:  %[[FIELDS:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(ptr, ptr, i64, i64, i64, i8, i64)>
// CHECK-DAG:  %[[ARGUMENTS:.*]] = llvm.alloca %{{.*}} x !llvm.struct<(ptr, ptr, ptr, ptr, ptr, ptr, ptr)>
// A size that 32 bits do not hold is the largest one.
// CHECK:      arith.index_cast %[[N]] : index to i64
// CHECK:      %[[WIDE:.*]] = arith.index_cast %[[N]] : index to i64
// CHECK:      %[[MOST:.*]] = arith.minui %[[WIDE]], %c4294967295_i64
// CHECK:      %[[SIZE:.*]] = arith.trunci %[[MOST]] : i64 to i32
// CHECK:      llvm.store %[[SIZE]], %[[G:.*]] : i32, !llvm.ptr
// CHECK:      %[[FIRST:.*]] = llvm.getelementptr inbounds %[[FIELDS]][0, 0]
// CHECK:      %[[SCALAR:.*]] = llvm.getelementptr inbounds %[[FIELDS]][0, 5]
// CHECK-NEXT: llvm.store %[[S]], %[[SCALAR]] : i8
// CHECK:      %[[A:.*]] = llvm.getelementptr inbounds %[[ARGUMENTS]][0, 0]
// CHECK-NEXT: llvm.store %[[FIRST]], %[[A]]
// CHECK:      %[[P:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][48]
// CHECK:      %[[LAUNCH:.*]] = llvm.load %[[P]] invariant
// CHECK:      llvm.call %[[LAUNCH]](%[[CONTEXT]], %[[ZERO:.*]], %[[G]], %{{.*}}, %{{.*}}, %[[A]], %[[SEVEN:.*]]) :
// CHECK-SAME: !llvm.ptr, (!llvm.ptr, i32, !llvm.ptr, !llvm.ptr, i32, !llvm.ptr, i32) -> ()
// CHECK-NOT:  gpu.launch_func
// CHECK-LABEL: func @again
// CHECK: llvm.mlir.constant(0 : i32) : i32
// CHECK: llvm.call
// CHECK-LABEL: func @step.b
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[SHARED:.*]]: i32
// CHECK: %[[NULL:.*]] = llvm.mlir.zero : !llvm.ptr
// CHECK: %[[ONE:.*]] = llvm.mlir.constant(1 : i32) : i32
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[ONE]], %{{.*}}, %{{.*}}, %[[SHARED]], %[[NULL]], %{{.*}})
// CHECK: gpu.module @kernels
// CHECK-NOT: gpu.module
// CHECK: gpu.func @copy_kernel
// CHECK-NOT: gpu.func @again
// CHECK: gpu.func @step_b_kernel
// CHECK: gpu.return
module attributes {gpu.container_module} {
  func.func @copy(%context: !llvm.ptr, %x: memref<?xf32, strided<[2], offset: ?>>, %s: i8, %n: index) {
    %c1 = arith.constant 1 : index
    %c32 = arith.constant 32 : index
    gpu.launch_func @copy_kernel::@copy_kernel blocks in (%n, %c1, %c1) threads in (%c32, %c1, %c1)
      args(%x : memref<?xf32, strided<[2], offset: ?>>, %s : i8, %n : index)
    return
  }
  gpu.module @copy_kernel {
    gpu.func @copy_kernel(%x: memref<?xf32, strided<[2], offset: ?>>, %s: i8, %n: index) kernel {
      %v = memref.load %x[%n] : memref<?xf32, strided<[2], offset: ?>>
      memref.store %v, %x[%n] : memref<?xf32, strided<[2], offset: ?>>
      gpu.return
    }
  }
  func.func @again(%context: !llvm.ptr, %x: memref<?xf32, strided<[2], offset: ?>>, %s: i8, %n: index) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @again_kernel::@again_kernel blocks in (%n, %c1, %c1) threads in (%c1, %c1, %c1)
      args(%x : memref<?xf32, strided<[2], offset: ?>>, %s : i8, %n : index)
    return
  }
  gpu.module @again_kernel {
    gpu.func @again_kernel(%x: memref<?xf32, strided<[2], offset: ?>>, %s: i8, %n: index) kernel {
      %v = memref.load %x[%n] : memref<?xf32, strided<[2], offset: ?>>
      memref.store %v, %x[%n] : memref<?xf32, strided<[2], offset: ?>>
      gpu.return
    }
  }
  func.func @step.b(%context: !llvm.ptr, %shared: i32) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @step.b_kernel::@step.b_kernel blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
      dynamic_shared_memory_size %shared
    return
  }
  gpu.module @step.b_kernel {
    gpu.func @step.b_kernel() kernel {
      gpu.return
    }
  }
}

// -----

// A new name is none of those that the kernel's other symbols have, and reaches its uses wherever they are.

// CHECK: gpu.func @f_kernel
// CHECK: memref.get_global @t :
// CHECK: memref.get_global @t_0 :
// CHECK: memref.global "private" constant @[[A:.*]] : memref<1xf32> = dense<3.0{{.*}}>
// CHECK: gpu.func @g_kernel
// CHECK: memref.get_global @[[A]] :
// CHECK: memref.get_global @[[B:.*]] :
// CHECK: memref.global "private" constant @[[B]] : memref<1xf32> = dense<4.0{{.*}}>
module attributes {gpu.container_module} {
  func.func @f(%context: !llvm.ptr) {
    %c1 = arith.constant 1 : index
    gpu.launch_func @f_kernel::@f_kernel blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    gpu.launch_func @g_kernel::@g_kernel blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
  gpu.module @f_kernel {
    memref.global "private" constant @t : memref<1xf32> = dense<1.0>
    memref.global "private" constant @t_0 : memref<1xf32> = dense<2.0>
    gpu.func @f_kernel() kernel {
      %a = memref.get_global @t : memref<1xf32>
      %b = memref.get_global @t_0 : memref<1xf32>
      "test.use"(%a, %b) : (memref<1xf32>, memref<1xf32>) -> ()
      gpu.return
    }
  }
  gpu.module @g_kernel {
    memref.global "private" constant @t : memref<1xf32> = dense<3.0>
    gpu.func @g_kernel() kernel {
      %a = memref.get_global @t : memref<1xf32>
      %b = memref.get_global @t_0 : memref<1xf32>
      "test.use"(%a, %b) : (memref<1xf32>, memref<1xf32>) -> ()
      gpu.return
    }
    memref.global "private" constant @t_0 : memref<1xf32> = dense<4.0>
  }
}

// -----

module attributes {gpu.container_module} {
  func.func @f(%x: memref<4xf32>) {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{needs the run-time context, but function 'f' does not take it as its first argument}}
    gpu.launch_func @f_kernel::@f_kernel blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1) args(%x : memref<4xf32>)
    return
  }
  gpu.module @f_kernel {
    gpu.func @f_kernel(%x: memref<4xf32>) kernel {
      gpu.return
    }
  }
}

// -----

module attributes {gpu.container_module} {
  func.func @f(%context: !llvm.ptr) {
    %c1 = arith.constant 1 : index
    // expected-error @+1 {{clusters and asynchronous launches are not lowered}}
    gpu.launch_func @f_kernel::@f_kernel clusters in (%c1, %c1, %c1) blocks in (%c1, %c1, %c1) threads in (%c1, %c1, %c1)
    return
  }
  gpu.module @f_kernel {
    gpu.func @f_kernel() kernel {
      gpu.return
    }
  }
}

// -----

// expected-error @+1 {{expected one kernel in each gpu.module, as gpu-kernel-outlining leaves it}}
gpu.module @two {
  gpu.func @a() kernel {
    gpu.return
  }
  gpu.func @b() kernel {
    gpu.return
  }
}
