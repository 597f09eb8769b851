// RUN: rung-opt %s -split-input-file -canonicalize | FileCheck %s

// Conversions of constants happen at compile time, by the code that defines the formats.

// CHECK-LABEL: func @convert_to_our_format
func.func @convert_to_our_format() -> tensor<4x!rung.int<4>> {
  // CHECK: %[[C:.*]] = rung.constant #rung.codes<[1, 7, 8, 2]> : tensor<4x!rung.int<4>>
  // CHECK: return %[[C]]
  %c = arith.constant dense<[1.4, 100.0, -100.0, 2.5]> : tensor<4xf32>
  %y = rung.convert %c nearest_even saturate : tensor<4xf32> -> tensor<4x!rung.int<4>>
  return %y : tensor<4x!rung.int<4>>
}

// -----

// CHECK-LABEL: func @convert_to_builtin
func.func @convert_to_builtin() -> (tensor<4xf16>, tensor<4xi8>, tensor<2x2xf8E4M3FN>) {
  // CHECK-DAG: %[[F:.*]] = arith.constant dense<[0.000000e+00, 5.000000e-01, -5.000000e-01, -6.000000e+00]> : tensor<4xf16>
  // CHECK-DAG: %[[I:.*]] = arith.constant dense<[0, 1, 7, -8]> : tensor<4xi8>
  // CHECK-DAG: %[[E:.*]] = rung.constant #rung.codes<60> : tensor<2x2xf8E4M3FN>
  // CHECK: return %[[F]], %[[I]], %[[E]]
  %a = rung.constant #rung.codes<[0, 1, 9, 15]> : tensor<4xf4E2M1FN>
  %f = rung.convert %a : tensor<4xf4E2M1FN> -> tensor<4xf16>
  %b = rung.constant #rung.codes<[0, 1, 7, 8]> : tensor<4x!rung.int<4>>
  %i = rung.convert %b : tensor<4x!rung.int<4>> -> tensor<4xi8>
  %c = arith.constant dense<1.5> : tensor<2x2xf32>
  %e = rung.convert %c toward_zero : tensor<2x2xf32> -> tensor<2x2xf8E4M3FN>
  return %f, %i, %e : tensor<4xf16>, tensor<4xi8>, tensor<2x2xf8E4M3FN>
}

// -----

// A format that no one ever named.

// CHECK-LABEL: func @own_formats
func.func @own_formats() -> (tensor<3x!rung.float<e3m4, bias = 5>>, tensor<3xf32>) {
  // CHECK-DAG: rung.constant #rung.codes<[80, 127, 255]> : tensor<3x!rung.float<e3m4, bias = 5>>
  // CHECK-DAG: arith.constant dense<[-1.600000e+01, 0.000000e+00, 1.500000e+01]> : tensor<3xf32>
  %c = arith.constant dense<[1.0, 1000.0, -1000.0]> : tensor<3xf32>
  %y = rung.convert %c nearest_even saturate : tensor<3xf32> -> tensor<3x!rung.float<e3m4, bias = 5>>
  %u = rung.constant #rung.codes<[0, 16, 31]> : tensor<3x!rung.uint<5, offset = 16>>
  %z = rung.convert %u : tensor<3x!rung.uint<5, offset = 16>> -> tensor<3xf32>
  return %y, %z : tensor<3x!rung.float<e3m4, bias = 5>>, tensor<3xf32>
}

// -----

// s * (v - z) and s * v - z, rounded once.

