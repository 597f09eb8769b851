//===- LosslessTest.cpp - Which format holds which -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/Lossless.h"
#include "Formats.h"

#include <cmath>
#include <set>

using namespace rung;

static bool holds(llvm::StringRef from, llvm::StringRef to) {
  return isLossless(named(from), named(to));
}

/// The first lost code, which has to exist.
static LostCode lost(llvm::StringRef from, llvm::StringRef to) {
  std::optional<LostCode> code = firstLostCode(named(from), named(to));
  EXPECT_TRUE(code.has_value()) << from.str() << " to " << to.str();
  return code.value_or(LostCode{~uint64_t(0), 0, std::nullopt});
}

TEST(Lossless, Integers) {
  for (llvm::StringRef to : {"e4m3", "f16", "bf16", "int8"})
    EXPECT_TRUE(holds("int4", to)) << to.str();
  EXPECT_TRUE(holds("int8", "bf16"));
  EXPECT_TRUE(holds("uint8", "bf16"));
  EXPECT_TRUE(holds("int8", "f16"));
  LostCode code = lost("int8", "e4m3");
  EXPECT_EQ(code.code, 17u);
  EXPECT_EQ(code.value, 17.0);
  EXPECT_EQ(code.nearest, 16.0);
}

TEST(Lossless, Floats) {
  EXPECT_TRUE(holds("e5m2", "bf16"));
  EXPECT_TRUE(holds("e5m2", "f16"));
  EXPECT_TRUE(holds("e4m3", "f16"));
  EXPECT_FALSE(holds("e5m2", "e4m3"));
  EXPECT_FALSE(holds("f16", "bf16"));
  EXPECT_FALSE(holds("bf16", "f16"));
}

TEST(Lossless, Exponents) {
  EXPECT_TRUE(holds("e8m0", "bf16")); // 2^-127 is a subnormal there
  LostCode code = lost("e8m0", "f16");
  EXPECT_EQ(code.code, 0u);
  EXPECT_EQ(code.value, 0x1p-127);
  EXPECT_EQ(code.nearest, 0.0);
}

TEST(Lossless, Codebooks) {
  EXPECT_TRUE(holds("nf4", "f32"));
  LostCode code = lost("nf4", "f16");
  EXPECT_EQ(code.code, 1u);
  EXPECT_EQ(code.value, static_cast<double>(-0.6961928009986877f));
  // Invalid codes are no values.
  EXPECT_TRUE(holds("ternary", "int2"));
  EXPECT_TRUE(holds("iq4nl", "int8"));
}

TEST(Lossless, MinusZeroCountsAsZero) {
  EXPECT_TRUE(isLossless(minifloat(1, 2, -1, Specials::None), named("int4")));
  EXPECT_TRUE(
      isLossless(minifloat(3, 3, 3, Specials::None), named("e4m3fnuz")));
}

TEST(Lossless, NaNAndInfinityAreValues) {
  // 0x7f of e4m3 is NaN, which e4m3 with every code finite lacks.
  std::optional<LostCode> code =
      firstLostCode(named("e4m3"), minifloat(4, 3, 7, Specials::None));
  ASSERT_TRUE(code);
  EXPECT_EQ(code->code, 0x7fu);
  EXPECT_TRUE(std::isnan(code->value));
  EXPECT_EQ(code->nearest, std::nullopt);
  // Infinity of e3m4 (ieee) is not NaN of a fn format.
  code = firstLostCode(named("e3m4"), minifloat(3, 4, 3, Specials::FN));
  ASSERT_TRUE(code);
  EXPECT_EQ(code->code, 0x70u);
  EXPECT_TRUE(std::isinf(code->value));
  EXPECT_EQ(code->nearest, 30.0); // of 3.75 * 2^3
}

TEST(Lossless, WideSources) {
  EXPECT_TRUE(holds("f16", "f32"));
  EXPECT_TRUE(holds("f32", "f64"));
  EXPECT_TRUE(isLossless(NumberFormat::tf32(), named("f32")));
  EXPECT_TRUE(holds("i16", "f32"));
  EXPECT_TRUE(holds("i32", "f64"));
  EXPECT_EQ(lost("i32", "f32").code, 16777217u); // 2^24 + 1
  EXPECT_EQ(lost("i32", "f16").code, 2049u);
  EXPECT_EQ(lost("i32", "i16").code, 32768u);
  EXPECT_EQ(lost("i32", "int4").code, 8u);
  EXPECT_EQ(lost("f64", "f32").code, 1u);
  EXPECT_EQ(lost("f32", "i32").code, 1u);
  EXPECT_EQ(
      firstLostCode(named("i32"), NumberFormat::unsignedInteger(32))->code,
      0x80000000u);
  EXPECT_EQ(
      firstLostCode(NumberFormat::unsignedInteger(32), named("i32"))->code,
      0x80000000u);
  EXPECT_EQ(firstLostCode(named("f32"), NumberFormat::tf32())->code, 1u);
  EXPECT_EQ(firstLostCode(named("i16"), named("f16"))->code, 2049u);
  // A format without 0.
  EXPECT_EQ(firstLostCode(named("i32"), NumberFormat::e8m0())->code, 0u);
}

/// All pairs of small formats: by the enumeration, and by sets of values.
TEST(Lossless, IsInclusionOfValueSets) {
  auto valuesOf = [](const NumberFormat &format) {
    std::set<double> values;
    for (uint64_t code = 0; code < format.numCodes(); ++code)
      if (format.isValid(code)) {
        double value = format.valueAsDouble(code);
        values.insert(std::isnan(value)
                          ? 0x1p1000
                          : value); // a value that none of them has
      }
    return values;
  };
  for (const NamedFormat &from : getNamedFormats())
    for (const NamedFormat &to : getNamedFormats()) {
      if (!from.format.hasTable() || !to.format.hasTable())
        continue;
      std::set<double> a = valuesOf(from.format), b = valuesOf(to.format);
      EXPECT_EQ(isLossless(from.format, to.format),
                std::includes(b.begin(), b.end(), a.begin(), a.end()))
          << from.name << " to " << to.name;
    }
}
