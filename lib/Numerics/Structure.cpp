//===- Structure.cpp - What a table's values have in common -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormatData.h"
#include "rung/Numerics/NumberFormat.h"

#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace rung;

bool MinifloatView::isSpecial(uint64_t code) const {
  unsigned width = exponentBits + mantissaBits;
  uint64_t magnitude = code & llvm::maskTrailingOnes<uint64_t>(width);
  bool negative = isSigned && (code >> width & 1);
  switch (specials) {
  case Specials::None:
    return false;
  case Specials::IEEE:
    return magnitude >> mantissaBits ==
           llvm::maskTrailingOnes<uint64_t>(exponentBits);
  case Specials::FN:
    return magnitude == llvm::maskTrailingOnes<uint64_t>(width);
  case Specials::FNUZ:
    return negative && magnitude == 0;
  }
  llvm_unreachable("all rules are covered");
}

/// a * n + b for the table of a format, if it is that.
static std::optional<AffineCode> fitAffine(llvm::ArrayRef<double> table,
                                           unsigned bits, bool isSigned) {
  double scale = table.size() > 1 ? table[1] - table[0] : 0, offset = table[0];
  if (isSigned && bits == 1)
    scale = -scale; // code 1 is n = -1
  Dyadic exactScale = Dyadic::fromDouble(scale),
         exactOffset = Dyadic::fromDouble(offset);
  for (uint64_t code = 0; code < table.size(); ++code) {
    // -0 is not a sum that starts from 0.
    if (table[code] == 0 && std::signbit(table[code]))
      return std::nullopt;
    int64_t n =
        isSigned ? llvm::SignExtend64(code, bits) : static_cast<int64_t>(code);
    if (!(exactScale * Dyadic(n, 0) + exactOffset ==
          Dyadic::fromDouble(table[code])))
      return std::nullopt;
  }
  return AffineCode{scale, offset, isSigned};
}

std::optional<AffineCode> NumberFormat::affineCode() const {
  if (!hasTable()) {
    if (kind() != Kind::Integer)
      return std::nullopt;
    return AffineCode{1.0, -static_cast<double>(offset()), isSigned()};
  }
  for (double value : impl->table)
    if (!std::isfinite(value))
      return std::nullopt;
  if (impl->table.size() > 1 && !std::isfinite(impl->table[1] - impl->table[0]))
    return std::nullopt;
  // The declared reading first: int1 is both -n of an unsigned n and n of a
  // signed one.
  for (bool isSigned : {impl->isSigned, !impl->isSigned})
    if (std::optional<AffineCode> fit =
            fitAffine(impl->table, bits(), isSigned))
      return fit;
  return std::nullopt;
}

/// The bias that gives code 1 of the candidate the value that the table gives
/// it.
static std::optional<int64_t> biasFor(double valueOfOne,
                                      unsigned mantissaBits) {
  int exponent = 0;
  if (!std::isfinite(valueOfOne) || valueOfOne <= 0 ||
      std::frexp(valueOfOne, &exponent) != 0.5)
    return std::nullopt;
  return 1 - static_cast<int64_t>(mantissaBits) - (exponent - 1);
}

std::optional<MinifloatView> NumberFormat::minifloatView() const {
  if (kind() == Kind::Float)
    return MinifloatView{exponentBits(), mantissaBits(), bias(), specials(),
                         isSigned()};
  llvm::ArrayRef<double> table = impl->table;
  if (!hasTable() || table.size() < 2)
    return std::nullopt;
  for (bool isSigned : {true, false}) {
    if (bits() < (isSigned ? 2u : 1u))
      continue;
    unsigned width = bits() - isSigned;
    for (unsigned mantissaBits = 0; mantissaBits < width; ++mantissaBits) {
      std::optional<int64_t> bias = biasFor(table[1], mantissaBits);
      if (!bias)
        continue;
      for (Specials specials :
           {Specials::None, Specials::FN, Specials::FNUZ, Specials::IEEE}) {
        llvm::Expected<NumberFormat> candidate = minifloat(
            width - mantissaBits, mantissaBits, *bias, specials, isSigned);
        if (!candidate) {
          llvm::consumeError(candidate.takeError());
          continue;
        }
        // A codebook may leave codes without a value: only those that it has
        // need to agree.
        bool agrees = true;
        for (uint64_t code = 0; code < table.size() && agrees; ++code) {
          double a = table[code], b = candidate->valueAsDouble(code);
          agrees = std::isnan(a) ? std::isnan(b)
                                 : a == b && std::signbit(a) == std::signbit(b);
        }
        if (agrees)
          return MinifloatView{width - mantissaBits, mantissaBits,
                               static_cast<int>(*bias), specials, isSigned};
      }
    }
  }
  return std::nullopt;
}
