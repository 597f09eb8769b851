// RUN: rung-opt --rung-select-compute=remarks=true --verify-diagnostics --split-input-file %s | FileCheck %s

// A module without `rung.device` is for a plain x86-64, which computes in i32, f32 and f64, fastest first.

// CHECK-LABEL: func @fractions
func.func @fractions(%x: tensor<1x64xf16>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf16>) -> tensor<1x32xf16> {
  // CHECK: rung.matmul {{.*}}compute = f32
  // expected-remark @+1 {{computes in f32; not in i32: it lacks 5.960464477539063e-08, a value of x (f16)}}
  %y = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return %y : tensor<1x32xf16>
}

// -----

// CHECK-LABEL: func @integers
func.func @integers(%x: tensor<1x64xi8>, %w: tensor<32x64x!rung.uint<4>>, %e: tensor<1x32xi32>) -> tensor<1x32xi32> {
  // CHECK: rung.matmul {{.*}}compute = i32
  // expected-remark @+1 {{computes in i32}}
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64x!rung.uint<4>>) init(%e : tensor<1x32xi32>) -> tensor<1x32xi32>
  return %y : tensor<1x32xi32>
}

// -----

// The table of an unnamed format decides, not its kind: this one holds integers only.

// CHECK-LABEL: func @codebook_of_integers
func.func @codebook_of_integers(%x: tensor<1x64xi8>, %w: tensor<32x64x!rung.codebook<3, [-9, -4, -1, 0, 1, 4, 9]>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = i32
  // expected-remark @+1 {{computes in i32}}
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64x!rung.codebook<3, [-9, -4, -1, 0, 1, 4, 9]>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// The weight is the operand that i32 lacks.

// CHECK-LABEL: func @weight
func.func @weight(%x: tensor<1x64xi8>, %w: tensor<32x64x!rung.codebook<1, [-0.5, 0.5]>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = f32
  // expected-remark @+1 {{not in i32: it lacks -0.5, a value of the weight (!rung.codebook<1, [-0.5, 0.5]>)}}
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64x!rung.codebook<1, [-0.5, 0.5]>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// Values of i32 beyond 2^24 are no f32.

// CHECK-LABEL: func @wide
func.func @wide(%x: tensor<1x64xi32>, %w: tensor<32x64xf16>, %e: tensor<1x32xf64>) -> tensor<1x32xf64> {
  // CHECK: rung.matmul {{.*}}compute = f64
  // expected-remark @+1 {{computes in f64; not in i32: it lacks 5.960464477539063e-08, a value of the weight (f16); not in f32: it lacks 16777217, a value of x (i32)}}
  %y = rung.matmul x(%x : tensor<1x64xi32>) weight(%w : tensor<32x64xf16>) init(%e : tensor<1x32xf64>) -> tensor<1x32xf64>
  return %y : tensor<1x32xf64>
}

// -----

// With scales an integer sum must be exact: 128 * 128 * 64 fits in i32, 32768 * 128 * 1024 does not.

// CHECK-LABEL: func @scaled_sums
func.func @scaled_sums(%x: tensor<1x64xi8>, %w: tensor<32x64xi8>, %s: tensor<32x1xf32>,
                       %x2: tensor<1x1024xi16>, %w2: tensor<32x1024xi8>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  // CHECK: rung.matmul {{.*}}compute = i32
  // expected-remark @+1 {{computes in i32}}
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64xi8>) scale(%s : tensor<32x1xf32>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  // CHECK: rung.matmul {{.*}}compute = f32
  // expected-remark @+1 {{computes in f32; not in i32: a sum may exceed it}}
  %z = rung.matmul x(%x2 : tensor<1x1024xi16>) weight(%w2 : tensor<32x1024xi8>) scale(%s : tensor<32x1xf32>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}

// -----

// One written by hand stays, without a remark.

// CHECK-LABEL: func @by_hand
func.func @by_hand(%x: tensor<1x64xi8>, %w: tensor<32x64xi8>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = f64
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf32>) {compute = f64} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// Another device, another choice; the pass knows no device by name.

module attributes {rung.device = #rung.device<"a device", {compute = [f8E4M3FN, f16, f32]}>} {
  // CHECK-LABEL: func @device
  func.func @device(%x: tensor<1x64xf8E4M3FN>, %w: tensor<32x64x!rung.int<4>>, %w2: tensor<32x64x!rung.int<6>>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
    // CHECK: rung.matmul {{.*}}compute = f8E4M3FN
    // expected-remark @+1 {{computes in f8E4M3FN}}
    %y = rung.matmul x(%x : tensor<1x64xf8E4M3FN>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
    // CHECK: rung.matmul {{.*}}compute = f16
    // expected-remark @+1 {{computes in f16; not in f8E4M3FN: it lacks 17, a value of the weight (!rung.int<6>)}}
    %z = rung.matmul x(%x : tensor<1x64xf8E4M3FN>) weight(%w2 : tensor<32x64x!rung.int<6>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
    return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
  }
}

// -----

module attributes {rung.device = #rung.device<"narrow", {compute = [f16]}>} {
  func.func @nothing_fits(%x: tensor<1x64xbf16>, %w: tensor<32x64xi8>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
    // expected-error @+1 {{has operands that no format of the device holds; not in f16: it lacks}}
    %y = rung.matmul x(%x : tensor<1x64xbf16>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
    return %y : tensor<1x32xf32>
  }
}

// -----

// expected-error @+1 {{device names no format that it computes in; give it `compute`}}
module attributes {rung.device = #rung.device<"silent", {}>} {}

// -----

// One written by hand that would change values is refused.

func.func @lossy_by_hand(%x: tensor<1x64xf32>, %w: tensor<32x64xi8>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-error @+1 {{computes in 'i32', but it lacks}}
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf32>) {compute = i32} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

func.func @not_of_the_device(%x: tensor<1x64xi8>, %w: tensor<32x64xi8>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // expected-error @+1 {{computes in 'i8', but the device in [i32, f32, f64]; leave `compute` out, or use one of these}}
  %y = rung.matmul x(%x : tensor<1x64xi8>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf32>) {compute = i8} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// No f32 is 0.1. The weight was dequantized to f32, so its values may be rounded to that.

// CHECK-LABEL: func @rounded_table
func.func @rounded_table(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = f32
  // expected-remark @+1 {{computes in f32, the weight rounded to f32; not in i32}}
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>) init(%e : tensor<1x32xf32>) {dequantized = f32} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// What a zero point leaves of a value may be less than the error of the value.

// CHECK-LABEL: func @rounded_table_with_zero_point
func.func @rounded_table_with_zero_point(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>, %s: tensor<32x1xf32>, %z: tensor<32x1xf32>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = f64
  // expected-remark @+1 {{not in f32: it lacks -0.1, a value of the weight}}
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>) scale(%s : tensor<32x1xf32>) zero_point(%z : tensor<32x1xf32>) float init(%e : tensor<1x32xf32>) {block = array<i64: 1, 64>, dequantized = f32} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// CHECK-LABEL: func @rounded_to_f64
func.func @rounded_to_f64(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: rung.matmul {{.*}}compute = f64
  // expected-remark @+1 {{not in f32: it lacks -0.1, a value of the weight}}
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.codebook<1, [-0.1, 0.1]>>) init(%e : tensor<1x32xf32>) {dequantized = f64} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
