// RUN: rung-opt %s --allow-unregistered-dialect --rung-lower-workspace -split-input-file -verify-diagnostics | FileCheck %s

memref.global "private" @weight : memref<4x8xi32> {rung.constant = 2 : i64}
// CHECK-NOT: memref.global

// CHECK-LABEL: func.func @f(
// CHECK-SAME:    %[[CONTEXT:.*]]: !llvm.ptr, %[[N:.*]]: index)
func.func @f(%context: !llvm.ptr, %n: index) {
  // 16 bytes for each of the N rows.
  // CHECK: %[[ROW:.*]] = arith.constant 16 : index
  // CHECK: %[[BYTES:.*]] = arith.muli %[[ROW]], %[[N]]
  // CHECK: %[[SIZE:.*]] = arith.index_cast %[[BYTES]] : index to i64
  // CHECK: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][16]
  // CHECK: %[[ALLOCATE:.*]] = llvm.load %[[FIELD]] invariant
  // CHECK: llvm.call %[[ALLOCATE]](%[[CONTEXT]], %[[SIZE]])
  // CHECK: %[[BUFFER:.*]] = memref.view %{{.*}}[%{{.*}}][%[[N]]] : memref<?xi8> to memref<?x4xf32>
  %buffer = memref.alloc(%n) : memref<?x4xf32>
  // CHECK: "use"(%[[BUFFER]])
  "use"(%buffer) : (memref<?x4xf32>) -> ()
  // CHECK: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][24]
  // CHECK: %[[RELEASE:.*]] = llvm.load %[[FIELD]] invariant
  // CHECK: llvm.call %[[RELEASE]](%[[CONTEXT]],
  memref.dealloc %buffer : memref<?x4xf32>
  // CHECK: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][32]
  // CHECK: %[[TABLE:.*]] = llvm.load %[[FIELD]] invariant
  // CHECK: %[[ENTRY:.*]] = llvm.getelementptr inbounds %[[TABLE]][16]
  // CHECK: llvm.load %[[ENTRY]] invariant
  %weight = memref.get_global @weight : memref<4x8xi32>
  // CHECK: "use"(%{{.*}}) : (memref<4x8xi32>)
  "use"(%weight) : (memref<4x8xi32>) -> ()
  return
}

// -----

// A condition that does not hold is reported, and ends the function.
// CHECK:       llvm.mlir.global internal constant @[[TEXT:.*]]("too long\00")
// CHECK-LABEL: func.func @checked(
// CHECK-SAME:    %[[CONTEXT:.*]]: !llvm.ptr, %[[OK:.*]]: i1)
// CHECK:         scf.if %[[OK]] {
// CHECK:           "use"()
// CHECK:           scf.if %[[OK]] {
// CHECK-NEXT:        "second_use"()
// CHECK-NEXT:      } else {
// CHECK:         } else {
// CHECK:           %[[MESSAGE:.*]] = llvm.mlir.addressof @[[TEXT]]
// CHECK:           %[[FAIL:.*]] = llvm.load %{{.*}} invariant
// CHECK:           llvm.call %[[FAIL]](%[[CONTEXT]], %[[MESSAGE]])
// CHECK:         }
// CHECK-NEXT:    return
func.func @checked(%context: !llvm.ptr, %ok: i1) {
  cf.assert %ok, "too long"
  "use"() : () -> ()
  cf.assert %ok, "too long"
  "second_use"() : () -> ()
  return
}

// -----

// In a loop it is reported only, and the code behind it runs.
// CHECK-LABEL: func.func @checked_in_a_loop(
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK-NEXT:      } else {
// CHECK:           }
// CHECK-NEXT:      "use"()
func.func @checked_in_a_loop(%context: !llvm.ptr, %ok: i1, %n: index) {
  scf.for %i = %n to %n step %n {
    cf.assert %ok, "too long"
    "use"() : () -> ()
  }
  return
}

// -----

// A global that is no constant of the bundle is data of the code.
// CHECK:       memref.global "private" constant @table
// CHECK-LABEL: func.func @table_user(
// CHECK:         memref.get_global @table
memref.global "private" constant @table : memref<2xf32> = dense<[1.0, 2.0]>
func.func @table_user() {
  %0 = memref.get_global @table : memref<2xf32>
  "use"(%0) : (memref<2xf32>) -> ()
  return
}

// -----

func.func @strided(%context: !llvm.ptr) {
  // expected-error @+1 {{only row-major contiguous buffers can be allocated, found 'memref<4x4xf32, strided<[1, 4]>>'}}
  %0 = memref.alloc() : memref<4x4xf32, strided<[1, 4]>>
  return
}

// -----

func.func @no_context(%n: index) {
  // expected-error @+1 {{needs the run-time context, but function 'no_context' does not take it as its first argument}}
  %0 = memref.alloc(%n) : memref<?xf32>
  return
}

// -----

func.func @too_large(%context: !llvm.ptr) {
  // expected-error @+1 {{has the result 'memref<1x9223372036854775807xf32>', which no memory holds; expected less than 2^47 bytes}}
  %0 = memref.alloc() : memref<1x9223372036854775807xf32>
  return
}
