// RUN: rung-opt %s -split-input-file -rung-fuse-dequantize | FileCheck %s

// The form that rung-gen writes: the weight's rows are the result's columns. A dynamic number of rows is fine.

// CHECK-LABEL: func @matmul
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x64xf16>, %[[W:[a-z0-9]+]]: tensor<32x64x!rung.int<4>>, %[[S:[a-z0-9]+]]: tensor<32x2xf16>, %[[Z:[a-z0-9]+]]: tensor<32x2x!rung.uint<4>>
func.func @matmul(%x: tensor<?x64xf16>, %w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>,
                  %z: tensor<32x2x!rung.uint<4>>) -> tensor<?x32xf32> {
  // CHECK: %[[M:.*]] = tensor.dim %[[X]], %{{.*}}
  // CHECK: %[[E:.*]] = tensor.empty(%[[M]]) : tensor<?x32xf32>
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[X]] : tensor<?x64xf16>) weight(%[[W]] : tensor<32x64x!rung.int<4>>)
  // CHECK-SAME: scale(%[[S]] : tensor<32x2xf16>) zero_point(%[[Z]] : tensor<32x2x!rung.uint<4>>) integer
  // CHECK-SAME: init(%[[E]] : tensor<?x32xf32>) {block = array<i64: 1, 32>} -> tensor<?x32xf32>
  // CHECK-NEXT: return %[[Y]]
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) zero_point(%z : tensor<32x2x!rung.uint<4>>) integer
      block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf16>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf16>
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<?x64xf16>, tensor<32x64xf16>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Two levels of scales, and blocks over rows too.

// CHECK-LABEL: func @two_levels
func.func @two_levels(%x: tensor<4x64xf32>, %w: tensor<32x64xf4E2M1FN>, %s: tensor<8x4xf8E4M3FN>, %t: tensor<1x2xf32>) -> tensor<4x32xf32> {
  // CHECK: rung.matmul x(%{{.*}} : tensor<4x64xf32>) weight(%{{.*}} : tensor<32x64xf4E2M1FN>) scale(%{{.*}} : tensor<8x4xf8E4M3FN>)
  // CHECK-SAME: second_scale(%{{.*}} : tensor<1x2xf32>) init(%{{.*}}) {block = array<i64: 4, 16>, secondBlock = array<i64: 32, 32>}
  %d = rung.dequantize %w scale(%s : tensor<8x4xf8E4M3FN>) second_scale(%t : tensor<1x2xf32>) second_block [32, 32] block [4, 16]
      : tensor<32x64xf4E2M1FN> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// An explicit transpose of the dequantized weight, as exporters write x · Wᵀ.

// CHECK-LABEL: func @transposed_weight
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x64xf32>, %[[W:[a-z0-9]+]]: tensor<32x64x!rung.int<3>>
func.func @transposed_weight(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<3>>, %s: tensor<f32>) -> tensor<4x32xf32> {
  // CHECK-NOT: linalg
  // CHECK: rung.matmul x(%[[X]] : tensor<4x64xf32>) weight(%[[W]] : tensor<32x64x!rung.int<3>>) scale(%{{.*}} : tensor<f32>)
  %d = rung.dequantize %w scale(%s : tensor<f32>) : tensor<32x64x!rung.int<3>> -> tensor<32x64xf32>
  %te = tensor.empty() : tensor<64x32xf32>
  %dt = linalg.transpose ins(%d : tensor<32x64xf32>) outs(%te : tensor<64x32xf32>) permutation = [1, 0]
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul ins(%x, %dt : tensor<4x64xf32>, tensor<64x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// Casts that lose nothing: the weight from f16 to f32 in a transposing generic, x by rung.convert and a cast of its shape.

// CHECK-LABEL: func @casts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x64x!rung.int<4>>, %[[W:[a-z0-9]+]]: tensor<32x64x!rung.uint<2>>
func.func @casts(%x: tensor<4x64x!rung.int<4>>, %w: tensor<32x64x!rung.uint<2>>, %s: tensor<32x1xf16>) -> tensor<?x32xf32> {
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[X]] : tensor<4x64x!rung.int<4>>) weight(%[[W]] : tensor<32x64x!rung.uint<2>>)
  // CHECK-SAME: init(%{{.*}} : tensor<4x32xf32>)
  // CHECK: tensor.cast %[[Y]] : tensor<4x32xf32> to tensor<?x32xf32>
  %d = rung.dequantize %w scale(%s : tensor<32x1xf16>) : tensor<32x64x!rung.uint<2>> -> tensor<32x64xf16>
  %te = tensor.empty() : tensor<64x32xf32>
  %dt = linalg.generic {indexing_maps = [affine_map<(k, n) -> (n, k)>, affine_map<(k, n) -> (k, n)>], iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<32x64xf16>) outs(%te : tensor<64x32xf32>) {
  ^bb0(%a: f16, %o: f32):
    %b = arith.extf %a : f16 to f32
    linalg.yield %b : f32
  } -> tensor<64x32xf32>
  %xc = rung.convert %x : tensor<4x64x!rung.int<4>> -> tensor<4x64xf32>
  %xd = tensor.cast %xc : tensor<4x64xf32> to tensor<?x64xf32>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %xd, %c0 : tensor<?x64xf32>
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %y = linalg.matmul ins(%xd, %dt : tensor<?x64xf32>, tensor<64x32xf32>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// -----

// Unit dimensions: a batch of one, and reshapes around it.

// CHECK-LABEL: func @unit_batch
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x4x64xf32>, %[[W:[a-z0-9]+]]: tensor<32x64x!rung.int<4>>
func.func @unit_batch(%x: tensor<1x4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>) -> tensor<1x4x32xf32> {
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<1x4x64xf32> into tensor<4x64xf32>
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[FLAT]] : tensor<4x64xf32>) weight(%[[W]] : tensor<32x64x!rung.int<4>>)
  // CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [1, 4, 32] : tensor<4x32xf32> into tensor<1x4x32xf32>
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %db = tensor.expand_shape %d [[0, 1], [2]] output_shape [1, 32, 64] : tensor<32x64xf32> into tensor<1x32x64xf32>
  %f = arith.constant dense<0.0> : tensor<1x4x32xf32>
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%x, %db : tensor<1x4x64xf32>, tensor<1x32x64xf32>) outs(%f : tensor<1x4x32xf32>) -> tensor<1x4x32xf32>
  return %y : tensor<1x4x32xf32>
}

