// RUN: rung-opt %s | rung-opt | FileCheck %s
// RUN: rung-opt %s -emit-bytecode | rung-opt | FileCheck %s

// CHECK-LABEL: func @parameter
func.func @parameter() {
  // CHECK: rung.parameter @layer.0.weight : tensor<64x64x!rung.uint<4>>
  %0 = rung.parameter @layer.0.weight : tensor<64x64x!rung.uint<4>>
  // CHECK: rung.parameter @"a name/with spaces" {negated} : tensor<f32>
  %1 = rung.parameter @"a name/with spaces" {negated} : tensor<f32>
  // CHECK: rung.parameter @s {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : tensor<4x2x16xf16>
  %2 = rung.parameter @s {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : tensor<4x2x16xf16>
  // CHECK: rung.parameter @w {storage = #rung.storage<!rung.int<3>, [4, 9], canonical>} : memref<4x4xi8>
  %3 = rung.parameter @w {storage = #rung.storage<!rung.int<3>, [4, 9], canonical>} : memref<4x4xi8>
  return
}

// CHECK-LABEL: func @constant
func.func @constant() {
  // CHECK: rung.constant #rung.codes<[1, 2, 3]> : tensor<3x!rung.int<4>>
  %0 = rung.constant #rung.codes<[1, 2, 3]> : tensor<3x!rung.int<4>>
  // CHECK: rung.constant #rung.codes<0> : tensor<2x2xf8E5M2>
  %1 = rung.constant #rung.codes<0> : tensor<2x2xf8E5M2>
  return
}

// CHECK-LABEL: func @dequantize
func.func @dequantize(%w: tensor<32x64xf4E2M1FN>, %u: tensor<32x64x!rung.uint<4>>, %s: tensor<32x2xf16>, %z: tensor<32x2x!rung.uint<4>>,
                      %f: tensor<32x4xf8E4M3FN>, %t: tensor<f32>, %t2: tensor<4x1xf32>, %row: tensor<32x1xf32>, %d: tensor<?x64xi8>) {
  // CHECK: rung.dequantize %{{.*}} : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  %0 = rung.dequantize %w : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  // Per tensor, per row, per block.
  // CHECK: rung.dequantize %{{.*}} scale(%{{.*}} : tensor<f32>) : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  %1 = rung.dequantize %w scale(%t : tensor<f32>) : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  // CHECK: rung.dequantize %{{.*}} scale(%{{.*}} : tensor<32x1xf32>) : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  %2 = rung.dequantize %w scale(%row : tensor<32x1xf32>) : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  // CHECK: rung.dequantize %{{.*}} scale(%{{.*}} : tensor<32x2xf16>) block [1, 32] : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  %3 = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
  // Zero points in three modes.
  // CHECK: zero_point(%{{.*}} : tensor<32x2x!rung.uint<4>>) integer block [1, 32]
  %4 = rung.dequantize %u scale(%s : tensor<32x2xf16>) zero_point(%z : tensor<32x2x!rung.uint<4>>) integer block [1, 32]
      : tensor<32x64x!rung.uint<4>> -> tensor<32x64xf32>
  // CHECK: zero_point(%{{.*}} : tensor<32x2xf16>) float block [1, 32]
  %5 = rung.dequantize %u scale(%s : tensor<32x2xf16>) zero_point(%s : tensor<32x2xf16>) float block [1, 32]
      : tensor<32x64x!rung.uint<4>> -> tensor<32x64xf32>
  // CHECK: zero_point(%{{.*}} : tensor<32x2xf16>) rescale block [1, 32]
  %6 = rung.dequantize %u scale(%s : tensor<32x2xf16>) zero_point(%s : tensor<32x2xf16>) rescale block [1, 32]
      : tensor<32x64x!rung.uint<4>> -> tensor<32x64xf32>
  // Two levels.
  // CHECK: scale(%{{.*}} : tensor<32x4xf8E4M3FN>) second_scale(%{{.*}} : tensor<f32>) block [1, 16]
  %7 = rung.dequantize %w scale(%f : tensor<32x4xf8E4M3FN>) second_scale(%t : tensor<f32>) block [1, 16]
      : tensor<32x64xf4E2M1FN> -> tensor<32x64xf32>
  // CHECK: scale(%{{.*}} : tensor<32x4xf8E4M3FN>) second_scale(%{{.*}} : tensor<4x1xf32>) second_block [8, 64] block [1, 16]
  %8 = rung.dequantize %w scale(%f : tensor<32x4xf8E4M3FN>) second_scale(%t2 : tensor<4x1xf32>) second_block [8, 64] block [1, 16]
      : tensor<32x64xf4E2M1FN> -> tensor<32x64xf32>
  // CHECK: rung.dequantize %{{.*}} : tensor<?x64xi8> -> tensor<?x64xbf16>
  %9 = rung.dequantize %d : tensor<?x64xi8> -> tensor<?x64xbf16>
  return
}

// CHECK-LABEL: func @quantize
func.func @quantize(%x: tensor<32x64xf32>, %s: tensor<32x2xf16>, %z: tensor<32x2x!rung.uint<4>>) {
  // CHECK: rung.quantize %{{.*}} nearest_even : tensor<32x64xf32> -> tensor<32x64xf8E5M2>
  %0 = rung.quantize %x nearest_even : tensor<32x64xf32> -> tensor<32x64xf8E5M2>
  // CHECK: rung.quantize %{{.*}} scale(%{{.*}} : tensor<32x2xf16>) zero_point(%{{.*}} : tensor<32x2x!rung.uint<4>>) integer
  // CHECK-SAME: block [1, 32] toward_zero saturate : tensor<32x64xf32> -> tensor<32x64x!rung.uint<4>>
  %1 = rung.quantize %x scale(%s : tensor<32x2xf16>) zero_point(%z : tensor<32x2x!rung.uint<4>>) integer block [1, 32]
      toward_zero saturate : tensor<32x64xf32> -> tensor<32x64x!rung.uint<4>>
  return
}

// CHECK-LABEL: func @convert
func.func @convert(%x: tensor<64x!rung.int<4>>, %y: tensor<64xf32>, %e: tensor<64x!rung.float<e3m4, bias = 5>>,
                   %r: tensor<64x!rung.uint<5>>) {
  // CHECK: rung.convert %{{.*}} : tensor<64x!rung.int<4>> -> tensor<64xf8E4M3FN>
  %0 = rung.convert %x : tensor<64x!rung.int<4>> -> tensor<64xf8E4M3FN>
  // CHECK: rung.convert %{{.*}} nearest_even saturate : tensor<64xf32> -> tensor<64x!rung.int<4>>
  %1 = rung.convert %y nearest_even saturate : tensor<64xf32> -> tensor<64x!rung.int<4>>
  // CHECK: rung.convert %{{.*}} toward_zero : tensor<64xf32> -> tensor<64xf8E5M2>
  %2 = rung.convert %y toward_zero : tensor<64xf32> -> tensor<64xf8E5M2>
  // CHECK: rung.convert %{{.*}} stochastic random(%{{.*}} : tensor<64x!rung.uint<5>>) saturate : tensor<64xf32> -> tensor<64xf8E5M2>
  %4 = rung.convert %y stochastic random(%r : tensor<64x!rung.uint<5>>) saturate : tensor<64xf32> -> tensor<64xf8E5M2>
  // CHECK: rung.convert %{{.*}} : tensor<64x!rung.float<e3m4, bias = 5>> -> tensor<64xf16>
  %3 = rung.convert %e : tensor<64x!rung.float<e3m4, bias = 5>> -> tensor<64xf16>
  return
}

// CHECK-LABEL: func @pack
func.func @pack(%s: tensor<64x2xf16>, %w: tensor<4x4xi8>) {
  // CHECK: %[[P:.*]] = rung.pack %{{.*}} into <f16, [64, 2], lanes, rows_per_block = 1> : tensor<64x2xf16> -> tensor<4x2x16xf16>
  %p = rung.pack %s into <f16, [64, 2], lanes, rows_per_block = 1> : tensor<64x2xf16> -> tensor<4x2x16xf16>
  // CHECK: rung.unpack %[[P]] from <f16, [64, 2], lanes, rows_per_block = 1> : tensor<4x2x16xf16> -> tensor<64x2xf16>
  %u = rung.unpack %p from <f16, [64, 2], lanes, rows_per_block = 1> : tensor<4x2x16xf16> -> tensor<64x2xf16>
  // From canonical storage.
  // CHECK: rung.pack %{{.*}} into <!rung.int<3>, [4, 9], canonical> : tensor<4x4xi8> -> tensor<4x4xi8>
  %c = rung.pack %w into <!rung.int<3>, [4, 9], canonical> : tensor<4x4xi8> -> tensor<4x4xi8>
  return
}

// CHECK-LABEL: func @matmul
func.func @matmul(%x: tensor<?x64xf16>, %w: tensor<32x64x!rung.int<3>>, %s: tensor<32x2xf16>, %t: tensor<f32>, %z: tensor<32x2x!rung.uint<3>>,
                  %b: tensor<32xf32>, %r: tensor<?x32xf16>, %e: tensor<?x32xf16>) -> tensor<?x32xf16> {
  // CHECK: rung.matmul x(%{{.*}} : tensor<?x64xf16>) weight(%{{.*}} : tensor<32x64x!rung.int<3>>) init(%{{.*}} : tensor<?x32xf16>) -> tensor<?x32xf16>
  %0 = rung.matmul x(%x : tensor<?x64xf16>) weight(%w : tensor<32x64x!rung.int<3>>) init(%e : tensor<?x32xf16>) -> tensor<?x32xf16>
  // CHECK: rung.matmul x(%{{.*}} : tensor<?x64xf16>) weight(%{{.*}} : tensor<32x64x!rung.int<3>>) scale(%{{.*}} : tensor<32x2xf16>) second_scale(%{{.*}} : tensor<f32>)
  // CHECK-SAME: zero_point(%{{.*}} : tensor<32x2x!rung.uint<3>>) integer bias(%{{.*}} : tensor<32xf32>) residual(%{{[a-z0-9]+}} : tensor<?x32xf16>)
  // CHECK-SAME: init(%{{.*}} : tensor<?x32xf16>) {activation = #rung<activation relu>, block = array<i64: 1, 32>, compute = f32, saturate,
  // CHECK-SAME: schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]} -> tensor<?x32xf16>
  %1 = rung.matmul x(%x : tensor<?x64xf16>) weight(%w : tensor<32x64x!rung.int<3>>) scale(%s : tensor<32x2xf16>) second_scale(%t : tensor<f32>)
      zero_point(%z : tensor<32x2x!rung.uint<3>>) integer bias(%b : tensor<32xf32>) residual(%r : tensor<?x32xf16>)
      init(%e : tensor<?x32xf16>) {activation = #rung<activation relu>, block = array<i64: 1, 32>, compute = f32, saturate,
        schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8>]} -> tensor<?x32xf16>
  return %1 : tensor<?x32xf16>
}

// In storage, on memory: no result.

// CHECK-LABEL: func @matmul_on_memory
func.func @matmul_on_memory(%x: memref<?x64xf16>, %w: memref<32x24xi8>, %e: memref<?x32xf16>) {
  // CHECK: rung.matmul x(%{{.*}} : memref<?x64xf16>) weight(%{{.*}} : memref<32x24xi8>) init(%{{.*}} : memref<?x32xf16>)
  // CHECK-SAME: {storage = [#rung.storage<f16, [?, 64], canonical>, #rung.storage<!rung.int<3>, [32, 64], canonical>, #rung.storage<f16, [?, 32], canonical>]}
  rung.matmul x(%x : memref<?x64xf16>) weight(%w : memref<32x24xi8>) init(%e : memref<?x32xf16>)
      {storage = [#rung.storage<f16, [?, 64], canonical>, #rung.storage<!rung.int<3>, [32, 64], canonical>, #rung.storage<f16, [?, 32], canonical>]}
  return
}

// CHECK-LABEL: func @elementwise
func.func @elementwise(%w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>, %e: tensor<32x64xf32>, %q: tensor<32x64x!rung.int<4>>, %m: memref<4xf32>, %n: memref<4xf64>) {
  // CHECK: rung.elementwise dequantize input(%{{.*}} : tensor<32x64x!rung.int<4>>) scale(%{{.*}} : tensor<32x2xf16>)
  // CHECK-SAME: init(%{{.*}} : tensor<32x64xf32>) {block = array<i64: 1, 32>} -> tensor<32x64xf32>
  %0 = rung.elementwise dequantize input(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>)
      init(%e : tensor<32x64xf32>) {block = array<i64: 1, 32>} -> tensor<32x64xf32>
  // CHECK: rung.elementwise quantize input(%{{.*}} : tensor<32x64xf32>) init(%{{.*}} : tensor<32x64x!rung.int<4>>)
  // CHECK-SAME: {rounding = #rung<rounding toward_zero>, saturate} -> tensor<32x64x!rung.int<4>>
  %1 = rung.elementwise quantize input(%0 : tensor<32x64xf32>) init(%q : tensor<32x64x!rung.int<4>>)
      {rounding = #rung<rounding toward_zero>, saturate} -> tensor<32x64x!rung.int<4>>
  // CHECK: rung.elementwise convert input(%{{.*}} : memref<4xf32>) init(%{{.*}} : memref<4xf64>)
  rung.elementwise convert input(%m : memref<4xf32>) init(%n : memref<4xf64>)
  return
}

// CHECK-LABEL: func @gather
func.func @gather(%w: tensor<100x64x!rung.int<5>>, %t: tensor<?xi32>, %e: tensor<?x64x!rung.int<5>>) {
  // CHECK: rung.gather source(%{{.*}} : tensor<100x64x!rung.int<5>>) indices(%{{.*}} : tensor<?xi32>) init(%{{.*}} : tensor<?x64x!rung.int<5>>) -> tensor<?x64x!rung.int<5>>
  %0 = rung.gather source(%w : tensor<100x64x!rung.int<5>>) indices(%t : tensor<?xi32>) init(%e : tensor<?x64x!rung.int<5>>) -> tensor<?x64x!rung.int<5>>
  return
}
