//===- WeightLayoutTest.cpp - Weights in the order of a matrix instruction ===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ErrorText.h"
#include "Matrix.h"
#include "rung/Layout/Fragments.h"
#include "rung/Layout/PackedLayout.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace rung;

static PackedLayout derive(StringRef fragment, const BitOrder &order,
                           unsigned bytesPerLoad = 16) {
  return cantFail(
      deriveWeightLayout(*lookupFragment(fragment), order, bytesPerLoad));
}

TEST(WeightLayout, FragmentsInOneLoad) {
  // Columns of a tile / 16 = fragments of m16n8k16 that its loads bring in.
  struct {
    unsigned bits, fragments, loads;
  } expected[] = {{1, 16, 1}, {2, 8, 1},  {3, 16, 3}, {4, 4, 1},
                  {5, 16, 5}, {6, 8, 3},  {7, 16, 7}, {8, 2, 1},
                  {16, 1, 1}, {32, 1, 2}, {64, 1, 4}};
  for (auto [bits, fragments, loads] : expected) {
    PackedLayout layout =
        derive("mma.m16n8k16.f16.a", BitOrder::sequential(bits));
    EXPECT_EQ(layout.tileRows(), 16);
    EXPECT_EQ(layout.tileColumns(), 16 * fragments);
    EXPECT_EQ(layout.packedShape(16, layout.tileColumns()),
              (SmallVector<int64_t>{1, 1, loads, 32, 4}));
  }
}

TEST(WeightLayout, IsTheFragmentTimesItsCount) {
  // int4: codes 0..7 of a unit are the 8 elements of a fragment, unit by unit.
  LinearLayout fragment = *lookupFragment("mma.m16n8k16.f16.a");
  PackedLayout layout = derive("mma.m16n8k16.f16.a", BitOrder::sequential(4));
  EXPECT_EQ(layout.str(),
            "(code:3, unit:2, lane:5) -> (row:4, col:6) {code[0] -> col[0], "
            "code[1] -> row[3], code[2] -> col[3], unit[0..1] -> col[4..5], "
            "lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}, "
            "order = sequential<4>, load = 4");
  // load ∘ fragment⁻¹ = identity, as matrices.
  LinearLayout loaded =
      layout.map().reshapeIns({{"register", 3}, {"fragment", 2}, {"lane", 5}});
  EXPECT_EQ(loaded.divideLeft(fragment)->sublayout({"fragment"}, {"col"}),
            LinearLayout::identity1D(2, "fragment", "col"));
}

TEST(WeightLayout, KOrderOfATileIsFree) {
  // Activations may be permuted along k as weights are: with column 4t + j in
  // place of 2t, 2t+1, 2t+8, 2t+9 a lane reads four neighbours of x.
  LinearLayout permuted =
      lookupFragment("mma.m16n8k16.f16.a")
          ->compose(cantFail(LinearLayout::parse(
              "(row:4, col:4) -> (row:4, col:4) "
              "{row[0..3] -> row[0..3], col[0] -> col[0], "
              "col[1..2] -> col[2..3], col[3] -> col[1]}")));
  PackedLayout layout =
      cantFail(deriveWeightLayout(permuted, BitOrder::sequential(4), 16));
  EXPECT_EQ(layout.map().apply({4, 0, 1}), (SmallVector<uint64_t>{0, 6}));
}

/// What the lanes of a warp hold after loading tile `tile` of `words` with one
/// load of `wordsPerLoad` words after the other, and decoding: codes in order.
static SmallVector<uint64_t> loadLane(const PackedLayout &layout,
                                      ArrayRef<uint32_t> words, int64_t tile,
                                      unsigned lane) {
  SmallVector<int64_t> shape = layout.packedShape(1, 1);
  int64_t loads = shape[2], lanes = shape[3], width = layout.wordsPerLoad();
  SmallVector<uint32_t> registers;
  for (int64_t load = 0; load < loads; ++load)
    append_range(
        registers,
        words.slice(((tile * loads + load) * lanes + lane) * width, width));
  SmallVector<uint64_t> codes;
  for (size_t word = 0; word < registers.size(); word += layout.order().words())
    append_range(codes,
                 layout.order().unpack(ArrayRef<uint32_t>(registers).slice(
                     word, layout.order().words())));
  return codes;
}