// -----

// Rows of x over two loops (batch and token), in a generic.

// CHECK-LABEL: func @batch_of_tokens
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x?x64xf32>
func.func @batch_of_tokens(%x: tensor<?x?x64xf32>, %w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>, %f: tensor<?x?x32xf32>) -> tensor<?x?x32xf32> {
  // CHECK: %[[FLAT:.*]] = tensor.collapse_shape %[[X]] {{\[\[}}0, 1], [2]] : tensor<?x?x64xf32> into tensor<?x64xf32>
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[FLAT]] : tensor<?x64xf32>)
  // CHECK: tensor.expand_shape %[[Y]] {{\[\[}}0, 1], [2]] output_shape [%{{.*}}, %{{.*}}, 32] : tensor<?x32xf32> into tensor<?x?x32xf32>
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %zero = arith.constant 0.0 : f32
  %e = linalg.fill ins(%zero : f32) outs(%f : tensor<?x?x32xf32>) -> tensor<?x?x32xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(b, t, n, k) -> (b, t, k)>, affine_map<(b, t, n, k) -> (n, k)>, affine_map<(b, t, n, k) -> (b, t, n)>],
                       iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%x, %d : tensor<?x?x64xf32>, tensor<32x64xf32>) outs(%e : tensor<?x?x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// -----

// W · x: a vector becomes a matrix of one row.

// CHECK-LABEL: func @matvec
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<32x64x!rung.int<4>>, %[[S:[a-z0-9]+]]: tensor<32x2xf16>, %[[X:[a-z0-9]+]]: tensor<64xf32>
func.func @matvec(%w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>, %x: tensor<64xf32>) -> tensor<32xf32> {
  // CHECK: %[[ROW:.*]] = tensor.expand_shape %[[X]] {{\[\[}}0, 1]] output_shape [1, 64] : tensor<64xf32> into tensor<1x64xf32>
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[ROW]] : tensor<1x64xf32>) weight(%[[W]] : tensor<32x64x!rung.int<4>>)
  // CHECK: tensor.collapse_shape %[[Y]] {{\[\[}}0, 1]] : tensor<1x32xf32> into tensor<32xf32>
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<32xf32>
  %y = linalg.matvec ins(%d, %x : tensor<32x64xf32>, tensor<64xf32>) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  return %y : tensor<32xf32>
}

