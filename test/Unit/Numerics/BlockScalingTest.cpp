//===- BlockScalingTest.cpp - Scales, storage, reports -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/BlockScaling.h"
#include "Formats.h"
#include "rung/Numerics/Report.h"
#include "rung/Numerics/Storage.h"

#include "gmock/gmock.h"

using namespace rung;
using testing::ElementsAre;
using testing::HasSubstr;

static std::vector<double> decode(const NumberFormat &format,
                                  llvm::ArrayRef<uint64_t> codes) {
  std::vector<double> values;
  for (uint64_t code : codes)
    values.push_back(format.valueAsDouble(code));
  return values;
}

/// A 2x4 tensor of int4 in blocks of 1x2.
struct Example : testing::Test {
  std::vector<int64_t> shape = {2, 4}, block = {1, 2}, scaleShape = {2, 2};
  std::vector<uint64_t> codes = {1, 2, 3, 4, 5, 6, 7, 8},
                        scales = {0x3c00, 0x4000, 0x3800,
                                  0x0001}; // 1, 2, 1/2, 2^-24
  CodesRef input{named("int4"), shape, codes};
  CodesRef scale{named("f16"), scaleShape, scales};
  NumberFormat f32 = named("f32");
};

TEST_F(Example, ScalePerBlock) {
  BlockScaling scaling;
  scaling.scale = scale;
  scaling.block = block;
  auto values = llvm::cantFail(dequantize(input, scaling, f32));
  EXPECT_THAT(decode(f32, values),
              ElementsAre(1, 2, 6, 8, 2.5, 3, 7 * 0x1p-24, -8 * 0x1p-24));
}

TEST_F(Example, ZeroPointPerBlock) {
  std::vector<uint64_t> zeros = {1, 2, 3, 4};
  BlockScaling scaling;
  scaling.scale = scale;
  scaling.zeroPoint = CodesRef{named("uint4"), scaleShape, zeros};
  scaling.block = block;
  scaling.rule = ZeroPointRule::Subtract;
  auto values = llvm::cantFail(dequantize(input, scaling, f32));
  EXPECT_THAT(decode(f32, values),
              ElementsAre(0, 1, 2, 4, 1, 1.5, 3 * 0x1p-24, -12 * 0x1p-24));
  // 7 * 2^-24 - 4 is no float: rounded.
  scaling.rule = ZeroPointRule::Rescale;
  values = llvm::cantFail(dequantize(input, scaling, f32));
  EXPECT_THAT(decode(f32, values),
              ElementsAre(0, 1, 4, 6, -0.5, 0, -4 + 0x1p-21, -4 - 0x1p-21));
}

TEST_F(Example, ScalePerRowWithoutBlocks) {
  std::vector<int64_t> rows = {2, 1};
  std::vector<uint64_t> two = {0x3c00, 0x4000};
  BlockScaling scaling;
  scaling.scale = CodesRef{named("f16"), rows, two};
  auto values = llvm::cantFail(dequantize(input, scaling, f32));
  EXPECT_THAT(decode(f32, values), ElementsAre(1, 2, 3, 4, 10, 12, 14, -16));
}

TEST_F(Example, QuantizeIsTheInverse) {
  BlockScaling scaling;
  scaling.scale = scale;
  scaling.block = block;
  std::vector<uint64_t> values =
      llvm::cantFail(dequantize(input, scaling, f32));
  CodesRef wide{f32, shape, values};
  EXPECT_EQ(llvm::cantFail(quantize(wide, scaling, named("int4"))), codes);
}

TEST_F(Example, DivisionByZeroScale) {
  std::vector<int64_t> scalar;
  std::vector<uint64_t> zero = {0};
  BlockScaling scaling;
  scaling.scale = CodesRef{named("f16"), scalar, zero};
  std::vector<int64_t> three = {3};
  std::vector<uint64_t> values = {0, 0x3c00, 0xbc00}; // 0, 1, -1
  EXPECT_THAT(llvm::cantFail(quantize({named("f16"), three, values}, scaling,
                                      named("int4"))),
              ElementsAre(0, 7, 8));
}

TEST(QuantizeBlocks, AbsMaxMapsTheGreatestToTheGreatest) {
  std::vector<int64_t> shape = {6}, block = {4};
  std::vector<double> values = {3.5, -1, 0, 0.25, 0, 0};
  BlockQuantized result = llvm::cantFail(quantizeBlocks(
      values, shape, block, named("int4"), named("f16"), ScaleRule::AbsMax));
  EXPECT_THAT(result.scaleShape, ElementsAre(2));
  EXPECT_THAT(decode(named("f16"), result.scales),
              ElementsAre(0.5, 0)); // 3.5 / 7
  EXPECT_THAT(decode(named("int4"), result.codes),
              ElementsAre(7, -2, 0, 0, 0, 0));
}

