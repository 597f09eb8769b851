//===- NumberFormatTest.cpp - Declaring formats, their values -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

#include "gmock/gmock.h"

#include <cmath>
#include <limits>
#include <random>

using namespace rung;
using testing::HasSubstr;

static std::vector<double> valuesOf(const NumberFormat &format) {
  std::vector<double> values;
  for (uint64_t code = 0; code < format.numCodes(); ++code)
    values.push_back(format.valueAsDouble(code));
  return values;
}

TEST(Values, Integers) {
  EXPECT_EQ(valuesOf(named("int1")), (std::vector<double>{0, -1}));
  EXPECT_EQ(valuesOf(named("int3")),
            (std::vector<double>{0, 1, 2, 3, -4, -3, -2, -1}));
  EXPECT_EQ(valuesOf(named("uint2")), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(valuesOf(offsetInteger(3, 4)),
            (std::vector<double>{-4, -3, -2, -1, 0, 1, 2, 3}));
  EXPECT_EQ(named("i32").valueAsDouble(0x80000000), -2147483648.0);
}

TEST(Values, ExponentsHaveNoZero) {
  NumberFormat format = named("e8m0");
  EXPECT_EQ(format.valueAsDouble(0), 0x1p-127);
  EXPECT_EQ(format.valueAsDouble(127), 1.0);
  EXPECT_EQ(format.valueAsDouble(254), 0x1p+127);
  EXPECT_TRUE(std::isnan(format.valueAsDouble(255)));
  // The float of the same fields has a zero, and no subnormal in its place.
  NumberFormat minifloat8 =
      minifloat(8, 0, 127, Specials::FN, /*isSigned=*/false);
  EXPECT_EQ(minifloat8.valueAsDouble(0), 0.0);
  EXPECT_FALSE(minifloat8 == format);
}

TEST(Values, ShortCodebooksLeaveCodesInvalid) {
  NumberFormat ternary = named("ternary");
  EXPECT_EQ(ternary.bits(), 2u);
  EXPECT_EQ(ternary.valueAsDouble(2), 1.0);
  EXPECT_FALSE(ternary.isValid(3));
  EXPECT_EQ(ternary.value(3), std::nullopt);
  EXPECT_TRUE(ternary.hasInvalidCodes());
  EXPECT_FALSE(named("int4").isValid(16));
}

TEST(Values, Ranges) {
  EXPECT_EQ(named("e4m3").maxFinite(), 448.0);
  EXPECT_EQ(named("e4m3").minFinite(), -448.0);
  EXPECT_EQ(named("e4m3").minPositive(), 0x1p-9);
  EXPECT_EQ(named("e5m2").maxFinite(), 57344.0);
  EXPECT_EQ(named("e4m3fnuz").maxFinite(), 240.0);
  EXPECT_EQ(named("int4").minFinite(), -8.0);
  EXPECT_EQ(named("int4").maxMagnitude(), 8.0);
  EXPECT_EQ(named("f16").minPositive(), 0x1p-24);
  EXPECT_EQ(named("f32").maxFinite(), std::numeric_limits<float>::max());
  EXPECT_EQ(named("f64").minFinite(), -std::numeric_limits<double>::max());
  EXPECT_EQ(codebook(1, {-3, -1}).minPositive(), std::nullopt);
  EXPECT_TRUE(named("iq4nl").isIntegerValued());
  EXPECT_FALSE(named("e2m1").isIntegerValued());
  EXPECT_TRUE(named("i32").isIntegerValued());
}

//===----------------------------------------------------------------------===//
// Mistakes that other systems made
//===----------------------------------------------------------------------===//

TEST(KnownMistakes, E2M1IsNotE3M0) {
  EXPECT_EQ(valuesOf(named("e2m1")),
            (std::vector<double>{0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1,
                                 -1.5, -2, -3, -4, -6}));
  EXPECT_FALSE(named("e2m1") == minifloat(3, 0, 3, Specials::None));
}

TEST(KnownMistakes, E4M3HasSubnormalsAndANaN) {
  NumberFormat format = named("e4m3");
  for (uint64_t code = 1; code < 8; ++code)
    EXPECT_EQ(format.valueAsDouble(code), static_cast<double>(code) * 0x1p-9);
  EXPECT_EQ(format.valueAsDouble(8), 0x1p-6);
  EXPECT_EQ(format.valueAsDouble(0x7e), 448.0);
  EXPECT_TRUE(std::isnan(format.valueAsDouble(0x7f)));
  // 480 is a value of the format in which every code is finite.
  EXPECT_EQ(minifloat(4, 3, 7, Specials::None).valueAsDouble(0x7f), 480.0);
}

TEST(KnownMistakes, MantissaBitsAreNotExponentBits) {
  // Exponent and mantissa of one code each, taken apart by hand: 0.01.1,
  // 0.10.101, 0.101.10, 0.1001.101, 0.10011.01.
  EXPECT_EQ(named("e2m1").valueAsDouble(0b0011), 1.5);
  EXPECT_EQ(named("e2m3").valueAsDouble(0b010101), 2 * (1 + 5 / 8.0));
  EXPECT_EQ(named("e3m2").valueAsDouble(0b010110), 4 * (1 + 2 / 4.0));
  EXPECT_EQ(named("e4m3").valueAsDouble(0b01001101), 4 * (1 + 5 / 8.0));
  EXPECT_EQ(named("e5m2").valueAsDouble(0b01001101), 16 * (1 + 1 / 4.0));
}

TEST(KnownMistakes, SignedAndOffsetIntegersAgree) {
  for (unsigned bits = 2; bits <= 8; ++bits) {
    uint64_t sign = uint64_t(1) << (bits - 1);
    NumberFormat isSigned = NumberFormat::signedInteger(bits);
    NumberFormat isOffset = offsetInteger(bits, static_cast<int64_t>(sign));
    for (uint64_t code = 0; code < isSigned.numCodes(); ++code)
      EXPECT_EQ(isSigned.valueAsDouble(code),
                isOffset.valueAsDouble(code ^ sign));
  }
}

//===----------------------------------------------------------------------===//
// Equality
//===----------------------------------------------------------------------===//

TEST(Equality, IsThatOfTheTables) {
  std::vector<double> uint3 = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(codebook(3, uint3), named("uint3"));
  EXPECT_EQ(hash_value(codebook(3, uint3)), hash_value(named("uint3")));
  EXPECT_EQ(codebook(2, {0, 1, -2, -1}), named("int2"));
  // e1m2 without sign counts in steps.
  EXPECT_EQ(minifloat(1, 2, -1, Specials::None, /*isSigned=*/false),
            named("uint3"));
  EXPECT_EQ(minifloat(4, 3, 7, Specials::FN), named("e4m3"));
  EXPECT_EQ(named("i8"), named("int8"));
}

TEST(Equality, TellsApart) {
  EXPECT_NE(minifloat(4, 3, 7, Specials::None), named("e4m3"));
  EXPECT_NE(minifloat(4, 3, 8, Specials::FN), named("e4m3"));
  EXPECT_NE(codebook(2, {0, 1}), codebook(1, {0, 1})); // widths
  EXPECT_NE(codebook(2, {0, 1}), codebook(2, {0, 1, 2}));
  EXPECT_NE(codebook(1, {0, 1}), codebook(1, {-0.0, 1}));
  EXPECT_NE(named("f16"), named("bf16"));
  EXPECT_NE(named("i16"), named("f16"));
  EXPECT_NE(NumberFormat::unsignedInteger(16), named("i16"));
}

//===----------------------------------------------------------------------===//
// Declarations that are refused
//===----------------------------------------------------------------------===//

TEST(Refused, Integers) {
  EXPECT_THAT(messageOf(NumberFormat::integer(0, true)),
              HasSubstr("1 to 8, 16 or 32 bits, not 0"));
  EXPECT_THAT(messageOf(NumberFormat::integer(9, false)), HasSubstr("not 9"));
  EXPECT_THAT(messageOf(NumberFormat::integer(4, false, INT64_MAX)),
              HasSubstr("beyond +-2^53"));
  EXPECT_THAT(messageOf(NumberFormat::integer(4, false, INT64_MIN)),
              HasSubstr("beyond +-2^53"));
}

TEST(Refused, Minifloats) {
  EXPECT_THAT(messageOf(NumberFormat::minifloat(0, 3, 0, Specials::None)),
              HasSubstr("at least one exponent bit"));
  EXPECT_THAT(messageOf(NumberFormat::minifloat(5, 3, 15, Specials::None)),
              HasSubstr("has 9 bits, expected 2 to 8"));
  EXPECT_THAT(
      messageOf(NumberFormat::minifloat(1, 0, 0, Specials::None, false)),
      HasSubstr("has 1 bits"));
  EXPECT_THAT(messageOf(NumberFormat::minifloat(~0u, 3, 15, Specials::None)),
              HasSubstr("expected 2 to 8"));
  EXPECT_THAT(
      messageOf(NumberFormat::minifloat(4, 4, 7, Specials::FNUZ, false)),
      HasSubstr("no code of -0"));
  EXPECT_THAT(messageOf(NumberFormat::minifloat(4, 3, 99999, Specials::None)),
              HasSubstr("bias 99999"));
  EXPECT_THAT(
      messageOf(NumberFormat::minifloat(4, 3, INT64_MIN, Specials::None)),
      HasSubstr("expected -1008 to 1072"));
}

TEST(Refused, BiasLimitsAreExact) {
  // The smallest subnormal and the greatest value that doubles have.
  EXPECT_EQ(minifloat(4, 3, 1072, Specials::None).minPositive(), 0x1p-1074);
  EXPECT_FALSE(
      messageOf(NumberFormat::minifloat(4, 3, 1073, Specials::None)).empty());
  EXPECT_EQ(minifloat(4, 3, -1008, Specials::None).maxFinite(), 0x1.ep+1023);
  EXPECT_FALSE(
      messageOf(NumberFormat::minifloat(4, 3, -1009, Specials::None)).empty());
  EXPECT_EQ(minifloat(4, 3, -1009, Specials::IEEE).maxFinite(), 0x1.ep+1023);
}

TEST(Refused, Codebooks) {
  EXPECT_THAT(messageOf(NumberFormat::codebook(9, {1})),
              HasSubstr("1 to 8 bits, not 9"));
  EXPECT_THAT(messageOf(NumberFormat::codebook(2, {})),
              HasSubstr("lists 1 to 4 values, not 0"));
  EXPECT_THAT(messageOf(NumberFormat::codebook(1, {1, 2, 3})),
              HasSubstr("1 to 2 values, not 3"));
  EXPECT_THAT(messageOf(NumberFormat::codebook(1, {1, NAN})),
              HasSubstr("entry 1 is not a finite number"));
}

TEST(Refused, NoDeclarationCrashes) {
  std::mt19937_64 random(1);
  auto integer = [&] {
    int64_t value = static_cast<int64_t>(random());
    return value >> (random() % 64);
  };
  for (int i = 0; i < 20000; ++i) {
    auto bits = static_cast<unsigned>(random() % 12);
    auto check = [](llvm::Expected<NumberFormat> format) {
      if (!format)
        return llvm::consumeError(format.takeError());
      for (uint64_t code = 0; format->hasTable() && code < format->numCodes();
           ++code)
        EXPECT_EQ(format->findCode(format->valueAsDouble(code)).has_value(),
                  true);
    };
    check(NumberFormat::integer(bits, random() % 2, integer()));
    check(NumberFormat::minifloat(random() % 10, random() % 10, integer(),
                                  static_cast<Specials>(random() % 4),
                                  random() % 2));
  }
}

TEST(NamedFormats, AreComplete) {
  EXPECT_EQ(getNamedFormats().size(), 16u + 10 + 5 + 4 + 3);
  EXPECT_EQ(lookupNamedFormat("int9"), nullptr);
  EXPECT_EQ(lookupNamedFormat("uint5")->type, "!rung.uint<5>");
  EXPECT_EQ(lookupNamedFormat("e4m3")->type, "f8E4M3FN");
  EXPECT_EQ(lookupNamedFormat("ternary")->type,
            "!rung.codebook<2, [-1, 0, 1]>");
  EXPECT_EQ(
      lookupNamedFormat("nf3")->type,
      "!rung.codebook<3, [-1, -0.5350227355957031, -0.24693140387535095, 0, "
      "0.1833375245332718, 0.38199394941329956, 0.6229856610298157, 1]>");
}

TEST(NamedFormats, DecimalsReadBack) {
  EXPECT_EQ(formatDecimal(-3), "-3");
  EXPECT_EQ(formatDecimal(-0.0), "-0.0");
  EXPECT_EQ(formatDecimal(0.1), "0.1");
  EXPECT_EQ(formatDecimal(1e300), "1.0e+300");
  EXPECT_EQ(formatDecimal(0x1p-1074), "5.0e-324");
}