// -----

// W · X with columns: activations and result are transposed, the weight is not.

// CHECK-LABEL: func @columns
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<64x?xf32>
func.func @columns(%w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf16>, %x: tensor<64x?xf32>, %init: tensor<32x?xf32>) -> tensor<32x?xf32> {
  // CHECK: %[[XT:.*]] = linalg.transpose ins(%[[X]] : tensor<64x?xf32>) outs(%{{.*}} : tensor<?x64xf32>) permutation = [1, 0]
  // CHECK: %[[Y:.*]] = rung.matmul x(%[[XT]] : tensor<?x64xf32>)
  // CHECK: %[[YT:.*]] = linalg.transpose ins(%[[Y]] : tensor<?x32xf32>) outs(%{{.*}} : tensor<32x?xf32>) permutation = [1, 0]
  // CHECK: return %[[YT]]
  %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%init : tensor<32x?xf32>) -> tensor<32x?xf32>
  %y = linalg.matmul ins(%d, %x : tensor<32x64xf32>, tensor<64x?xf32>) outs(%f : tensor<32x?xf32>) -> tensor<32x?xf32>
  return %y : tensor<32x?xf32>
}

// -----

// Integers without scales accumulate in i32.

// CHECK-LABEL: func @integers
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x64xi8>, %[[W:[a-z0-9]+]]: tensor<32x64x!rung.int<2>>
func.func @integers(%x: tensor<4x64xi8>, %w: tensor<32x64x!rung.int<2>>) -> tensor<4x32xi32> {
  // CHECK: rung.matmul x(%[[X]] : tensor<4x64xi8>) weight(%[[W]] : tensor<32x64x!rung.int<2>>) init(%{{.*}} : tensor<4x32xi32>)
  %d = rung.dequantize %w : tensor<32x64x!rung.int<2>> -> tensor<32x64xi8>
  %f = arith.constant dense<0> : tensor<4x32xi32>
  %y = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<4x64xi8>, tensor<32x64xi8>) outs(%f : tensor<4x32xi32>) -> tensor<4x32xi32>
  return %y : tensor<4x32xi32>
}

// -----

// x's codes enter if nothing is lost; here an integer sum could wrap, which the floating one does not.

