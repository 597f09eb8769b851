// RUN: rung-opt %s --rung-describe-entries --rung-prepare-entries -split-input-file -verify-diagnostics

// What an entry calls has been inlined into it, or cannot be.

func.func @factorial(%x: tensor<f32>) -> tensor<f32> {
  // expected-error @+1 {{calls 'factorial', which cannot be inlined: it has no body, or calls itself}}
  %y = func.call @factorial(%x) : (tensor<f32>) -> tensor<f32>
  return %y : tensor<f32>
}
