// RUN: rung-opt %s -split-input-file -rung-fuse-dequantize=remarks -verify-diagnostics | FileCheck %s

// Contractions with a dequantized operand that stay, and why. The weight becomes a kernel of its own.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @rows_of_the_weight
func.func @rows_of_the_weight(%x: tensor<4x64xf32>, %w: tensor<64x32x!rung.int<4>>, %s: tensor<2x32xf16>) -> tensor<4x32xf32> {
  // CHECK: %[[D:.*]] = rung.elementwise dequantize
  // CHECK: linalg.matmul ins(%{{.*}}, %[[D]] :
  %d = rung.dequantize %w scale(%s : tensor<2x32xf16>) block [32, 1] : tensor<64x32x!rung.int<4>> -> tensor<64x32xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  // expected-remark @+1 {{contraction with a dequantized operand is not fused: it contracts over the rows of the weight; codes would have to be transposed}}
  %y = linalg.matmul ins(%x, %d : tensor<4x64xf32>, tensor<64x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}

// -----

// Rounding that the front end asked for is not skipped.

// CHECK-LABEL: func @rounded_weight
func.func @rounded_weight(%x: tensor<64xf16>, %w: tensor<32x64x!rung.int<4>>, %s: tensor<32x2xf32>) -> tensor<32xf32> {
  // CHECK: linalg.matvec
  %d = rung.dequantize %w scale(%s : tensor<32x2xf32>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %e = tensor.empty() : tensor<32x64xf16>
  %t = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<32x64xf32>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%a: f32, %o: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<32x64xf16>
  %f = arith.constant dense<0.0> : tensor<32xf32>
  // expected-remark @+1 {{the dequantized weight is rounded before it is multiplied}}
  %y = linalg.matvec ins(%t, %x : tensor<32x64xf16>, tensor<64xf16>) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  return %y : tensor<32xf32>
}

// -----

// Without scales that rounding loses nothing: every value of int4 is one of f16.

// CHECK-LABEL: func @exactly_rounded_weight
func.func @exactly_rounded_weight(%x: tensor<64xf16>, %w: tensor<32x64x!rung.int<4>>) -> tensor<32xf32> {
  // CHECK: rung.matmul
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %e = tensor.empty() : tensor<32x64xf16>
  %t = linalg.generic {indexing_maps = [affine_map<(n, k) -> (n, k)>, affine_map<(n, k) -> (n, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%d : tensor<32x64xf32>) outs(%e : tensor<32x64xf16>) {
  ^bb0(%a: f32, %o: f16):
    %r = arith.truncf %a : f32 to f16
    linalg.yield %r : f16
  } -> tensor<32x64xf16>
  %f = arith.constant dense<0.0> : tensor<32xf32>
  %y = linalg.matvec ins(%t, %x : tensor<32x64xf16>, tensor<64xf16>) outs(%f : tensor<32xf32>) -> tensor<32xf32>
  return %y : tensor<32xf32>
}

// -----

// Weights of a batch.

func.func @batch_of_weights(%x: tensor<2x4x64xf32>, %w: tensor<2x32x64x!rung.int<4>>, %f: tensor<2x4x32xf32>) -> tensor<2x4x32xf32> {
  %d = rung.dequantize %w : tensor<2x32x64x!rung.int<4>> -> tensor<2x32x64xf32>
  // expected-remark @+1 {{the weight has 3 dimensions, expected 2}}
  %y = linalg.batch_matmul indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%x, %d : tensor<2x4x64xf32>, tensor<2x32x64xf32>) outs(%f : tensor<2x4x32xf32>) -> tensor<2x4x32xf32>
  return %y : tensor<2x4x32xf32>
}

// -----

func.func @dynamic_weight(%x: tensor<4x64xf32>, %w: tensor<?x64x!rung.int<4>>, %f: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %d = rung.dequantize %w : tensor<?x64x!rung.int<4>> -> tensor<?x64xf32>
  // expected-remark @+1 {{the weight has a dynamic size, and is packed by its sizes}}
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %d : tensor<4x64xf32>, tensor<?x64xf32>) outs(%f : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

// Sums of i8 that wrap are not sums of i32.

func.func @narrow_accumulator(%x: tensor<64xi8>, %w: tensor<32x64x!rung.int<4>>) -> tensor<32xi8> {
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xi8>
  %f = arith.constant dense<0> : tensor<32xi8>
  // expected-remark @+1 {{it accumulates in an integer type that is not i32}}
  %y = linalg.matvec ins(%d, %x : tensor<32x64xi8>, tensor<64xi8>) outs(%f : tensor<32xi8>) -> tensor<32xi8>
  return %y : tensor<32xi8>
}

// -----

func.func @rounded_activations(%x: tensor<64xf32>, %w: tensor<32x64x!rung.int<4>>) -> tensor<32xf16> {
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf16>
  %f = arith.constant dense<0.0> : tensor<32xf16>
  // expected-remark @+1 {{x is rounded before it is multiplied}}
  %y = linalg.matvec ins(%d, %x : tensor<32x64xf16>, tensor<64xf32>) outs(%f : tensor<32xf16>) -> tensor<32xf16>
  return %y : tensor<32xf16>
}

// -----

// Every row of the result is the first row of x.

func.func @first_row_only(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %f: tensor<4x32xf32>) -> tensor<4x32xf32> {
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  // expected-remark @+1 {{an index of its maps is neither a loop nor that of a unit dimension}}
  %y = linalg.generic {indexing_maps = [affine_map<(m, n, k) -> (0, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>],
                       iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %o, %p : f32
    linalg.yield %q : f32
  } -> tensor<4x32xf32>
  return %y : tensor<4x32xf32>
}
