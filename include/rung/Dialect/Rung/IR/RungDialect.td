//===- RungDialect.td - the dialect of tensors in number formats -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNGDIALECT_TD
#define RUNG_DIALECT_RUNG_IR_RUNGDIALECT_TD

include "mlir/IR/OpBase.td"

def Rung_Dialect : Dialect {
  let name = "rung";
  let cppNamespace = "::rung";
  let summary = "Tensors of values in number formats";
  let description = [{
    A number format is a finite map from codes to exact values. This dialect has
    a type for every format that MLIR lacks, an interface that answers for all
    of them (builtin ones too), and the operations that move values between
    formats: `rung.dequantize`, `rung.quantize`, `rung.convert`, and the fused
    `rung.matmul`. Front ends write `rung.dequantize` followed by upstream
    `linalg`:

    ```mlir
    func.func @linear(%x: tensor<1x64xf16>, %w: tensor<32x64x!rung.int<3>>,
                      %s: tensor<32x2xf16>) -> tensor<1x32xf32> {
      %d = rung.dequantize %w scale(%s : tensor<32x2xf16>) block [1, 32]
          : tensor<32x64x!rung.int<3>> -> tensor<32x64xf16>
      ...
    }
    ```

    Attributes of functions' arguments that the pipelines read: `rung.name`
    (the name that rung-run and Python show), `rung.inout` (updated in place).
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::memref::MemRefDialect",
                           "::mlir::tensor::TensorDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttributes();
    void attachBuiltinFormats();

    /// Module attribute: the device that the module is compiled for (`#rung.device`).
    static constexpr llvm::StringLiteral kDeviceAttrName = "rung.device";
    /// Argument and result attribute: the name users see.
    static constexpr llvm::StringLiteral kNameAttrName = "rung.name";
    /// Argument attribute: updated in place.
    static constexpr llvm::StringLiteral kInoutAttrName = "rung.inout";
    /// Argument and result attribute: `#rung.storage`, what the bytes stand for.
    static constexpr llvm::StringLiteral kStorageAttrName = "rung.storage";
    /// Argument attribute: symbol of the function that packs canonical storage for it.
    static constexpr llvm::StringLiteral kPackAttrName = "rung.pack";
    /// Function attribute: packs an argument of an entry, is no entry itself.
    static constexpr llvm::StringLiteral kPackerAttrName = "rung.packer";
    /// Attribute of a memref.global: its position among the bundle's constants.
    static constexpr llvm::StringLiteral kConstantAttrName = "rung.constant";
    /// Module attribute: how the bytes of each constant are made.
    static constexpr llvm::StringLiteral kConstantsAttrName = "rung.constants";
  }];
}

// Operands, results and block arguments of fewer than 2^47 bytes, so that their
// sizes can be multiplied.
def Rung_Addressable : NativeOpTrait<"Addressable"> {
  let cppNamespace = "::rung";
}

#endif // RUNG_DIALECT_RUNG_IR_RUNGDIALECT_TD
