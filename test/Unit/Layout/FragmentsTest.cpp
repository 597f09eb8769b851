//===- FragmentsTest.cpp - Fragment maps against the vendors' formulas ---===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each map of the table against the formula that the vendor's manual gives, for
// every register of every lane. Registers r are elements: half or byte h of
// 32-bit register a_i is element 2i + h or 4i + h.
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/Fragments.h"
#include "gtest/gtest.h"
#include <map>

using namespace llvm;
using namespace rung;

namespace {
using Point = SmallVector<uint64_t>;

struct Formula {
  /// Elements of a lane, lanes.
  unsigned registers, lanes;
  /// Coordinates of element r of lane l.
  Point (*at)(uint64_t r, uint64_t l);
};
} // namespace

// NVIDIA: g = lane / 4, t = lane % 4.

static Point mmaK16A(uint64_t r, uint64_t l) {
  uint64_t g = l >> 2, t = l & 3, h = r & 1;
  switch (r >> 1) {
  case 0: // a0 = (g, 2t..+1)
    return {g, 2 * t + h};
  case 1: // a1 = (g+8, 2t..)
    return {g + 8, 2 * t + h};
  case 2: // a2 = (g, 2t+8..)
    return {g, 2 * t + 8 + h};
  default: // a3 = (g+8, 2t+8..)
    return {g + 8, 2 * t + 8 + h};
  }
}

static Point mmaK16B(uint64_t r, uint64_t l) {
  uint64_t g = l >> 2, t = l & 3, h = r & 1;
  // b0 = (k 2t..+1, n g), b1 = (k 2t+8..+1, n g)
  return {r < 2 ? 2 * t + h : 2 * t + 8 + h, g};
}

static Point mmaC(uint64_t r, uint64_t l) {
  uint64_t g = l >> 2, t = l & 3;
  // c0, c1 = (g, 2t..+1), c2, c3 = (g+8, 2t..+1)
  return {r < 2 ? g : g + 8, 2 * t + r % 2};
}

static Point mmaK32A(uint64_t r, uint64_t l) {
  uint64_t g = l >> 2, t = l & 3, byte = r & 3;
  switch (r >> 2) {
  case 0: // a0 = (g, 4t..+3)
    return {g, 4 * t + byte};
  case 1: // a1 = (g+8, 4t..)
    return {g + 8, 4 * t + byte};
  case 2: // a2 = (g, 4t+16..)
    return {g, 4 * t + 16 + byte};
  default: // a3 = (g+8, 4t+16..)
    return {g + 8, 4 * t + 16 + byte};
  }
}

static Point mmaK32B(uint64_t r, uint64_t l) {
  uint64_t g = l >> 2, t = l & 3, byte = r & 3;
  // b0 = (k 4t..+3, n g), b1 = (k 4t+16..+3, n g)
  return {r < 4 ? 4 * t + byte : 4 * t + 16 + byte, g};
}

// Register m of lane l is M_m[l/4][2(l%4)..+1]; .trans swaps; (row, col,
// matrix).
static Point ldmatrix(uint64_t r, uint64_t l) {
  return {l / 4, 2 * (l % 4) + r % 2, r / 2};
}
static Point ldmatrixTrans(uint64_t r, uint64_t l) {
  return {2 * (l % 4) + r % 2, l / 4, r / 2};
}
// Lanes 8m..8m+7 address the rows of matrix m; (row, matrix).
static Point ldmatrixAddress(uint64_t, uint64_t l) { return {l % 8, l / 8}; }

// AMD: h counts the four halves or bytes.

static Point mfma16A(uint64_t h, uint64_t l) {
  return {l % 16, 4 * (l / 16) + h};
}
static Point mfma16B(uint64_t h, uint64_t l) {
  return {4 * (l / 16) + h, l % 16};
}
static Point mfma16D(uint64_t r, uint64_t l) {
  return {4 * (l / 16) + r, l % 16};
}
static Point mfma32A(uint64_t h, uint64_t l) {
  return {l % 32, 4 * (l / 32) + h};
}
static Point mfma32B(uint64_t h, uint64_t l) {
  return {4 * (l / 32) + h, l % 32};
}
static Point mfma32D(uint64_t r, uint64_t l) {
  return {8 * (r / 4) + 4 * (l / 32) + r % 4, l % 32};
}

