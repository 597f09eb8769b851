//===- DecodeFuzzer.cpp - The search for decode sequences on any format -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input chooses a format (an integer, a minifloat, a table), a target, a
// device, an order and whether a scale is free. What the search returns is
// proved, it says; here every sequence runs once more, by another evaluator, on
// every code in every position among codes of all kinds, against the values of
// Numerics.
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "Require.h"
#include "rung/Dialect/Rung/IR/FormatParser.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "rung/Numerics/NamedFormats.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>
#include <fuzzer/FuzzedDataProvider.h>

using namespace mlir;
using namespace rung;
using namespace rung::tile;
using fuzz::require;

//===----------------------------------------------------------------------===//
// The question
//===----------------------------------------------------------------------===//

/// Entries as a search might take for something regular.
static SmallVector<double> entriesOf(FuzzedDataProvider &input, unsigned bits) {
  unsigned most = 1u << bits;
  SmallVector<double> entries;
  unsigned count = input.ConsumeBool()
                       ? most
                       : input.ConsumeIntegralInRange<unsigned>(1, most);
  switch (input.ConsumeIntegralInRange(0, 4)) {
  case 0: // anything
    for (unsigned i = 0; i != count; ++i) {
      double value = llvm::bit_cast<double>(input.ConsumeIntegral<uint64_t>());
      entries.push_back(std::isfinite(value) ? value : 0);
    }
    break;
  case 1: // small numbers with small fractions
    for (unsigned i = 0; i != count; ++i)
      entries.push_back(input.ConsumeIntegral<int8_t>() /
                        double(1 << input.ConsumeIntegralInRange(0, 3)));
    break;
  case 2: // powers of two
    for (unsigned i = 0; i != count; ++i)
      entries.push_back(
          std::ldexp(input.ConsumeBool() ? -1 : 1,
                     input.ConsumeIntegralInRange<int>(-150, 128)));
    break;
  case 3: { // a line
    double step = input.ConsumeIntegral<int16_t>() / 16.0,
           offset = input.ConsumeIntegral<int16_t>() / 16.0;
    for (unsigned i = 0; i != count; ++i)
      entries.push_back(step * i + offset);
    break;
  }
  default: { // a float's
    unsigned exponent = input.ConsumeIntegralInRange<unsigned>(1, 8);
    unsigned sign = input.ConsumeBool();
    int64_t bias = input.ConsumeIntegralInRange<int>(-20, 140);
    unsigned width = bits < 2 ? 2 : bits;
    exponent = std::min(exponent, width - sign);
    llvm::Expected<NumberFormat> format = NumberFormat::minifloat(
        exponent, width - sign - exponent, bias, Specials::None, sign != 0);
    if (!format)
      llvm::consumeError(format.takeError());
    for (unsigned i = 0; i != count; ++i)
      entries.push_back(format ? format->valueAsDouble(i) : i);
  }
  }
  // Almost regular.
  for (int i = input.ConsumeIntegralInRange(0, 2); i > 0; --i)
    entries[input.ConsumeIntegralInRange<size_t>(0, count - 1)] =
        input.ConsumeBool() ? -0.0 : input.ConsumeIntegral<int8_t>() / 4.0;
  return entries;
}

/// A format as a user would write it.
static std::string formatOf(FuzzedDataProvider &input) {
  unsigned bits = input.ConsumeIntegralInRange<unsigned>(1, 8);
  switch (input.ConsumeIntegralInRange(0, 4)) {
  case 0:
    return (input.ConsumeBool() ? "int" : "uint") + std::to_string(bits);
  case 1: {
    auto offset = input.ConsumeBool() ? input.ConsumeIntegral<int8_t>()
                                      : input.ConsumeIntegral<int64_t>();
    return llvm::formatv("!rung.uint<{0}, offset = {1}>", bits, offset);
  }
  case 2: {
    unsigned exponent = input.ConsumeIntegralInRange<unsigned>(1, 8);
    unsigned mantissa = input.ConsumeIntegralInRange<unsigned>(0, 7);
    int bias = input.ConsumeBool()
                   ? (1 << (exponent - 1)) - 1
                   : input.ConsumeIntegralInRange<int>(-1200, 1200);
    auto *specials = input.PickValueInArray({"none", "ieee", "fn", "fnuz"});
    return llvm::formatv("!rung.float<e{0}m{1}, bias = {2}, specials = {3}{4}>",
                         exponent, mantissa, bias, specials,
                         input.ConsumeBool() ? ", unsigned" : "");
  }
  case 3: {
    auto *names = input.PickValueInArray(
        {"e2m1", "e2m3", "e3m2", "e4m3", "e5m2", "e4m3fnuz", "e5m2fnuz", "e3m4",
         "e4m3b11fnuz", "e8m0", "nf4", "nf3", "ternary", "binary", "iq4nl"});
    return names;
  }
  default: {
    std::string text = llvm::formatv("!rung.codebook<{0}, [", bits);
    for (double entry : entriesOf(input, bits))
      text += (text.back() == '[' ? "" : ", ") + formatDecimal(entry);
    return text + "]>";
  }
  }
}

static const DecodeDevice *deviceOf(FuzzedDataProvider &input,
                                    int64_t &lookupEntries) {
  lookupEntries = 0;
  if (input.ConsumeBool())
    return findGPUDecodeDevice(
        input.PickValueInArray({"cuda:sm_80", "cuda:sm_90a", "hip:gfx90a"}));
  lookupEntries = input.PickValueInArray({0, 8, 16, 32});
  return &getX86DecodeDevice(input.PickValueInArray({128u, 256u, 512u}));
}

