//===- StructureTest.cpp - Structure found in value tables -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formats.h"

#include <cmath>

using namespace rung;

static void expectAffine(const NumberFormat &format, double scale,
                         double offset, bool isSigned) {
  std::optional<AffineCode> affine = format.affineCode();
  ASSERT_TRUE(affine);
  EXPECT_EQ(affine->scale, scale);
  EXPECT_EQ(affine->offset, offset);
  EXPECT_EQ(affine->isSigned, isSigned);
}

TEST(AffineCode, Integers) {
  expectAffine(named("int4"), 1, 0, /*isSigned=*/true);
  expectAffine(named("int1"), 1, 0, /*isSigned=*/true);
  expectAffine(named("uint4"), 1, 0, /*isSigned=*/false);
  expectAffine(offsetInteger(5, 16), 1, -16, /*isSigned=*/false);
  expectAffine(named("i32"), 1, 0, /*isSigned=*/true);
}

TEST(AffineCode, IsFoundInEverySpelling) {
  expectAffine(named("binary"), 2, -1, /*isSigned=*/false);
  expectAffine(named("ternary"), 1, -1,
               /*isSigned=*/false); // its invalid code does not count
  expectAffine(codebook(2, {0.5, 0.75, 0, 0.25}), 0.25, 0.5, /*isSigned=*/true);
  expectAffine(minifloat(1, 3, 0, Specials::None, /*isSigned=*/false), 0.25, 0,
               /*isSigned=*/false);
  expectAffine(codebook(1, {7}), 0, 7, /*isSigned=*/false);
}

TEST(AffineCode, IsNotFoundWhereThereIsNone) {
  for (llvm::StringRef name : {"e2m1", "nf4", "iq4nl", "e8m0", "f16"})
    EXPECT_FALSE(named(name).affineCode()) << name.str();
  // Sign and magnitude is no two's complement.
  EXPECT_FALSE(minifloat(1, 2, 0, Specials::None).affineCode());
  // 0.1 and 0.2 are not multiples of one step as doubles: 0.1 + 0.2 is not the
  // double 0.3.
  EXPECT_FALSE(codebook(2, {0, 0.1, 0.2, 0.3}).affineCode());
  EXPECT_FALSE(codebook(1, {-0x1.8p+1023, 0x1.8p+1023})
                   .affineCode()); // the step is no double
}

static void expectSameFloat(const NumberFormat &format,
                            const MinifloatView &view) {
  NumberFormat rebuilt = minifloat(view.exponentBits, view.mantissaBits,
                                   view.bias, view.specials, view.isSigned);
  for (uint64_t code = 0; code < format.numCodes(); ++code) {
    if (!format.isValid(code))
      continue;
    double a = format.valueAsDouble(code), b = rebuilt.valueAsDouble(code);
    EXPECT_TRUE(std::isnan(a) ? std::isnan(b) : a == b);
    EXPECT_EQ(view.isSpecial(code), !std::isfinite(a));
  }
}

TEST(MinifloatView, OfDeclaredFloats) {
  for (const NamedFormat &named : getNamedFormats())
    if (named.format.kind() == NumberFormat::Kind::Float &&
        named.format.hasTable())
      expectSameFloat(named.format, *named.format.minifloatView());
  EXPECT_EQ(named("bf16").minifloatView()->mantissaBits, 7u);
}

TEST(MinifloatView, IsFoundInCodebooks) {
  std::vector<double> e2m1, e3m2;
  for (uint64_t code = 0; code < 16; ++code)
    e2m1.push_back(named("e2m1").valueAsDouble(code));
  for (uint64_t code = 0; code < 64; ++code)
    e3m2.push_back(named("e3m2").valueAsDouble(code));
  std::optional<MinifloatView> view = codebook(4, e2m1).minifloatView();
  ASSERT_TRUE(view);
  EXPECT_EQ(view->exponentBits, 2u);
  EXPECT_EQ(view->mantissaBits, 1u);
  EXPECT_EQ(view->bias, 1);
  EXPECT_TRUE(view->isSigned);
  expectSameFloat(codebook(6, e3m2), *codebook(6, e3m2).minifloatView());
  // The positive half, as a shorter table.
  expectSameFloat(
      codebook(6, llvm::ArrayRef(e3m2).take_front(32)),
      *codebook(6, llvm::ArrayRef(e3m2).take_front(32)).minifloatView());
}

TEST(MinifloatView, UnsignedIntegersCountInOneBinade) {
  std::optional<MinifloatView> view = named("uint4").minifloatView();
  ASSERT_TRUE(view);
  EXPECT_FALSE(view->isSigned);
  expectSameFloat(named("uint4"), *view);
}

TEST(MinifloatView, IsNotFoundWhereThereIsNone) {
  for (llvm::StringRef name : {"int4", "nf4", "iq4nl", "e8m0", "i32"})
    EXPECT_FALSE(named(name).minifloatView()) << name.str();
}
