//===- rung-format.cpp - What a number format is -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/MLIRContext.h"
#include "rung/Dialect/Rung/IR/FormatParser.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/Report.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace rung;

static const char *const kHelp =
    R"(OVERVIEW: the values of a number format, and what it converts to without loss

USAGE: rung-format FORMAT [--json]                the value of each code
       rung-format FORMAT --to=FORMAT2 [--json]   whether every value survives
       rung-format --list [--json]                the named formats

FORMAT is a name of --list or an MLIR type that is a number format. With --to the
exit status is 0 for "lossless" and 1 for a loss, which is described by the first
code that would be lost, its value, and what it would become.

OPTIONS:
  --json      print JSON; values are C99 hexadecimal floats, "inf", "-inf",
              "nan", or null for a code without a value
  --to=FORMAT2
  --list
  --help      print this

EXAMPLE:
  rung-format e2m1
  rung-format int8 --to=e4m3
  rung-format '!rung.uint<5, offset = 16>' --to=int8 --json
)";

namespace {
struct FormatOptions {
  std::string format, to;
  bool json = false, list = false, help = false;
};
} // namespace

static int fail(const Twine &message) {
  llvm::errs() << "rung-format: error: " << message << "\n";
  return 1;
}

/// Writes to standard output and looks whether it arrived.
static int print(StringRef text, int status) {
  llvm::raw_fd_ostream &out = llvm::outs();
  out << text;
  out.flush();
  if (!out.has_error())
    return status;
  std::string reason = out.error().message();
  out.clear_error();
  return fail("cannot write to standard output: " + reason);
}

/// Returns a problem, or "".
static std::string parseOptions(ArrayRef<const char *> arguments,
                                FormatOptions &options) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument == "--json") {
      options.json = true;
    } else if (argument == "--list") {
      options.list = true;
    } else if (argument == "--to" || argument.starts_with("--to=")) {
      if (!options.to.empty())
        return "--to is given twice";
      if (!argument.consume_front("--to="))
        argument = i + 1 < arguments.size() ? arguments[++i] : "";
      if (argument.trim().empty())
        return "--to has no value, expected --to=FORMAT";
      options.to = argument.trim().str();
    } else if (argument.starts_with("-")) {
      return ("unknown option '" + argument.split('=').first +
              "'; rung-format --help lists them")
          .str();
    } else if (!options.format.empty()) {
      return ("found a second format '" + argument +
              "'; quote a type that contains spaces, name a target by --to=")
          .str();
    } else if (argument.trim().empty()) {
      return "the format is empty, expected a name of rung-format --list or an "
             "MLIR type";
    } else {
      options.format = argument.trim().str();
    }
  }
  if (options.help)
    return "";
  if (options.list && !(options.format.empty() && options.to.empty()))
    return "--list takes no format";
  if (!options.list && options.format.empty())
    return "no format given; rung-format --help shows how";
  return "";
}

int main(int argc, char **argv) {
  FormatOptions options;
  std::string problem =
      parseOptions(ArrayRef(argv + 1, std::max(argc - 1, 0)), options);
  if (!problem.empty())
    return fail(problem);
  if (options.help)
    return print(kHelp, 0);

  std::string text;
  llvm::raw_string_ostream os(text);
  if (options.list) {
    printNamedFormats(os, options.json);
    return print(text, 0);
  }

  MLIRContext context(MLIRContext::Threading::DISABLED);
  FailureOr<Type> from = parseFormat(options.format, &context, problem);
  if (failed(from))
    return fail(problem);
  if (options.to.empty()) {
    if (llvm::Error error = printTable(os, *numberFormatOf(*from),
                                       options.format, options.json))
      return fail(llvm::toString(std::move(error)));
    return print(text, 0);
  }
  FailureOr<Type> to = parseFormat(options.to, &context, problem);
  if (failed(to))
    return fail(problem);
  bool lossless =
      printConversion(os, *numberFormatOf(*from), options.format,
                      *numberFormatOf(*to), options.to, options.json);
  return print(text, lossless ? 0 : 1);
}
