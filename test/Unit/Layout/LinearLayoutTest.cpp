//===- LinearLayoutTest.cpp - The algebra of linear layouts, by example --===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/LinearLayout.h"
#include "ErrorText.h"
#include "gtest/gtest.h"
#include <random>
#include <set>

using namespace llvm;
using namespace rung;

using Point = SmallVector<uint64_t>;
using Dim = LinearLayout::Dim;

static LinearLayout parse(StringRef text) {
  return cantFail(LinearLayout::parse(text));
}

/// The example of LinearLayout.h: the A operand of mma.sync m16n8k16.
static LinearLayout operandA() {
  return parse("(register:3, lane:5) -> (row:4, col:4) "
               "{register[0] -> col[0], register[1] -> row[3], "
               "register[2] -> col[3], lane[0..1] -> col[1..2], "
               "lane[2..4] -> row[0..2]}");
}

//===----------------------------------------------------------------------===//
// Points
//===----------------------------------------------------------------------===//

TEST(LinearLayout, AppliesAsAnXorOfBasisVectors) {
  LinearLayout a = operandA();
  // The four basis vectors of half 6 of lane 9 ...
  EXPECT_EQ(a.apply({2, 0}), (Point{8, 0})); // register[1]
  EXPECT_EQ(a.apply({4, 0}), (Point{0, 8})); // register[2]
  EXPECT_EQ(a.apply({0, 1}), (Point{0, 2})); // lane[0]
  EXPECT_EQ(a.apply({0, 8}), (Point{2, 0})); // lane[3]
  // ... and their sum.
  EXPECT_EQ(a.apply({6, 9}), (Point{10, 10}));
  // Flattened: register | lane << 3 to row | col << 4.
  EXPECT_EQ(a.apply(6 | 9 << 3), uint64_t(10 | 10 << 4));
}

TEST(LinearLayout, ASwizzleIsLinear) {
  // Row r of a tile in shared memory has its 8 chunks XORed with r % 8, so that
  // a column of chunks meets every bank.
  LinearLayout swizzle =
      parse("(chunk:3, row:3) -> (bank:3, line:3) "
            "{chunk[0..2] -> bank[0..2], row[0] -> bank[0]^line[0], "
            "row[1] -> bank[1]^line[1], row[2] -> bank[2]^line[2]}");
  for (uint64_t row = 0; row < 8; ++row)
    for (uint64_t chunk = 0; chunk < 8; ++chunk)
      EXPECT_EQ(swizzle.apply({chunk, row}), (Point{chunk ^ row, row}));
  EXPECT_TRUE(swizzle.isBijective());
  // Swizzling twice undoes it.
  LinearLayout twice =
      swizzle.reshapeOuts({{"chunk", 3}, {"row", 3}}).compose(swizzle);
  EXPECT_EQ(twice.apply({5, 3}), (Point{5, 3}));
}

TEST(LinearLayout, OneDimensionalLayouts) {
  LinearLayout identity = LinearLayout::identity1D(3, "lane", "col");
  LinearLayout strided = LinearLayout::strided1D(2, 3, "register", "col");
  LinearLayout zeros = LinearLayout::zeros1D(2, "lane", "col");
  EXPECT_EQ(identity.str(), "(lane:3) -> (col:3) {lane[0..2] -> col[0..2]}");
  EXPECT_EQ(strided.str(),
            "(register:2) -> (col:5) {register[0..1] -> col[3..4]}");
  EXPECT_EQ(zeros.str(), "(lane:2) -> (col:0) {lane[0..1] -> 0}");
  for (uint64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(identity.apply(i), i);
    EXPECT_EQ(strided.apply(i), 8 * i);
    EXPECT_EQ(zeros.apply(i), 0u);
  }
}

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

TEST(LinearLayout, ProductIsATileOfTiles) {
  // 4 lanes along columns hold 2 neighbours each, 8 lanes along rows: the 8×8
  // matrix of one ldmatrix.
  LinearLayout matrix = LinearLayout::identity1D(1, "register", "col") *
                        LinearLayout::identity1D(2, "lane", "col") *
                        LinearLayout::identity1D(3, "lane", "row");
  EXPECT_EQ(matrix.str(),
            "(register:1, lane:5) -> (col:3, row:3) {register[0] -> col[0], "
            "lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}");
  // Two by two of them, the further registers counting down a column first.
  EXPECT_EQ((matrix * LinearLayout::identity1D(1, "register", "row") *
             LinearLayout::identity1D(1, "register", "col"))
                .reorderOuts({"row", "col"}),
            operandA());
  EXPECT_EQ(LinearLayout() * matrix, matrix);
}

