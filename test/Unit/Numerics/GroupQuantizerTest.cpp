//===- GroupQuantizerTest.cpp - Fast quantization is exact ------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/GroupQuantizer.h"
#include "Formats.h"
#include "rung/Numerics/Storage.h"

#include "gmock/gmock.h"

#include <cmath>
#include <random>

using namespace rung;
using testing::ElementsAre;
using testing::HasSubstr;

/// Named formats of at most 16 bits, and some without a name.
static std::vector<std::pair<std::string, NumberFormat>> formats() {
  std::vector<std::pair<std::string, NumberFormat>> result;
  for (const NamedFormat &format : getNamedFormats())
    if (format.format.bits() <= 16)
      result.push_back({format.name, format.format});
  result.push_back({"uint5 less 11", offsetInteger(5, 11)});
  result.push_back({"e3m1", minifloat(3, 1, 3, Specials::None)});
  result.push_back({"e5m0", minifloat(5, 0, 15, Specials::FNUZ)});
  result.push_back(
      {"e2m1 unsigned", minifloat(2, 1, 2, Specials::None, false)});
  result.push_back({"repeated", codebook(3, {1, -1, 0, 1, -0.0, 1. / 3})});
  result.push_back({"one-sided", codebook(2, {1, 2.5, 7})});
  result.push_back({"close", codebook(2, {1, 1 + 0x1p-52, 1 + 0x1p-51, -1})});
  return result;
}

/// Every value and every point halfway, and their neighbours.
static std::vector<double> probes(const NumberFormat &format) {
  std::vector<double> values = {0, -0.0, 1e-320, -1e-320, 1e300, -1e300}, all;
  for (uint64_t code = 0; code < format.numCodes(); ++code)
    if (format.isValid(code) && std::isfinite(format.valueAsDouble(code)))
      values.push_back(format.valueAsDouble(code));
  llvm::sort(values);
  for (size_t i = 0; i < values.size(); ++i) {
    all.push_back(values[i]);
    all.push_back(i ? values[i - 1] / 2 + values[i] / 2 : -0.0);
  }
  for (size_t i = 0, size = all.size(); i < size; ++i) {
    all.push_back(std::nextafter(all[i], 1e308));
    all.push_back(std::nextafter(all[i], -1e308));
  }
  return all;
}

TEST(NearestCode, IsTheCodeOfTheExactQuotient) {
  for (auto &[name, format] : formats()) {
    NearestCode nearest(format);
    for (double numerator : probes(format))
      for (double denominator : {1.0, 1.1}) {
        double product = numerator * denominator; // now and then rounded
        if (!std::isfinite(product))
          continue;
        ASSERT_EQ(nearest.find(product, denominator),
                  format.encodeQuotient(product, denominator, {}, true))
            << name << ": " << product << " / " << denominator;
      }
  }
}

static std::vector<float> randomValues(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random);
  return values;
}

/// The same, by the functions of BlockScaling.h.
TEST(GroupQuantizer, IsQuantizeBlocksInCanonicalStorage) {
  std::vector<int64_t> shape = {4, 19}, block = {1, 8};
  std::vector<float> values = randomValues(4 * 19, 1);
  std::fill_n(values.begin() + 19, 8, 0.0f);
  std::vector<double> exact(values.begin(), values.end());
  for (auto &[name, format] : formats())
    for (const char *scale : {"f16", "f32", "bf16", "e4m3", "e8m0"}) {
      if (format.minFinite() >= 0 || format.maxFinite() <= 0)
        continue;
      GroupQuantizer quantizer =
          llvm::cantFail(GroupQuantizer::create(format, named(scale)));
      EXPECT_FALSE(quantizer.hasZeroPoint());
      QuantizedRows found = llvm::cantFail(quantizer.quantize(values, 19, 8));
      ScaleRule rule =
          llvm::StringRef(scale) == "e8m0" ? ScaleRule::MX : ScaleRule::AbsMax;
      BlockQuantized expected = llvm::cantFail(
          quantizeBlocks(exact, shape, block, format, named(scale), rule));
      EXPECT_EQ(found.codes, packCodes(expected.codes, shape, format.bits()))
          << name << " scaled by " << scale;
      EXPECT_EQ(found.scales, packCodes(expected.scales, expected.scaleShape,
                                        named(scale).bits()))
          << name << " scaled by " << scale;
      EXPECT_TRUE(found.zeroPoints.empty());
    }
}

