//===- NumberFormat.h - A finite map from codes to exact values -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one source of truth about number formats: constant folding, decode
// proofs, verifiers, tools and tests all ask here. No IR.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_NUMBERFORMAT_H
#define RUNG_NUMERICS_NUMBERFORMAT_H

#include "rung/Numerics/Dyadic.h"

#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <optional>

namespace rung {

/// Which codes of a float are not finite numbers.
enum class Specials {
  None, ///< every code is finite
  IEEE, ///< the top exponent is infinity (mantissa 0) or NaN
  FN,   ///< only all ones (with either sign) is NaN; no infinity
  FNUZ, ///< only the code that would be -0 is NaN; no infinity
};
llvm::StringRef stringifySpecials(Specials specials);
std::optional<Specials> symbolizeSpecials(llvm::StringRef text);

/// How a value between two neighbours of a format is rounded.
struct Rounding {
  enum class Mode { NearestEven, TowardZero, Stochastic };

  Mode mode = Mode::NearestEven;
  /// Stochastic only: an integer in [0, 2^numRandomBits), 1 <= numRandomBits <=
  /// 62.
  uint64_t randomBits = 0;
  unsigned numRandomBits = 0;

  static Rounding nearestEven() { return {}; }
  static Rounding towardZero() { return {Mode::TowardZero, 0, 0}; }
  /// With lo < x < hi the neighbours, the result is hi iff (x - lo) / (hi - lo)
  /// > randomBits / 2^numRandomBits, compared exactly. Over uniform random bits
  /// hi has the probability ceil(f * 2^n) / 2^n where f is the fraction: x
  /// itself in expectation when f is a multiple of 2^-n. Higher random bits
  /// never round up more.
  static Rounding stochastic(uint64_t randomBits, unsigned numRandomBits) {
    return {Mode::Stochastic, randomBits, numRandomBits};
  }
};

/// value(code) = scale * n + offset for every valid code, n the code read as an
/// unsigned or (isSigned) two's complement integer of the format's width.
struct AffineCode {
  double scale;
  double offset;
  bool isSigned;
};

/// The format's valid codes are those of a float: from the most significant bit
/// sign (if any), exponent, mantissa. value = (-1)^sign * 2^(e - bias) * 1.m,
/// or 2^(1 - bias) * 0.m where e = 0, except as `specials` says.
struct MinifloatView {
  unsigned exponentBits;
  unsigned mantissaBits;
  int bias;
  Specials specials;
  bool isSigned;

  /// True if `code` is infinity or NaN.
  bool isSpecial(uint64_t code) const;
};

/// A number format: b bits, and for each of the 2^b codes an exact value,
/// infinity, NaN, or nothing (an invalid code). Immutable; copies share their
/// data. Formats of at most 8 bits are tables; two with equal tables are equal
/// however they were declared (NaNs are equal, 0 and -0 are not). Every value
/// is a double exactly: a declaration whose values are not is refused.
class NumberFormat {
public:
  enum class Kind {
    Integer,  ///< two's complement or unsigned, less an offset
    Float,    ///< sign, exponent, mantissa
    Codebook, ///< listed values
    Exponent, ///< e8m0: 2^(code - 127), 255 is NaN
  };

  /// value = code - offset, the code unsigned or two's complement. 1 <= bits <=
  /// 8, or 16, or 32.
  static llvm::Expected<NumberFormat> integer(unsigned bits, bool isSigned,
                                              int64_t offset = 0);
  /// 2 <= sign + exponent + mantissa bits <= 8, exponentBits >= 1; fnuz needs a
  /// sign.
  static llvm::Expected<NumberFormat> minifloat(unsigned exponentBits,
                                                unsigned mantissaBits,
                                                int64_t bias, Specials specials,
                                                bool isSigned = true);
  /// 2^(exponentBits - 1) - 1.
  static int64_t defaultBias(unsigned exponentBits);
  /// Codes 0, 1, ... have the values listed; codes beyond the list are invalid.
  /// 1 <= bits <= 8, finite entries.
  static llvm::Expected<NumberFormat> codebook(unsigned bits,
                                               llvm::ArrayRef<double> entries);
  static NumberFormat e8m0();
  static NumberFormat f16();
  static NumberFormat bf16();
  static NumberFormat tf32();
  static NumberFormat f32();
  static NumberFormat f64();
  /// Two's complement, 1..8, 16 or 32 bits (asserted).
  static NumberFormat signedInteger(unsigned bits);
  /// 1..8, 16 or 32 bits (asserted).
  static NumberFormat unsignedInteger(unsigned bits);
  /// The format of an APFloat semantics (all of LLVM's up to 64 bits), as of
  /// MLIR's builtin float types.
  static std::optional<NumberFormat>
  fromSemantics(const llvm::fltSemantics &semantics);

