//===- format-bits.cpp - A user of the dialect and of Numerics --*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Usage: format-bits TYPE. Prints the width of a number format, and the named
// formats of up to 8 bits that hold all of its values.

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/MLIRContext.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Numerics/NamedFormats.h"

int main(int argc, char **argv) {
  mlir::MLIRContext context;
  context.loadDialect<rung::RungDialect>();
  mlir::Type type = mlir::parseType(argc > 1 ? argv[1] : "", &context);
  std::optional<rung::NumberFormat> format =
      type ? rung::numberFormatOf(type) : std::nullopt;
  if (!format)
    return 1;
  llvm::outs() << type << " has " << format->bits() << " bits, fits in";
  for (const rung::NamedFormat &named : rung::getNamedFormats())
    if (named.format.bits() <= 8 && rung::isLossless(*format, named.format))
      llvm::outs() << ' ' << named.name;
  llvm::outs() << '\n';
}