TEST(Fragments, AgreeWithTheVendorsFormulas) {
  std::map<std::string, Formula> formulas = {
      {"mma.m16n8k16.f16.a", {8, 32, mmaK16A}},
      {"mma.m16n8k16.f16.b", {4, 32, mmaK16B}},
      {"mma.m16n8k16.f16.c", {4, 32, mmaC}},
      {"mma.m16n8k32.s8.a", {16, 32, mmaK32A}},
      {"mma.m16n8k32.s8.b", {8, 32, mmaK32B}},
      {"mma.m16n8k32.s8.c", {4, 32, mmaC}},
      {"ldmatrix.x4.b16", {8, 32, ldmatrix}},
      {"ldmatrix.x4.trans.b16", {8, 32, ldmatrixTrans}},
      {"ldmatrix.x4.address", {1, 32, ldmatrixAddress}},
      {"mfma.16x16x16.f16.a", {4, 64, mfma16A}},
      {"mfma.16x16x16.f16.b", {4, 64, mfma16B}},
      {"mfma.16x16x16.f16.d", {4, 64, mfma16D}},
      {"mfma.16x16x16.i8.a", {4, 64, mfma16A}},
      {"mfma.16x16x16.i8.b", {4, 64, mfma16B}},
      {"mfma.16x16x16.i8.d", {4, 64, mfma16D}},
      {"mfma.32x32x8.f16.a", {4, 64, mfma32A}},
      {"mfma.32x32x8.f16.b", {4, 64, mfma32B}},
      {"mfma.32x32x8.f16.d", {16, 64, mfma32D}},
      {"mfma.32x32x8.i8.a", {4, 64, mfma32A}},
      {"mfma.32x32x8.i8.b", {4, 64, mfma32B}},
      {"mfma.32x32x8.i8.d", {16, 64, mfma32D}},
  };
  EXPECT_EQ(fragmentMaps().size(), formulas.size());
  for (const FragmentMap &fragment : fragmentMaps()) {
    ASSERT_TRUE(formulas.count(fragment.name.str())) << fragment.name.str();
    Formula formula = formulas[fragment.name.str()];
    LinearLayout layout = *lookupFragment(fragment.name);
    EXPECT_TRUE(layout.isBijective()) << fragment.name.str();
    ASSERT_EQ(1u << layout.inBits("register"), formula.registers);
    ASSERT_EQ(1u << layout.inBits("lane"), formula.lanes);
    for (uint64_t r = 0; r < formula.registers; ++r)
      for (uint64_t l = 0; l < formula.lanes; ++l) {
        Point in = layout.ins().size() == 1 ? Point{l} : Point{r, l};
        EXPECT_EQ(layout.apply(ArrayRef<uint64_t>(in)), formula.at(r, l))
            << fragment.name.str() << " register " << r << " lane " << l;
      }
    // The table is in the form that str() prints.
    EXPECT_EQ(layout.str(), fragment.map.str());
  }
}

TEST(Fragments, UnknownNameHasNoMap) {
  EXPECT_FALSE(lookupFragment("mma.m8n8k4.f64.a"));
}

TEST(Fragments, LdmatrixLoadsOperandA) {
  // The four 8×8 matrices of a 16×16 tile, down the rows first.
  LinearLayout quarters = cantFail(LinearLayout::parse(
      "(row:3, col:3, matrix:2) -> (row:4, col:4) {row[0..2] -> row[0..2], "
      "col[0..2] -> col[0..2], matrix[0] -> row[3], matrix[1] -> col[3]}"));
  EXPECT_EQ(lookupFragment("ldmatrix.x4.b16")->compose(quarters),
            *lookupFragment("mma.m16n8k16.f16.a"));
}

TEST(Fragments, AccumulatorsOfOneProductAreOperandAOfTheNext) {
  // Two C fragments side by side are, register for register, an A fragment: the
  // result of one product feeds the next without leaving its lanes.
  LinearLayout pair = *lookupFragment("mma.m16n8k16.f16.c") *
                      LinearLayout::identity1D(1, "register", "col");
  EXPECT_EQ(pair, *lookupFragment("mma.m16n8k16.f16.a"));
}