// CHECK-LABEL: func @sum_may_wrap
func.func @sum_may_wrap(%x: tensor<4x64xi16>, %w: tensor<32x64xi16>) -> tensor<4x32xf32> {
  // CHECK: %[[X:.*]] = rung.elementwise convert
  // CHECK: rung.matmul x(%[[X]] : tensor<4x64xf32>) weight(%{{.*}} : tensor<32x64xi16>)
  %d = rung.dequantize %w : tensor<32x64xi16> -> tensor<32x64xf32>
  %xf = rung.convert %x : tensor<4x64xi16> -> tensor<4x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%xf, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// A plain weight fuses too, if it comes through rung.dequantize; scaled activations are dequantized by a kernel of their own.

// CHECK-LABEL: func @scaled_activations
func.func @scaled_activations(%x: tensor<4x64xi8>, %sx: tensor<4x1xf32>, %w: tensor<32x64xf16>) -> tensor<4x32xf32> {
  // CHECK: %[[X:.*]] = rung.elementwise dequantize input(%{{.*}} : tensor<4x64xi8>) scale(%{{.*}} : tensor<4x1xf32>) init(%{{.*}} : tensor<4x64xf32>)
  // CHECK: rung.matmul x(%[[X]] : tensor<4x64xf32>) weight(%{{.*}} : tensor<32x64xf16>)
  %d = rung.dequantize %w : tensor<32x64xf16> -> tensor<32x64xf32>
  %xf = rung.dequantize %x scale(%sx : tensor<4x1xf32>) : tensor<4x64xi8> -> tensor<4x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%xf, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// Accumulation in f64 stays so.

// CHECK-LABEL: func @double
func.func @double(%x: tensor<4x64xf32>, %w: tensor<32x64xi16>, %s: tensor<32x1xf64>) -> tensor<4x32xf64> {
  // CHECK: rung.matmul x(%{{.*}} : tensor<4x64xf32>) weight(%{{.*}} : tensor<32x64xi16>) {{.*}}compute = f64
  %d = rung.dequantize %w scale(%s : tensor<32x1xf64>) : tensor<32x64xi16> -> tensor<32x64xf64>
  %xf = rung.convert %x : tensor<4x64xf32> -> tensor<4x64xf64>
  %f = arith.constant dense<0.0> : tensor<4x32xf64>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%xf, %d : tensor<4x64xf64>, tensor<32x64xf64>) outs(%f : tensor<4x32xf64>) -> tensor<4x32xf64>
  return %y : tensor<4x32xf64>
}

// -----

// Upstream IR without rung stays as it is.

// CHECK-LABEL: func @plain
func.func @plain(%x: tensor<4x64xf32>, %w: tensor<64x32xf32>) -> tensor<4x32xf32> {
  // CHECK: linalg.matmul
  // CHECK-NOT: rung
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul ins(%x, %w : tensor<4x64xf32>, tensor<64x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// What is left becomes kernels, equal ones one; the dead go.

// CHECK-LABEL: func @alone
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<?x64x!rung.int<4>>, %[[S:[a-z0-9]+]]: tensor<?x2xf16>
func.func @alone(%w: tensor<?x64x!rung.int<4>>, %s: tensor<?x2xf16>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf4E2M1FN>, tensor<?x64xi8>) {
  // CHECK: %[[N:.*]] = tensor.dim %[[W]], %{{.*}}
  // CHECK: %[[E:.*]] = tensor.empty(%[[N]]) : tensor<?x64xf32>
  // CHECK: %[[D:.*]] = rung.elementwise dequantize input(%[[W]] : tensor<?x64x!rung.int<4>>) scale(%[[S]] : tensor<?x2xf16>) init(%[[E]] : tensor<?x64xf32>) {block = array<i64: 1, 32>}
  // CHECK-NOT: rung.elementwise dequantize
  // CHECK: %[[Q:.*]] = rung.elementwise quantize input(%[[D]] : tensor<?x64xf32>) init(%{{.*}} : tensor<?x64xf4E2M1FN>) {saturate}
  // CHECK: %[[C:.*]] = rung.elementwise convert input(%[[D]] : tensor<?x64xf32>) init(%{{.*}} : tensor<?x64xi8>) {rounding = #rung<rounding toward_zero>}
  // CHECK: return %[[D]], %[[D]], %[[Q]], %[[C]]
  %a = rung.dequantize %w scale(%s : tensor<?x2xf16>) block [1, 32] : tensor<?x64x!rung.int<4>> -> tensor<?x64xf32>
  %b = rung.dequantize %w scale(%s : tensor<?x2xf16>) block [1, 32] : tensor<?x64x!rung.int<4>> -> tensor<?x64xf32>
  %unused = rung.dequantize %w : tensor<?x64x!rung.int<4>> -> tensor<?x64xf16>
  %q = rung.quantize %a nearest_even saturate : tensor<?x64xf32> -> tensor<?x64xf4E2M1FN>
  %c = rung.convert %a toward_zero : tensor<?x64xf32> -> tensor<?x64xi8>
  return %a, %b, %q, %c : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf4E2M1FN>, tensor<?x64xi8>
}

// -----

// No f32 is 0.1: what the weight may be rounded to is said. Where every value is one of the result type, nothing is.

// CHECK-LABEL: func @rounded_table
func.func @rounded_table(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>) -> tensor<4x32xf32> {
  // CHECK: rung.matmul {{.*}}dequantized = f32
  %d = rung.dequantize %w : tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
