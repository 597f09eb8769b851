//===- NumberFormat.cpp - Declaring formats, their values -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/NumberFormat.h"
#include "FormatData.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

using namespace rung;
using llvm::APFloat;

// IEEE double: the exponents of its greatest finite binade and of its smallest
// subnormal, and the greatest power of two up to which it holds every integer.
static constexpr int64_t doubleMaxExponent = 1023;
static constexpr int64_t doubleMinExponent = -1074;
static constexpr int64_t doubleMaxInteger = int64_t(1) << 53;

static constexpr int e8m0Bias = 127;
static constexpr uint64_t e8m0NaN = 255;

template <typename... Args>
static llvm::Error invalid(const char *format, Args &&...args) {
  return llvm::createStringError(
      std::make_error_code(std::errc::invalid_argument),
      llvm::formatv(format, std::forward<Args>(args)...).str());
}

/// value * 2^power; a product where 2^power is a normal double.
static double timesPowerOfTwo(double value, int power) {
  if (power < -1022 || power > doubleMaxExponent)
    return std::ldexp(value, power);
  return value * llvm::bit_cast<double>(
                     static_cast<uint64_t>(power + doubleMaxExponent) << 52);
}

/// NaNs are one value; everything else is told apart by its bits.
static uint64_t identity(double value) {
  return std::isnan(value) ? ~uint64_t(0) : llvm::bit_cast<uint64_t>(value);
}

llvm::StringRef rung::stringifySpecials(Specials specials) {
  switch (specials) {
  case Specials::None:
    return "none";
  case Specials::IEEE:
    return "ieee";
  case Specials::FN:
    return "fn";
  case Specials::FNUZ:
    return "fnuz";
  }
  llvm_unreachable("all rules are covered");
}

std::optional<Specials> rung::symbolizeSpecials(llvm::StringRef text) {
  return llvm::StringSwitch<std::optional<Specials>>(text)
      .Case("none", Specials::None)
      .Case("ieee", Specials::IEEE)
      .Case("fn", Specials::FN)
      .Case("fnuz", Specials::FNUZ)
      .Default(std::nullopt);
}

//===----------------------------------------------------------------------===//
// Values from parameters
//===----------------------------------------------------------------------===//

Dyadic NumberFormat::Data::computeMagnitude(uint64_t magnitude) const {
  if (kind == Kind::Exponent)
    return Dyadic(1, static_cast<int64_t>(magnitude) - bias);
  int64_t exponent = static_cast<int64_t>(magnitude >> mantissaBits);
  uint64_t mantissa =
      magnitude & llvm::maskTrailingOnes<uint64_t>(mantissaBits);
  if (exponent == 0)
    return Dyadic(false, mantissa,
                  1 - bias - static_cast<int64_t>(mantissaBits));
  return Dyadic(false, mantissa | uint64_t(1) << mantissaBits,
                exponent - bias - static_cast<int64_t>(mantissaBits));
}

bool NumberFormat::Data::isSpecialMagnitude(uint64_t magnitude) const {
  if (kind == Kind::Exponent)
    return magnitude == e8m0NaN;
  uint64_t allOnes =
      llvm::maskTrailingOnes<uint64_t>(exponentBits + mantissaBits);
  switch (specials) {
  case Specials::None:
  case Specials::FNUZ:
    return false;
  case Specials::IEEE:
    return magnitude >> mantissaBits ==
           llvm::maskTrailingOnes<uint64_t>(exponentBits);
  case Specials::FN:
    return magnitude == allOnes;
  }
  llvm_unreachable("all rules are covered");
}