TEST(LinearLayout, QuotientUndoesTheProduct) {
  LinearLayout pair = LinearLayout::identity1D(1, "register", "col");
  std::optional<LinearLayout> quotient = operandA().divideLeft(pair);
  ASSERT_TRUE(quotient);
  EXPECT_EQ(quotient->str(),
            "(register:2, lane:5) -> (row:4, col:3) {register[0] -> row[3], "
            "register[1] -> col[2], lane[0..1] -> col[0..1], "
            "lane[2..4] -> row[0..2]}");
  EXPECT_EQ((pair * *quotient).reorderOuts({"row", "col"}), operandA());
  // Four neighbours are not in one lane: no 4-wide vector access.
  EXPECT_FALSE(
      operandA().divideLeft(LinearLayout::identity1D(2, "register", "col")));
  // Dividing by everything leaves dimensions of one point.
  EXPECT_EQ(operandA().divideLeft(operandA())->str(),
            "(register:0, lane:0) -> (row:0, col:0) {}");
}

TEST(LinearLayout, ComposeFollowsTheDimensionsByName) {
  // The tile of operandA in memory, 16 columns of 2 bytes a row.
  LinearLayout address =
      parse("(col:4, row:4) -> (byte:9) {col[0..3] -> byte[1..4], "
            "row[0..3] -> byte[5..8]}");
  LinearLayout where = operandA().compose(address);
  EXPECT_EQ(where.apply({6, 9}), (Point{10 * 32 + 10 * 2}));
}

TEST(LinearLayout, InverseSaysWhoHoldsAnElement) {
  LinearLayout holder = *operandA().invert();
  EXPECT_EQ(holder.apply({10, 10}), (Point{6, 9}));
  EXPECT_EQ(operandA().compose(holder).str(),
            "(register:3, lane:5) -> (register:3, lane:5) "
            "{register[0..2] -> register[0..2], lane[0..4] -> lane[0..4]}");
  EXPECT_EQ(*holder.invert(), operandA());
}

TEST(LinearLayout, ConversionIsOneLayoutThenTheInverseOfAnother) {
  // From a row per lane to operand A: which register of which lane goes where.
  LinearLayout rows =
      parse("(register:3, lane:5) -> (row:4, col:4) {register[0..2] -> "
            "col[0..2], lane[0..3] -> row[0..3], lane[4] -> col[3]}");
  LinearLayout shuffle = rows.compose(*operandA().invert());
  for (uint64_t r = 0; r < 8; ++r)
    for (uint64_t lane = 0; lane < 32; ++lane)
      EXPECT_EQ(operandA().apply(shuffle.apply({r, lane})),
                rows.apply({r, lane}));
  // Bits 1 and 2 of the register become bits of the lane: it takes shuffles.
  EXPECT_EQ(shuffle.sublayout({"register"}, {"lane"}).str(),
            "(register:3) -> (lane:5) {register[0] -> 0, "
            "register[1..2] -> lane[0..1]}");
}

TEST(LinearLayout, PseudoInverseOfABroadcastNamesTheFirstHolder) {
  // 8 lanes hold a row of 4 scales twice.
  LinearLayout scales = parse("(lane:3) -> (col:2) {lane[0] -> col[0], lane[1] "
                              "-> 0, lane[2] -> col[1]}");
  EXPECT_TRUE(scales.isSurjective());
  EXPECT_FALSE(scales.isInjective());
  EXPECT_FALSE(scales.invert());
  LinearLayout first = scales.pseudoInverse();
  EXPECT_EQ(first.str(),
            "(col:2) -> (lane:3) {col[0] -> lane[0], col[1] -> lane[2]}");
  EXPECT_EQ(first.compose(scales), LinearLayout::identity1D(2, "col", "col"));
}

TEST(LinearLayout, PseudoInverseOfAnEmbeddingIsALeftInverse) {
  LinearLayout even = LinearLayout::strided1D(2, 1, "index", "address");
  EXPECT_TRUE(even.isInjective());
  EXPECT_FALSE(even.isSurjective());
  LinearLayout back = even.pseudoInverse();
  EXPECT_EQ(back.str(), "(address:3) -> (index:2) {address[0] -> 0, "
                        "address[1..2] -> index[0..1]}");
  EXPECT_EQ(even.compose(back), LinearLayout::identity1D(2, "index", "index"));
}

TEST(LinearLayout, PseudoInverseProperty) {
  // L ∘ X ∘ L = L for any matrix of any rank.
  std::mt19937_64 random(1);
  for (int i = 0; i < 500; ++i) {
    unsigned in = random() % 9, out = random() % 9;
    SmallVector<uint64_t> bases(in);
    for (uint64_t &basis : bases)
      basis = random() & random() & ((1u << out) - 1);
    LinearLayout layout =
        cantFail(LinearLayout::get({{"in", in}}, {{"out", out}}, bases));
    LinearLayout inverse = layout.pseudoInverse();
    EXPECT_EQ(layout.compose(inverse).compose(layout), layout);
    // The rank counts the image.
    std::set<uint64_t> image;
    for (uint64_t point = 0; point < 1u << in; ++point)
      image.insert(layout.apply(point));
    EXPECT_EQ(image.size(), size_t(1) << layout.rank());
    EXPECT_EQ(layout.isInjective(), image.size() == 1u << in);
    EXPECT_EQ(layout.isSurjective(), image.size() == 1u << out);
  }
}

