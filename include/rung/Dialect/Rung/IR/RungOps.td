//===- RungOps.td - operations on tensors in number formats -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNGOPS_TD
#define RUNG_DIALECT_RUNG_IR_RUNGOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "rung/Dialect/Rung/IR/RungAttrs.td"
include "rung/Dialect/Rung/IR/RungTypes.td"

class Rung_Op<string mnemonic, list<Trait> traits = []>
    : Op<Rung_Dialect, mnemonic, !listconcat([Rung_Addressable], traits)>;

def Rung_Tensor : Type<
    CPred<"::rung::isFormatTensor($_self)">, "ranked tensor or memref of a number format", "::mlir::ShapedType">;
def Rung_AnyStorage : Type<
    CPred<"::llvm::isa<::mlir::RankedTensorType, ::mlir::MemRefType>($_self)">,
    "ranked tensor or memref", "::mlir::ShapedType">;

// Operations that read and write memory after bufferization: a result for a tensor
// destination, none for a memref.
class Rung_DestinationOp<string mnemonic, list<Trait> traits = []>
    : Rung_Op<mnemonic, !listconcat([DestinationStyleOpInterface,
                                     DeclareOpInterfaceMethods<MemoryEffectsOpInterface>,
                                     DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>], traits)> {
  let results = (outs Variadic<Rung_AnyStorage>:$results);
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
    /// Format and shape of an operand, whether it is separated into storage or not.
    ::mlir::RankedTensorType getLogicalType(::mlir::Value operand);
  }];
}

def Rung_ParameterOp : Rung_Op<"parameter", [Pure]> {
  let summary = "named tensor of a safetensors file";
  let description = [{
    Stands for the tensor `name` of the files given to rung-compile by
    `--parameters`, in canonical storage. It is read when the bundle is
    written, and not before, so modules stay small. With `storage` the result is
    the parameter in that order; `negated` says that its values change sign. With
    `whole` it is a slice of a tensor of that type, at `offsets` and of `sizes`,
    of which dimensions of 1 but the last may be left out. After bufferization the result is a
    memref, which nothing may write.

    ```mlir
    %w = rung.parameter @layer.0.weight : tensor<64x64x!rung.uint<4>>
    %q = rung.parameter @experts {whole = tensor<8x64x64x!rung.uint<4>>, offsets = array<i64: 3, 0, 0>, sizes = array<i64: 1, 64, 64>} : tensor<64x64x!rung.uint<4>>
    %p = rung.parameter @layer.0.scale {storage = #rung.storage<f16, [64, 2], lanes, rows_per_block = 1>} : tensor<4x2x16xf16>
    ```
  }];
  let arguments = (ins StrAttr:$name, OptionalAttr<Rung_StorageAttr>:$storage, UnitAttr:$negated,
                       OptionalAttr<TypeAttrOf<AnyRankedTensor>>:$whole,
                       OptionalAttr<DenseI64ArrayAttr>:$offsets, OptionalAttr<DenseI64ArrayAttr>:$sizes);
  let results = (outs Rung_AnyStorage:$result);
  let assemblyFormat = "custom<ParameterName>($name) attr-dict `:` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getLogicalType();
  }];
}

def Rung_ConstantOp : Rung_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "constant tensor of codes";
  let description = [{
    ```mlir
    %c = rung.constant #rung.codes<[1, 2, 3]> : tensor<3x!rung.int<4>>
    ```
  }];
  let arguments = (ins Rung_CodesAttr:$value);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "attr-dict qualified($value)";
  let hasFolder = 1;
}