TEST(GroupQuantizer, ZeroPointsBringOneSignedFormatsToBothEnds) {
  // -1 .. 2 by the values 0 .. 15 of uint4: s = 0.2 in f32.
  GroupQuantizer quantizer =
      llvm::cantFail(GroupQuantizer::create(named("uint4"), named("f32")));
  ASSERT_TRUE(quantizer.hasZeroPoint());
  std::vector<float> values = {-1, 2, 0, 0.3f};
  QuantizedRows rows = llvm::cantFail(quantizer.quantize(values, 4, 4));
  EXPECT_EQ(rows.codes, packCodes({0, 15, 5, 6}, {1, 4}, 4));
  EXPECT_EQ(rows.scales, packCodes({0x3e4ccccd}, {1, 1}, 32));
  EXPECT_EQ(rows.zeroPoints, packCodes({0x3f800000}, {1, 1}, 32));
  // int1 has 0 and -1, here for 2 and -1: 0.5 lies halfway.
  quantizer =
      llvm::cantFail(GroupQuantizer::create(named("int1"), named("f16")));
  rows = llvm::cantFail(quantizer.quantize(values, 4, 4));
  EXPECT_THAT(rows.codes, ElementsAre(0b1101)); // s = 3, z = -2
  EXPECT_EQ(rows.scales, packCodes({0x4200}, {1, 1}, 16));
  EXPECT_EQ(rows.zeroPoints, packCodes({0xc000}, {1, 1}, 16));
}

TEST(GroupQuantizer, EqualValuesOfAGroupAreKept) {
  GroupQuantizer quantizer =
      llvm::cantFail(GroupQuantizer::create(named("uint2"), named("f16")));
  std::vector<float> values = {1.5, 1.5};
  QuantizedRows rows = llvm::cantFail(quantizer.quantize(values, 2, 2));
  EXPECT_THAT(rows.scales, ElementsAre(0, 0));
  EXPECT_EQ(rows.zeroPoints, packCodes({0xbe00}, {1, 1}, 16)); // 0 v - (-1.5)
}

/// A power of two for a scale format that has nothing else, whatever its name.
TEST(GroupQuantizer, PowersOfTwoFollowTheMXRule) {
  NumberFormat scale = minifloat(4, 0, 7, Specials::None, /*isSigned=*/false);
  GroupQuantizer quantizer =
      llvm::cantFail(GroupQuantizer::create(named("e2m1"), scale));
  std::vector<float> values = {7.75f, -3, 1, 0.25f};
  QuantizedRows rows = llvm::cantFail(quantizer.quantize(values, 4, 2));
  EXPECT_EQ(rows.scales, packCodes({7, 5}, {1, 2}, 4)); // 1 and 2^-2
  EXPECT_EQ(rows.codes, packCodes({7, 13, 6, 2}, {1, 4}, 4));
}

TEST(GroupQuantizer, Refused) {
  auto creation = [](const NumberFormat &format, const NumberFormat &scale) {
    return messageOf(GroupQuantizer::create(format, scale));
  };
  EXPECT_THAT(creation(named("f32"), named("f16")),
              HasSubstr("the format has 32 bits, expected at most 16"));
  EXPECT_THAT(creation(codebook(2, {3}), named("f16")),
              HasSubstr("one value only"));
  EXPECT_THAT(creation(named("int4"), named("int1")),
              HasSubstr("the scale format has no positive value"));
  EXPECT_THAT(creation(named("uint4"), named("e8m0")),
              HasSubstr("needs a zero point, but the scale format has one"));
  auto message = [](const char *format, const char *scale,
                    std::vector<float> values) {
    return messageOf(
        llvm::cantFail(GroupQuantizer::create(named(format), named(scale)))
            .quantize(values, 3, 2, /*firstRow=*/40));
  };
  EXPECT_THAT(message("int4", "f16", {0, 1, 2, 3, 4, NAN}),
              HasSubstr("element [41, 2] is NaN"));
  EXPECT_THAT(message("int4", "f16", {0, 1, 2, 3, -INFINITY, 0}),
              HasSubstr("element [41, 1] is infinite"));
  EXPECT_THAT(message("int4", "f16", {0, 1, 1e6, 3, 4, 5}),
              HasSubstr("elements [40, 2] to [40, 2]: a group's greatest "
                        "magnitude is 1000000"));
  EXPECT_THAT(
      message("uint4", "f16", {1e6, 1e6, 0, 3, 4, 5}),
      HasSubstr("elements [40, 0] to [40, 1]: the zero point -1000000"));
}
