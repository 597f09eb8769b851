// RUN: rung-opt %s -split-input-file -verify-diagnostics -allow-unregistered-dialect -o %t

//===- Types -===//

// expected-error @+1 {{width is 9, expected 1 to 8 bits (use i16 or i32 for wider integers)}}
func.func private @wide_int(tensor<4x!rung.int<9>>)

// -----

// expected-error @+1 {{width is 0, expected 1 to 8 bits}}
func.func private @no_bits(tensor<4x!rung.uint<0>>)

// -----

// expected-error @+1 {{found 'x3m4', expected eXmY with X exponent and Y mantissa bits}}
func.func private @fields(!rung.float<x3m4>)

// -----

// expected-error @+1 {{found 9 exponent and 0 mantissa bits, expected 1 to 8 and 0 to 7, 2 to 8 bits in all}}
func.func private @exponent(!rung.float<e9m0>)

// -----

// expected-error @+1 {{2 to 8}}
func.func private @nine_bits(!rung.float<e5m3>)

// -----

// expected-error @+1 {{found 'some', expected none, ieee, fn or fnuz}}
func.func private @specials(!rung.float<e4m3, specials = some>)

// -----

// expected-error @+1 {{found 'signed', expected bias, specials or unsigned}}
func.func private @keyword(!rung.float<e4m3, signed>)

// -----

// expected-error @+1 {{width is -1, expected 1 to 8 bits}}
func.func private @negative_width(!rung.uint<-1>)

// -----

// expected-error @+1 {{found 'bias' twice}}
func.func private @twice(!rung.float<e4m3, bias = 3, bias = 4>)

// -----

// expected-error @+1 {{found '-1', expected a decimal number such as 3, -0.5 or 1e-3}}
func.func private @two_signs(!rung.codebook<1, [--1]>)

// -----

// expected-error @+1 {{found '0x10', expected a decimal number}}
func.func private @hexadecimal(!rung.codebook<1, [0x10]>)

// -----

// expected-error @+1 {{found 'true', expected a decimal number}}
func.func private @keyword_entry(!rung.codebook<1, [true]>)

// -----

// expected-error @+1 {{found '1e', expected a decimal number}}
func.func private @open_exponent(!rung.codebook<1, [1e 3]>)

// -----

// expected-error @+1 {{expected ']'}}
func.func private @two_entries(!rung.codebook<1, [1 e3]>)

// -----

// expected-error @+1 {{entry 9007199254740993 is no exact binary64 value}}
func.func private @inexact(!rung.codebook<1, [9007199254740993]>)

// -----

// expected-error @+1 {{a codebook of 2 bits lists 1 to 4 values, not 5}}
func.func private @entries(!rung.codebook<2, [0, 1, 2, 3, 4]>)

// -----

//===- Attributes -===//

