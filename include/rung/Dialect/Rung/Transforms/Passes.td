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
    its own, `rung.elementwise`. Upstream's widening casts of codes are
    `rung.convert`; slices, reshapes, concatenations and transposes of codes that
    do not move whole bytes move the values in a builtin type that has them all.
    Codes in i1 that upstream operations use become conditions, and conditions
    that leave a function codes.

    Into the matmul go, in this order and each only if the value before it has no other
    use: a bias broadcast along M, one of the activations relu, gelu (erf) and
    silu, a residual, the rounding to the result's type. `arith.maxnumf` and
    comparisons with 0 are relu too, though of NaN they make 0 and the matmul's
    relu NaN. A step that rounds the
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
           bias(%bias : tensor<32xf16>) init(%e : tensor<?x32xf16>) {activation = #rung<activation relu>, block = array<i64: 1, 32>}
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect", "::rung::RungDialect"];
  let options = [
    Option<"remarks", "remarks", "bool", "false",
           "Say why a contraction with a dequantized operand was not fused">];
}

def RungSetDevice : Pass<"rung-set-device", "::mlir::ModuleOp"> {
  let summary = "Write the device that the module is compiled for";
  let description = [{
    A module that has `rung.device` keeps it.

    Before:
    ```mlir
    module {}
    ```
    After:
    ```mlir
    module attributes {rung.device = #rung.device<"cpu:x86-64", {lanes = 16 : i64, lookup = "gather", ...}>} {}
    ```
  }];
  let dependentDialects = ["::rung::RungDialect"];
  let options = [Option<"target", "target", "std::string", "\"cpu\"", "'cpu' (this machine), 'cpu:NAME' or 'cuda:sm_NN'">];
}

def RungCheckSizes : Pass<"rung-check-sizes", "::mlir::ModuleOp"> {
  let summary = "Refuse tensors that no memory holds";
  let description = [{
    The passes that follow multiply sizes. Every tensor, memref and vector of an
    operation, a block or a signature must have less than 2^47 bytes, a size of 0
    and an unknown one counted as 1. Others are an error: "'tensor.empty' op has
    the result 'tensor<2097152x2097152x64xf32>', which no memory holds; expected
    less than 2^47 bytes". What passes stays as it is.

    Before:
    ```mlir
    %0 = tensor.empty() : tensor<2097152x64xf32>
    ```
    After:
    ```mlir
    %0 = tensor.empty() : tensor<2097152x64xf32>
    ```
  }];
}

def RungSelectCompute : Pass<"rung-select-compute", "::mlir::ModuleOp"> {
  let summary = "Choose the format that each matmul computes in";
  let description = [{
    The fastest format of the device (`compute` of `rung.device`, fastest first)
    to which every value of both operands converts without loss; formats before
    it were refused, and a remark says why. Integer formats serve
    integer operands only: without scales the sum is one integer, with scales it is exact for a
    group and then scaled. A matmul that has `compute` keeps it.

    Before:
    ```mlir
    %y = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf16>) -> tensor<1x32xf16>
    ```
    After:
    ```mlir
    // remark: computes in f32; not in i32: it lacks 5.960464477539063e-08, a value of x (f16)
    %y = rung.matmul x(%x : tensor<1x64xf16>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf16>) {compute = f32} -> tensor<1x32xf16>
    ```
  }];
  let dependentDialects = ["::rung::RungDialect"];
  let options = [Option<"remarks", "remarks", "bool", "false", "Say what was chosen and why each faster format was refused">];
}

def RungSelectSchedule : Pass<"rung-select-schedule", "::mlir::ModuleOp"> {
  let summary = "Choose the tiles of each matmul";
  let description = [{
    A matmul with a dynamic number of rows gets a schedule for one row and one
    for many; the kernel picks at run time. Scales go to the accumulator when a
    group holds whole steps of K, else to each decoded weight. A step is a whole
    number of the weight's decode units, more of them where registers are many
    and rows few. A matmul that has `schedules` (written by hand, say) keeps
    them.

    On a device with a matrix instruction for the compute format, rows are whole
    operands of it and a step whole packed tiles; the warps of a block share the
    columns. Where groups would meet in one instruction, f32 is computed in.

    Before:
    ```mlir
    %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<?x32xf32>) {compute = f32} -> tensor<?x32xf32>
    ```
    After:
    ```mlir
    %y = rung.matmul ... {compute = f32, schedules = [
      #rung.schedule<rows = 1, columns = 16, depth = 32, up_to = 1, scale = accumulator>,
      #rung.schedule<rows = 8, columns = 16, depth = 8, scale = accumulator>]}
    ```
  }];
  let dependentDialects = ["::rung::RungDialect"];
}