TEST(LinearLayout, ReorderAndReshapeKeepTheMap) {
  LinearLayout a = operandA();
  LinearLayout reordered =
      a.reorderIns({"lane", "register"}).reorderOuts({"col", "row"});
  EXPECT_EQ(reordered.apply({9, 6}), (Point{10, 10}));
  EXPECT_NE(reordered, a);
  EXPECT_EQ(
      reordered.reorderIns({"register", "lane"}).reorderOuts({"row", "col"}),
      a);
  // register = half + 2·word, as the instruction counts them.
  LinearLayout words = a.reshapeIns({{"half", 1}, {"word", 2}, {"lane", 5}});
  EXPECT_EQ(words.apply({0, 3, 9}), a.apply({6, 9}));
}

TEST(LinearLayout, Sublayout) {
  EXPECT_EQ(operandA().sublayout({"lane"}, {"row"}).str(),
            "(lane:5) -> (row:4) {lane[0..1] -> 0, lane[2..4] -> row[0..2]}");
}

//===----------------------------------------------------------------------===//
// Text form
//===----------------------------------------------------------------------===//

TEST(LinearLayout, TextRoundTrip) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 500; ++i) {
    SmallVector<Dim> ins = {{"register", unsigned(random() % 4)},
                            {"lane", unsigned(random() % 6)}};
    SmallVector<Dim> outs = {{"row", unsigned(random() % 5)},
                             {"col", unsigned(random() % 5)}};
    SmallVector<uint64_t> bases(ins[0].bits + ins[1].bits);
    for (uint64_t &basis : bases)
      basis = random() & random() & ((1u << (outs[0].bits + outs[1].bits)) - 1);
    LinearLayout layout = cantFail(LinearLayout::get(ins, outs, bases));
    LinearLayout parsed = parse(layout.str());
    EXPECT_EQ(parsed, layout) << layout.str();
    EXPECT_EQ(hash_value(parsed), hash_value(layout));
    EXPECT_EQ(parsed.str(), layout.str());
  }
  EXPECT_EQ(LinearLayout().str(), "() -> () {}");
  EXPECT_EQ(parse("() -> () {}"), LinearLayout());
}

TEST(LinearLayout, RangesStayInsideDimensions) {
  // Flattened, both lines are shifts by one; but row[0] is not next to col[0].
  for (const char *text :
       {"(lane:2) -> (row:1, col:2) {lane[0] -> row[0], lane[1] -> col[0]}",
        "(lane:2) -> (row:1, col:2) {lane[0] -> row[0]^col[0], "
        "lane[1] -> col[0]^col[1]}",
        "(lane:1, unit:1) -> (col:2) {lane[0] -> col[0], unit[0] -> col[1]}"})
    EXPECT_EQ(parse(text).str(), text);
}

TEST(LinearLayout, BitsMayBeGivenInAnyOrderAndOneByOne) {
  EXPECT_EQ(parse("(a:3)->(b:3){a[2]->b[2],a[0]->b[0],a[1]->b[1]}"),
            LinearLayout::identity1D(3, "a", "b"));
}

TEST(LinearLayout, Errors) {
  auto fails = [](StringRef text, const char *message) {
    EXPECT_EQ(errorText(LinearLayout::parse(text)), message) << text.str();
  };
  fails("lane -> row", "expected '(' and the dimensions, found 'lane -> row'");
  fails("(lane:2, lane:1) -> () {}",
        "linear layout: dimension 'lane' is given twice");
  fails("(lane:64) -> () {}", "linear layout: more than 63 bits");
  fails("(lane:60, unit:60) -> () {}", "linear layout: more than 63 bits");
  fails("(lane:4000000000) -> () {}", "linear layout: more than 63 bits");
  fails("(lane:2) -> (row:1) {lane[0] -> row[0]}",
        "linear layout: nothing says what lane[1] maps to");
  fails("(lane:1) -> (row:1) {lane[0] -> row[0], lane[0] -> 0}",
        "linear layout: an input bit is given twice");
  fails("(lane:1) -> (row:1) {lane[0] -> col[0]}",
        "linear layout: no dimension 'col'");
  fails("(lane:1) -> (row:1) {lane[0] -> row[1]}",
        "linear layout: bit 1 of 'row', which has 1 bits");
  fails("(lane:2) -> (row:2) {lane[0..1] -> row[0]}",
        "linear layout: a range of 2 bits maps to one of 1");
  fails("(lane:1) -> (row:1) {lane[0] -> row[0]",
        "expected ',' or '}', found the end");
  fails("(lane:0) -> (row:0) {} trailing",
        "expected the end of the layout, found 'trailing'");

  EXPECT_EQ(errorText(LinearLayout::get({{"lane", 2}}, {{"row", 2}}, {1})),
            "linear layout: 1 basis vectors for 2 input bits");
  EXPECT_EQ(errorText(LinearLayout::get({{"lane", 1}}, {{"row", 2}}, {4})),
            "linear layout: basis vector 4 lies outside the 2 output bits");
}
