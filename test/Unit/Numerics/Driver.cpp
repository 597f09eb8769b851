//===- Driver.cpp - Numerics for tests in Python -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Puts binary data through the library, for comparison with numpy packages.
// Each request on stdin is a line, BYTES and the words of a command separated
// by tabs, and that many bytes; the answer is a line, BYTES, and that many
// bytes. (A program that answers many requests is started once.) All numbers
// are little-endian float64 or uint64 (a code; all ones for "none"), row-major.
//
//   tables FORMAT...       values of all codes
//   decode FORMAT          codes -> values
//   encode FORMAT [toward_zero|stochastic=N] [saturate]
//                          values -> codes; stochastic: n values, n random
//                          numbers
//   quotient FORMAT        n numerators, n denominators -> codes
//   pack BITS SHAPE        codes -> bytes
//   unpack BITS SHAPE      bytes -> codes
//   dequantize RESULT input=FORMAT:SHAPE [scale=F:S] [second=F:S] [zero=F:S]
//       [subtract|rescale] [block=SHAPE] [second_block=SHAPE]
//                          codes of the operands in this order -> codes
//   quantize               the same
//   quantize_blocks FORMAT SCALEFORMAT absmax|mx SHAPE BLOCK
//                          values -> codes, scale codes
//
// FORMAT is a name of rung-format, or int/W, uint/W/OFFSET,
// float/X/M/BIAS/SPECIALS[/unsigned], codebook/W/V0/V1/... SHAPE is 3x4x5, or
// empty for rank 0.
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/BlockScaling.h"
#include "rung/Numerics/NamedFormats.h"
#include "rung/Numerics/Storage.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"

#include <cstring>
#include <iostream>

using namespace rung;
using llvm::StringRef;

namespace {
llvm::ExitOnError exitOnError("rung-numerics-driver: error: ");
constexpr uint64_t none = ~uint64_t(0);

/// What the request being answered has written so far.
std::string reply;

[[noreturn]] void fail(const llvm::Twine &message) {
  llvm::errs() << "rung-numerics-driver: error: " << message << "\n";
  std::exit(1);
}

int64_t toInteger(StringRef text) {
  int64_t value;
  if (text.getAsInteger(10, value))
    fail("expected an integer, found '" + text + "'");
  return value;
}

NumberFormat parseFormat(StringRef text) {
  if (const NamedFormat *named = lookupNamedFormat(text))
    return named->format;
  llvm::SmallVector<StringRef> parts;
  text.split(parts, '/');
  auto part = [&](size_t i) {
    if (i >= parts.size())
      fail("format '" + text + "' lacks a field");
    return parts[i];
  };
  if (parts[0] == "int" || parts[0] == "uint")
    return exitOnError(
        NumberFormat::integer(toInteger(part(1)), parts[0] == "int",
                              parts.size() > 2 ? toInteger(parts[2]) : 0));
  if (parts[0] == "float") {
    std::optional<Specials> specials = symbolizeSpecials(part(4));
    if (!specials)
      fail("no such rule: '" + part(4) + "'");
    return exitOnError(NumberFormat::minifloat(
        toInteger(part(1)), toInteger(part(2)), toInteger(part(3)), *specials,
        parts.size() < 6));
  }
  if (parts[0] == "codebook") {
    std::vector<double> entries;
    for (StringRef entry : llvm::ArrayRef(parts).drop_front(2)) {
      double value;
      if (entry.getAsDouble(value))
        fail("no number: '" + entry + "'");
      entries.push_back(value);
    }
    return exitOnError(NumberFormat::codebook(toInteger(part(1)), entries));
  }
  fail("unknown format '" + text + "'");
}

llvm::SmallVector<int64_t> parseShape(StringRef text) {
  llvm::SmallVector<int64_t> shape;
  llvm::SmallVector<StringRef> parts;
  text.split(parts, 'x', -1, /*KeepEmpty=*/false);
  for (StringRef part : parts)
    shape.push_back(toInteger(part));
  return shape;
}

template <typename T>
std::vector<T> asNumbers(StringRef bytes) {
  if (bytes.size() % sizeof(T))
    fail("input is no whole number of elements");
  std::vector<T> numbers(bytes.size() / sizeof(T));
  if (!numbers.empty())
    std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return numbers;
}

template <typename T>
void write(const std::vector<T> &numbers) {
  reply.append(reinterpret_cast<const char *>(numbers.data()),
               numbers.size() * sizeof(T));
}

void tabulate(const NumberFormat &format) {
  std::vector<double> values;
  for (uint64_t code = 0; code < format.numCodes(); ++code)
    values.push_back(format.valueAsDouble(code));
  write(values);
}

void decode(const NumberFormat &format, StringRef input) {
  std::vector<double> values;
  for (uint64_t code : asNumbers<uint64_t>(input)) {
    if (!format.isValid(code))
      fail("invalid code " + llvm::Twine(code));
    values.push_back(format.valueAsDouble(code));
  }
  write(values);
}

void encode(const NumberFormat &format, llvm::ArrayRef<StringRef> options,
            StringRef input) {
  std::vector<double> values = asNumbers<double>(input);
  std::vector<uint64_t> random;
  Rounding rounding;
  bool saturate = false;
  for (StringRef option : options) {
    if (option == "toward_zero")
      rounding = Rounding::towardZero();
    else if (option.consume_front("stochastic="))
      rounding = Rounding::stochastic(0, toInteger(option));
    else if (option == "saturate")
      saturate = true;
    else
      fail("unknown option '" + option + "'");
  }
  if (rounding.mode == Rounding::Mode::Stochastic) {
    values.resize(values.size() / 2);
    random =
        asNumbers<uint64_t>(input.drop_front(values.size() * sizeof(double)));
  }
  std::vector<uint64_t> codes;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!random.empty())
      rounding.randomBits = random[i];
    codes.push_back(
        format.encode(values[i], rounding, saturate).value_or(none));
  }
  write(codes);
}

