//===- ExactRangeTest.cpp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/ExactRange.h"
#include "rung/Numerics/NamedFormats.h"
#include "gtest/gtest.h"

using namespace rung;

namespace {

void expectRange(const NumberFormat &format, int64_t digits, int64_t unit,
                 int64_t top) {
  ExactRange range = ExactRange::of(format);
  EXPECT_EQ(range.digits, digits);
  EXPECT_EQ(range.unit, unit);
  EXPECT_EQ(range.top, top);
}

TEST(ExactRangeTest, OfFormats) {
  expectRange(NumberFormat::f32(), 24, -149, 128);
  expectRange(NumberFormat::f16(), 11, -24, 16);
  expectRange(NumberFormat::bf16(), 8, -133, 128);
  expectRange(NumberFormat::e8m0(), 1, -127, 128);
  expectRange(NumberFormat::unsignedInteger(4), 4, 0, 4);
  expectRange(NumberFormat::signedInteger(4), 3, 0, 4); // -8 = -1 * 2^3
  expectRange(*NumberFormat::codebook(2, {-1.5, 0, 8}), 2, -1, 4);
}

TEST(ExactRangeTest, FollowsSumsAndProducts) {
  ExactRange half = ExactRange::of(NumberFormat::f16()),
             code = ExactRange::of(NumberFormat::unsignedInteger(8)),
             single = ExactRange::of(NumberFormat::f32()),
             wide = ExactRange::of(NumberFormat::f64());
  EXPECT_TRUE(single.holds(half.times(code.plus(code))));
  EXPECT_FALSE(single.holds(half.times(code).plus(half.times(half))));
  EXPECT_FALSE(single.holds(single.times(code)));
  EXPECT_TRUE(wide.holds(single.times(half)));
  // A power of two keeps the digits, but may leave the range.
  ExactRange power = ExactRange::of(NumberFormat::e8m0());
  EXPECT_TRUE(single.holdsBelowTop(power.times(code)));
  EXPECT_FALSE(single.holds(power.times(code)));
}

} // namespace