double NumberFormat::Data::compute(uint64_t code) const {
  switch (kind) {
  case Kind::Integer: {
    int64_t integer =
        isSigned ? llvm::SignExtend64(code, bits) : static_cast<int64_t>(code);
    return static_cast<double>(integer - offset);
  }
  case Kind::Codebook:
    return entries[code];
  case Kind::Exponent:
    return code == e8m0NaN ? std::numeric_limits<double>::quiet_NaN()
                           : std::ldexp(1.0, static_cast<int>(code) - bias);
  case Kind::Float:
    break;
  }
  bool negative = isSigned && (code & signMask());
  uint64_t magnitude = isSigned ? code & ~signMask() : code;
  double value;
  if (isSpecialMagnitude(magnitude)) {
    uint64_t mantissa =
        magnitude & llvm::maskTrailingOnes<uint64_t>(mantissaBits);
    bool infinite = specials == Specials::IEEE && mantissa == 0;
    value = infinite ? std::numeric_limits<double>::infinity()
                     : std::numeric_limits<double>::quiet_NaN();
  } else if (specials == Specials::FNUZ && negative && magnitude == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  } else {
    int exponent = static_cast<int>(magnitude >> mantissaBits);
    uint64_t mantissa =
        magnitude & llvm::maskTrailingOnes<uint64_t>(mantissaBits);
    if (exponent != 0)
      mantissa |= uint64_t(1) << mantissaBits;
    int power = std::max(exponent, 1) - bias - static_cast<int>(mantissaBits);
    value = timesPowerOfTwo(static_cast<double>(mantissa), power);
  }
  return std::copysign(value, negative ? -1.0 : 1.0);
}

uint64_t NumberFormat::Data::numRanks() const {
  if (bits <= 8)
    return orderedCodes.size();
  if (kind == Kind::Integer)
    return uint64_t(1) << bits;
  return 2 * maxFiniteMagnitude + 1;
}

uint64_t NumberFormat::Data::codeOfRank(uint64_t rank) const {
  if (bits <= 8)
    return orderedCodes[rank];
  if (kind == Kind::Integer)
    return isSigned ? rank ^ signMask() : rank;
  return rank < maxFiniteMagnitude ? signMask() | (maxFiniteMagnitude - rank)
                                   : rank - maxFiniteMagnitude;
}

double NumberFormat::Data::valueOfRank(uint64_t rank) const {
  return bits <= 8 ? orderedValues[rank] : compute(codeOfRank(rank));
}

uint64_t NumberFormat::Data::rankNear(double value) const {
  if (kind == Kind::Integer)
    return static_cast<uint64_t>(std::trunc(value) - valueOfRank(0));
  constexpr int doubleMantissaBits = 52;
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent); // in [0.5, 1)
  auto digits =
      static_cast<uint64_t>(std::ldexp(fraction, doubleMantissaBits + 1));
  // The exponent field, and how many digits of a double its mantissa drops.
  int64_t field = std::max<int64_t>(exponent - 1 + bias, 0);
  int64_t dropped = doubleMantissaBits - mantissaBits;
  if (field == 0)
    dropped += 1 - (exponent - 1 + bias);
  digits = dropped < 64 ? digits >> dropped : 0;
  // A normal number's leading digit counts as one in the exponent field.
  uint64_t magnitude =
      field == 0 ? digits
                 : digits + (static_cast<uint64_t>(field - 1) << mantissaBits);
  return value < 0 ? maxFiniteMagnitude - magnitude
                   : maxFiniteMagnitude + magnitude;
}

