//===- RungAttrs.td - attributes of the rung dialect -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNGATTRS_TD
#define RUNG_DIALECT_RUNG_IR_RUNGATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "rung/Dialect/Rung/IR/RungDialect.td"

class Rung_I32Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::rung";
  let genSpecializedAttr = 0;
}
class Rung_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Rung_Dialect, info, mnemonic>;

def Rung_ZeroPointMode : Rung_I32Enum<"ZeroPointMode", "how a zero point z enters", [
  I32EnumAttrCase<"Integer", 0, "integer">,   // s * (v - z), z an integer format
  I32EnumAttrCase<"Float", 1, "float">,       // s * (v - z), z a floating format
  I32EnumAttrCase<"Rescale", 2, "rescale">,   // s * v - z
]>;
def Rung_ZeroPointModeAttr : Rung_EnumAttr<Rung_ZeroPointMode, "zero_point_mode">;

def Rung_RoundingMode : Rung_I32Enum<"RoundingMode", "rule for values that the target format lacks", [
  I32EnumAttrCase<"NearestEven", 0, "nearest_even">,
  I32EnumAttrCase<"TowardZero", 1, "toward_zero">,
  I32EnumAttrCase<"Stochastic", 2, "stochastic">, // by random bits that come with the values
]>;
def Rung_RoundingModeAttr : Rung_EnumAttr<Rung_RoundingMode, "rounding">;

def Rung_Activation : Rung_I32Enum<"Activation", "elementwise function of a matmul's epilogue", [
  I32EnumAttrCase<"None", 0, "none">,
  I32EnumAttrCase<"Relu", 1, "relu">,
  I32EnumAttrCase<"Gelu", 2, "gelu">,         // exact: x/2 * (1 + erf(x / sqrt 2))
  I32EnumAttrCase<"Silu", 3, "silu">,         // x / (1 + exp -x)
]>;
def Rung_ActivationAttr : Rung_EnumAttr<Rung_Activation, "activation">;

def Rung_StorageKind : Rung_I32Enum<"StorageKind", "order of codes in memory", [
  I32EnumAttrCase<"Canonical", 0, "canonical">,
  I32EnumAttrCase<"Words", 1, "words">,
  I32EnumAttrCase<"Lanes", 2, "lanes">,
]>;

def Rung_ScalePlace : Rung_I32Enum<"ScalePlace", "where a matmul applies block scales", [
  I32EnumAttrCase<"Decode", 0, "decode">,           // to each weight, after it is decoded
  I32EnumAttrCase<"Accumulator", 1, "accumulator">, // to the sum of a group
]>;

def Rung_StorageAttr : AttrDef<Rung_Dialect, "Storage"> {
  let mnemonic = "storage";
  let summary = "which codes a tensor of plain words stands for, and in which order";
  let description = [{
    `rung-separate-storage` replaces tensors in number formats by tensors of
    builtin integers; this attribute, on the operation or argument, keeps what
    they mean: the format, the logical shape and the order.

    | kind | storage tensor |
    | --- | --- |
    | `canonical` | formats under 8 bits: `[..., ceil(K * b / 8)] x i8`, the codes of a row bit-packed least significant bit first; 8-bit formats: `i8`; wider ones: themselves |
    | `words` | a weight [N, K] in packed words, in the order `layout` (see Layout/PackedLayout.h) |
    | `lanes` | scales or zero points [N / bn, G] of a weight in that order: `[ceil(N / 16), G, 16]`, one code for each lane, rows repeated bn times |

    ```mlir
    #rung.storage<!rung.int<4>, [4096, 64], canonical>
    #rung.storage<f16, [4096, 2], lanes, rows_per_block = 1>
    ```
  }];
  let parameters = (ins "::mlir::Type":$format, ArrayRefParameter<"int64_t">:$shape,
                        "::rung::StorageKind":$kind, StringRefParameter<>:$layout,
                        "int64_t":$rowsPerBlock);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    AttrBuilderWithInferredContext<(ins "::mlir::Type":$format, "::llvm::ArrayRef<int64_t>":$shape), [{
      return $_get(format.getContext(), format, shape, StorageKind::Canonical, "", 1);
    }]>,
  ];
  let extraClassDeclaration = [{
    /// The tensor type that holds the codes: see the table above.
    ::mlir::RankedTensorType getStorageType() const;
    /// The tensor of values it stands for.
    ::mlir::RankedTensorType getLogicalType() const;
    /// Width of a code.
    unsigned getBits() const;
    /// True if the logical tensor is its own storage.
    bool isIdentity() const;
  }];
}

