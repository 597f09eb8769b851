//===- Passes.td - passes on the rung dialect -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_TRANSFORMS_PASSES_TD
#define RUNG_DIALECT_RUNG_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def RungFuseDequantize : Pass<"rung-fuse-dequantize", "::mlir::func::FuncOp"> {
  let summary = "Fuse dequantized weights, contraction and epilogue into rung.matmul";
  let description = [{
    A `linalg` contraction of activations with a dequantized weight becomes
    `rung.matmul`, which reads the codes; gathers and slices of dequantized
    tensors become gathers and slices of codes; what is left of
    `rung.dequantize`, `rung.quantize` and `rung.convert` becomes a kernel of
    its own, `rung.elementwise`.

    Into the matmul go, in this order and each only if the value before it has no other
    use: a bias broadcast along M, one of the activations relu, gelu (erf) and
    silu, a residual, the rounding to the result's type. A step that rounds the
    accumulator before the epilogue stays outside.

    The contraction is found in named operations and generics, through
    transposes, unit dimensions and lossless casts. A weight whose codes run
    along N (contracted over its rows) is not fused, nor is a value with an
    initial accumulator that is neither zero nor a residual. Values change only
    as `rung.dequantize` permits: products use the weight before its rounding to
    the dequantized type. The remarks say why a dequantized operand of a contraction was not
    fused.

    Before:
    ```mlir
    %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32] : tensor<32x64x!rung.int<4>> -> tensor<32x64xf16>
    %0 = linalg.matmul indexing_maps = [(m, n, k) -> (m, k), (m, n, k) -> (n, k), (m, n, k) -> (m, n)]
           ins(%x, %d : tensor<?x64xf16>, tensor<32x64xf16>) outs(%zeros : tensor<?x32xf32>)
    %1 = linalg.generic ... ins(%0, %bias) { addf, maximumf 0, truncf }
    ```
    After:
    ```mlir
    %e = tensor.empty(%m) : tensor<?x32xf16>
    %1 = rung.matmul x(%x : tensor<?x64xf16>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>)
           bias(%bias : tensor<32xf16>) init(%e : tensor<?x32xf16>) {activation = #rung.activation<relu>, block = array<i64: 1, 32>}
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::rung::RungDialect"];
  let options = [
    Option<"remarks", "remarks", "bool", "false",
           "Say why a contraction with a dequantized operand was not fused">];
}

#endif // RUNG_DIALECT_RUNG_TRANSFORMS_PASSES_TD
