//===- RoundingTest.cpp - Values to codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"
#include "rung/Numerics/Dyadic.h"

#include <cmath>
#include <limits>
#include <random>

using namespace rung;
using llvm::APFloat;

static constexpr double inf = std::numeric_limits<double>::infinity();

/// The value after rounding; NaN also where there is no code.
static double rounded(llvm::StringRef name, double value,
                      Rounding rounding = {}, bool saturate = false) {
  NumberFormat format = named(name);
  std::optional<uint64_t> code = format.encode(value, rounding, saturate);
  return code ? format.valueAsDouble(*code) : NAN;
}

TEST(Encode, EveryCodeIsItsOwnNearest) {
  for (const NamedFormat &named : getNamedFormats()) {
    const NumberFormat &format = named.format;
    for (uint64_t code = 0; format.bits() <= 16 && code < format.numCodes();
         ++code) {
      if (!format.isValid(code))
        continue;
      double value = format.valueAsDouble(code);
      std::optional<uint64_t> back = format.encode(value);
      ASSERT_TRUE(back) << named.name;
      if (std::isnan(value))
        EXPECT_TRUE(std::isnan(format.valueAsDouble(*back)));
      else
        EXPECT_EQ(*back, code) << named.name;
      EXPECT_EQ(format.findCode(value), back);
    }
  }
}

TEST(Encode, TiesGoToTheEvenMultiple) {
  EXPECT_EQ(rounded("int4", 0.5), 0);
  EXPECT_EQ(rounded("int4", 1.5), 2);
  EXPECT_EQ(rounded("int4", -2.5), -2);
  EXPECT_EQ(rounded("e4m3", 17), 16); // steps of 2 from 16 on: 16 and 18
  EXPECT_EQ(rounded("e4m3", 19), 20);
  EXPECT_EQ(rounded("e8m0", 1.5),
            2); // one digit: IEEE 754-2019 takes the greater
  EXPECT_EQ(rounded("e8m0", 3), 4);
  // Values count, not codes: an odd offset makes even codes of odd values.
  NumberFormat shifted = offsetInteger(4, 3);
  EXPECT_EQ(shifted.valueAsDouble(*shifted.encode(2.5)), 2);
}

TEST(Encode, TiesWithoutMultiplesGoToTheEvenCode) {
  EXPECT_EQ(named("binary").encode(0.0), 0u); // -1 and 1
  EXPECT_EQ(named("iq4nl").encode(7.0), 8u);  // 1 (code 8) and 13 (code 9)
  EXPECT_EQ(codebook(2, {5, -1, 1}).encode(0.0), 2u); // codes 1 and 2
  EXPECT_EQ(codebook(2, {1, 7, 4, 0}).encode(0.0), 3u);
}

TEST(Encode, OneOfEqualCodes) {
  NumberFormat format = codebook(2, {3, 1, 1, 3});
  EXPECT_EQ(format.encode(1.0), 1u);
  EXPECT_EQ(format.encode(9.0), 0u);
}

TEST(Encode, SignOfZero) {
  EXPECT_EQ(named("e2m1").encode(-0.0), 8u);
  EXPECT_EQ(named("e2m1").encode(-0.1), 8u);
  EXPECT_EQ(named("e4m3fnuz").encode(-0.0), 0u); // 0x80 is NaN
  EXPECT_EQ(named("e4m3fnuz").encode(-1e-9), 0u);
  EXPECT_EQ(named("int4").encode(-0.0), 0u);
  EXPECT_EQ(named("f16").encode(-1e-30), 0x8000u);
}

TEST(Encode, Overflow) {
  // Half a step beyond the greatest value still rounds to it where that is
  // even.
  EXPECT_EQ(rounded("e4m3", 464), 448);
  EXPECT_TRUE(std::isnan(rounded("e4m3", std::nextafter(464, 500))));
  EXPECT_EQ(rounded("e4m3", 1e9, {}, /*saturate=*/true), 448);
  EXPECT_EQ(rounded("e5m2", 61440), inf);
  EXPECT_EQ(rounded("e5m2", std::nextafter(61440, 0)), 57344);
  EXPECT_EQ(rounded("e5m2", -inf), -inf);
  EXPECT_EQ(rounded("e5m2", -inf, {}, /*saturate=*/true), -57344);
  EXPECT_EQ(rounded("f16", 65520), inf);
  // No infinity, no NaN: saturates in any case.
  EXPECT_EQ(rounded("e2m1", 1e9), 6);
  EXPECT_EQ(rounded("int4", -inf), -8);
  EXPECT_EQ(rounded("nf4", 2), 1);
}

TEST(Encode, UnsignedFormatsHaveNoNegativeNumbers) {
  NumberFormat finite = minifloat(3, 2, 3, Specials::None, /*isSigned=*/false);
  EXPECT_EQ(finite.encode(-5.0), 0u);
  NumberFormat fn = minifloat(3, 2, 3, Specials::FN,
                              /*isSigned=*/false); // least positive value 2^-4
  EXPECT_EQ(fn.encode(-0x1p-5), 0u);
  EXPECT_EQ(fn.encode(-0x1.1p-5), 31u); // NaN
  EXPECT_EQ(fn.encode(-5.0, {}, /*saturate=*/true), 0u);
}

