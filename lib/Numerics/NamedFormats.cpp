//===- NamedFormats.cpp - Short names of number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/NamedFormats.h"

#include "llvm/ADT/StringExtras.h"

#include <charconv>
#include <cmath>
#include <vector>

using namespace rung;
using llvm::APFloat;

// NormalFloat 4: Dettmers et al., "QLoRA" (2023), appendix E; the float32 table
// of bitsandbytes.
static const float nf4Values[] = {-1.0f,
                                  -0.6961928009986877f,
                                  -0.5250730514526367f,
                                  -0.39491748809814453f,
                                  -0.28444138169288635f,
                                  -0.18477343022823334f,
                                  -0.09105003625154495f,
                                  0.0f,
                                  0.07958029955625534f,
                                  0.16093020141124725f,
                                  0.24611230194568634f,
                                  0.33791524171829224f,
                                  0.44070982933044434f,
                                  0.5626170039176941f,
                                  0.7229568362236023f,
                                  1.0f};

// NormalFloat 3: Zhang et al., "AFPQ: Asymmetric Floating Point Quantization
// for LLMs" (2023), as float32.
static const float nf3Values[] = {-1.0f,
                                  -0.5350227355957031f,
                                  -0.2469314038753510f,
                                  0.0f,
                                  0.1833375245332718f,
                                  0.3819939494132996f,
                                  0.6229856610298157f,
                                  1.0f};

// The non-linear 4-bit table of GGUF's IQ4_NL and IQ4_XS.
static const float iq4nlValues[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};

static const float ternaryValues[] = {-1, 0, 1};
static const float binaryValues[] = {-1, 1};

static void addCodebook(std::vector<NamedFormat> &formats, llvm::StringRef name,
                        unsigned bits, llvm::ArrayRef<float> values) {
  std::vector<double> entries(values.begin(), values.end());
  std::string list = llvm::join(llvm::map_range(entries, formatDecimal), ", ");
  formats.push_back(
      {name.str(),
       "!rung.codebook<" + std::to_string(bits) + ", [" + list + "]>",
       llvm::cantFail(NumberFormat::codebook(bits, entries))});
}

static std::vector<NamedFormat> makeNamedFormats() {
  std::vector<NamedFormat> formats;
  for (unsigned bits = 1; bits <= 8; ++bits)
    formats.push_back({"int" + std::to_string(bits),
                       "!rung.int<" + std::to_string(bits) + ">",
                       NumberFormat::signedInteger(bits)});
  for (unsigned bits = 1; bits <= 8; ++bits)
    formats.push_back({"uint" + std::to_string(bits),
                       "!rung.uint<" + std::to_string(bits) + ">",
                       NumberFormat::unsignedInteger(bits)});
  struct Builtin {
    const char *name, *type;
    const llvm::fltSemantics &semantics;
  };
  const Builtin builtins[] = {
      {"e2m1", "f4E2M1FN", APFloat::Float4E2M1FN()},
      {"e2m3", "f6E2M3FN", APFloat::Float6E2M3FN()},
      {"e3m2", "f6E3M2FN", APFloat::Float6E3M2FN()},
      {"e4m3", "f8E4M3FN", APFloat::Float8E4M3FN()},
      {"e5m2", "f8E5M2", APFloat::Float8E5M2()},
      {"e4m3fnuz", "f8E4M3FNUZ", APFloat::Float8E4M3FNUZ()},
      {"e5m2fnuz", "f8E5M2FNUZ", APFloat::Float8E5M2FNUZ()},
      {"e3m4", "f8E3M4", APFloat::Float8E3M4()},
      {"e4m3b11fnuz", "f8E4M3B11FNUZ", APFloat::Float8E4M3B11FNUZ()},
      {"e8m0", "f8E8M0FNU", APFloat::Float8E8M0FNU()},
      {"f64", "f64", APFloat::IEEEdouble()},
      {"f32", "f32", APFloat::IEEEsingle()},
      {"f16", "f16", APFloat::IEEEhalf()},
      {"bf16", "bf16", APFloat::BFloat()},
  };
  for (const Builtin &builtin : builtins) {
    if (llvm::StringRef(builtin.name) == "f64") {
      addCodebook(formats, "nf4", 4, nf4Values);
      addCodebook(formats, "nf3", 3, nf3Values);
      addCodebook(formats, "ternary", 2, ternaryValues);
      addCodebook(formats, "binary", 1, binaryValues);
      addCodebook(formats, "iq4nl", 4, iq4nlValues);
    }
    formats.push_back({builtin.name, builtin.type,
                       *NumberFormat::fromSemantics(builtin.semantics)});
  }
  for (unsigned bits : {8, 16, 32})
    formats.push_back({"i" + std::to_string(bits), "i" + std::to_string(bits),
                       NumberFormat::signedInteger(bits)});
  return formats;
}

llvm::ArrayRef<NamedFormat> rung::getNamedFormats() {
  static const std::vector<NamedFormat> formats = makeNamedFormats();
  return formats;
}

const NamedFormat *rung::lookupNamedFormat(llvm::StringRef name) {
  for (const NamedFormat &named : getNamedFormats())
    if (named.name == name)
      return &named;
  return nullptr;
}

std::string rung::formatDecimal(double value) {
  // Integers without a point, as they are written by hand; -0 is no integer.
  if (value == std::trunc(value) && std::fabs(value) <= 0x1p53 &&
      !(value == 0 && std::signbit(value)))
    return std::to_string(static_cast<int64_t>(value));
  char buffer[32]; // the longest is "-2.2250738585072014e-308"
  std::to_chars_result end =
      std::to_chars(buffer, buffer + sizeof(buffer), value);
  std::string text(buffer, end.ptr);
  // MLIR reads "1e+30" only with a point.
  if (std::isfinite(value) && text.find('.') == std::string::npos)
    text.insert(std::min(text.find('e'), text.size()), ".0");
  return text;
}
