//===- Options.cpp - Command line of rung-gen -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include "rung/Dialect/Rung/IR/FormatParser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace rung;

const char *const rung::kGenHelp =
    R"(OVERVIEW: writes the MLIR of a kernel

  y[m, n] = epilogue(sum over k of x[m, k] * w[n, k] + bias[n]) + residual[m, n]

USAGE: rung-gen matmul --n=N --k=K --activation=FORMAT --weight=FORMAT
                       --result=FORMAT [options]

OPTIONS:
  --n=N                   rows of the weight, columns of the result
  --k=K                   columns of the weight
  --m=M|dynamic           rows of x (default: dynamic, any number)
  --activation=FORMAT     format of x [M, K]
  --weight=FORMAT         format of w [N, K]
  --result=FORMAT         format of y [M, N], of bias and of residual
  --scale=FORMAT          format of the scales s [N, ceil(K / G)]
  --group=G               elements of K that share a scale (default: K)
  --zero-point=MODE       integer, float: w = s * (v - z); rescale: w = s * v - z;
                          none (default): w = s * v; v is the value of a code
  --bias                  add bias [N]
  --epilogue=FUNCTION     relu, gelu (the exact one) or silu
  --residual              add residual [M, N]
  --entry=NAME            the function's name (default: matmul)
  -o OUT                  where to write (default: standard output)
  --help                  print this

FORMAT is a name (int4, uint3, e2m1, e4m3, nf4, bf16, ...: rung-format --list) or
an MLIR type that is a number format ('!rung.uint<5, offset = 16>').

EXAMPLE:
  rung-gen matmul --n=4096 --k=4096 --m=1 --activation=f16 --weight=int4 \
           --scale=f16 --group=128 --result=f16 -o matmul.mlir
  rung-compile matmul.mlir --target=cpu --emit=bundle -o matmul.rung
)";

/// The largest extent. With it, N * K elements of 64 bits can still be counted
/// in bits by a signed 64-bit number of bytes.
static constexpr int64_t kMaxExtent = (int64_t(1) << 31) - 1;

namespace {
/// Takes options one by one; the first problem stays in `problem`.
class Parser {
public:
  Parser(MLIRContext *context, GenOptions &options)
      : context(context), options(options), matmul(options.matmul) {}

  std::string parse(ArrayRef<const char *> arguments);

private:
  bool fail(const Twine &text) {
    problem = text.str();
    return false;
  }
  bool takeCommand(StringRef command);
  bool takeFlag(StringRef name);
  bool takeOption(StringRef name, StringRef value);
  bool takeExtent(StringRef name, StringRef value, int64_t &extent);
  bool takeFormat(StringRef name, StringRef value, Type &type);
  bool takeZeroPoint(StringRef value);
  bool takeEpilogue(StringRef value);
  bool takeEntry(StringRef value);
  bool checkAgreement();

  MLIRContext *context;
  GenOptions &options;
  MatmulOptions &matmul;
  std::string problem;
  bool hasCommand = false;
  llvm::StringSet<> given;
};
} // namespace

bool Parser::takeCommand(StringRef command) {
  if (hasCommand)
    return fail("unexpected argument '" + command +
                "'; options are spelled --name=value");
  if (command != "matmul")
    return fail("unknown kernel '" + command + "', expected matmul");
  return hasCommand = true;
}

/// Options without a value.
bool Parser::takeFlag(StringRef name) {
  (name == "bias" ? matmul.bias : matmul.residual) = true;
  return true;
}

bool Parser::takeExtent(StringRef name, StringRef value, int64_t &extent) {
  if (!llvm::all_of(value, llvm::isDigit) || value.getAsInteger(10, extent) ||
      extent < 1 || extent > kMaxExtent)
    return fail("--" + name + "=" + value + ", expected " +
                (name == "m" ? "dynamic or " : "") + "a number from 1 to " +
                Twine(kMaxExtent));
  return true;
}

bool Parser::takeFormat(StringRef name, StringRef value, Type &type) {
  std::string error;
  FailureOr<Type> parsed = parseFormat(value, context, error);
  if (failed(parsed))
    return fail("--" + name + ": " + error);
  type = *parsed;
  return true;
}

bool Parser::takeZeroPoint(StringRef value) {
  if (value == "none")
    return true;
  matmul.zeroPoint = symbolizeZeroPointMode(value);
  return matmul.zeroPoint || fail("--zero-point=" + value +
                                  ", expected none, integer, float or rescale");
}