  Kind kind() const;
  unsigned bits() const;
  /// True up to 8 bits.
  bool hasTable() const { return bits() <= 8; }
  /// 2^bits; 0 stands for 2^64.
  uint64_t numCodes() const { return bits() == 64 ? 0 : uint64_t(1) << bits(); }

  /// Parameters, as declared.
  bool isSigned() const;                          ///< Integer, Float
  int64_t offset() const;                         ///< Integer
  unsigned exponentBits() const;                  ///< Float
  unsigned mantissaBits() const;                  ///< Float
  int bias() const;                               ///< Float
  Specials specials() const;                      ///< Float
  llvm::ArrayRef<double> codebookEntries() const; ///< Codebook

  /// False for a code beyond the width or beyond a codebook's list.
  bool isValid(uint64_t code) const;
  /// The value as IEEE double, exactly; nothing for an invalid code. A NaN
  /// keeps its sign.
  std::optional<llvm::APFloat> value(uint64_t code) const;
  /// The same, of a valid code.
  double valueAsDouble(uint64_t code) const;

  bool hasInvalidCodes() const;
  bool hasInfinity() const;
  bool hasNaN() const;
  /// All codes are integers: no special, no fraction.
  bool isIntegerValued() const;
  double minFinite() const;
  double maxFinite() const;
  /// The least value above zero, if any.
  std::optional<double> minPositive() const;
  /// max(|minFinite|, |maxFinite|).
  double maxMagnitude() const;

  /// The code of `value` rounded into the format, by rules that all formats
  /// share:
  /// - A value of the format is its own code; of several codes the lowest. -0,
  ///   or what rounds to zero from below, is the code of -0 where there is one,
  ///   else of 0.
  /// - NearestEven: the nearer neighbour. A tie goes to the one that is an even
  ///   multiple of their distance: for floats the even mantissa, for integers
  ///   the even value, for powers of two the greater (as IEEE 754-2019 says).
  ///   In a codebook neither may be a multiple: then to the even code, else to
  ///   the smaller magnitude, else to the lower code.
  /// - TowardZero: the neighbour on zero's side; where zero itself lies between
  ///   the neighbours, the nearest.
  /// - Out of range with `saturate`: the greatest or least finite value, for
  ///   infinities too.
  /// - Out of range otherwise: what rounds to the step that would follow the
  ///   range overflows; TowardZero never does. It and infinity become infinity
  ///   where the format has one of that sign, else NaN, else (a format with
  ///   neither: integers, codebooks, e2m1) the greatest or least value after
  ///   all.
  /// - A negative value that does not round to zero overflows an unsigned
  ///   format in every mode. e8m0 has no zero: values from 0 to 2^-127 become
  ///   2^-127, a negative one overflows.
  /// - NaN becomes NaN of its sign, and nothing (std::nullopt) where the format
  ///   has none. This is the only failure.
  std::optional<uint64_t> encode(double value, Rounding rounding = {},
                                 bool saturate = false) const;
  std::optional<uint64_t> encode(const llvm::APFloat &value,
                                 Rounding rounding = {},
                                 bool saturate = false) const;
  uint64_t encode(const Dyadic &value, Rounding rounding = {},
                  bool saturate = false) const;
  /// The code of numerator / denominator, rounded once (finite, denominator not
  /// 0).
  uint64_t encodeQuotient(double numerator, double denominator,
                          Rounding rounding = {}, bool saturate = false) const;
  uint64_t encodeQuotient(const Dyadic &numerator, const Dyadic &denominator,
                          Rounding rounding = {}, bool saturate = false) const;

  /// The code whose value is exactly `value` (NaN for NaN; 0 and -0 for each
  /// other if need be).
  std::optional<uint64_t> findCode(double value) const;

  /// Structure for code generators, found from the values, however the format
  /// is spelled. Valid codes only count.
  std::optional<AffineCode> affineCode() const;
  std::optional<MinifloatView> minifloatView() const;

  bool operator==(const NumberFormat &other) const;
  bool operator!=(const NumberFormat &other) const { return !(*this == other); }
  friend llvm::hash_code hash_value(const NumberFormat &format);

  struct Data;
  const Data &data() const { return *impl; }

private:
  explicit NumberFormat(std::shared_ptr<const Data> impl)
      : impl(std::move(impl)) {}
  static NumberFormat makeFloat(unsigned exponentBits, unsigned mantissaBits,
                                int bias, Specials specials, bool isSigned);

  std::shared_ptr<const Data> impl;
};

} // namespace rung

#endif // RUNG_NUMERICS_NUMBERFORMAT_H
