// RUN: rung-opt --convert-rung-to-tile --verify-diagnostics --split-input-file %s

func.func @tensor(%w: tensor<4x64xi8>, %e: tensor<4x64xf32>) -> tensor<4x64xf32> {
  // expected-error @+1 {{is left: it must be on memrefs, and a matmul needs storage, schedules and compute (run rung-select-compute, rung-select-schedule, rung-separate-storage and bufferization first)}}
  %d = rung.elementwise dequantize input(%w : tensor<4x64xi8>) init(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %d : tensor<4x64xf32>
}

// -----

func.func @gather_of_tensors(%w: tensor<4x64xi8>, %i: tensor<2xi32>, %e: tensor<2x64xi8>) -> tensor<2x64xi8> {
  // expected-error @+1 {{is left: it must be on memrefs}}
  %r = rung.gather source(%w : tensor<4x64xi8>) indices(%i : tensor<2xi32>) init(%e : tensor<2x64xi8>) -> tensor<2x64xi8>
  return %r : tensor<2x64xi8>
}

// -----

func.func @no_schedule(%x: memref<1x64xf32>, %w: memref<32x64xf32>, %y: memref<1x32xf32>) {
  // expected-error @+1 {{is left: it must be on memrefs, and a matmul needs storage, schedules and compute}}
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<32x64xf32>) init(%y : memref<1x32xf32>) {compute = f32}
  return
}
