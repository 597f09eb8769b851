// RUN: rung-opt %s --allow-unregistered-dialect --rung-release-buffers -split-input-file -verify-diagnostics | FileCheck %s

// Behind the last use of the buffer or of a view of it.
// CHECK-LABEL: func.func @views
// CHECK:         %[[A:.*]] = memref.alloc()
// CHECK:         "use"
// CHECK-NEXT:    memref.dealloc %[[A]]
// CHECK-NEXT:    "other"
func.func @views() {
  %0 = memref.alloc() : memref<64xf32>
  %1 = memref.subview %0[0] [8] [1] : memref<64xf32> to memref<8xf32, strided<[1]>>
  "use"(%1) : (memref<8xf32, strided<[1]>>) -> ()
  "other"() : () -> ()
  return
}

// -----

// A buffer of a loop's body is freed in each iteration.
// CHECK-LABEL: func.func @loop
// CHECK:         scf.for
// CHECK:           "use"
// CHECK-NEXT:      memref.dealloc
func.func @loop(%n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = memref.alloc() : memref<64xf32>
    "use"(%0) : (memref<64xf32>) -> ()
  }
  return
}

// -----

// What a branch yields is allocated before it and freed behind its last use.
// CHECK-LABEL: func.func @branch
// CHECK:         %[[A:.*]] = memref.alloc()
// CHECK:         scf.if
// CHECK:         memref.dealloc %[[A]]
// CHECK-NEXT:    return
func.func @branch(%condition: i1, %x: memref<64xf32>) {
  %0 = scf.if %condition -> memref<64xf32> {
    %1 = memref.alloc() : memref<64xf32>
    scf.yield %1 : memref<64xf32>
  } else {
    scf.yield %x : memref<64xf32>
  }
  "use"(%0) : (memref<64xf32>) -> ()
  return
}

// -----

func.func @carried(%n: index, %x: memref<64xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %0 = scf.for %i = %c0 to %n step %c1 iter_args(%m = %x) -> memref<64xf32> {
    // expected-error @+1 {{a buffer that is allocated in a loop leaves it, so it could not be released}}
    %1 = memref.alloc() : memref<64xf32>
    scf.yield %1 : memref<64xf32>
  }
  "use"(%0) : (memref<64xf32>) -> ()
  return
}

// -----

// So it is in a loop; and its size is computed before the branch, too.
// CHECK-LABEL: func.func @branch_in_loop
// CHECK:         scf.for
// CHECK-NEXT:      %[[SIZE:.*]] = memref.dim
// CHECK-NEXT:      %[[A:.*]] = memref.alloc(%[[SIZE]])
// CHECK-NEXT:      scf.if
// CHECK:           "use"
// CHECK-NEXT:      memref.dealloc %[[A]]
func.func @branch_in_loop(%condition: i1, %x: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %i = %c0 to %n step %c1 {
    %0 = scf.if %condition -> memref<?xf32> {
      %size = memref.dim %x, %c0 : memref<?xf32>
      %1 = memref.alloc(%size) : memref<?xf32>
      scf.yield %1 : memref<?xf32>
    } else {
      scf.yield %x : memref<?xf32>
    }
    "use"(%0) : (memref<?xf32>) -> ()
  }
  return
}

// -----

func.func @size_of_branch(%condition: i1, %x: memref<?xf32>, %n: memref<index>) {
  %0 = scf.if %condition -> memref<?xf32> {
    %size = memref.load %n[] : memref<index>
    // expected-error @+1 {{a buffer of dynamic size leaves the branch that computes its size, so it could not be released}}
    %1 = memref.alloc(%size) : memref<?xf32>
    scf.yield %1 : memref<?xf32>
  } else {
    scf.yield %x : memref<?xf32>
  }
  "use"(%0) : (memref<?xf32>) -> ()
  return
}
