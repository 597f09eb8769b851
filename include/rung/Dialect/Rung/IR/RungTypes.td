//===- RungTypes.td - types of number formats -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNGTYPES_TD
#define RUNG_DIALECT_RUNG_IR_RUNGTYPES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypeInterfaces.td"
include "mlir/Interfaces/DataLayoutInterfaces.td"
include "rung/Dialect/Rung/IR/RungDialect.td"
include "rung/Dialect/Rung/IR/RungInterfaces.td"

class Rung_FormatType<string name, string typeMnemonic>
    : TypeDef<Rung_Dialect, name,
              [DeclareTypeInterfaceMethods<Rung_NumberFormatTypeInterface>,
               DeclareTypeInterfaceMethods<DataLayoutTypeInterface,
                                           ["getTypeSizeInBits", "getABIAlignment"]>,
               MemRefElementTypeInterface, VectorElementTypeInterface]> {
  let mnemonic = typeMnemonic;
  let genVerifyDecl = 1;
}

def Rung_IntType : Rung_FormatType<"Int", "int"> {
  let summary = "two's complement integer of 1 to 8 bits";
  let description = [{
    The value of a code is the code read as a two's complement number;
    `!rung.int<1>` has the values 0 and -1.

    ```mlir
    tensor<4096x4096x!rung.int<3>>
    ```
  }];
  let parameters = (ins "unsigned":$width);
  let assemblyFormat = "`<` custom<Width>($width) `>`";
}

def Rung_UIntType : Rung_FormatType<"UInt", "uint"> {
  let summary = "unsigned integer of 1 to 8 bits, less an offset";
  let description = [{
    The value of a code is `code - offset`.

    ```mlir
    !rung.uint<2>
    !rung.uint<5, offset = 16>
    ```
  }];
  let parameters = (ins "unsigned":$width, DefaultValuedParameter<"int64_t", "0">:$offset);
  let assemblyFormat = "`<` custom<Width>($width) (`,` `offset` `=` $offset^)? `>`";
}

def Rung_FloatType : Rung_FormatType<"Float", "float"> {
  let summary = "floating-point format of 2 to 8 bits";
  let description = [{
    `eXmY` has X exponent and Y mantissa bits and a sign bit unless `unsigned`.
    With exponent field E, mantissa field M and bias B the value is
    2^(E - B) * (1 + M / 2^Y), or 2^(1 - B) * M / 2^Y when E is 0. The bias
    defaults to 2^(X - 1) - 1. `specials` says which codes are not finite:

    | rule | codes |
    | --- | --- |
    | `none` (default) | every code is finite |
    | `ieee` | the top exponent is infinity (mantissa 0) and NaN |
    | `fn` | all ones, with either sign, is NaN |
    | `fnuz` | the code of -0 is NaN |

    ```mlir
    !rung.float<e3m4, bias = 5>
    !rung.float<e4m4, specials = ieee, unsigned>
    ```
  }];
  let parameters = (ins "unsigned":$exponentBits, "unsigned":$mantissaBits, "int64_t":$bias,
                        "::rung::Specials":$specials, "bool":$isSigned);
  let hasCustomAssemblyFormat = 1;
}

def Rung_CodebookType : Rung_FormatType<"Codebook", "codebook"> {
  let summary = "table of values, one for each code";
  let description = [{
    Code i has the value of entry i. Entries are decimal integers or floats,
    read as exact binary64 values. A table shorter than 2^width leaves the last
    codes invalid: constants and inputs that hold one are refused.

    ```mlir
    !rung.codebook<2, [-1, 0, 1]>
    ```
  }];
  let parameters = (ins "unsigned":$width, "::mlir::DenseF64ArrayAttr":$values);
  let hasCustomAssemblyFormat = 1;
}

#endif // RUNG_DIALECT_RUNG_IR_RUNGTYPES_TD