def RungSeparateStorage : Pass<"rung-separate-storage", "::mlir::ModuleOp"> {
  let summary = "Separate what is stored from what is computed: number formats become packed words";
  let description = [{
    Weights of a matmul become words in the packed order that all of its
    schedules read, their scales and zero points follow its lanes, all other
    tensors in formats of up to 8 bits become bytes in canonical storage, and
    slices, reshapes, concatenations and branches of them move these.
    `storage` of each operation says what the words stand for. A function
    argument that is a weight arrives packed, and a function
    `ENTRY.pack.ARGUMENT` is made that packs it from canonical storage; a
    `rung.parameter` is packed when the bundle is written. After this pass no
    sub-byte element type is left; it fails if there is one.

    Before:
    ```mlir
    func.func @f(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>> {rung.name = "w"}) -> tensor<1x32xf32> {
      %y = rung.matmul x(%x : ...) weight(%w : tensor<32x64x!rung.int<4>>) ...
    ```
    After:
    ```mlir
    func.func @f(%x: tensor<1x64xf32>, %w: tensor<2x8x1x16xi32> {rung.name = "w", rung.pack = @f.pack.w, rung.storage = #rung.storage<...>}) -> tensor<1x32xf32> {
      %y = rung.matmul x(%x : ...) weight(%w : tensor<2x8x1x16xi32>) ... {storage = [...]}
    ...
    func.func @f.pack.w(%w: tensor<32x32xi8>) -> tensor<2x8x1x16xi32>
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::func::FuncDialect", "::mlir::LLVM::LLVMDialect",
                           "::mlir::math::MathDialect", "::mlir::tensor::TensorDialect",
                           "::mlir::vector::VectorDialect", "::rung::RungDialect", "::rung::tile::TileDialect"];
}

def RungExpandPack : Pass<"rung-expand-pack", "::mlir::func::FuncOp"> {
  let summary = "Write packing at run time as linalg";
  let description = [{
    `rung.pack` of codes in canonical storage becomes a `linalg.generic` over
    the packed words that gathers the bits of each; the index arithmetic is
    that of the layout's GF(2) map. Codes beyond the edges are one that decodes
    to 0 where the format has it, else to a finite value.

    Before:
    ```mlir
    %p = rung.pack %w into #rung.storage<!rung.int<4>, [32, 64], words, layout = "..."> : tensor<32x32xi8> -> tensor<2x8x1x16xi32>
    ```
    After:
    ```mlir
    %p = linalg.generic ... outs(%e : tensor<2x8x1x16xi32>) {
      %byte = tensor.extract %w[%n, %b]
      ... shifts, masks, ors ...
      linalg.yield %word : i32
    }
    ```
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"];
}

def RungLowerParameters : Pass<"rung-lower-parameters", "::mlir::ModuleOp"> {
  let summary = "Replace parameters by constants that the runtime provides";
  let description = [{
    Each distinct `rung.parameter` becomes a `memref.global` without a value,
    marked with its position among the bundle's constants; `rung.constants` of
    the module says for each position which tensor of a safetensors file it is,
    in which storage, and whether its values change sign.

    Before:
    ```mlir
    %w = rung.parameter @w {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : memref<4x2x16xf16>
    ```
    After:
    ```mlir
    module attributes {rung.constants = [{name = "w", negated = false, storage = #rung.storage<...>} ]} {
      memref.global "private" @rung.constant.0 : memref<4x2x16xf16> {rung.constant = 0 : i64}
      ...
      %w = memref.get_global @rung.constant.0 : memref<4x2x16xf16>
    ```
  }];
  let dependentDialects = ["::mlir::memref::MemRefDialect"];
}

#endif // RUNG_DIALECT_RUNG_TRANSFORMS_PASSES_TD