void NumberFormat::Data::derive() {
  if (isFloatLike()) {
    unsigned width = isSigned ? bits - 1 : bits;
    maxFiniteMagnitude = llvm::maskTrailingOnes<uint64_t>(width);
    if (specials == Specials::IEEE) {
      uint64_t infinity = llvm::maskTrailingOnes<uint64_t>(exponentBits)
                          << mantissaBits;
      maxFiniteMagnitude = infinity - 1;
      positiveInfinity = infinity;
      // The NaN that arithmetic makes has the top mantissa bit alone.
      if (mantissaBits > 0)
        positiveNaN = infinity | uint64_t(1) << (mantissaBits - 1);
    } else if (specials == Specials::FN) {
      positiveNaN = maxFiniteMagnitude--;
    } else if (specials == Specials::FNUZ) {
      positiveNaN = negativeNaN = signMask();
    }
    if (isSigned && specials != Specials::FNUZ) {
      if (positiveInfinity)
        negativeInfinity = *positiveInfinity | signMask();
      negativeNaN = positiveNaN;
      if (positiveNaN)
        negativeNaN = *positiveNaN | signMask();
      negativeZero = signMask();
    }
    if (!negativeNaN)
      negativeNaN = positiveNaN;
  }
  if (bits > 8)
    return;

  uint64_t numValid =
      kind == Kind::Codebook ? entries.size() : uint64_t(1) << bits;
  for (uint64_t code = 0; code < numValid; ++code) {
    double value = compute(code);
    table.push_back(value);
    if (std::isfinite(value))
      orderedCodes.push_back(static_cast<uint16_t>(code));
    if (value == 0 && std::signbit(value) && !negativeZero)
      negativeZero = code;
  }
  // Of several codes of one value the lowest represents it, +0 before -0.
  std::sort(orderedCodes.begin(), orderedCodes.end(),
            [&](uint16_t a, uint16_t b) {
              if (table[a] != table[b])
                return table[a] < table[b];
              if (std::signbit(table[a]) != std::signbit(table[b]))
                return std::signbit(table[b]);
              return a < b;
            });
  orderedCodes.erase(llvm::unique(orderedCodes,
                                  [&](uint16_t a, uint16_t b) {
                                    return table[a] == table[b];
                                  }),
                     orderedCodes.end());
  for (uint16_t code : orderedCodes)
    orderedValues.push_back(table[code]);
}

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

llvm::Expected<NumberFormat> NumberFormat::integer(unsigned bits, bool isSigned,
                                                   int64_t offset) {
  if ((bits < 1 || bits > 8) && bits != 16 && bits != 32)
    return invalid("an integer format has 1 to 8, 16 or 32 bits, not {0}",
                   bits);
  if (offset > doubleMaxInteger - (int64_t(1) << 32) ||
      offset < -(doubleMaxInteger - (int64_t(1) << 32)))
    return invalid("offset {0} puts values beyond +-2^53, where they are not "
                   "exact as doubles; use a smaller one",
                   offset);
  auto data = std::make_shared<Data>();
  data->kind = Kind::Integer;
  data->bits = bits;
  data->isSigned = isSigned;
  data->offset = offset;
  data->derive();
  return NumberFormat(std::move(data));
}

int64_t NumberFormat::defaultBias(unsigned exponentBits) {
  assert(exponentBits >= 1 && exponentBits <= 62 && "no such exponent field");
  return (int64_t(1) << (exponentBits - 1)) - 1;
}

NumberFormat NumberFormat::makeFloat(unsigned exponentBits,
                                     unsigned mantissaBits, int bias,
                                     Specials specials, bool isSigned) {
  auto data = std::make_shared<Data>();
  data->kind = Kind::Float;
  data->bits = (isSigned ? 1 : 0) + exponentBits + mantissaBits;
  data->isSigned = isSigned;
  data->exponentBits = exponentBits;
  data->mantissaBits = mantissaBits;
  data->bias = bias;
  data->specials = specials;
  data->derive();
  return NumberFormat(std::move(data));
}

llvm::Expected<NumberFormat>
NumberFormat::minifloat(unsigned exponentBits, unsigned mantissaBits,
                        int64_t bias, Specials specials, bool isSigned) {
  if (exponentBits < 1)
    return invalid("e{0}m{1}: a float has at least one exponent bit; for none, "
                   "declare an integer format",
                   exponentBits, mantissaBits);
  uint64_t bits = uint64_t(isSigned) + exponentBits + mantissaBits;
  if (bits < 2 || bits > 8)
    return invalid("e{0}m{1}{2} has {3} bits, expected 2 to 8", exponentBits,
                   mantissaBits, isSigned ? " with a sign" : " unsigned", bits);
  if (specials == Specials::FNUZ && !isSigned)
    return invalid("e{0}m{1}: an unsigned format has no code of -0 for 'fnuz' "
                   "to make NaN; use none, ieee or fn",
                   exponentBits, mantissaBits);
  int64_t topExponent =
      (int64_t(1) << exponentBits) - (specials == Specials::IEEE ? 2 : 1);
  int64_t least = topExponent - doubleMaxExponent;
  int64_t greatest = 1 - static_cast<int64_t>(mantissaBits) - doubleMinExponent;
  if (bias < least || bias > greatest)
    return invalid("e{0}m{1}: bias {2} puts values beyond the range of "
                   "doubles, expected {3} to {4}",
                   exponentBits, mantissaBits, bias, least, greatest);
  return makeFloat(exponentBits, mantissaBits, static_cast<int>(bias), specials,
                   isSigned);
}

