// RUN: rung-opt %s -split-input-file -rung-fuse-dequantize | FileCheck %s

// y = activation(sum + bias) + residual, rounded: all in one generic.

#matrix = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @one_generic
// CHECK-SAME: %{{.*}}: tensor<?x64xf16>, %{{.*}}: tensor<32x64xf16>, %[[B:[a-z0-9]+]]: tensor<32xf16>, %[[R:[a-z0-9]+]]: tensor<?x32xf16>
func.func @one_generic(%x: tensor<?x64xf16>, %w: tensor<32x64xf16>, %b: tensor<32xf16>, %r: tensor<?x32xf16>) -> tensor<?x32xf16> {
  // CHECK-NOT: linalg
  // CHECK: rung.matmul {{.*}} bias(%[[B]] : tensor<32xf16>) residual(%[[R]] : tensor<?x32xf16>) init(%{{.*}} : tensor<?x32xf16>) {activation = #rung<activation gelu>}
  %d = rung.dequantize %w : tensor<32x64xf16> -> tensor<32x64xf16>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %x, %c0 : tensor<?x64xf16>
  %e = tensor.empty(%m) : tensor<?x32xf32>
  %zero = arith.constant 0.0 : f32
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x32xf32>) -> tensor<?x32xf32>
  %sum = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<?x64xf16>, tensor<32x64xf16>) outs(%f : tensor<?x32xf32>) -> tensor<?x32xf32>
  %my = tensor.dim %sum, %c0 : tensor<?x32xf32>
  %ey = tensor.empty(%my) : tensor<?x32xf16>
  %y = linalg.generic {indexing_maps = [#matrix, #column, #matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %b, %r : tensor<?x32xf32>, tensor<32xf16>, tensor<?x32xf16>) outs(%ey : tensor<?x32xf16>) {
  ^bb0(%s: f32, %bias: f16, %res: f16, %o: f16):
    %sqrt_half = arith.constant 0.707106769 : f32
    %half = arith.constant 0.5 : f32
    %one = arith.constant 1.0 : f32
    %0 = arith.extf %bias : f16 to f32
    %1 = arith.addf %s, %0 : f32
    %2 = arith.mulf %1, %sqrt_half : f32
    %3 = math.erf %2 : f32
    %4 = arith.addf %3, %one : f32
    %5 = arith.mulf %1, %half : f32
    %6 = arith.mulf %5, %4 : f32
    %7 = arith.extf %res : f16 to f32
    %8 = arith.addf %6, %7 : f32
    %9 = arith.truncf %8 : f32 to f16
    linalg.yield %9 : f16
  } -> tensor<?x32xf16>
  return %y : tensor<?x32xf16>
}

// -----