// CHECK-LABEL: func @dequantize
func.func @dequantize() -> (tensor<2x4xf32>, tensor<2x4xf16>) {
  // CHECK-DAG: dense<{{\[\[}}-4.000000e+00, -3.500000e+00, -6.000000e+00, -5.000000e+00], [-1.600000e+01, -1.200000e+01, 0.000000e+00, 8.000000e+00]]> : tensor<2x4xf32>
  // CHECK-DAG: dense<{{\[\[}}-8.000000e+00, -7.500000e+00, -6.000000e+00, -5.000000e+00], [-8.000000e+00, -4.000000e+00, 1.600000e+01, 2.400000e+01]]> : tensor<2x4xf16>
  %w = rung.constant #rung.codes<[0, 1, 2, 3, 4, 5, 6, 7]> : tensor<2x4x!rung.uint<3>>
  %s = arith.constant dense<[[0.5, 1.0], [4.0, 8.0]]> : tensor<2x2xf16>
  %zi = rung.constant #rung.codes<[8, 8, 8, 6]> : tensor<2x2x!rung.uint<4>>
  %zf = arith.constant dense<[[8.0, 8.0], [24.0, 32.0]]> : tensor<2x2xf16>
  %a = rung.dequantize %w scale(%s : tensor<2x2xf16>) zero_point(%zi : tensor<2x2x!rung.uint<4>>) integer block [1, 2]
      : tensor<2x4x!rung.uint<3>> -> tensor<2x4xf32>
  %b = rung.dequantize %w scale(%s : tensor<2x2xf16>) zero_point(%zf : tensor<2x2xf16>) rescale block [1, 2]
      : tensor<2x4x!rung.uint<3>> -> tensor<2x4xf16>
  return %a, %b : tensor<2x4xf32>, tensor<2x4xf16>
}

// -----

// Two levels of scales: 0.5 (e8m0 code 126) * 3 * 2.