def Rung_DequantizeOp : Rung_Op<"dequantize", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "values of scaled codes";
  let description = [{
    With v the value of a code, s its scale and z its zero point, the defined
    value of an element is exactly

    | zero point | value |
    | --- | --- |
    | none | s * v |
    | `integer`, `float` | s * (v - z) |
    | `rescale` | s * v - z |

    The result type is the permission to round: an implementation may return or
    use any value within half a unit in the last place of the result type.

    A scale tensor has the input's rank; its dimension i is
    ceil(dim i / block i). Without `block`, each dimension of the scale is 1 (one
    scale for all of it) or the input's. A scale of rank 0 serves the whole
    tensor. `second_scale` multiplies the scales; its blocks count elements of
    the input. Zero points are blocked like scales, and without a scale s is 1.

    ```mlir
    %a = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32]
        : tensor<32x64xf4E2M1FN> -> tensor<32x64xf16>
    %b = rung.dequantize %w scale(%s : tensor<32x2xf16>) zero_point(%z : tensor<32x2x!rung.uint<4>>) integer
        block [1, 32] : tensor<32x64x!rung.uint<4>> -> tensor<32x64xf32>
    %c = rung.dequantize %w scale(%s : tensor<32x4xf8E4M3FN>) second_scale(%t : tensor<f32>) block [1, 16]
        : tensor<32x64xf4E2M1FN> -> tensor<32x64xf32>
    ```
  }];
  let arguments = (ins Rung_Tensor:$input, Optional<Rung_Tensor>:$scale,
                       Optional<Rung_Tensor>:$secondScale, Optional<Rung_Tensor>:$zeroPoint,
                       OptionalAttr<Rung_ZeroPointModeAttr>:$mode,
                       OptionalAttr<DenseI64ArrayAttr>:$block,
                       OptionalAttr<DenseI64ArrayAttr>:$secondBlock);
  let results = (outs Rung_Tensor:$result);
  let assemblyFormat = [{
    $input (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`second_scale` `(` $secondScale^ `:` type($secondScale) `)` (`second_block` $secondBlock^)?)?
    (`zero_point` `(` $zeroPoint^ `:` type($zeroPoint) `)` custom<ZeroPointMode>($mode))?
    (`block` $block^)? attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Rung_QuantizeOp : Rung_Op<"quantize", [Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "codes whose scaled values are nearest to the input";
  let description = [{
    The inverse of `rung.dequantize`: rounds x / s + z (`integer`, `float`),
    (x + z) / s (`rescale`) or x / s to the result's format. Values beyond its
    finite range become its largest or smallest finite value (`saturate`) or
    what the format's overflow rule gives. The exact value is rounded, once;
    folded constants are exact always, kernels for x and s of up to 32 bits and
    results in narrower formats.

    ```mlir
    %q = rung.quantize %x scale(%s : tensor<32x2xf16>) block [1, 32] nearest_even saturate
        : tensor<32x64xf32> -> tensor<32x64x!rung.int<4>>
    ```
  }];
  let arguments = (ins Rung_Tensor:$input, Optional<Rung_Tensor>:$scale,
                       Optional<Rung_Tensor>:$zeroPoint,
                       OptionalAttr<Rung_ZeroPointModeAttr>:$mode,
                       OptionalAttr<DenseI64ArrayAttr>:$block,
                       Rung_RoundingModeAttr:$rounding, UnitAttr:$saturate);
  let results = (outs Rung_Tensor:$result);
  let hasFolder = 1;
  let assemblyFormat = [{
    $input (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`zero_point` `(` $zeroPoint^ `:` type($zeroPoint) `)` custom<ZeroPointMode>($mode))?
    (`block` $block^)? custom<RequiredRounding>($rounding) (`saturate` $saturate^)? attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Rung_ConvertOp : Rung_Op<"convert", [Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the same values in another format";
  let description = [{
    Without a rounding mode every value of the source must be a value of the
    target: the verifier enumerates them and names the first that would be lost.

    `stochastic` takes random bits, an integer format's code for each element:
    with r the n bits of the code, read without a sign, an x between its
    neighbours low and high becomes high if (x - low) / (high - low) > r / 2^n,
    exactly, else low. Over uniform random bits the result is x on average.
    Kernels take as many bits as f64 holds the thresholds for, 32 but for
    unusual codebooks.

    ```mlir
    %a = rung.convert %x : tensor<64x!rung.int<4>> -> tensor<64xf8E4M3FN>
    %b = rung.convert %y nearest_even saturate : tensor<64xf32> -> tensor<64x!rung.int<4>>
    %c = rung.convert %y stochastic random(%r : tensor<64x!rung.uint<8>>) : tensor<64xf32> -> tensor<64xf8E4M3FN>
    ```
  }];
  let arguments = (ins Rung_Tensor:$input, Optional<Rung_Tensor>:$random,
                       OptionalAttr<Rung_RoundingModeAttr>:$rounding, UnitAttr:$saturate);
  let results = (outs Rung_Tensor:$result);
  let assemblyFormat = [{
    $input custom<OptionalRounding>($rounding) (`random` `(` $random^ `:` type($random) `)`)? (`saturate` $saturate^)?
    attr-dict `:` type($input) `->` type($result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
  let hasCanonicalizer = 1;
}

def Rung_PackOp : Rung_Op<"pack", [Pure]> {
  let summary = "codes from canonical storage into the order of a kernel";
  let description = [{
    The result is what `storage` describes. The input is the logical tensor or
    its canonical storage.

    ```mlir
    %p = rung.pack %w into <f16, [64, 2], lanes, rows_per_block = 1> : tensor<64x2xf16> -> tensor<4x2x16xf16>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, Rung_StorageAttr:$storage);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input `into` $storage attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Rung_UnpackOp : Rung_Op<"unpack", [Pure]> {
  let summary = "codes from the order of a kernel back to the logical tensor";
  let description = [{
    ```mlir
    %w = rung.unpack %p from <f16, [64, 2], lanes, rows_per_block = 1> : tensor<4x2x16xf16> -> tensor<64x2xf16>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$input, Rung_StorageAttr:$storage);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input `from` $storage attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Rung_MatmulOp : Rung_DestinationOp<"matmul", [AttrSizedOperandSegments]> {
  let summary = "matmul of activations with scaled weights, and its epilogue";
  let description = [{
    result[m, n] = activation(sum over k of x[m, k] * w[n, k] + bias[n]) + residual[m, n]
    (relu(x) is max(x, 0), and NaN for NaN), rounded to the result's format (nearest-even; `saturate` as for
    `rung.convert`), with w[n, k] the value that `rung.dequantize` defines for weight,
    scales and zero point. Accumulation is in `compute` (chosen by
    rung-select-compute). The values of weight may be rounded to `dequantized`,
    the result type of the `rung.dequantize` that came in. The contents of the
    destination are not read.

    Shapes: x M*K, weight N*K, scales and zero point as for `rung.dequantize`
    (blocked `block`), bias N, residual and result M*N.

    ```mlir
    %y = rung.matmul x(%x : tensor<?x64xf16>) weight(%w : tensor<32x64x!rung.int<3>>)
        scale(%s : tensor<32x2xf16>) init(%e : tensor<?x32xf16>) {block = array<i64: 1, 32>} -> tensor<?x32xf16>
    ```

    `schedules` ascend in `up_to`: a call takes the first that serves its rows,
    and the last must serve any number of them.

    After `rung-separate-storage`, operands are storage tensors and `storage`
    says for each what it stands for.
  }];
  let arguments = (ins Rung_AnyStorage:$x, Rung_AnyStorage:$weight,
                       Optional<Rung_AnyStorage>:$scale, Optional<Rung_AnyStorage>:$secondScale,
                       Optional<Rung_AnyStorage>:$zeroPoint, Optional<Rung_AnyStorage>:$bias,
                       Optional<Rung_AnyStorage>:$residual, Rung_AnyStorage:$init,
                       OptionalAttr<Rung_ZeroPointModeAttr>:$mode,
                       OptionalAttr<DenseI64ArrayAttr>:$block,
                       OptionalAttr<DenseI64ArrayAttr>:$secondBlock,
                       DefaultValuedAttr<Rung_ActivationAttr, "::rung::Activation::None">:$activation,
                       UnitAttr:$saturate, OptionalAttr<TypeAttr>:$compute,
                       OptionalAttr<TypeAttr>:$dequantized,
                       OptionalAttr<TypedArrayAttrBase<Rung_ScheduleAttr, "schedules">>:$schedules,
                       OptionalAttr<TypedArrayAttrBase<Rung_StorageAttr, "storage of each operand">>:$storage);
  let assemblyFormat = [{
    `x` `(` $x `:` type($x) `)` `weight` `(` $weight `:` type($weight) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`second_scale` `(` $secondScale^ `:` type($secondScale) `)`)?
    (`zero_point` `(` $zeroPoint^ `:` type($zeroPoint) `)` custom<ZeroPointMode>($mode))?
    (`bias` `(` $bias^ `:` type($bias) `)`)? (`residual` `(` $residual^ `:` type($residual) `)`)?
    `init` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def Rung_ElementwiseOp : Rung_DestinationOp<"elementwise", [AttrSizedOperandSegments]> {
  let summary = "conversion kernel: dequantize, quantize or convert into a destination";
  let description = [{
    What `rung.dequantize` (kind `dequantize`), `rung.quantize` (`quantize`) and
    `rung.convert` (`convert`) become when they stand alone: the same function,
    with operands in storage and a destination.

    ```mlir
    %y = rung.elementwise dequantize input(%w : tensor<32x32xi8>) scale(%s : tensor<32x2xf16>)
        init(%e : tensor<32x64xf32>) {block = array<i64: 1, 32>, storage = [...]} -> tensor<32x64xf32>
    ```
  }];
  let arguments = (ins StrAttr:$kind, Rung_AnyStorage:$input,
                       Optional<Rung_AnyStorage>:$scale, Optional<Rung_AnyStorage>:$secondScale,
                       Optional<Rung_AnyStorage>:$zeroPoint, Optional<Rung_AnyStorage>:$random,
                       Rung_AnyStorage:$init, OptionalAttr<Rung_ZeroPointModeAttr>:$mode,
                       OptionalAttr<DenseI64ArrayAttr>:$block,
                       OptionalAttr<DenseI64ArrayAttr>:$secondBlock,
                       DefaultValuedAttr<Rung_RoundingModeAttr, "::rung::RoundingMode::NearestEven">:$rounding,
                       UnitAttr:$saturate,
                       OptionalAttr<TypedArrayAttrBase<Rung_StorageAttr, "storage of each operand">>:$storage);
  let assemblyFormat = [{
    custom<KeywordString>($kind) `input` `(` $input `:` type($input) `)`
    (`scale` `(` $scale^ `:` type($scale) `)`)?
    (`second_scale` `(` $secondScale^ `:` type($secondScale) `)`)?
    (`zero_point` `(` $zeroPoint^ `:` type($zeroPoint) `)` custom<ZeroPointMode>($mode))?
    (`random` `(` $random^ `:` type($random) `)`)?
    `init` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

def Rung_GatherOp : Rung_DestinationOp<"gather"> {
  let summary = "rows of codes, by index";
  let description = [{
    result[i, ...] = source[indices[i], ...]. An index outside the source is
    reported through the runtime's error and reads row 0.

    ```mlir
    %r = rung.gather source(%w : tensor<100x64x!rung.int<8>>) indices(%t : tensor<?xi32>)
        init(%e : tensor<?x64x!rung.int<8>>) -> tensor<?x64x!rung.int<8>>
    ```
  }];
  let arguments = (ins Rung_AnyStorage:$source, Rung_AnyStorage:$indices, Rung_AnyStorage:$init,
                       OptionalAttr<TypedArrayAttrBase<Rung_StorageAttr, "storage of each operand">>:$storage);
  let assemblyFormat = [{
    `source` `(` $source `:` type($source) `)` `indices` `(` $indices `:` type($indices) `)`
    `init` `(` $init `:` type($init) `)` attr-dict (`->` type($results)^)?
  }];
}

#endif // RUNG_DIALECT_RUNG_IR_RUNGOPS_TD