//===----------------------------------------------------------------------===//
// The answer
//===----------------------------------------------------------------------===//

/// What the function must return for a code, or nothing where the format has no
/// such code.
static std::optional<uint64_t> expected(const DecodeProgram &program,
                                        const NumberFormat &from,
                                        const NumberFormat &to, uint64_t code,
                                        unsigned position) {
  double value = from.valueAsDouble(code);
  double factor = program.factors[position];
  if (factor == 1 && program.offset == 0)
    return to.encode(value);
  if (program.offset != 0)
    value += program.offset;
  return to.findCode(value / factor);
}

static void checkUnit(const DecodeProgram &program, const NumberFormat &from,
                      const NumberFormat &to, ArrayRef<uint64_t> codes,
                      const std::string &question) {
  SmallVector<uint32_t> words = program.order.pack(codes);
  fuzz::Bits packed(words.begin(), words.end());
  auto decode = program.module.get().lookupSymbol<func::FuncOp>("decode");
  fuzz::Bits found = fuzz::evaluate(decode, {packed});
  require(found.size() == codes.size(), "a result for each code");
  for (auto [position, code] : llvm::enumerate(codes)) {
    std::optional<uint64_t> wanted =
        expected(program, from, to, code, static_cast<unsigned>(position));
    bool same = std::isnan(from.valueAsDouble(code))
                    ? std::isnan(to.valueAsDouble(found[position]))
                    : wanted && found[position] == *wanted;
    require(same, llvm::formatv("{0}: {1}: code {2} in position {3} became "
                                "{4:x}, expected {5:x}",
                                question, program.method, code, position,
                                found[position], wanted.value_or(0))
                      .str());
  }
}

/// Every code in every position, twice among other codes.
static void check(const DecodeProgram &program, const NumberFormat &from,
                  const NumberFormat &to, const std::string &question) {
  SmallVector<uint64_t> valid;
  for (uint64_t code = 0; code != from.numCodes(); ++code)
    if (from.isValid(code))
      valid.push_back(code);
  require(program.provedCodes == valid.size(), question + ": all are proved");
  for (uint64_t step : {7, 12})
    for (size_t unit = 0; unit != valid.size(); ++unit) {
      SmallVector<uint64_t> codes;
      for (unsigned i = 0; i != program.order.codes(); ++i)
        codes.push_back(valid[(unit + step * i) % valid.size()]);
      checkUnit(program, from, to, codes, question);
    }
}

static void run(FuzzedDataProvider &input, MLIRContext &context) {
  std::string from = formatOf(input), error;
  FailureOr<Type> fromType = parseFormat(from, &context, error);
  if (failed(fromType)) {
    require(!error.empty(), "a refused format is told why: " + from);
    return;
  }
  const char *to = input.PickValueInArray(
      {"f16", "bf16", "f32", "f64", "i8", "i16", "i32", "e4m3", "e5m2", "int8",
       "int4", "e2m1", "e8m0", "!rung.float<e4m3>"});
  FailureOr<Type> toType = parseFormat(to, &context, error);
  require(succeeded(toType), error);

  DecodeRequest request;
  request.from = *fromType;
  request.to = *toType;
  request.device = deviceOf(input, request.lookupEntries);
  request.freeScale = input.ConsumeBool();
  NumberFormat format = *numberFormatOf(request.from);
  if (input.ConsumeIntegralInRange(0, 3) == 0)
    request.order = input.ConsumeBool() ? BitOrder::sequential(format.bits())
                                        : BitOrder::planes(format.bits());
  std::string question = llvm::formatv(
      "{0} to {1} for {2}{3}{4}", from, to, request.device->name,
      request.freeScale ? " --free-scale" : "",
      request.order ? " in the order " + request.order->str() : "");

  llvm::Expected<DecodeProgram> program = makeDecodeProgram(request);
  if (!program) {
    std::string refusal = llvm::toString(program.takeError());
    require(!refusal.empty(), question + ": refused without a reason");
    bool isBuiltin = isa<mlir::FloatType, IntegerType>(request.to) &&
                     request.to.getIntOrFloatBitWidth() >= 8;
    bool lacksNaN = format.hasNaN() && !numberFormatOf(request.to)->hasNaN();
    require(!isBuiltin || lacksNaN, question + ": " + refusal);
    return;
  }
  require(succeeded(verify(program->module.get())), question + ": valid IR");
  require(!request.order || program->order == *request.order,
          question + ": the order that was asked for");
  require(std::isfinite(program->cost.instructions) &&
              program->cost.instructions >= 0,
          question + ": it has a cost");
  Type element =
      cast<VectorType>(program->module->lookupSymbol<func::FuncOp>("decode")
                           .getResultTypes()[0])
          .getElementType();
  check(*program, format, *numberFormatOf(element), question);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Types live as long as their context.
  static std::unique_ptr<MLIRContext> context;
  static unsigned runs = 0;
  constexpr unsigned runsOfContext = 256;
  if (runs++ % runsOfContext == 0)
    context = std::make_unique<MLIRContext>(MLIRContext::Threading::DISABLED);
  FuzzedDataProvider input(data, size);
  run(input, *context);
  return 0;
}
