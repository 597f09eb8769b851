//===- FormatParser.cpp - FORMAT as every command takes it -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Rung/IR/FormatParser.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/NamedFormats.h"

using namespace mlir;
using namespace rung;

/// Parses all of `text` as a type. The first error goes to `error`.
static Type parseWholeType(StringRef text, MLIRContext *context,
                           std::string &error) {
  ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
    if (error.empty())
      error = diagnostic.str();
    return success();
  });
  size_t read = 0;
  Type type = parseType(text, context, &read);
  if (type && !text.drop_front(read).trim().empty()) {
    error = "found '" + text.drop_front(read).trim().str() + "' after the type";
    return {};
  }
  return type;
}

FailureOr<Type> rung::parseFormat(StringRef text, MLIRContext *context,
                                  std::string &error) {
  context->getOrLoadDialect<RungDialect>();
  text = text.trim();
  std::string spelling = text.str();
  if (const NamedFormat *named = lookupNamedFormat(text))
    spelling = named->type;

  std::string problem;
  Type type = parseWholeType(spelling, context, problem);
  if (type && numberFormatOf(type))
    return type;
  error = "'" + text.str() + "' is no number format";
  if (type)
    error +=
        ": a type, but not one of numbers that rung has a table or rule for";
  else if (text.starts_with("!"))
    error += ": " + problem;
  error += "; expected a name (int4, e4m3, nf4, f16, ...: see rung-format "
           "--list) or a type such as '!rung.uint<5, offset = 16>'";
  return failure();
}