bool Parser::takeEpilogue(StringRef value) {
  std::optional<Activation> activation = symbolizeActivation(value);
  if (!activation || *activation == Activation::None)
    return fail("--epilogue=" + value + ", expected relu, gelu or silu");
  matmul.activation = *activation;
  return true;
}

bool Parser::takeEntry(StringRef value) {
  auto isPart = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; };
  if (!llvm::all_of(value, isPart) || llvm::isDigit(value.front()) ||
      value.front() == '.')
    return fail("--entry=" + value +
                ", expected letters, digits, '_' and '.', the first a letter "
                "or '_'");
  matmul.entry = value.str();
  return true;
}

bool Parser::takeOption(StringRef name, StringRef value) {
  if (name == "n")
    return takeExtent(name, value, matmul.n);
  if (name == "k")
    return takeExtent(name, value, matmul.k);
  if (name == "m")
    return value == "dynamic" || takeExtent(name, value, matmul.m);
  if (name == "group")
    return takeExtent(name, value, matmul.group);
  if (name == "activation")
    return takeFormat(name, value, matmul.x);
  if (name == "weight")
    return takeFormat(name, value, matmul.weight);
  if (name == "result")
    return takeFormat(name, value, matmul.result);
  if (name == "scale")
    return takeFormat(name, value, matmul.scale);
  if (name == "zero-point")
    return takeZeroPoint(value);
  if (name == "epilogue")
    return takeEpilogue(value);
  if (name == "entry")
    return takeEntry(value);
  options.output = value.str();
  return true;
}

/// What no option alone can know. Completes the group.
bool Parser::checkAgreement() {
  if (!hasCommand)
    return fail("no kernel named, expected 'rung-gen matmul ...'; rung-gen "
                "--help shows how");
  for (StringRef name : {"n", "k", "activation", "weight", "result"})
    if (!given.contains(name))
      return fail("--" + name + " is missing; rung-gen --help shows how");
  if (!matmul.scale) {
    if (given.contains("group"))
      return fail("--group=" + Twine(matmul.group) +
                  " without scales, expected --scale=FORMAT beside it");
    if (matmul.zeroPoint)
      return fail("--zero-point=" + stringifyZeroPointMode(*matmul.zeroPoint) +
                  " without scales, expected --scale=FORMAT beside it");
    return true;
  }
  matmul.group =
      given.contains("group") ? std::min(matmul.group, matmul.k) : matmul.k;
  if (matmul.zeroPoint == ZeroPointMode::Integer &&
      !numberFormatOf(matmul.weight)->isIntegerValued()) {
    std::string text;
    llvm::raw_string_ostream(text) << matmul.weight;
    return fail("--zero-point=integer with --weight=" + text +
                ", expected an integer weight (or --zero-point=float or "
                "rescale)");
  }
  return true;
}

std::string Parser::parse(ArrayRef<const char *> arguments) {
  static const llvm::StringSet<> flags = {"bias", "residual"};
  static const llvm::StringSet<> values = {
      "n",     "k",     "m",          "activation", "weight", "result",
      "scale", "group", "zero-point", "epilogue",   "entry",  "o"};
  for (size_t i = 0; i < arguments.size(); ++i) {
    StringRef argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      return "";
    }
    if (!argument.starts_with("-") || argument == "-") {
      if (!takeCommand(argument))
        return problem;
      continue;
    }
    bool hasValue = argument.contains('=');
    auto [name, value] = argument.ltrim('-').split('=');
    if (!flags.contains(name) && !values.contains(name))
      return "unknown option '" + argument.split('=').first.str() +
             "'; rung-gen --help lists them";
    std::string spelling =
        (name.size() == 1 && name == "o" ? "-" : "--") + name.str();
    if (!given.insert(name).second)
      return spelling + " is given twice";
    if (flags.contains(name)) {
      if (hasValue)
        return spelling + " takes no value, found '" + value.str() + "'";
      takeFlag(name);
      continue;
    }
    if (!hasValue && i + 1 < arguments.size()) // "--n 64" is as good
      value = arguments[++i];
    if (value.empty())
      return spelling + " has no value";
    if (!takeOption(name, value))
      return problem;
  }
  checkAgreement();
  return problem;
}

std::string rung::parseOptions(int argc, const char *const *argv,
                               MLIRContext *context, GenOptions &options) {
  return Parser(context, options).parse(ArrayRef(argv + 1, argc - 1));
}