TEST(QuantizeBlocks, MXScalesOfEveryElementFormat) {
  // OCP MX v1.0: the exponent of the greatest power of two of each format.
  std::pair<const char *, int> cases[] = {
      {"e4m3", 8}, {"e5m2", 15}, {"e3m2", 4}, {"e2m3", 2}, {"e2m1", 2}};
  for (auto [name, emax] : cases) {
    std::vector<int64_t> one = {1};
    std::vector<double> value = {1.75 * 0x1p20};
    BlockQuantized result = llvm::cantFail(quantizeBlocks(
        value, one, one, named(name), named("e8m0"), ScaleRule::MX));
    EXPECT_EQ(result.scales[0], 127u + 20 - emax) << name;
    EXPECT_EQ(named(name).valueAsDouble(result.codes[0]),
              std::min(1.75 * (1 << emax), named(name).maxFinite()));
  }
}

TEST(QuantizeBlocks, MXScalesStayInRange) {
  std::vector<int64_t> shape = {3}, block = {1};
  std::vector<double> values = {0, 1e-300, 1e300};
  BlockQuantized result = llvm::cantFail(quantizeBlocks(
      values, shape, block, named("e2m1"), named("e8m0"), ScaleRule::MX));
  EXPECT_THAT(result.scales, ElementsAre(0, 0, 254));
  EXPECT_THAT(decode(named("e2m1"), result.codes), ElementsAre(0, 0, 6));
}

TEST(QuantizeBlocks, Refused) {
  std::vector<int64_t> shape = {2}, block = {2}, other = {1, 1};
  std::vector<double> values = {1, NAN};
  auto message = [&](llvm::ArrayRef<int64_t> blockShape,
                     const NumberFormat &scaleFormat) {
    return messageOf(quantizeBlocks(values, shape, blockShape, named("int4"),
                                    scaleFormat, ScaleRule::MX));
  };
  EXPECT_THAT(message(block, named("e8m0")), HasSubstr("element [1] is NaN"));
  EXPECT_THAT(message(other, named("e8m0")),
              HasSubstr("block [1, 1] has rank 2"));
  values = {1, 1};
  EXPECT_THAT(message(block, codebook(1, {3, 5})),
              HasSubstr("the scale format does not have 2^2"));
  EXPECT_THAT(message(block, codebook(1, {-3, 0})),
              HasSubstr("the scale format has no positive value"));
}

TEST(Storage, RowsArePaddedToBytes) {
  std::vector<int64_t> shape = {2, 3};
  std::vector<uint64_t> codes = {1, 2, 3, 4, 5, 6};
  // 3-bit codes, first in the low bits: 1 | 2 << 3 | 3 << 6 = 0x0d1.
  std::vector<uint8_t> bytes = packCodes(codes, shape, 3);
  EXPECT_THAT(bytes, ElementsAre(0xd1, 0x00, 0xac, 0x01));
  EXPECT_EQ(llvm::cantFail(unpackCodes(bytes, shape, 3)), codes);
  EXPECT_EQ(packedRowBytes(3, 3), 2);
  EXPECT_THAT(messageOf(unpackCodes({1, 2, 3}, shape, 3)),
              HasSubstr("has 4 bytes (2 a row), found 3"));
}

TEST(Storage, WideCodesAreLittleEndian) {
  EXPECT_THAT(packCodes({0x1234, 0xabcd}, {2}, 16),
              ElementsAre(0x34, 0x12, 0xcd, 0xab));
  EXPECT_THAT(packCodes({0x0123456789abcdef}, {}, 64),
              ElementsAre(0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01));
  EXPECT_THAT(packCodes({}, {0, 5}, 4), ElementsAre());
}

TEST(Storage, InvalidCodesAreNamed) {
  std::string message =
      llvm::toString(checkCodes(named("ternary"), {0, 1, 2, 3}, {2, 2}));
  EXPECT_THAT(message, HasSubstr("element [1, 1] has the code 3"));
  EXPECT_THAT(message, HasSubstr("codes of this 2-bit format are 0 to 2"));
}

TEST(Report, Table) {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::cantFail(
      printTable(os, codebook(2, {-0.0, 1.5, -1e-3}), "X", /*json=*/true));
  EXPECT_EQ(
      text,
      R"({"format":"X","bits":2,"values":[{"code":0,"value":"-0x0p+0"},{"code":1,"value":"0x1.8p+0"},)"
      R"({"code":2,"value":"-0x1.0624dd2f1a9fcp-10"},{"code":3,"value":null}]})"
      "\n");
  EXPECT_THAT(llvm::toString(printTable(os, named("f32"), "f32", false)),
              HasSubstr("f32 has 32 bits"));
}

TEST(Report, Conversion) {
  std::string text;
  llvm::raw_string_ostream os(text);
  EXPECT_FALSE(printConversion(os, named("int8"), "int8", named("e4m3"), "e4m3",
                               /*json=*/true));
  EXPECT_EQ(
      text,
      R"({"lossless":false,"lost":{"code":17,"value":"0x1.1p+4","nearest":"0x1p+4"}})"
      "\n");
  text.clear();
  EXPECT_TRUE(printConversion(os, named("int4"), "int4", named("e4m3"), "e4m3",
                              /*json=*/true));
  EXPECT_EQ(text, "{\"lossless\":true}\n");
  text.clear();
  EXPECT_FALSE(printConversion(os, named("int8"), "int8", named("e4m3"), "e4m3",
                               /*json=*/false));
  EXPECT_EQ(text, "not lossless: code 17 of int8 is 17 (0x1.1p+4), which e4m3 "
                  "does not have; it would become 16 "
                  "(0x1p+4)\n");
}
