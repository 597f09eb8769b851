//===- BitOrderTest.cpp - Bits of codes in the words of a unit -----------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/BitOrder.h"
#include "ErrorText.h"
#include "llvm/Support/MathExtras.h"
#include "gtest/gtest.h"
#include <random>

using namespace llvm;
using namespace rung;

using Fields = SmallVector<BitOrder::Field, 2>;

static const unsigned widths[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64};

TEST(BitOrder, MinimalUnitsFillWholeWords) {
  struct {
    unsigned bits, codes, words;
  } expected[] = {{1, 32, 1}, {2, 16, 1}, {3, 32, 3}, {4, 8, 1},
                  {5, 32, 5}, {6, 16, 3}, {7, 32, 7}, {8, 4, 1},
                  {16, 2, 1}, {32, 1, 1}, {64, 1, 2}};
  for (auto [bits, codes, words] : expected) {
    BitOrder order = BitOrder::sequential(bits);
    EXPECT_EQ(order.bits(), bits);
    EXPECT_EQ(order.codes(), codes);
    EXPECT_EQ(order.words(), words);
    EXPECT_EQ(BitOrder::planes(bits).codes(), codes);
  }
}

TEST(BitOrder, SequentialCodesFollowEachOther) {
  // Code 3 of a word of nibbles.
  EXPECT_EQ(BitOrder::sequential(4).fields(3), (Fields{{0, 12, 0, 4}}));
  // A 3-bit code across a word boundary is gathered from two fields.
  EXPECT_EQ(BitOrder::sequential(3).fields(10),
            (Fields{{0, 30, 0, 2}, {1, 0, 2, 1}}));
  // A 64-bit code is two words.
  EXPECT_EQ(BitOrder::sequential(64).fields(0),
            (Fields{{0, 0, 0, 32}, {1, 0, 32, 32}}));
  EXPECT_EQ(BitOrder::sequential(4).pack({1, 2, 3, 4, 5, 6, 7, 8}),
            (SmallVector<uint32_t>{0x87654321}));
}

TEST(BitOrder, PlanesHavePowerOfTwoFields) {
  // 3 = 2 + 1: two words of 2-bit fields, one word of single bits.
  EXPECT_EQ(BitOrder::planes(3).fields(10),
            (Fields{{0, 20, 0, 2}, {2, 10, 2, 1}}));
  EXPECT_EQ(BitOrder::planes(3).fields(16),
            (Fields{{1, 0, 0, 2}, {2, 16, 2, 1}}));
  // 7 = 4 + 2 + 1.
  EXPECT_EQ(BitOrder::planes(7).fields(9),
            (Fields{{1, 4, 0, 4}, {4, 18, 4, 2}, {6, 9, 6, 1}}));
  // One plane is sequential.
  EXPECT_EQ(BitOrder::planes(4), BitOrder::sequential(4));

  for (unsigned bits : widths) {
    BitOrder order = BitOrder::planes(bits);
    for (unsigned code = 0; code < order.codes(); ++code)
      for (const BitOrder::Field &f : order.fields(code)) {
        EXPECT_EQ(f.width & (f.width - 1), 0u);
        EXPECT_EQ(f.shift % f.width, 0u) << "aligned, so it crosses no word";
      }
  }
}

TEST(BitOrder, CodesCanBePermuted) {
  // Neighbours in the two halves of the word: one AND with 0x000f000f and they
  // are the two halves of a packed f16 pair.
  BitOrder halves =
      BitOrder::sequential(4).permuteCodes({0, 4, 1, 5, 2, 6, 3, 7});
  EXPECT_EQ(halves.fields(0), (Fields{{0, 0, 0, 4}}));
  EXPECT_EQ(halves.fields(1), (Fields{{0, 16, 0, 4}}));
  EXPECT_EQ(halves.fields(2), (Fields{{0, 4, 0, 4}}));
  EXPECT_EQ(halves.pack({1, 2, 3, 4, 5, 6, 7, 8})[0] & 0x000f000f, 0x00020001u);
}

/// A permutation of the bits of a unit that no one would write by hand.
static BitOrder shuffled(unsigned bits, unsigned seed) {
  SmallVector<unsigned> positions(BitOrder::minimalCodes(bits) * bits);
  std::iota(positions.begin(), positions.end(), 0);
  std::shuffle(positions.begin(), positions.end(), std::mt19937(seed));
  return cantFail(BitOrder::get(bits, positions));
}

