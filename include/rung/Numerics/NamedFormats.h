//===- NamedFormats.h - Short names of number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_NAMEDFORMATS_H
#define RUNG_NUMERICS_NAMEDFORMATS_H

#include "rung/Numerics/NumberFormat.h"

#include "llvm/ADT/StringRef.h"

#include <string>

namespace rung {

/// A name that commands accept for an MLIR type that is a number format.
struct NamedFormat {
  std::string name; ///< "int4"
  std::string type; ///< "!rung.int<4>", as MLIR spells it
  NumberFormat format;
};

/// All of them, in the order of their documentation.
llvm::ArrayRef<NamedFormat> getNamedFormats();

/// The one called `name`, or null.
const NamedFormat *lookupNamedFormat(llvm::StringRef name);

/// The shortest decimal that reads back as `value`, with a point or an exponent
/// unless it is an integer of a magnitude up to 2^53; so codebook entries are
/// printed.
std::string formatDecimal(double value);

} // namespace rung

#endif // RUNG_NUMERICS_NAMEDFORMATS_H