def Rung_CodesAttr : AttrDef<Rung_Dialect, "Codes", [TypedAttrInterface]> {
  let mnemonic = "codes";
  let summary = "constant tensor of codes of a number format of up to 8 bits";
  let description = [{
    One code for each element in row-major order, or one for all. MLIR's own
    `dense` takes only builtin element types, and rounds silently.

    ```mlir
    #rung.codes<[0, 1, 2, 3]> : tensor<2x2x!rung.uint<2>>
    #rung.codes<7> : tensor<64x64xf4E2M1FN>
    ```
  }];
  let parameters = (ins AttributeSelfTypeParameter<"", "::mlir::RankedTensorType">:$type,
                        ArrayRefParameter<"uint8_t">:$codes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isSplat() const { return getCodes().size() == 1; }
    /// Code of the element at a row-major position.
    uint8_t getCode(int64_t position) const { return getCodes()[isSplat() ? 0 : position]; }
    /// The codes in canonical storage: `dense` bytes of the type that #rung.storage gives.
    ::mlir::DenseElementsAttr getCanonicalStorage() const;
  }];
}

def Rung_DeviceAttr : AttrDef<Rung_Dialect, "Device"> {
  let mnemonic = "device";
  let summary = "what passes know of a device";
  let description = [{
    Made from the tables of Target/; a module carries it as `rung.device`.
    Properties are named numbers and lists; see Target/Device.h for their
    meaning and units.

    ```mlir
    #rung.device<"cpu:x86-64-v4", {lanes = 16 : i64, registers = 32 : i64}>
    ```
  }];
  let parameters = (ins "::mlir::StringAttr":$name, "::mlir::DictionaryAttr":$properties);
  let assemblyFormat = "`<` $name `,` $properties `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// An integer property, or the given default.
    int64_t getInt(::llvm::StringRef key, int64_t otherwise = 0) const;
  }];
}

def Rung_MatrixInstructionAttr : AttrDef<Rung_Dialect, "MatrixInstruction"> {
  let mnemonic = "matrix_instruction";
  let summary = "an instruction that multiplies matrices in registers";
  let description = [{
    c + a · b, of elements in these formats, by LLVM's intrinsic `intrinsic`.
    `fragments` names the maps of Layout/Fragments.h that say which lane holds
    what: those called `fragments`.a, .b and .c. A group of `lanes` lanes issues
    it; `rate` is the products that one multiprocessor adds in a cycle.

    ```mlir
    #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32",
                             a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>
    ```
  }];
  let parameters = (ins StringRefParameter<"LLVM's name">:$intrinsic, "::mlir::Type":$a,
                        "::mlir::Type":$b, "::mlir::Type":$c,
                        StringRefParameter<"prefix of the maps">:$fragments, "int64_t":$rate);
  let assemblyFormat = "`<` $intrinsic `,` struct($a, $b, $c, $fragments, $rate) `>`";
  let genVerifyDecl = 1;
}

def Rung_ScheduleAttr : AttrDef<Rung_Dialect, "Schedule"> {
  let mnemonic = "schedule";
  let summary = "how a matmul is cut into tiles";
  let description = [{
    `rows`, `columns` and `depth` are the extents in M, N and K of the tile that
    one step multiplies (powers of two). It serves calls of up to `up_to` rows
    (0: any number). `scale` says where block scales are applied. `stages`
    copies are in flight, K is split over `split_k` blocks, a block has `warps`
    warps (1 on a CPU).

    ```mlir
    #rung.schedule<rows = 8, columns = 16, depth = 8, up_to = 0, scale = accumulator>
    ```
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "int64_t":$depth,
                        DefaultValuedParameter<"int64_t", "0">:$upTo,
                        DefaultValuedParameter<"::rung::ScalePlace", "::rung::ScalePlace::Accumulator">:$scale,
                        DefaultValuedParameter<"int64_t", "1">:$stages,
                        DefaultValuedParameter<"int64_t", "1">:$splitK,
                        DefaultValuedParameter<"int64_t", "1">:$warps);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // RUNG_DIALECT_RUNG_IR_RUNGATTRS_TD