TEST(BitOrder, UnpackInvertsPack) {
  std::mt19937_64 random(1);
  for (unsigned bits : widths)
    for (const BitOrder &order : {BitOrder::sequential(bits),
                                  BitOrder::planes(bits), shuffled(bits, 7)}) {
      SmallVector<uint64_t> codes(order.codes());
      for (uint64_t &code : codes)
        code = random() & maskTrailingOnes<uint64_t>(bits);
      SmallVector<uint32_t> words = order.pack(codes);
      EXPECT_EQ(order.unpack(words), codes) << order.str();
      // pack puts each bit where `position` says.
      for (unsigned code = 0; code < order.codes(); ++code)
        for (unsigned bit = 0; bit < bits; ++bit) {
          unsigned position = order.position(code, bit);
          EXPECT_EQ((words[position / 32] >> (position % 32)) & 1,
                    (codes[code] >> bit) & 1);
        }
    }
}

TEST(BitOrder, BitsCanBeStoredInverted) {
  // The sign bits: two's complement becomes the code plus 8.
  BitOrder flipped = BitOrder::sequential(4).withFlips({0x88888888});
  EXPECT_TRUE(flipped.hasFlips());
  EXPECT_NE(flipped, BitOrder::sequential(4));
  EXPECT_EQ(flipped.pack({0, 15, 8, 7, 0, 0, 0, 0})[0], 0x8888f078u);
  EXPECT_EQ(flipped.unpack({0x8888f078}),
            (SmallVector<uint64_t>{0, 15, 8, 7, 0, 0, 0, 0}));
  EXPECT_EQ(flipped.str(), "sequential<4> ^ 0x88888888");
  EXPECT_EQ(cantFail(BitOrder::parse(flipped.str())), flipped);
  BitOrder words = shuffled(3, 5).withFlips({1, 0xffffffff, 0});
  EXPECT_TRUE(StringRef(words.str())
                  .ends_with(" ^ 0x00000001, 0xffffffff, 0x00000000"));
  EXPECT_EQ(cantFail(BitOrder::parse(words.str())), words);
  SmallVector<unsigned> swapped(32);
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[0], swapped[1]);
  EXPECT_EQ(words.permuteCodes(swapped).flips(), words.flips());
}

TEST(BitOrder, TextForm) {
  EXPECT_EQ(BitOrder::sequential(3).str(), "sequential<3>");
  EXPECT_EQ(BitOrder::planes(3).str(), "planes<3>");
  EXPECT_EQ(BitOrder::planes(8).str(), "sequential<8>");
  EXPECT_EQ(BitOrder::sequential(8).permuteCodes({0, 2, 1, 3}).str(),
            "fields<8>[0:8, 16:8, 8:8, 24:8]");
  EXPECT_EQ(cantFail(BitOrder::parse("fields<16>[0:4+28:4+8:8, 4:4+16:12]"))
                .fields(0),
            (Fields{{0, 0, 0, 4}, {0, 28, 4, 4}, {0, 8, 8, 8}}));
  for (unsigned bits : widths)
    for (const BitOrder &order : {BitOrder::sequential(bits),
                                  BitOrder::planes(bits), shuffled(bits, 3)}) {
      BitOrder parsed = cantFail(BitOrder::parse(order.str()));
      EXPECT_EQ(parsed, order);
      EXPECT_EQ(hash_value(parsed), hash_value(order));
    }
}

TEST(BitOrder, Errors) {
  auto fails = [](StringRef text, const char *message) {
    EXPECT_EQ(errorText(BitOrder::parse(text)), message);
  };
  fails("planes<9>", "bit order: codes of 9 bits, expected 1..8, 16, 32 or 64");
  fails("random<4>", "bit order: 'random<4>', expected sequential<b>, "
                     "planes<b> or fields<b>[position:width, ...]");
  fails("sequential<4", "expected '>', found the end");
  fails("planes<4> x", "expected the end of the bit order, found 'x'");
  fails("fields<16>[0:16, 8:16]",
        "bit order: position 8 is given twice, expected a permutation");
  fails("fields<16>[0:16, 17:16]",
        "bit order: position 32 in a unit of 32 bits");
  fails("fields<16>[0:8, 16:16]", "bit order: code 0 has 8 bits, expected 16");
  fails("fields<16>[0:16]", "bit order: 16 positions for codes of 16 bits, "
                            "expected whole codes that fill whole words, e.g. "
                            "2 codes");
  fails("sequential<4> ^ 8", "expected a word of 32 bits in hexadecimal, "
                             "0x..., found '8'");
  fails("planes<3> ^ 0x1, 0x2",
        "bit order: 2 words of flips, expected one for each of 3");
  fails("sequential<4> ^ 0x1, 0x2",
        "expected the end of the bit order, found ', 0x2'");
  SmallVector<unsigned> threeWords(96);
  std::iota(threeWords.begin(), threeWords.end(), 0);
  EXPECT_EQ(errorText(BitOrder::get(8, threeWords)),
            "bit order: a unit of 12 codes, expected a power of two");
}
