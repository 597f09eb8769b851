//===- Formats.h - Shorthand for tests -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TEST_UNIT_NUMERICS_FORMATS_H
#define RUNG_TEST_UNIT_NUMERICS_FORMATS_H

#include "rung/Numerics/NamedFormats.h"
#include "rung/Numerics/NumberFormat.h"

#include "gtest/gtest.h"

namespace rung {

inline NumberFormat named(llvm::StringRef name) {
  const NamedFormat *format = lookupNamedFormat(name);
  EXPECT_NE(format, nullptr) << name.str();
  return format->format;
}

inline NumberFormat minifloat(unsigned exponentBits, unsigned mantissaBits,
                              int64_t bias, Specials specials,
                              bool isSigned = true) {
  return llvm::cantFail(NumberFormat::minifloat(exponentBits, mantissaBits,
                                                bias, specials, isSigned));
}

inline NumberFormat codebook(unsigned bits, llvm::ArrayRef<double> entries) {
  return llvm::cantFail(NumberFormat::codebook(bits, entries));
}

inline NumberFormat offsetInteger(unsigned bits, int64_t offset) {
  return llvm::cantFail(
      NumberFormat::integer(bits, /*isSigned=*/false, offset));
}

template <typename T>
std::string messageOf(llvm::Expected<T> result) {
  if (result)
    return "";
  return llvm::toString(result.takeError());
}

} // namespace rung

#endif // RUNG_TEST_UNIT_NUMERICS_FORMATS_H
