//===- Report.cpp - Formats and conversions as text and JSON -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/Report.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Numerics/NamedFormats.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace rung;
namespace json = llvm::json;

static constexpr unsigned maxTableBits = 16;

std::string rung::formatHexFloat(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%a", value);
  return text;
}

/// For people: "17 (0x1.1p+4)".
static std::string formatBoth(double value) {
  if (!std::isfinite(value))
    return formatHexFloat(value);
  return formatDecimal(value) + " (" + formatHexFloat(value) + ")";
}

static void printTableJson(llvm::raw_ostream &os, const NumberFormat &format,
                           llvm::StringRef spelling) {
  json::OStream out(os);
  out.object([&] {
    out.attribute("format", spelling);
    out.attribute("bits", format.bits());
    out.attributeArray("values", [&] {
      for (uint64_t code = 0; code < format.numCodes(); ++code)
        out.object([&] {
          out.attribute("code", static_cast<int64_t>(code));
          if (format.isValid(code))
            out.attribute("value", formatHexFloat(format.valueAsDouble(code)));
          else
            out.attribute("value", nullptr);
        });
    });
  });
  os << "\n";
}

llvm::Error rung::printTable(llvm::raw_ostream &os, const NumberFormat &format,
                             llvm::StringRef spelling, bool json) {
  if (format.bits() > maxTableBits)
    return llvm::createStringError(
        std::make_error_code(std::errc::invalid_argument),
        llvm::formatv("{0} has {1} bits: value tables are printed for formats "
                      "of at most {2}",
                      spelling, format.bits(), maxTableBits)
            .str());
  if (json) {
    printTableJson(os, format, spelling);
    return llvm::Error::success();
  }
  os << spelling << ": " << format.bits() << " bits\n";
  for (uint64_t code = 0; code < format.numCodes(); ++code) {
    os << llvm::formatv("{0,5}  0b", code);
    for (unsigned bit = format.bits(); bit-- > 0;)
      os << (code >> bit & 1);
    os << "  "
       << (format.isValid(code) ? formatBoth(format.valueAsDouble(code))
                                : "invalid")
       << "\n";
  }
  return llvm::Error::success();
}

static void printConversionJson(llvm::raw_ostream &os,
                                const std::optional<LostCode> &lost) {
  json::OStream out(os);
  out.object([&] {
    out.attribute("lossless", !lost.has_value());
    if (!lost)
      return;
    out.attributeObject("lost", [&] {
      out.attribute("code", json::Value(static_cast<uint64_t>(lost->code)));
      out.attribute("value", formatHexFloat(lost->value));
      if (lost->nearest)
        out.attribute("nearest", formatHexFloat(*lost->nearest));
      else
        out.attribute("nearest", nullptr);
    });
  });
  os << "\n";
}

bool rung::printConversion(llvm::raw_ostream &os, const NumberFormat &from,
                           llvm::StringRef fromSpelling, const NumberFormat &to,
                           llvm::StringRef toSpelling, bool json) {
  std::optional<LostCode> lost = firstLostCode(from, to);
  if (json)
    printConversionJson(os, lost);
  else if (!lost)
    os << "lossless\n";
  else
    os << "not lossless: code " << lost->code << " of " << fromSpelling
       << " is " << formatBoth(lost->value) << ", which " << toSpelling
       << " does not have; "
       << (lost->nearest ? "it would become " + formatBoth(*lost->nearest)
                         : "nothing there stands for it")
       << "\n";
  return !lost;
}

void rung::printNamedFormats(llvm::raw_ostream &os, bool json) {
  if (!json) {
    for (const NamedFormat &named : getNamedFormats())
      os << llvm::formatv("{0,-12} {1,2} bits  {2}\n", named.name,
                          named.format.bits(), named.type);
    return;
  }
  json::OStream out(os);
  out.array([&] {
    for (const NamedFormat &named : getNamedFormats())
      out.object([&] {
        out.attribute("name", named.name);
        out.attribute("type", named.type);
        out.attribute("bits", named.format.bits());
      });
  });
  os << "\n";
}