llvm::Expected<NumberFormat>
NumberFormat::codebook(unsigned bits, llvm::ArrayRef<double> entries) {
  if (bits < 1 || bits > 8)
    return invalid("a codebook has codes of 1 to 8 bits, not {0}", bits);
  if (entries.empty() || entries.size() > uint64_t(1) << bits)
    return invalid("a codebook of {0} bits lists 1 to {1} values, not {2}",
                   bits, uint64_t(1) << bits, entries.size());
  for (size_t i = 0; i < entries.size(); ++i)
    if (!std::isfinite(entries[i]))
      return invalid("codebook entry {0} is not a finite number", i);
  auto data = std::make_shared<Data>();
  data->kind = Kind::Codebook;
  data->bits = bits;
  data->entries.assign(entries.begin(), entries.end());
  data->derive();
  return NumberFormat(std::move(data));
}

NumberFormat NumberFormat::e8m0() {
  auto data = std::make_shared<Data>();
  data->kind = Kind::Exponent;
  data->bits = 8;
  data->exponentBits = 8;
  data->bias = e8m0Bias;
  data->specials = Specials::FN;
  data->derive();
  return NumberFormat(std::move(data));
}

NumberFormat NumberFormat::f16() {
  return makeFloat(5, 10, 15, Specials::IEEE, true);
}
NumberFormat NumberFormat::bf16() {
  return makeFloat(8, 7, 127, Specials::IEEE, true);
}
NumberFormat NumberFormat::tf32() {
  return makeFloat(8, 10, 127, Specials::IEEE, true);
}
NumberFormat NumberFormat::f32() {
  return makeFloat(8, 23, 127, Specials::IEEE, true);
}
NumberFormat NumberFormat::f64() {
  return makeFloat(11, 52, 1023, Specials::IEEE, true);
}
NumberFormat NumberFormat::signedInteger(unsigned bits) {
  return llvm::cantFail(integer(bits, /*isSigned=*/true));
}
NumberFormat NumberFormat::unsignedInteger(unsigned bits) {
  return llvm::cantFail(integer(bits, /*isSigned=*/false));
}

