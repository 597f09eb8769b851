// RUN: rung-opt --rung-separate-storage --verify-diagnostics --split-input-file %s

func.func @dynamic_weight(%x: tensor<4x64xf32>, %w: tensor<?x64x!rung.int<4>>, %e: tensor<4x?xf32>) -> tensor<4x?xf32> {
  // expected-error @+1 {{operand 1 is 'tensor<?x64x!rung.int<4>>', but packed weights, scales and zero points have static shapes; contract it as a dequantized tensor}}
  %y = rung.matmul x(%x : tensor<4x64xf32>) weight(%w : tensor<?x64x!rung.int<4>>) init(%e : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %y : tensor<4x?xf32>
}

// -----

// Upstream operations cannot work on codes of less than a byte.

func.func @upstream(%w: tensor<4x64x!rung.int<4>>) -> tensor<64x4x!rung.int<4>> {
  %e = tensor.empty() : tensor<64x4x!rung.int<4>>
  // expected-error @+1 {{works on 'tensor<4x64x!rung.int<4>>', which has no storage of its own here; convert it to a builtin type of at least 8 bits first (rung.convert, rung.dequantize)}}
  %t = linalg.transpose ins(%w : tensor<4x64x!rung.int<4>>) outs(%e : tensor<64x4x!rung.int<4>>) permutation = [1, 0]
  return %t : tensor<64x4x!rung.int<4>>
}

// -----

// Of 3-bit codes 3 bytes may hold 6, 7 or 8.

// expected-error @+1 {{has the block argument 'tensor<4x?x!rung.int<3>>', whose last dimension is dynamic; rows of codes of less than 8 bits are padded to whole bytes, which do not tell how many they are: give it a static last dimension}}
func.func @dynamic_row(%w: tensor<4x?x!rung.int<3>>) -> tensor<4x?x!rung.int<3>> {
  return %w : tensor<4x?x!rung.int<3>>
}

// -----

// expected-error @+1 {{has the block argument 'memref<4x64xi4>', whose elements have no storage of their own}}
func.func @memory(%w: memref<4x64xi4>) {
  return
}

// -----

func.func @condition_as_number(%x: tensor<9xf32>) -> tensor<9xi1> {
  // expected-error @+1 {{works on 'tensor<9xi1>', which has no storage of its own here}}
  %y = arith.cmpf ogt, %x, %x : tensor<9xf32>
  return %y : tensor<9xi1>
}

// -----

func.func @after_bufferization(%w: memref<4x64xi8>, %y: memref<4x64xf32>) {
  // expected-error @+1 {{has its storage already; this pass comes once, before bufferization}}
  rung.elementwise dequantize input(%w : memref<4x64xi8>) init(%y : memref<4x64xf32>)
  return
}

// -----

// expected-error @+1 {{has the block argument 'tensor<100x9223372036854775807x!rung.int<4>>', which no memory holds}}
func.func @too_large(%w: tensor<100x9223372036854775807x!rung.int<4>>) {
  return
}
