//===- Report.h - Formats and conversions as text and JSON -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_REPORT_H
#define RUNG_NUMERICS_REPORT_H

#include "rung/Numerics/NumberFormat.h"

#include "llvm/Support/raw_ostream.h"

#include <string>

namespace rung {

/// A C99 hexadecimal float ("0x1.8p+1"), "inf", "-inf" or "nan".
std::string formatHexFloat(double value);

/// The value of each code. JSON: {"format": spelling, "bits": b, "values":
/// [{"code": 0, "value": "0x0p+0"}, ...]}, the value null for an invalid code.
/// Fails for formats of more than 16 bits.
llvm::Error printTable(llvm::raw_ostream &os, const NumberFormat &format,
                       llvm::StringRef spelling, bool json);

/// Whether `from` converts to `to` without loss; the return value says it, too.
/// Text: "lossless", or what the first lost code becomes. JSON: {"lossless":
/// true} or {"lossless": false, "lost": {"code", "value", "nearest"}}, nearest
/// null for a NaN that cannot be converted.
bool printConversion(llvm::raw_ostream &os, const NumberFormat &from,
                     llvm::StringRef fromSpelling, const NumberFormat &to,
                     llvm::StringRef toSpelling, bool json);

/// The named formats: name, bits, type. JSON: [{"name", "type", "bits"}].
void printNamedFormats(llvm::raw_ostream &os, bool json);

} // namespace rung

#endif // RUNG_NUMERICS_REPORT_H
