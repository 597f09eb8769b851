//===- rung-format.cpp - What a number format is -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "mlir/IR/MLIRContext.h"
#include "rung/Dialect/Rung/IR/FormatParser.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/Report.h"
#include "rung/Runtime/AtomicFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace rung;

static const char *const kHelp =
    R"(OVERVIEW: the values of a number format, and what it converts to without loss

USAGE: rung-format FORMAT [--json]                the value of each code
       rung-format FORMAT --to=FORMAT2 [--json]   whether every value survives
       rung-format FORMAT --to=FORMAT2 --decode --target=TARGET [--free-scale]
                   [--json]                       the code that decodes it
       rung-format --list [--json]                the named formats

FORMAT is a name of --list or an MLIR type that is a number format. With --to the
exit status is 0 for "lossless" and 1 for a loss, which is described by the first
code that would be lost, its value, and what it would become.

--decode prints the sequence of operations that tile-expand-convert emits for a
unit of V codes packed in R words, as one MLIR module that upstream passes lower.
It is proved by folding its operations on every code in every position. FORMAT2
is i8, i16, i32, f16, bf16, f32, f64 or a builtin 8-bit float. Its instructions
are counted by a table of the target, constants and bitcasts free, neighbouring
logic operations merged where an instruction does three. On x86 one instruction
works on all lanes of a vector, so that 4, 8 or 16 units (SSE, AVX2, AVX-512) are
decoded by what is counted; 64-bit elements count twice. On GPUs the count is that
of one thread and its one unit. Per 8 values: 8 * instructions / values / lanes.

OPTIONS:
  --json      print JSON; values are C99 hexadecimal floats, "inf", "-inf",
              "nan", or null for a code without a value
  --to=FORMAT2
  --decode    print the decode sequence, its cost and how many codes prove it
  --target=TARGET
              cpu (this machine), cpu:NAME (an LLVM CPU name such as znver4),
              cuda:sm_80, cuda:sm_90a, hip:gfx90a
  --free-scale
              the consumer takes a power of two and an offset out:
              value[i] = factor[i] * result[i] - offset
  --list
  --help      print this

EXAMPLE:
  rung-format e2m1
  rung-format int8 --to=e4m3
  rung-format '!rung.uint<5, offset = 16>' --to=int8 --json
  rung-format nf4 --to=f32 --decode --target=cpu:znver4
)";

namespace {
struct FormatOptions {
  std::string format, to, target;
  bool json = false, list = false, help = false, decode = false,
       freeScale = false;
};
} // namespace

static int fail(const Twine &message) {
  llvm::errs() << "rung-format: error: " << message << "\n";
  return 1;
}

/// Writes to standard output; `status` is returned if it arrived.
static int print(StringRef text, int status) {
  std::string problem = writeOutput("-", text.data(), text.size());
  return problem.empty() ? status : fail(problem);
}

/// What is missing or does not go together, or "".
static std::string checkOptions(const FormatOptions &options) {
  if (options.list && !(options.format.empty() && options.to.empty()))
    return "--list takes no format";
  if (!options.list && options.format.empty())
    return "no format given; rung-format --help shows how";
  if (options.decode && options.to.empty())
    return "--decode needs the format to decode into, --to=FORMAT";
  if (options.decode && options.target.empty())
    return "--decode needs the device that the code is for, --target=TARGET; "
           "rung-format --help lists them";
  if (!options.decode && options.freeScale)
    return "--free-scale goes with --decode only";
  if (!options.decode && !options.target.empty())
    return "--target goes with --decode only";
  return "";
}

/// Takes the value of an option that is `--NAME=VALUE` or `--NAME VALUE`; `i`
/// is its place. A problem, or "".
static std::string takeValue(ArrayRef<const char *> arguments, size_t &i,
                             StringRef name, StringRef what,
                             std::string &value) {
  StringRef argument = arguments[i];
  if (!value.empty())
    return (name + " is given twice").str();
  if (!argument.consume_front((name + "=").str()))
    argument = i + 1 < arguments.size() ? arguments[++i] : "";
  if (argument.trim().empty())
    return (name + " has no value, expected " + name + "=" + what).str();
  value = argument.trim().str();
  return "";
}

static bool isOption(StringRef argument, StringRef name) {
  return argument == name || argument.starts_with((name + "=").str());
}

/// Returns a problem, or "".
static std::string parseOptions(ArrayRef<const char *> arguments,
                                FormatOptions &options) {
  std::string problem;
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
    } else if (argument == "--json") {
      options.json = true;
    } else if (argument == "--list") {
      options.list = true;
    } else if (argument == "--decode") {
      options.decode = true;
    } else if (argument == "--free-scale") {
      options.freeScale = true;
    } else if (isOption(argument, "--to")) {
      problem = takeValue(arguments, i, "--to", "FORMAT", options.to);
    } else if (isOption(argument, "--target")) {
      problem = takeValue(arguments, i, "--target", "TARGET", options.target);
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
    if (!problem.empty())
      return problem;
  }
  return options.help ? "" : checkOptions(options);
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
  if (options.decode) {
    DecodeOptions decode{options.format, options.to, options.target,
                         options.freeScale, options.json};
    if (llvm::Error error = printDecode(os, *from, *to, decode))
      return fail(llvm::toString(std::move(error)));
    return print(text, 0);
  }
  bool lossless =
      printConversion(os, *numberFormatOf(*from), options.format,
                      *numberFormatOf(*to), options.to, options.json);
  return print(text, lossless ? 0 : 1);
}