/// pack ∘ load ∘ unpack on sm_80: element e of fragment f of lane 4g + t, by
/// the formula of the instruction, is the weight's element there.
TEST(WeightLayout, Sm80PackLoadUnpack) {
  for (unsigned bits : widths)
    for (const BitOrder &order : ordersOf(bits))
      for (auto [N, K] : raggedShapes) {
        PackedLayout layout = derive("mma.m16n8k16.f16.a", order);
        Matrix matrix(N, K, bits);
        uint64_t pad = maskTrailingOnes<uint64_t>(bits) / 3;
        std::vector<uint32_t> words =
            cantFail(layout.pack(matrix.storage(), N, K, pad));
        int64_t tile = 0;
        for (int64_t n = 0; n < N; n += 16)
          for (int64_t k = 0; k < K; k += layout.tileColumns(), ++tile)
            for (unsigned lane = 0; lane < 32; ++lane) {
              unsigned g = lane >> 2, t = lane & 3;
              SmallVector<uint64_t> codes = loadLane(layout, words, tile, lane);
              for (unsigned i = 0; i < codes.size(); ++i) {
                unsigned f = i / 8, e = i % 8, a = e / 2;
                int64_t row = n + g + (a % 2 ? 8 : 0);
                int64_t column = k + 16 * f + 2 * t + e % 2 + (a >= 2 ? 8 : 0);
                ASSERT_EQ(codes[i], matrix.at(row, column, pad)) << order.str();
              }
            }
        EXPECT_EQ(layout.wordCount(N, K), tile * layout.wordsPerTile());
        EXPECT_EQ(cantFail(layout.unpack(words, N, K)), matrix.storage());
      }
}

TEST(WeightLayout, AnyInstructionPackLoadUnpack) {
  for (StringRef name : {"mma.m16n8k32.s8.a", "mfma.16x16x16.f16.a",
                         "mfma.32x32x8.i8.a", "mfma.16x16x16.i8.a"}) {
    LinearLayout fragment = *lookupFragment(name);
    uint64_t elements = uint64_t(1) << fragment.inBits("register");
    for (unsigned bytesPerLoad : {4, 8, 16})
      for (unsigned bits : widths) {
        PackedLayout layout =
            derive(name, BitOrder::planes(bits), bytesPerLoad);
        Matrix matrix(layout.tileRows() - 1, layout.tileColumns() - 3, bits);
        std::vector<uint32_t> words = cantFail(
            layout.pack(matrix.storage(), matrix.rows, matrix.columns, 1));
        for (unsigned lane = 0; lane < layout.lanes(); ++lane)
          for (const auto &[i, code] :
               enumerate(loadLane(layout, words, 0, lane))) {
            SmallVector<uint64_t> at = fragment.apply({i % elements, lane});
            int64_t column = at[1] + (i / elements << fragment.outBits("col"));
            ASSERT_EQ(code, matrix.at(at[0], column, 1)) << name.str();
          }
        EXPECT_EQ(cantFail(layout.unpack(words, matrix.rows, matrix.columns)),
                  matrix.storage());
      }
  }
}

TEST(WeightLayout, Errors) {
  BitOrder order = BitOrder::sequential(4);
  EXPECT_EQ(errorText(deriveWeightLayout(*lookupFragment("mma.m16n8k16.f16.a"),
                                         order, 12)),
            "weight layout: loads of 12 bytes, expected 4, 8 or 16");
  EXPECT_EQ(errorText(deriveWeightLayout(
                LinearLayout::identity1D(2, "lane", "row"), order, 16)),
            "weight layout: expected a bijection (register, lane) -> (row, "
            "col), found (lane:2) -> (row:2) {lane[0..1] -> row[0..1]}");
}

TEST(PlaceFragments, RunsOfNeighbours) {
  LinearLayout a = *lookupFragment("mma.m16n8k16.f16.a");
  LinearLayout tile = cantFail(placeFragments(a, 2, 3));
  EXPECT_TRUE(tile.isBijective());
  EXPECT_EQ(tile.outBits("row"), 4u);
  EXPECT_EQ(tile.outBits("col"), 6u);
  for (uint64_t lane = 0; lane != 32; ++lane) {
    uint64_t g = lane / 4, t = lane % 4;
    for (uint64_t reg = 0; reg != 32; ++reg) {
      SmallVector<uint64_t> place = tile.apply({reg, lane});
      EXPECT_EQ(place[0], g + 8 * (reg >> 1 & 1));
      EXPECT_EQ(place[1] / 8 % 4, t); // the runs of lanes are side by side
      EXPECT_EQ(place[1] % 8,
                (reg & 1) | (reg >> 2 & 1) << 1 | (reg >> 3 & 1) << 2);
      EXPECT_EQ(place[1] / 32, reg >> 4);
    }
  }
  // As long as a lane has columns in one fragment: operands one after another.
  LinearLayout separate = cantFail(placeFragments(a, 1, 2));
  for (uint64_t lane = 0; lane != 32; ++lane)
    for (uint64_t reg = 0; reg != 16; ++reg)
      EXPECT_EQ(separate.apply({reg, lane})[1] / 16, reg / 8);
}

TEST(PlaceFragments, Errors) {
  LinearLayout a = *lookupFragment("mma.m16n8k16.f16.a");
  EXPECT_EQ(errorText(placeFragments(a, 2, 1)),
            "matrix tile: runs of 2^1 columns, expected 2^2 to 2^4, those that "
            "a lane holds");
  EXPECT_EQ(errorText(placeFragments(a, 0, 3)),
            "matrix tile: runs of 2^3 columns, expected 2^2 to 2^2, those that "
            "a lane holds");
}