// expected-error @+1 {{code is 256, expected 0 to 255}}
"test"() {a = #rung.codes<[1, 256]> : tensor<2xi8>} : () -> ()

// -----

// expected-error @+1 {{3 codes for the 4 elements of 'tensor<2x2x!rung.int<4>>', expected one for each, or one for all}}
"test"() {a = #rung.codes<[1, 2, 3]> : tensor<2x2x!rung.int<4>>} : () -> ()

// -----

// expected-error @+1 {{code 16 of element 1 is no code of '!rung.int<4>'}}
"test"() {a = #rung.codes<[1, 16]> : tensor<2x!rung.int<4>>} : () -> ()

// -----

// A codebook of three entries has no code 3.
// expected-error @+1 {{code 3 of element 0 is no code of '!rung.codebook<2, [-1, 0, 1]>'}}
"test"() {a = #rung.codes<3> : tensor<2x!rung.codebook<2, [-1, 0, 1]>>} : () -> ()

// -----

// expected-error @+1 {{codes of 'f32', expected a number format of up to 8 bits}}
"test"() {a = #rung.codes<3> : tensor<2xf32>} : () -> ()

// -----

// expected-error @+1 {{codes of 'tensor<?xi8>', expected a static shape}}
"test"() {a = #rung.codes<3> : tensor<?xi8>} : () -> ()

// -----

// expected-error @+1 {{codes have the type 'memref<4xi8>', expected a ranked tensor}}
"test"() {a = #rung.codes<3> : memref<4xi8>} : () -> ()

// -----

// expected-error @+1 {{found 'packed', expected canonical, words or lanes}}
"test"() {a = #rung.storage<f16, [4], packed>} : () -> ()

// -----

// expected-error @+1 {{no memory holds storage of 'tensor<9223372036854775807x4x!rung.int<3>>'}}
"test"() {a = #rung.storage<!rung.int<3>, [9223372036854775807, 4], canonical>} : () -> ()

// -----

// expected-error @+1 {{storage of 'i24', expected a number format}}
"test"() {a = #rung.storage<i24, [4], canonical>} : () -> ()

// -----

// expected-error @+1 {{canonical storage of '!rung.int<3>' needs a static last dimension: its rows are padded to whole bytes}}
"test"() {a = #rung.storage<!rung.int<3>, [4, ?], canonical>} : () -> ()

// -----

// expected-error @+1 {{storage in lanes is for two static dimensions}}
"test"() {a = #rung.storage<f16, [?, 4], lanes, rows_per_block = 1>} : () -> ()

// -----

// expected-error @+1 {{rows_per_block is 0, expected at least 1}}
"test"() {a = #rung.storage<f16, [4, 4], lanes, rows_per_block = 0>} : () -> ()

// -----

// expected-error @+1 {{rows is 3, expected a power of two}}
"test"() {a = #rung.schedule<rows = 3>} : () -> ()

// -----

// expected-error @+1 {{stages is 0, expected at least 1}}
"test"() {a = #rung.schedule<stages = 0>} : () -> ()

// -----

// expected-error @+1 {{up_to is -1, expected a number of rows, or 0 for any}}
"test"() {a = #rung.schedule<up_to = -1>} : () -> ()

// -----

// expected-error @+1 {{found 'colums', expected rows, columns, depth, up_to, scale, stages, split_k or warps}}
"test"() {a = #rung.schedule<colums = 4>} : () -> ()

// -----

// expected-error @+1 {{scale is 'epilogue', expected decode or accumulator}}
"test"() {a = #rung.schedule<scale = epilogue>} : () -> ()

// -----

//===- rung.parameter, rung.constant -===//

func.func @parameter_format() {
  // expected-error @+1 {{has the type 'tensor<4xi64>', expected a static shape of elements in a number format}}
  %0 = rung.parameter @w : tensor<4xi64>
  return
}

// -----

func.func @parameter_shape() {
  // expected-error @+1 {{has the type 'tensor<?xf32>', expected a static shape of elements in a number format}}
  %0 = rung.parameter @w : tensor<?xf32>
  return
}

// -----

func.func @parameter_storage() {
  // expected-error @+1 {{has the type 'tensor<4x9xi8>', but its storage is 'tensor<4x4xi8>'}}
  %0 = rung.parameter @w {storage = #rung.storage<!rung.int<3>, [4, 9], canonical>} : tensor<4x9xi8>
  return
}

// -----

//===- rung.dequantize, rung.quantize -===//

func.func @same_shape(%w: tensor<32x64xi8>) {
  // expected-error @+1 {{turns 'tensor<32x64xi8>' into 'tensor<64x32xf32>', expected the same shape}}
  %0 = rung.dequantize %w : tensor<32x64xi8> -> tensor<64x32xf32>
  return
}

// -----

func.func @no_format(%w: tensor<32x64xi64>) {
  // expected-error @+1 {{operand #0 must be ranked tensor or memref of a number format, but got 'tensor<32x64xi64>'}}
  %0 = rung.dequantize %w : tensor<32x64xi64> -> tensor<32x64xf32>
  return
}

// -----

func.func @integer_result(%w: tensor<32x64xi8>, %s: tensor<f32>) {
  // expected-error @+1 {{has the result 'tensor<32x64xi16>', expected a floating-point type, since scaled values are rounded to it}}
  %0 = rung.dequantize %w scale(%s : tensor<f32>) : tensor<32x64xi8> -> tensor<32x64xi16>
  return
}

// -----

// K and group disagree.

func.func @scale_shape(%w: tensor<32x64xi8>, %s: tensor<32x3xf16>) {
  // expected-error @+1 {{scale has the shape [32, 3], expected [32, 2] for blocks of [1, 32] in [32, 64]}}
  %0 = rung.dequantize %w scale(%s : tensor<32x3xf16>) block [1, 32] : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @scale_without_block(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>) {
  // expected-error @+1 {{scale has the shape [32, 2], expected [32, 64] for blocks of [1, 1] in [32, 64]}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @scale_rank(%w: tensor<32x64xi8>, %s: tensor<32xf16>) {
  // expected-error @+1 {{scale has the shape [32], expected rank 2, that of the input, or 0}}
  %0 = rung.dequantize %w scale(%s : tensor<32xf16>) : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @block_rank(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>) {
  // expected-error @+1 {{scale has the block [32], expected one extent for each of the input's 2 dimensions}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [32] : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @block_extent(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>) {
  // expected-error @+1 {{scale has the block [1, 0], expected extents of at least 1}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 0] : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @second_scale_shape(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>, %t: tensor<4x4xf32>) {
  // expected-error @+1 {{second scale has the shape [4, 4], expected [4, 1] for blocks of [8, 64] in [32, 64]}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) second_scale(%t : tensor<4x4xf32>) second_block [8, 64] block [1, 32]
      : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @second_scale_alone(%w: tensor<32x64xi8>, %t: tensor<f32>) {
  // expected-error @+1 {{has a second scale but no scale; make it the scale}}
  %0 = rung.dequantize %w second_scale(%t : tensor<f32>) : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @block_alone(%w: tensor<32x64xi8>) {
  // expected-error @+1 {{has a block but neither scales nor zero points; give it one, or leave out the block}}
  %0 = rung.dequantize %w block [1, 32] : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @zero_point_shape(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>, %z: tensor<32x4xi8>) {
  // expected-error @+1 {{zero point has the shape [32, 4], expected [32, 2] for blocks of [1, 32] in [32, 64]}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) zero_point(%z : tensor<32x4xi8>) integer block [1, 32]
      : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @zero_point_format(%w: tensor<32x64xi8>, %s: tensor<32x2xf16>) {
  // expected-error @+1 {{has an integer zero point of 'f16' on 'i8'; both must be integer formats (use float or rescale)}}
  %0 = rung.dequantize %w scale(%s : tensor<32x2xf16>) zero_point(%s : tensor<32x2xf16>) integer block [1, 32]
      : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @zero_point_keyword(%w: tensor<32x64xi8>, %z: tensor<f16>) {
  // expected-error @+1 {{found 'original', expected integer, float or rescale}}
  %0 = rung.dequantize %w zero_point(%z : tensor<f16>) original : tensor<32x64xi8> -> tensor<32x64xf32>
  return
}

// -----

func.func @zero_point_without_mode(%w: tensor<32x64xi8>, %z: tensor<f16>) {
  // expected-error @+1 {{has a zero point without a mode; say integer, float or rescale}}
  %0 = "rung.dequantize"(%w, %z) <{operandSegmentSizes = array<i32: 1, 0, 0, 1>}> : (tensor<32x64xi8>, tensor<f16>) -> tensor<32x64xf32>
  return
}

// -----

func.func @quantize_rounding(%x: tensor<4xf32>) {
  // expected-error @+1 {{found 'nearest', expected nearest_even or toward_zero}}
  %0 = rung.quantize %x nearest : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

// The scale of rung.quantize is blocked like its result.

func.func @quantize_scale(%x: tensor<4x8xf32>, %s: tensor<4x3xf32>) {
  // expected-error @+1 {{scale has the shape [4, 3], expected [4, 2] for blocks of [1, 4] in [4, 8]}}
  %0 = rung.quantize %x scale(%s : tensor<4x3xf32>) block [1, 4] nearest_even : tensor<4x8xf32> -> tensor<4x8xi8>
  return
}

// -----

//===- rung.convert -===//

// 17 is the first value of int8 that e4m3 lacks.

func.func @convert_int8(%x: tensor<4xi8>) {
  // expected-error @+1 {{from 'i8' to 'f8E4M3FN' loses code 17, value 17; give it a rounding mode, or a format that has all values}}
  %0 = rung.convert %x : tensor<4xi8> -> tensor<4xf8E4M3FN>
  return
}

// -----

func.func @convert_e8m0(%x: tensor<4xf8E8M0FNU>) {
  // expected-error @+1 {{from 'f8E8M0FNU' to 'f16' loses code 0, value 5.87747e-39}}
  %0 = rung.convert %x : tensor<4xf8E8M0FNU> -> tensor<4xf16>
  return
}

// -----

func.func @convert_nan(%x: tensor<4xf8E4M3FN>) {
  // expected-error @+1 {{from 'f8E4M3FN' to '!rung.float<e4m4, unsigned>' loses code}}
  %0 = rung.convert %x : tensor<4xf8E4M3FN> -> tensor<4x!rung.float<e4m4, unsigned>>
  return
}

// -----

func.func @convert_saturate(%x: tensor<4xi8>) {
  // expected-error @+1 {{saturates without a rounding mode; say nearest_even, toward_zero or stochastic}}
  %0 = rung.convert %x saturate : tensor<4xi8> -> tensor<4xi16>
  return
}

// -----

func.func @convert_no_random_bits(%x: tensor<4xf32>) {
  // expected-error @+1 {{rounds stochastically without random bits; give it random(...), an integer code for each element}}
  %0 = rung.convert %x stochastic : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @convert_idle_random_bits(%x: tensor<4xf32>, %r: tensor<4xi8>) {
  // expected-error @+1 {{has random bits, but does not round by them; say stochastic, or leave them out}}
  %0 = rung.convert %x nearest_even random(%r : tensor<4xi8>) : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @convert_random_format(%x: tensor<4xf32>, %r: tensor<4xf8E5M2>) {
  // expected-error @+1 {{has random bits in 'f8E5M2', expected an integer format}}
  %0 = rung.convert %x stochastic random(%r : tensor<4xf8E5M2>) : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @convert_random_shape(%x: tensor<4xf32>, %r: tensor<5xi8>) {
  // expected-error @+1 {{has random bits of 'tensor<5xi8>' for 'tensor<4xf32>', expected the same shape}}
  %0 = rung.convert %x stochastic random(%r : tensor<5xi8>) : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @quantize_stochastic(%x: tensor<4xf32>) {
  // expected-error @+1 {{rounds stochastically, expected nearest_even or toward_zero; scale the input, then use rung.convert}}
  %0 = rung.quantize %x stochastic : tensor<4xf32> -> tensor<4xi8>
  return
}

// -----

func.func @convert_shape(%x: tensor<4xi8>) {
  // expected-error @+1 {{turns 'tensor<4xi8>' into 'tensor<5xi16>', expected the same shape}}
  %0 = rung.convert %x : tensor<4xi8> -> tensor<5xi16>
  return
}

// -----

//===- rung.pack, rung.unpack -===//

func.func @pack_input(%x: tensor<4x8xi8>) {
  // expected-error @+1 {{has the unpacked type 'tensor<4x8xi8>', expected 'tensor<4x9x!rung.int<3>>' or its canonical storage 'tensor<4x4xi8>'}}
  %0 = rung.pack %x into <!rung.int<3>, [4, 9], canonical> : tensor<4x8xi8> -> tensor<4x4xi8>
  return
}

// -----

func.func @unpack_input(%x: tensor<4x5xi8>) {
  // expected-error @+1 {{has the packed type 'tensor<4x5xi8>', expected 'tensor<4x4xi8>'}}
  %0 = rung.unpack %x from <!rung.int<3>, [4, 9], canonical> : tensor<4x5xi8> -> tensor<4x9x!rung.int<3>>
  return
}

// -----

//===- rung.matmul -===//

func.func @matmul_rank(%x: tensor<64xf16>, %w: tensor<32x64xi8>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{x has the type 'tensor<64xf16>', expected two dimensions}}
  %0 = rung.matmul x(%x : tensor<64xf16>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_format(%x: tensor<1x64xf16>, %w: tensor<32x64xi64>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{operand 1 has the type 'tensor<32x64xi64>', expected elements in a number format}}
  %0 = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi64>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_k(%x: tensor<1x63xf16>, %w: tensor<32x64xi8>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{x has K = 63, weight has K = 64}}
  %0 = rung.matmul x(%x : tensor<1x63xf16>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_init(%x: tensor<1x64xf16>, %w: tensor<32x64xi8>, %e: tensor<1x64xf16>) {
  // expected-error @+1 {{init has the type 'tensor<1x64xf16>', expected M*N for x of 'tensor<1x64xf16>' and weight of 'tensor<32x64xi8>'}}
  %0 = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x64xf16>) -> tensor<1x64xf16>
  return
}

// -----

func.func @matmul_bias(%x: tensor<1x64xf16>, %w: tensor<32x64xi8>, %b: tensor<64xf16>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{bias has the type 'tensor<64xf16>', expected N = 32 elements}}
  %0 = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi8>) bias(%b : tensor<64xf16>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_residual(%x: tensor<1x64xf16>, %w: tensor<32x64xi8>, %r: tensor<32xf16>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{residual has the type 'tensor<32xf16>', expected the shape of 'tensor<1x32xf16>'}}
  %0 = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi8>) residual(%r : tensor<32xf16>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_scale(%x: tensor<1x64xf16>, %w: tensor<32x64xi8>, %s: tensor<32x4xf16>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{scale has the shape [32, 4], expected [32, 2] for blocks of [1, 32] in [32, 64]}}
  %0 = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi8>) scale(%s : tensor<32x4xf16>) init(%e : tensor<1x32xf16>)
      {block = array<i64: 1, 32>} -> tensor<1x32xf16>
  return
}

// -----

func.func @matmul_result(%x: tensor<1x64xf16>, %w: tensor<32x64xi8>, %e: tensor<1x32xf16>) {
  // expected-error @+1 {{needs one result of the destination's type for a tensor destination, none for a memref}}
  rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64xi8>) init(%e : tensor<1x32xf16>)
  return
}

// -----

func.func @matmul_storage_count(%x: memref<1x64xf16>, %w: memref<32x24xi8>, %e: memref<1x32xf16>) {
  // expected-error @+1 {{has 1 storage entries, expected one for each of its 3 operands}}
  rung.matmul x(%x : memref<1x64xf16>) weight(%w : memref<32x24xi8>) init(%e : memref<1x32xf16>)
      {storage = [#rung.storage<f16, [1, 64], canonical>]}
  return
}

// -----

func.func @matmul_storage(%x: memref<1x64xf16>, %w: memref<32x25xi8>, %e: memref<1x32xf16>) {
  // expected-error @+1 {{operand 1 has the type 'memref<32x25xi8>', but its storage is 'tensor<32x24xi8>'}}
  rung.matmul x(%x : memref<1x64xf16>) weight(%w : memref<32x25xi8>) init(%e : memref<1x32xf16>)
      {storage = [#rung.storage<f16, [1, 64], canonical>, #rung.storage<!rung.int<3>, [32, 64], canonical>, #rung.storage<f16, [1, 32], canonical>]}
  return
}

// -----

//===- rung.elementwise, rung.gather -===//

func.func @elementwise_kind(%x: tensor<4xi8>, %e: tensor<4xf32>) {
  // expected-error @+1 {{has the kind 'square', expected dequantize, quantize or convert}}
  %0 = rung.elementwise square input(%x : tensor<4xi8>) init(%e : tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

func.func @elementwise_shape(%x: tensor<4xi8>, %e: tensor<5xf32>) {
  // expected-error @+1 {{turns 'tensor<4xi8>' into 'tensor<5xf32>', expected the same shape}}
  %0 = rung.elementwise convert input(%x : tensor<4xi8>) init(%e : tensor<5xf32>) -> tensor<5xf32>
  return
}

// -----

func.func @gather_indices(%w: tensor<100x8xi8>, %t: tensor<2x2xi32>, %e: tensor<4x8xi8>) {
  // expected-error @+1 {{indices have the type 'tensor<2x2xi32>', expected one dimension of integers}}
  %0 = rung.gather source(%w : tensor<100x8xi8>) indices(%t : tensor<2x2xi32>) init(%e : tensor<4x8xi8>) -> tensor<4x8xi8>
  return
}

// -----

func.func @gather_rows(%w: tensor<100x8xi8>, %t: tensor<4xi32>, %e: tensor<4x9xi8>) {
  // expected-error @+1 {{init has the type 'tensor<4x9xi8>', expected rows of 'tensor<100x8xi8>'}}
  %0 = rung.gather source(%w : tensor<100x8xi8>) indices(%t : tensor<4xi32>) init(%e : tensor<4x9xi8>) -> tensor<4x9xi8>
  return
}

// -----

func.func @gather_count(%w: tensor<100x8xi8>, %t: tensor<4xi32>, %e: tensor<5x8xi8>) {
  // expected-error @+1 {{init has the type 'tensor<5x8xi8>', expected 4 rows, one for each index}}
  %0 = rung.gather source(%w : tensor<100x8xi8>) indices(%t : tensor<4xi32>) init(%e : tensor<5x8xi8>) -> tensor<5x8xi8>
  return
}

// -----

// expected-error @+1 {{found 'rows' twice, expected it once}}
"test"() {a = #rung.schedule<rows = 1, rows = 2>} : () -> ()

// -----

func.func @no_schedule(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %e: tensor<?x32xf32>) {
  // expected-error @+1 {{has schedules for up to 0 rows; give the last one up_to = 0}}
  %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64xf32>) init(%e : tensor<?x32xf32>) {schedules = []} -> tensor<?x32xf32>
  return
}

// -----

func.func @no_schedule_for_many(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %e: tensor<?x32xf32>) {
  // expected-error @+1 {{has schedules for up to 4 rows; give the last one up_to = 0}}
  %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64xf32>) init(%e : tensor<?x32xf32>) {schedules = [#rung.schedule<rows = 1, up_to = 4>]} -> tensor<?x32xf32>
  return
}

// -----

func.func @hidden_schedule(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %e: tensor<?x32xf32>) {
  // expected-error @+1 {{after one that serves any number of rows; order them by up_to, which is 0 in the last}}
  %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64xf32>) init(%e : tensor<?x32xf32>) {schedules = [#rung.schedule<rows = 1>, #rung.schedule<rows = 4>]} -> tensor<?x32xf32>
  return
}

// -----

func.func @schedules_out_of_order(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %e: tensor<?x32xf32>) {
  // expected-error @+1 {{after one that serves as many rows}}
  %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64xf32>) init(%e : tensor<?x32xf32>) {schedules = [#rung.schedule<rows = 4, up_to = 4>, #rung.schedule<rows = 1, up_to = 1>, #rung.schedule<rows = 4>]} -> tensor<?x32xf32>
  return
}

// -----

func.func @no_schedules(%x: tensor<?x64xf32>, %w: tensor<32x64xf32>, %e: tensor<?x32xf32>) {
  // expected-error @+1 {{attribute 'schedules' failed to satisfy constraint: schedules}}
  %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64xf32>) init(%e : tensor<?x32xf32>) {schedules = ["fast"]} -> tensor<?x32xf32>
  return
}

// -----

func.func @matmul_compute(%x: tensor<1x64xf32>, %w: tensor<32x64xi8>, %y: tensor<1x32xf32>) {
  // expected-error @+1 {{computes in 'index', expected a number format}}
  %0 = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64xi8>) init(%y : tensor<1x32xf32>) {compute = index} -> tensor<1x32xf32>
  return
}

// -----

// expected-error@+1 {{the intrinsic is 'mma.sync', expected LLVM's name, as in 'llvm.nvvm.mma.m16n8k16.row.col.f32.f32'}}
"test"() {a = #rung.matrix_instruction<"mma.sync", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1>} : () -> ()

// -----

// expected-error@+1 {{multiplies 'f32', expected number formats of 8 or 16 bits}}
"test"() {a = #rung.matrix_instruction<"llvm.mma", a = f32, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1>} : () -> ()

// -----

// expected-error@+1 {{multiplies 'index', expected number formats of 8 or 16 bits}}
"test"() {a = #rung.matrix_instruction<"llvm.mma", a = index, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1>} : () -> ()

// -----

// expected-error@+1 {{adds into 'f16', expected f32 or i32}}
"test"() {a = #rung.matrix_instruction<"llvm.mma", a = f16, b = f16, c = f16, fragments = "mma.m16n8k16.f16", rate = 1>} : () -> ()

// -----

// expected-error@+1 {{there is no fragment map 'mma.m8n8k4.f16.a'; see Layout/Fragments.h}}
"test"() {a = #rung.matrix_instruction<"llvm.mma", a = f16, b = f16, c = f32, fragments = "mma.m8n8k4.f16", rate = 1>} : () -> ()

// -----

// expected-error@+1 {{rate is 0, expected at least 1}}
"test"() {a = #rung.matrix_instruction<"llvm.mma", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 0>} : () -> ()

// -----

// expected-error@+1 {{matrix is [1], expected a list of #rung.matrix_instruction}}
"test"() {a = #rung.device<"d", {matrix = [1]}>} : () -> ()

// -----

// Operations of this dialect do not multiply sizes that no memory holds.
func.func @too_large(%w: tensor<4294967296x4294967296xi8>, %e: tensor<4294967296x4294967296xf32>) {
  // expected-error @+1 {{'rung.convert' op has the operand 'tensor<4294967296x4294967296xi8>', which no memory holds; expected less than 2^47 bytes}}
  %0 = rung.convert %w : tensor<4294967296x4294967296xi8> -> tensor<4294967296x4294967296xf32>
  return
}
