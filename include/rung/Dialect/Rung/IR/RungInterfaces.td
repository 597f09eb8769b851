//===- RungInterfaces.td - what every number format answers -*- tablegen -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_IR_RUNGINTERFACES_TD
#define RUNG_DIALECT_RUNG_IR_RUNGINTERFACES_TD

include "mlir/IR/OpBase.td"

def Rung_NumberFormatTypeInterface : TypeInterface<"NumberFormatTypeInterface"> {
  let cppNamespace = "::rung";
  let description = [{
    A type whose values are the values of a number format. The types of this
    dialect implement it, and so do MLIR's builtin integers and floats, so that
    no pass asks which kind it holds.
  }];
  let methods = [
    InterfaceMethod<
      "The value table, or nothing for a width that is no number format (i64, f80, ...).",
      "std::optional<::rung::NumberFormat>", "getNumberFormat">,
  ];
}

#endif // RUNG_DIALECT_RUNG_IR_RUNGINTERFACES_TD