std::optional<NumberFormat>
NumberFormat::fromSemantics(const llvm::fltSemantics &semantics) {
  struct Known {
    const llvm::fltSemantics &semantics;
    unsigned exponentBits, mantissaBits;
    int bias;
    Specials specials;
  };
  const Known known[] = {
      {APFloat::IEEEhalf(), 5, 10, 15, Specials::IEEE},
      {APFloat::BFloat(), 8, 7, 127, Specials::IEEE},
      {APFloat::FloatTF32(), 8, 10, 127, Specials::IEEE},
      {APFloat::IEEEsingle(), 8, 23, 127, Specials::IEEE},
      {APFloat::IEEEdouble(), 11, 52, 1023, Specials::IEEE},
      {APFloat::Float8E5M2(), 5, 2, 15, Specials::IEEE},
      {APFloat::Float8E5M2FNUZ(), 5, 2, 16, Specials::FNUZ},
      {APFloat::Float8E4M3(), 4, 3, 7, Specials::IEEE},
      {APFloat::Float8E4M3FN(), 4, 3, 7, Specials::FN},
      {APFloat::Float8E4M3FNUZ(), 4, 3, 8, Specials::FNUZ},
      {APFloat::Float8E4M3B11FNUZ(), 4, 3, 11, Specials::FNUZ},
      {APFloat::Float8E3M4(), 3, 4, 3, Specials::IEEE},
      {APFloat::Float6E3M2FN(), 3, 2, 3, Specials::None},
      {APFloat::Float6E2M3FN(), 2, 3, 1, Specials::None},
      {APFloat::Float4E2M1FN(), 2, 1, 1, Specials::None},
  };
  for (const Known &candidate : known)
    if (&candidate.semantics == &semantics)
      return makeFloat(candidate.exponentBits, candidate.mantissaBits,
                       candidate.bias, candidate.specials, true);
  if (&semantics == &APFloat::Float8E8M0FNU())
    return e8m0();
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

NumberFormat::Kind NumberFormat::kind() const { return impl->kind; }
unsigned NumberFormat::bits() const { return impl->bits; }
bool NumberFormat::isSigned() const { return impl->isSigned; }
int64_t NumberFormat::offset() const { return impl->offset; }
unsigned NumberFormat::exponentBits() const { return impl->exponentBits; }
unsigned NumberFormat::mantissaBits() const { return impl->mantissaBits; }
int NumberFormat::bias() const { return impl->bias; }
Specials NumberFormat::specials() const { return impl->specials; }
llvm::ArrayRef<double> NumberFormat::codebookEntries() const {
  return impl->entries;
}

bool NumberFormat::isValid(uint64_t code) const {
  if (hasTable())
    return code < impl->table.size();
  return bits() == 64 || code >> bits() == 0;
}

std::optional<APFloat> NumberFormat::value(uint64_t code) const {
  if (!isValid(code))
    return std::nullopt;
  return APFloat(valueAsDouble(code));
}

double NumberFormat::valueAsDouble(uint64_t code) const {
  assert(isValid(code) && "an invalid code has no value");
  return hasTable() ? impl->table[code] : impl->compute(code);
}

bool NumberFormat::hasInvalidCodes() const {
  return hasTable() && impl->table.size() != numCodes();
}
bool NumberFormat::hasInfinity() const {
  return impl->positiveInfinity.has_value();
}
bool NumberFormat::hasNaN() const { return impl->positiveNaN.has_value(); }

bool NumberFormat::isIntegerValued() const {
  if (!hasTable())
    return kind() == Kind::Integer;
  return std::all_of(impl->table.begin(), impl->table.end(), [](double value) {
    return std::isfinite(value) && value == std::trunc(value);
  });
}

double NumberFormat::minFinite() const { return impl->valueOfRank(0); }
double NumberFormat::maxFinite() const {
  return impl->valueOfRank(impl->numRanks() - 1);
}
std::optional<double> NumberFormat::minPositive() const {
  uint64_t low = 0, high = impl->numRanks();
  while (low < high) {
    uint64_t middle = low + (high - low) / 2;
    if (impl->valueOfRank(middle) > 0)
      high = middle;
    else
      low = middle + 1;
  }
  return low == impl->numRanks() ? std::nullopt
                                 : std::optional(impl->valueOfRank(low));
}
double NumberFormat::maxMagnitude() const {
  return std::max(std::fabs(minFinite()), std::fabs(maxFinite()));
}

bool NumberFormat::operator==(const NumberFormat &other) const {
  if (impl == other.impl)
    return true;
  if (bits() != other.bits())
    return false;
  if (hasTable())
    return std::equal(
        impl->table.begin(), impl->table.end(), other.impl->table.begin(),
        other.impl->table.end(),
        [](double a, double b) { return identity(a) == identity(b); });
  const Data &a = *impl, &b = *other.impl;
  return a.kind == b.kind && a.isSigned == b.isSigned && a.offset == b.offset &&
         a.exponentBits == b.exponentBits && a.mantissaBits == b.mantissaBits &&
         a.bias == b.bias && a.specials == b.specials;
}

llvm::hash_code rung::hash_value(const NumberFormat &format) {
  const NumberFormat::Data &data = format.data();
  if (!format.hasTable())
    return llvm::hash_combine(data.kind, data.bits, data.isSigned, data.offset,
                              data.exponentBits, data.mantissaBits, data.bias,
                              data.specials);
  llvm::hash_code hash = llvm::hash_value(data.bits);
  for (double value : data.table)
    hash = llvm::hash_combine(hash, identity(value));
  return hash;
}