TEST(Encode, NaN) {
  EXPECT_EQ(named("e4m3").encode(NAN), 0x7fu);
  EXPECT_EQ(named("e4m3").encode(-NAN), 0xffu);
  EXPECT_EQ(named("e4m3fnuz").encode(NAN), 0x80u);
  EXPECT_EQ(named("e5m2").encode(NAN), 0x7eu);
  EXPECT_EQ(named("e8m0").encode(NAN), 255u);
  for (llvm::StringRef name : {"int4", "e2m1", "nf4", "e3m2"}) {
    EXPECT_EQ(named(name).encode(NAN), std::nullopt);
    EXPECT_EQ(named(name).encode(NAN, {}, /*saturate=*/true), std::nullopt);
  }
  // ieee without a mantissa has infinities only.
  EXPECT_EQ(minifloat(3, 0, 3, Specials::IEEE).encode(NAN), std::nullopt);
}

TEST(Encode, TowardZeroBetweenSigns) {
  EXPECT_EQ(rounded("binary", 0.3, Rounding::towardZero()), 1);
  EXPECT_EQ(rounded("binary", -0.3, Rounding::towardZero()), -1);
  EXPECT_EQ(rounded("int4", -0.9, Rounding::towardZero()), 0);
}

TEST(Encode, APFloatOfAnySemantics) {
  NumberFormat format = named("f32");
  for (const llvm::fltSemantics *semantics :
       {&APFloat::IEEEhalf(), &APFloat::IEEEquad(),
        &APFloat::x87DoubleExtended(), &APFloat::Float8E4M3FN()}) {
    APFloat third(*semantics, "0.333333333333333333333333333333333333");
    APFloat expected = third;
    bool lost;
    expected.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                     &lost);
    EXPECT_EQ(format.encode(third), expected.bitcastToAPInt().getZExtValue());
  }
  EXPECT_EQ(
      format.encode(APFloat::getNaN(APFloat::IEEEhalf(), /*Negative=*/true)),
      0xffc00000u);
  EXPECT_EQ(
      format.encode(APFloat::getZero(APFloat::IEEEhalf(), /*Negative=*/true)),
      0x80000000u);
  EXPECT_EQ(format.encode(APFloat::getLargest(APFloat::IEEEdouble())),
            0x7f800000u);
}

/// Doubles, exact numbers and quotients go through one algorithm; here is that
/// they agree, and with APFloat.
TEST(Encode, AgreesWithAPFloatHoweverItIsCalled) {
  std::mt19937_64 random(2);
  const llvm::fltSemantics *semantics[] = {
      &APFloat::IEEEhalf(), &APFloat::BFloat(), &APFloat::IEEEsingle(),
      &APFloat::FloatTF32(), &APFloat::Float8E5M2()};
  for (int i = 0; i < 20000; ++i) {
    double value = std::ldexp(static_cast<double>(random()) - 0x1p63,
                              static_cast<int>(random() % 320) - 230);
    const llvm::fltSemantics &target = *semantics[i % 5];
    NumberFormat format = *NumberFormat::fromSemantics(target);
    for (bool towardZero : {false, true}) {
      APFloat expected(value);
      bool lost;
      expected.convert(target,
                       towardZero ? APFloat::rmTowardZero
                                  : APFloat::rmNearestTiesToEven,
                       &lost);
      uint64_t code = expected.bitcastToAPInt().getZExtValue();
      Rounding rounding =
          towardZero ? Rounding::towardZero() : Rounding::nearestEven();
      ASSERT_EQ(format.encode(value, rounding), code) << value;
      ASSERT_EQ(format.encode(APFloat(value), rounding), code) << value;
      ASSERT_EQ(format.encodeQuotient(value, 1.0, rounding), code) << value;
      ASSERT_EQ(format.encodeQuotient(Dyadic::fromDouble(-value) * Dyadic(3, 0),
                                      Dyadic(-3, 0), rounding),
                code);
    }
  }
}

TEST(Encode, QuotientsAreRoundedOnce) {
  std::mt19937_64 random(3);
  NumberFormat f64 = named("f64");
  for (int i = 0; i < 2000; ++i) {
    double x = static_cast<double>(random()),
           y = static_cast<double>(random() | 1);
    double quotient = x / y;
    ASSERT_EQ(f64.valueAsDouble(f64.encodeQuotient(x, y)), quotient);
  }
  EXPECT_EQ(named("int4").encodeQuotient(7.0, -2.0), 0xcu); // -3.5: -4
}

TEST(Dyadic, Arithmetic) {
  Dyadic a = Dyadic::fromDouble(0.1), b(3, -2);
  EXPECT_EQ((a + b) - a, b);
  EXPECT_TRUE((a - a).isZero());
  EXPECT_EQ(a * b, Dyadic::fromDouble(0.1) * Dyadic(3, 0).scaled(-2));
  EXPECT_LT(-a, a);
  EXPECT_LT(Dyadic(1, -2000), a);
  EXPECT_EQ(Dyadic(12, 0).floorLog2(), 3);
  EXPECT_EQ(Dyadic(INT64_MIN, 0), Dyadic(-1, 63));
  // Sums of numbers far apart are exact.
  Dyadic wide = Dyadic(1, 1000) + Dyadic(1, -1000);
  EXPECT_EQ(wide - Dyadic(1, 1000), Dyadic(1, -1000));
}