// CHECK-LABEL: func @two_levels
func.func @two_levels() -> tensor<1x2xf32> {
  // CHECK: arith.constant dense<{{\[\[}}3.000000e+00, 6.000000e+00]]> : tensor<1x2xf32>
  %w = rung.constant #rung.codes<[2, 4]> : tensor<1x2xf4E2M1FN>
  %s = rung.constant #rung.codes<126> : tensor<1x1xf8E8M0FNU>
  %t = arith.constant dense<6.0> : tensor<f32>
  %y = rung.dequantize %w scale(%s : tensor<1x1xf8E8M0FNU>) second_scale(%t : tensor<f32>) : tensor<1x2xf4E2M1FN> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// -----

// Not folded: a large constant, a value that is no constant, and NaN into a format without one.

// CHECK-LABEL: func @stays
func.func @stays(%x: tensor<2xf32>) -> (tensor<64x65xf32>, tensor<2x!rung.int<8>>, tensor<1x!rung.int<8>>) {
  // CHECK: rung.convert
  // CHECK: rung.convert
  // CHECK: rung.convert
  %large = rung.constant #rung.codes<1> : tensor<64x65x!rung.int<4>>
  %a = rung.convert %large : tensor<64x65x!rung.int<4>> -> tensor<64x65xf32>
  %b = rung.convert %x nearest_even : tensor<2xf32> -> tensor<2x!rung.int<8>>
  %nan = arith.constant dense<0x7FC00000> : tensor<1xf32>
  %c = rung.convert %nan nearest_even : tensor<1xf32> -> tensor<1x!rung.int<8>>
  return %a, %b, %c : tensor<64x65xf32>, tensor<2x!rung.int<8>>, tensor<1x!rung.int<8>>
}

// -----

// convert(convert(x)) is one conversion if the first loses nothing, without a rounding mode if there is nothing to round; a conversion to the same type is none, unless it saturates infinities.

// CHECK-LABEL: func @pairs
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x!rung.int<4>>, %[[F:[a-z0-9]+]]: tensor<4xf32>
func.func @pairs(%x: tensor<4x!rung.int<4>>, %f: tensor<4xf32>) -> (tensor<4xf16>, tensor<4xf16>, tensor<4xf32>, tensor<4xf32>) {
  // CHECK: %[[A:.*]] = rung.convert %[[X]] : tensor<4x!rung.int<4>> -> tensor<4xf16>
  // CHECK: %[[R:.*]] = rung.convert %[[F]] nearest_even : tensor<4xf32> -> tensor<4xbf16>
  // CHECK: %[[B:.*]] = rung.convert %[[R]] toward_zero : tensor<4xbf16> -> tensor<4xf16>
  // CHECK: %[[S:.*]] = rung.convert %[[F]] nearest_even saturate : tensor<4xf32> -> tensor<4xf32>
  // CHECK: return %[[A]], %[[B]], %[[F]], %[[S]]
  %0 = rung.convert %x : tensor<4x!rung.int<4>> -> tensor<4xf32>
  %a = rung.convert %0 nearest_even : tensor<4xf32> -> tensor<4xf16>
  %1 = rung.convert %f nearest_even : tensor<4xf32> -> tensor<4xbf16>
  %b = rung.convert %1 toward_zero : tensor<4xbf16> -> tensor<4xf16>
  %c = rung.convert %f : tensor<4xf32> -> tensor<4xf32>
  %d = rung.convert %f nearest_even saturate : tensor<4xf32> -> tensor<4xf32>
  return %a, %b, %c, %d : tensor<4xf16>, tensor<4xf16>, tensor<4xf32>, tensor<4xf32>
}

// -----

// A parameter is packed when the bundle is written, and negated when it is read.

// CHECK-LABEL: func @parameters
func.func @parameters() -> (tensor<4x2x16xf16>, tensor<64x2xf16>) {
  // CHECK-DAG: %[[P:.*]] = rung.parameter @s {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : tensor<4x2x16xf16>
  // CHECK-DAG: %[[N:.*]] = rung.parameter @s {negated} : tensor<64x2xf16>
  // CHECK: return %[[P]], %[[N]]
  %s = rung.parameter @s : tensor<64x2xf16>
  %p = rung.pack %s into <f16, [64, 2], lanes, rows_per_block = 1> : tensor<64x2xf16> -> tensor<4x2x16xf16>
  %n = arith.negf %s : tensor<64x2xf16>
  return %p, %n : tensor<4x2x16xf16>, tensor<64x2xf16>
}

// -----

// CHECK-LABEL: func @pack_and_unpack
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<64x2xf16>
func.func @pack_and_unpack(%x: tensor<64x2xf16>) -> tensor<64x2xf16> {
  // CHECK-NEXT: return %[[X]]
  %p = rung.pack %x into <f16, [64, 2], lanes, rows_per_block = 1> : tensor<64x2xf16> -> tensor<4x2x16xf16>
  %y = rung.unpack %p from <f16, [64, 2], lanes, rows_per_block = 1> : tensor<4x2x16xf16> -> tensor<64x2xf16>
  return %y : tensor<64x2xf16>
}

// -----

// x / s + z and (x + z) / s, rounded once.

// CHECK-LABEL: func @quantize
func.func @quantize() -> (tensor<4x!rung.int<4>>, tensor<4x!rung.uint<3>>) {
  // CHECK-DAG: rung.constant #rung.codes<[2, 3, 14, 7]> : tensor<4x!rung.int<4>>
  // CHECK-DAG: rung.constant #rung.codes<[4, 5, 1, 7]> : tensor<4x!rung.uint<3>>
  %x = arith.constant dense<[5.0, 7.0, -11.0, 100.0]> : tensor<4xf32>
  %s = arith.constant dense<[2.0, 4.0]> : tensor<2xf16>
  %z = arith.constant dense<[3.0, 16.0]> : tensor<2xf16>
  %a = rung.quantize %x scale(%s : tensor<2xf16>) block [2] toward_zero saturate : tensor<4xf32> -> tensor<4x!rung.int<4>>
  %b = rung.quantize %x scale(%s : tensor<2xf16>) zero_point(%z : tensor<2xf16>) rescale block [2] nearest_even saturate
      : tensor<4xf32> -> tensor<4x!rung.uint<3>>
  return %a, %b : tensor<4x!rung.int<4>>, tensor<4x!rung.uint<3>>
}

// -----

// 4.25 becomes 5 if a quarter is more than r / 16; what loses nothing needs no random bits.

// CHECK-LABEL: func @stochastic
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<4x!rung.int<4>>
func.func @stochastic(%x: tensor<4x!rung.int<4>>) -> (tensor<4x!rung.int<8>>, tensor<4xf16>) {
  // CHECK-DAG: rung.constant #rung.codes<[5, 4, 252, 251]> : tensor<4x!rung.int<8>>
  // CHECK-DAG: rung.convert %[[X]] : tensor<4x!rung.int<4>> -> tensor<4xf16>
  %y = arith.constant dense<[4.25, 4.25, -4.25, -4.25]> : tensor<4xf32>
  %r = rung.constant #rung.codes<[3, 4, 11, 12]> : tensor<4x!rung.int<4>>
  %a = rung.convert %y stochastic random(%r : tensor<4x!rung.int<4>>) : tensor<4xf32> -> tensor<4x!rung.int<8>>
  %b = rung.convert %x stochastic random(%r : tensor<4x!rung.int<4>>) saturate : tensor<4x!rung.int<4>> -> tensor<4xf16>
  return %a, %b : tensor<4x!rung.int<8>>, tensor<4xf16>
}
