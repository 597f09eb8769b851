// RUN: rung-opt --rung-lower-parameters --split-input-file --verify-diagnostics %s | FileCheck %s

// Each distinct parameter is one constant of the bundle; without `storage` it is as in the file.

// CHECK: module attributes {rung.constants = [
// CHECK-SAME: {name = "w", negated = false, storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>},
// CHECK-SAME: {name = "w", negated = true, storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>},
// CHECK-SAME: {name = "a name, with spaces", negated = false, storage = #rung.storage<f32, [8], canonical>}]}
// CHECK-DAG: memref.global "private" @rung.constant.0 : memref<4x2x16xf16> {rung.constant = 0 : i64}
// CHECK-DAG: memref.global "private" @rung.constant.1 : memref<4x2x16xf16> {rung.constant = 1 : i64}
// CHECK-DAG: memref.global "private" @rung.constant.2 : memref<8xf32> {rung.constant = 2 : i64}
// CHECK-LABEL: func @f
func.func @f() -> (memref<4x2x16xf16>, memref<4x2x16xf16>, memref<4x2x16xf16>, memref<8xf32>) {
  // CHECK: %[[A:.*]] = memref.get_global @rung.constant.0
  // CHECK: %[[N:.*]] = memref.get_global @rung.constant.1
  // CHECK: %[[B:.*]] = memref.get_global @rung.constant.0
  // CHECK: %[[V:.*]] = memref.get_global @rung.constant.2
  // CHECK: return %[[A]], %[[N]], %[[B]], %[[V]]
  %a = rung.parameter @w {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16>
  %n = rung.parameter @w {negated, storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16>
  %b = rung.parameter @w {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16>
  %v = rung.parameter @"a name, with spaces" : memref<8xf32>
  return %a, %n, %b, %v : memref<4x2x16xf16>, memref<4x2x16xf16>, memref<4x2x16xf16>, memref<8xf32>
}

// -----

// A memref with a layout of its own is a view of the constant.

// CHECK-LABEL: func @strided
func.func @strided() -> memref<8xf32, strided<[1], offset: ?>> {
  // CHECK: %[[G:.*]] = memref.get_global @rung.constant.0 : memref<8xf32>
  // CHECK: memref.cast %[[G]] : memref<8xf32> to memref<8xf32, strided<[1], offset: ?>>
  %v = rung.parameter @v : memref<8xf32, strided<[1], offset: ?>>
  return %v : memref<8xf32, strided<[1], offset: ?>>
}

// -----

// CHECK-LABEL: module
// CHECK-NOT: rung.constants
func.func @none() { return }

// -----

func.func @tensor() -> tensor<8xf32> {
  // expected-error @+1 {{is on tensors; bufferize it first}}
  %v = rung.parameter @v : tensor<8xf32>
  return %v : tensor<8xf32>
}
