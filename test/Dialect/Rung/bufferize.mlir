// RUN: rung-opt %s -split-input-file -one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" -canonicalize -verify-diagnostics | FileCheck %s

// The destination is written, not read: an uninitialised one becomes one allocation and no copy.

// CHECK-LABEL: func @matmul
// CHECK-SAME: %[[X:.*]]: memref<?x64xf16>, %[[W:.*]]: memref<32x64xi8>, %[[S:.*]]: memref<32x2xf16>
func.func @matmul(%x: tensor<?x64xf16>, %w: tensor<32x64xi8>, %s: tensor<32x2xf16>) -> tensor<?x32xf32> {
  // CHECK: %[[Y:.*]] = memref.alloc(%{{.*}}) {{.*}} : memref<?x32xf32>
  // CHECK-NOT: memref.copy
  // CHECK: rung.matmul x(%[[X]] : memref<?x64xf16>) weight(%[[W]] : memref<32x64xi8>) scale(%[[S]] : memref<32x2xf16>)
  // CHECK-SAME: init(%[[Y]] : memref<?x32xf32>) {activation = #rung<activation relu>, block = array<i64: 1, 32>}
  // CHECK: return %[[Y]]
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf16>
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %y = rung.matmul x(%x : tensor<?x64xf16>) weight(%w : tensor<32x64xi8>) scale(%s : tensor<32x2xf16>)
      init(%e : tensor<?x32xf32>) {activation = #rung<activation relu>, block = array<i64: 1, 32>} -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// A destination that is still needed afterwards is not overwritten; its contents are not copied either.

// CHECK-LABEL: func @destination_used_again
// CHECK-SAME: %[[W:.*]]: memref<4x8xi8>, %[[Z:.*]]: memref<4x8xf32>
func.func @destination_used_again(%w: tensor<4x8xi8>, %z: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  // CHECK: %[[Y:.*]] = memref.alloc()
  // CHECK-NOT: memref.copy
  // CHECK: rung.elementwise convert input(%[[W]] : memref<4x8xi8>) init(%[[Y]] : memref<4x8xf32>)
  // CHECK: return %[[Y]], %[[Z]]
  %y = rung.elementwise convert input(%w : tensor<4x8xi8>) init(%z : tensor<4x8xf32>) -> tensor<4x8xf32>
  return %y, %z : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

// CHECK-LABEL: func @gather
// CHECK-SAME: %[[W:.*]]: memref<100x8xi8>, %[[T:.*]]: memref<?xi32>
func.func @gather(%w: tensor<100x8xi8>, %t: tensor<?xi32>) -> tensor<?x8xi8> {
  // CHECK: %[[Y:.*]] = memref.alloc(%{{.*}})
  // CHECK: rung.gather source(%[[W]] : memref<100x8xi8>) indices(%[[T]] : memref<?xi32>) init(%[[Y]] : memref<?x8xi8>)
  %c0 = arith.constant 0 : index
  %m = tensor.dim %t, %c0 : tensor<?xi32>
  %e = tensor.empty(%m) : tensor<?x8xi8>
  %y = rung.gather source(%w : tensor<100x8xi8>) indices(%t : tensor<?xi32>) init(%e : tensor<?x8xi8>) -> tensor<?x8xi8>
  return %y : tensor<?x8xi8>
}

// -----

// A parameter is memory of the bundle. Whoever wants to write gets a copy.

// CHECK-LABEL: func @parameter
func.func @parameter(%v: f32, %i: index) -> (tensor<16xf32>, tensor<16xf32>) {
  // CHECK: %[[P:.*]] = rung.parameter @norm.weight : memref<16xf32>
  // CHECK: %[[COPY:.*]] = memref.alloc()
  // CHECK: memref.copy %[[P]], %[[COPY]]
  // CHECK: memref.store %{{.*}}, %[[COPY]]
  // CHECK: return %[[P]], %[[COPY]]
  %p = rung.parameter @norm.weight : tensor<16xf32>
  %q = tensor.insert %v into %p[%i] : tensor<16xf32>
  return %p, %q : tensor<16xf32>, tensor<16xf32>
}

// -----

// A parameter keeps its storage.

// CHECK-LABEL: func @packed_parameter
func.func @packed_parameter() -> tensor<4x2x16xf16> {
  // CHECK: rung.parameter @s {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16>
  %p = rung.parameter @s {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : tensor<4x2x16xf16>
  return %p : tensor<4x2x16xf16>
}

// -----

// CHECK: memref.global "private" constant @[[GLOBAL:.*]] : memref<3xi8> = dense<[1, 2, -1]>
// CHECK-LABEL: func @constant
func.func @constant() -> tensor<3xi8> {
  // CHECK: memref.get_global @[[GLOBAL]] : memref<3xi8>
  %c = rung.constant #rung.codes<[1, 2, 255]> : tensor<3xi8>
  return %c : tensor<3xi8>
}

// -----

func.func @constant_without_storage() -> tensor<3x!rung.int<4>> {
  // expected-error @+2 {{'rung.constant' op of 'tensor<3x!rung.int<4>>' has no storage of its own; run rung-separate-storage first}}
  // expected-error @+1 {{failed to bufferize op}}
  %c = rung.constant #rung.codes<[1, 2, 15]> : tensor<3x!rung.int<4>>
  return %c : tensor<3x!rung.int<4>>
}