// The same in named operations, one for each step: x / (1 + exp(-x)), the bias broadcast beforehand.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @named
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32xf32>, %[[R:[a-z0-9]+]]: tensor<4x32xf32>
func.func @named(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf32>, %r: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // CHECK-NOT: linalg
  // CHECK: rung.matmul {{.*}} bias(%[[B]] : tensor<32xf32>) residual(%[[R]] : tensor<4x32xf32>) {{.*}} {activation = #rung<activation silu>}
  // CHECK-NEXT: return
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %sum = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %bb = linalg.broadcast ins(%b : tensor<32xf32>) outs(%e : tensor<4x32xf32>) dimensions = [0]
  %1 = linalg.add ins(%sum, %bb : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %2 = linalg.negf ins(%1 : tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %3 = linalg.exp ins(%2 : tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %one = arith.constant 1.0 : f32
  %ones = linalg.fill ins(%one : f32) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %4 = linalg.add ins(%3, %ones : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %5 = linalg.div ins(%1, %4 : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  %6 = linalg.add ins(%r, %5 : tensor<4x32xf32>, tensor<4x32xf32>) outs(%e : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %6 : tensor<4x32xf32>
}

// -----

// x * sigmoid(x) is silu; sigmoid in a linalg.map. A bias over unit dimensions, and a rank that changes on the way.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>
#whole = affine_map<(b, m, n) -> (b, m, n)>
#last = affine_map<(b, m, n) -> (0, n)>

// CHECK-LABEL: func @sigmoid
func.func @sigmoid(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<1x32xf32>) -> tensor<1x4x32xf32> {
  // CHECK: %[[B:.*]] = tensor.collapse_shape %{{.*}} {{\[\[}}0, 1]] : tensor<1x32xf32> into tensor<32xf32>
  // CHECK: %[[Y:.*]] = rung.matmul {{.*}} bias(%[[B]] : tensor<32xf32>) {{.*}} {activation = #rung<activation silu>}
  // CHECK: tensor.expand_shape %[[Y]]
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %sum = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %sum3 = tensor.expand_shape %sum [[0, 1], [2]] output_shape [1, 4, 32] : tensor<4x32xf32> into tensor<1x4x32xf32>
  %e = tensor.empty() : tensor<1x4x32xf32>
  %biased = linalg.generic {indexing_maps = [#whole, #last, #whole], iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%sum3, %b : tensor<1x4x32xf32>, tensor<1x32xf32>) outs(%e : tensor<1x4x32xf32>) {
  ^bb0(%s: f32, %bias: f32, %o: f32):
    %0 = arith.addf %bias, %s : f32
    linalg.yield %0 : f32
  } -> tensor<1x4x32xf32>
  %sigmoid = linalg.map ins(%biased : tensor<1x4x32xf32>) outs(%e : tensor<1x4x32xf32>)
    (%v: f32, %o: f32) {
      %one = arith.constant 1.0 : f32
      %0 = arith.negf %v : f32
      %1 = math.exp %0 : f32
      %2 = arith.addf %one, %1 : f32
      %3 = arith.divf %one, %2 : f32
      linalg.yield %3 : f32
    }
  %y = linalg.mul ins(%biased, %sigmoid : tensor<1x4x32xf32>, tensor<1x4x32xf32>) outs(%e : tensor<1x4x32xf32>) -> tensor<1x4x32xf32>
  return %y : tensor<1x4x32xf32>
}

// -----

// relu by comparison; the rounding to a format that arith lacks is rung.convert, as is the bias from it.

#matrix = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @relu
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32xf8E4M3FN>
func.func @relu(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf8E4M3FN>) -> tensor<4x32xf8E4M3FN> {
  // CHECK: rung.matmul {{.*}} bias(%[[B]] : tensor<32xf8E4M3FN>) init(%{{.*}} : tensor<4x32xf8E4M3FN>) {activation = #rung<activation relu>, saturate}
  // CHECK-NEXT: return
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %sum = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %bias32 = rung.convert %b : tensor<32xf8E4M3FN> -> tensor<32xf32>
  %y = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %bias32 : tensor<4x32xf32>, tensor<32xf32>) outs(%f : tensor<4x32xf32>) {
  ^bb0(%s: f32, %bias: f32, %o: f32):
    %zero = arith.constant 0.0 : f32
    %0 = arith.addf %s, %bias : f32
    %1 = arith.cmpf ugt, %0, %zero : f32
    %2 = arith.select %1, %0, %zero : f32
    linalg.yield %2 : f32
  } -> tensor<4x32xf32>
  %z = rung.convert %y nearest_even saturate : tensor<4x32xf32> -> tensor<4x32xf8E4M3FN>
  return %z : tensor<4x32xf8E4M3FN>
}

// -----

// Integers: bias and relu in i32, rounding to i8.

#matrix = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @integers
func.func @integers(%x: tensor<4x64xi8>, %w: tensor<32x64x!rung.int<2>>, %b: tensor<32xi8>) -> tensor<4x32xi8> {
  // CHECK: rung.matmul {{.*}} bias(%{{.*}} : tensor<32xi8>) init(%{{.*}} : tensor<4x32xi8>) {activation = #rung<activation relu>, saturate}
  %d = rung.dequantize %w : tensor<32x64x!rung.int<2>> -> tensor<32x64xi8>
  %f = arith.constant dense<0> : tensor<4x32xi32>
  %sum = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xi8>, tensor<32x64xi8>) outs(%f : tensor<4x32xi32>) -> tensor<4x32xi32>
  %y = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%sum, %b : tensor<4x32xi32>, tensor<32xi8>) outs(%f : tensor<4x32xi32>) {
  ^bb0(%s: i32, %bias: i8, %o: i32):
    %zero = arith.constant 0 : i32
    %0 = arith.extsi %bias : i8 to i32
    %1 = arith.addi %s, %0 : i32
    %2 = arith.maxsi %1, %zero : i32
    linalg.yield %2 : i32
  } -> tensor<4x32xi32>
  %z = rung.convert %y nearest_even saturate : tensor<4x32xi32> -> tensor<4x32xi8>
  return %z : tensor<4x32xi8>
}

// -----

// An initial accumulator is a bias if it repeats a vector, else a residual.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @initial
// CHECK-SAME: %[[B:[a-z0-9]+]]: tensor<32xf32>, %[[R:[a-z0-9]+]]: tensor<4x32xf32>
func.func @initial(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf32>, %r: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  // CHECK: rung.matmul {{.*}} bias(%[[B]] : tensor<32xf32>) init
  // CHECK: rung.matmul {{.*}} residual(%[[R]] : tensor<4x32xf32>) init
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %e = tensor.empty() : tensor<4x32xf32>
  %bb = linalg.broadcast ins(%b : tensor<32xf32>) outs(%e : tensor<4x32xf32>) dimensions = [0]
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%bb : tensor<4x32xf32>) -> tensor<4x32xf32>
  %1 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%r : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %0, %1 : tensor<4x32xf32>, tensor<4x32xf32>
}

// -----

// Not fused: relu of (sum + residual) is no activation(sum + bias) + residual. The addition is.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @activation_after_residual
func.func @activation_after_residual(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %r: tensor<4x32xf32>) -> tensor<4x32xf32> {
  // CHECK: %[[Y:.*]] = rung.matmul {{.*}} residual(%{{.*}} : tensor<4x32xf32>) init(%{{.*}} : tensor<4x32xf32>) -> tensor<4x32xf32>
  // CHECK: linalg.max ins(%[[Y]]
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %1 = linalg.add ins(%0, %r : tensor<4x32xf32>, tensor<4x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %2 = linalg.max ins(%1, %f : tensor<4x32xf32>, tensor<4x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %2 : tensor<4x32xf32>
}

// -----

// Not fused: an intermediate value is used elsewhere.

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @sum_used_twice
func.func @sum_used_twice(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %r: tensor<4x32xf32>) -> (tensor<4x32xf32>, tensor<4x32xf32>) {
  // CHECK: %[[Y:.*]] = rung.matmul x(%{{.*}} : tensor<4x64xf32>) weight(%{{.*}} : tensor<32x64x!rung.int<4>>) init(%{{.*}}) -> tensor<4x32xf32>
  // CHECK: %[[Z:.*]] = linalg.add ins(%[[Y]]
  // CHECK: return %[[Y]], %[[Z]]
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %1 = linalg.add ins(%0, %r : tensor<4x32xf32>, tensor<4x32xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  return %0, %1 : tensor<4x32xf32>, tensor<4x32xf32>
}

// -----

// Not fused: the sum is rounded to f16 before the bias is added in f16. relu commutes with rounding, and is fused.

#matrix = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @rounded_before
func.func @rounded_before(%x: tensor<4x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf16>) -> tensor<4x32xf16> {
  // CHECK: %[[Y:.*]] = rung.matmul {{.*}} init(%{{.*}} : tensor<4x32xf16>) {activation = #rung<activation relu>}
  // CHECK: linalg.generic {{.*}} ins(%[[Y]], %{{.*}} : tensor<4x32xf16>, tensor<32xf16>)
  // CHECK: arith.addf
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<4x32xf32>
  %zeros = arith.constant dense<0.0> : tensor<4x32xf16>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xf32>, tensor<32x64xf32>) outs(%f : tensor<4x32xf32>) -> tensor<4x32xf32>
  %e = tensor.empty() : tensor<4x32xf16>
  %1 = linalg.generic {indexing_maps = [#matrix, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%0 : tensor<4x32xf32>) outs(%e : tensor<4x32xf16>) {
  ^bb0(%s: f32, %o: f16):
    %t = arith.truncf %s : f32 to f16
    linalg.yield %t : f16
  } -> tensor<4x32xf16>
  %2 = linalg.max ins(%1, %zeros : tensor<4x32xf16>, tensor<4x32xf16>) outs(%e : tensor<4x32xf16>) -> tensor<4x32xf16>
  %3 = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%2, %b : tensor<4x32xf16>, tensor<32xf16>) outs(%e : tensor<4x32xf16>) {
  ^bb0(%s: f16, %bias: f16, %o: f16):
    %t = arith.addf %s, %bias : f16
    linalg.yield %t : f16
  } -> tensor<4x32xf16>
  return %3 : tensor<4x32xf16>
}

// -----

// Not fused: a vector along the rows is no bias.

#matrix = affine_map<(m, n) -> (m, n)>
#row = affine_map<(m, n) -> (m)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @row_vector
func.func @row_vector(%x: tensor<32x64xf32>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf32>) -> tensor<32x32xf32> {
  // CHECK: rung.matmul x(%{{.*}}) weight(%{{.*}} : tensor<32x64x!rung.int<4>>) init
  // CHECK: linalg.generic
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<32x32xf32>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<32x64xf32>, tensor<32x64xf32>) outs(%f : tensor<32x32xf32>) -> tensor<32x32xf32>
  %1 = linalg.generic {indexing_maps = [#matrix, #row, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b : tensor<32x32xf32>, tensor<32xf32>) outs(%f : tensor<32x32xf32>) {
  ^bb0(%s: f32, %bias: f32, %o: f32):
    %t = arith.addf %s, %bias : f32
    linalg.yield %t : f32
  } -> tensor<32x32xf32>
  return %1 : tensor<32x32xf32>
}

// -----

// Not fused: an integer sum that is rounded to f16 before the bias is added in f32.

#matrix = affine_map<(m, n) -> (m, n)>
#column = affine_map<(m, n) -> (n)>
#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (n, k)>
#y = affine_map<(m, n, k) -> (m, n)>

// CHECK-LABEL: func @integer_rounded_before
func.func @integer_rounded_before(%x: tensor<4x64xi8>, %w: tensor<32x64x!rung.int<4>>, %b: tensor<32xf32>) -> tensor<4x32xf32> {
  // CHECK: %[[Y:.*]] = rung.matmul {{.*}} init(%{{.*}} : tensor<4x32xi32>) -> tensor<4x32xi32>
  // CHECK: arith.sitofp
  // CHECK: arith.addf
  %d = rung.dequantize %w : tensor<32x64x!rung.int<4>> -> tensor<32x64xi8>
  %f = arith.constant dense<0> : tensor<4x32xi32>
  %0 = linalg.matmul indexing_maps = [#x, #w, #y] ins(%x, %d : tensor<4x64xi8>, tensor<32x64xi8>) outs(%f : tensor<4x32xi32>) -> tensor<4x32xi32>
  %e = tensor.empty() : tensor<4x32xf32>
  %1 = linalg.generic {indexing_maps = [#matrix, #column, #matrix], iterator_types = ["parallel", "parallel"]}
      ins(%0, %b : tensor<4x32xi32>, tensor<32xf32>) outs(%e : tensor<4x32xf32>) {
  ^bb0(%s: i32, %bias: f32, %o: f32):
    %h = arith.sitofp %s : i32 to f16
    %g = arith.extf %h : f16 to f32
    %t = arith.addf %g, %bias : f32
    linalg.yield %t : f32
  } -> tensor<4x32xf32>
  return %1 : tensor<4x32xf32>
}