void quotient(const NumberFormat &format, StringRef input) {
  std::vector<double> numbers = asNumbers<double>(input);
  std::vector<uint64_t> codes;
  size_t half = numbers.size() / 2;
  for (size_t i = 0; i < half; ++i)
    codes.push_back(format.encodeQuotient(numbers[i], numbers[half + i]));
  write(codes);
}

/// The memory of a CodesRef.
struct Tensor {
  NumberFormat format;
  llvm::SmallVector<int64_t> shape;
  std::vector<uint64_t> codes;
  CodesRef ref() const { return {format, shape, codes}; }
};

void scale(bool quantizing, const NumberFormat &result,
           llvm::ArrayRef<StringRef> options, StringRef input) {
  std::vector<uint64_t> numbers = asNumbers<uint64_t>(input);
  size_t position = 0;
  auto take = [&](StringRef text) {
    auto [format, shapeText] = text.split(':');
    llvm::SmallVector<int64_t> shape = parseShape(shapeText);
    size_t count = static_cast<size_t>(numElements(shape));
    if (position + count > numbers.size())
      fail("input ends early");
    auto begin = numbers.begin() + position;
    position += count;
    return Tensor{parseFormat(format), shape,
                  std::vector<uint64_t>(begin, begin + count)};
  };
  std::optional<Tensor> tensor, scale, second, zero;
  llvm::SmallVector<int64_t> block, secondBlock;
  BlockScaling scaling;
  for (StringRef option : options) {
    if (option.consume_front("input="))
      tensor = take(option);
    else if (option.consume_front("scale="))
      scaling.scale = (scale = take(option))->ref();
    else if (option.consume_front("second="))
      scaling.secondScale = (second = take(option))->ref();
    else if (option.consume_front("zero="))
      scaling.zeroPoint = (zero = take(option))->ref();
    else if (option.consume_front("block="))
      block = parseShape(option);
    else if (option.consume_front("second_block="))
      secondBlock = parseShape(option);
    else if (option == "subtract")
      scaling.rule = ZeroPointRule::Subtract;
    else if (option == "rescale")
      scaling.rule = ZeroPointRule::Rescale;
    else
      fail("unknown option '" + option + "'");
  }
  if (!tensor)
    fail("no input=");
  scaling.block = block;
  scaling.secondBlock = secondBlock;
  write(exitOnError(quantizing ? quantize(tensor->ref(), scaling, result)
                               : dequantize(tensor->ref(), scaling, result)));
}

void answer(llvm::ArrayRef<StringRef> args, StringRef input) {
  if (args.size() < 2)
    fail("expected a command and a format; see the head of Driver.cpp");
  StringRef command = args[0];
  llvm::ArrayRef<StringRef> options = args.drop_front(2);
  if (command == "tables") {
    for (StringRef format : args.drop_front())
      tabulate(parseFormat(format));
  } else if (command == "pack" && options.size() == 1) {
    write(packCodes(asNumbers<uint64_t>(input), parseShape(options[0]),
                    toInteger(args[1])));
  } else if (command == "unpack" && options.size() == 1) {
    write(exitOnError(unpackCodes(asNumbers<uint8_t>(input),
                                  parseShape(options[0]), toInteger(args[1]))));
  } else if (command == "decode") {
    decode(parseFormat(args[1]), input);
  } else if (command == "encode") {
    encode(parseFormat(args[1]), options, input);
  } else if (command == "quotient") {
    quotient(parseFormat(args[1]), input);
  } else if (command == "dequantize" || command == "quantize") {
    scale(command == "quantize", parseFormat(args[1]), options, input);
  } else if (command == "quantize_blocks" && options.size() == 4) {
    ScaleRule rule = options[1] == "mx" ? ScaleRule::MX : ScaleRule::AbsMax;
    BlockQuantized result = exitOnError(
        quantizeBlocks(asNumbers<double>(input), parseShape(options[2]),
                       parseShape(options[3]), parseFormat(args[1]),
                       parseFormat(options[0]), rule));
    write(result.codes);
    write(result.scales);
  } else {
    fail("unknown command '" + command + "'");
  }
}
} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  for (std::string line; std::getline(std::cin, line);) {
    llvm::SmallVector<StringRef> words;
    StringRef(line).split(words, '\t');
    std::string input(toInteger(words[0]), 0);
    if (!std::cin.read(input.data(), input.size()))
      fail("input ends early");
    reply.clear();
    answer(llvm::ArrayRef(words).drop_front(), input);
    std::cout << reply.size() << '\n' << reply << std::flush;
  }
  return 0;
}
