//===- PackedLayoutTest.cpp - Whole matrices in packed words -------------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/PackedLayout.h"
#include "ErrorText.h"
#include "Matrix.h"
#include "gtest/gtest.h"

using namespace llvm;
using namespace rung;

//===----------------------------------------------------------------------===//
// Canonical storage
//===----------------------------------------------------------------------===//

TEST(CanonicalStorage, CodesAreLeastSignificantBitFirst) {
  // 3-bit codes 1, 2, 7 | 1 | 1, 2, 3, ... row by row, rows of whole bytes.
  EXPECT_EQ(packCodes({1, 2, 7, 1, 2, 3}, {2, 3}, 3),
            (std::vector<uint8_t>{0b11010001, 0b1, 0b11010001, 0b0}));
  EXPECT_EQ(packCodes({0x1234, 0xabcd}, {1, 2}, 16),
            (std::vector<uint8_t>{0x34, 0x12, 0xcd, 0xab}));
  for (unsigned bits : widths) {
    Matrix matrix(3, 13, bits);
    EXPECT_EQ(cantFail(unpackCodes(matrix.storage(), {3, 13}, bits)),
              matrix.codes);
  }
}

TEST(CanonicalStorage, IsAPackedLayoutWhereRowsAreWholeWords) {
  for (unsigned bits : widths) {
    Matrix matrix(3, 2 * BitOrder::minimalCodes(bits), bits);
    std::vector<uint8_t> storage = matrix.storage();
    std::vector<uint32_t> words = cantFail(
        PackedLayout::canonical(bits).pack(storage, 3, matrix.columns, 0));
    ASSERT_EQ(words.size() * 4, storage.size());
    for (size_t i = 0; i < storage.size(); ++i)
      EXPECT_EQ(uint8_t(words[i / 4] >> (8 * (i % 4))), storage[i]);
  }
}

//===----------------------------------------------------------------------===//
// CPU
//===----------------------------------------------------------------------===//

TEST(PackedLayout, CpuShape) {
  // int4, 40 x 100: 3 strips of 16 rows, 13 units of 8 codes, 1 word each.
  PackedLayout layout = PackedLayout::cpu(BitOrder::sequential(4));
  EXPECT_EQ(layout.tileRows(), 16);
  EXPECT_EQ(layout.tileColumns(), 8);
  EXPECT_EQ(layout.packedShape(40, 100), (SmallVector<int64_t>{3, 13, 1, 16}));
  EXPECT_EQ(layout.wordCount(40, 100), 3 * 13 * 16);
  // int3: units of 32 codes in 3 words.
  EXPECT_EQ(PackedLayout::cpu(BitOrder::planes(3)).packedShape(16, 33),
            (SmallVector<int64_t>{1, 2, 3, 16}));
  EXPECT_EQ(PackedLayout::cpu(BitOrder::planes(3), 8).packedShape(16, 33),
            (SmallVector<int64_t>{2, 2, 3, 8}));
}

/// word address = ((nTile·KC + kc)·R + r)·16 + lane, for every code.
TEST(PackedLayout, CpuAddresses) {
  for (unsigned bits : widths)
    for (const BitOrder &order : ordersOf(bits)) {
      PackedLayout layout = PackedLayout::cpu(order);
      int64_t V = order.codes(), R = order.words(), K = 3 * V + 1, KC = 4;
      for (int64_t n : {0, 5, 16, 37})
        for (int64_t k = 0; k < K; ++k) {
          SmallVector<PackedLayout::Field, 2> expected;
          for (BitOrder::Field f : order.fields(k % V))
            expected.push_back(
                {((n / 16 * KC + k / V) * R + f.word) * 16 + n % 16, f.shift,
                 f.bit, f.width});
          EXPECT_EQ(layout.fields(n, k, K), expected);
        }
    }
}

/// pack ∘ load ∘ unpack on the CPU: a kernel loads vectors of 16 words and
/// decodes lane by lane.
TEST(PackedLayout, CpuPackLoadUnpack) {
  for (unsigned bits : widths)
    for (const BitOrder &order : ordersOf(bits))
      for (auto [N, K] : raggedShapes) {
        PackedLayout layout = PackedLayout::cpu(order);
        Matrix matrix(N, K, bits);
        uint64_t pad = maskTrailingOnes<uint64_t>(bits) / 3;
        std::vector<uint32_t> words =
            cantFail(layout.pack(matrix.storage(), N, K, pad));
        const uint32_t *vector = words.data();
        for (int64_t n = 0; n < N; n += 16)
          for (int64_t k = 0; k < K; k += order.codes()) {
            for (unsigned lane = 0; lane < 16; ++lane) {
              SmallVector<uint32_t> unit;
              for (unsigned r = 0; r < order.words(); ++r)
                unit.push_back(vector[r * 16 + lane]);
              SmallVector<uint64_t> codes = order.unpack(unit);
              for (unsigned v = 0; v < order.codes(); ++v)
                ASSERT_EQ(codes[v], matrix.at(n + lane, k + v, pad));
            }
            vector += 16 * order.words();
          }
        EXPECT_EQ(vector, words.data() + words.size());
        EXPECT_EQ(cantFail(layout.unpack(words, N, K)), matrix.storage());
      }
}

TEST(PackedLayout, TextForm) {
  EXPECT_EQ(PackedLayout::cpu(BitOrder::planes(3)).str(),
            "(code:5, unit:0, lane:4) -> (row:4, col:5) {code[0..4] -> "
            "col[0..4], lane[0..3] -> row[0..3]}, order = planes<3>, load = 1");
  for (unsigned bits : widths)
    for (const BitOrder &order : ordersOf(bits)) {
      PackedLayout layout = PackedLayout::cpu(order);
      PackedLayout parsed = cantFail(PackedLayout::parse(layout.str()));
      EXPECT_EQ(parsed, layout);
      EXPECT_EQ(hash_value(parsed), hash_value(layout));
    }
}

TEST(PackedLayout, Errors) {
  auto fails = [](const std::string &text, const std::string &message) {
    EXPECT_EQ(errorText(PackedLayout::parse(text)), message);
  };
  std::string map = "(code:1, unit:0, lane:1) -> (row:1, col:1) "
                    "{code[0] -> col[0], lane[0] -> row[0]}";
  std::string notInjective = "(code:1, unit:0, lane:1) -> (row:1, col:1) "
                             "{code[0] -> col[0], lane[0] -> 0}";
  fails(map, "packed layout: expected 'MAP, order = ORDER, load = WORDS', "
             "found '" +
                 map + "'");
  fails(map + ", order = sequential<16>, load = x",
        "expected the number of words of a load, then the end, found 'x'");
  fails(map + ", order = sequential<4>, load = 1",
        "packed layout: 2^1 codes in a unit whose bit order has 8");
  fails(map + ", order = sequential<16>, load = 2",
        "packed layout: loads of 2 words, expected 1, 2 or 4 that divide the 1 "
        "words of a lane");
  fails(notInjective + ", order = sequential<16>, load = 1",
        "packed layout: expected a bijection (code, unit, lane) -> (row, col), "
        "found " +
            notInjective);
  PackedLayout layout = PackedLayout::cpu(BitOrder::sequential(4));
  std::vector<uint8_t> storage(16 * 4);
  EXPECT_EQ(errorText(layout.pack(storage, 16, 9, 0)),
            "packing: 64 bytes for 16 x 9 codes of 4 bits in "
            "canonical storage, expected 80");
  EXPECT_EQ(errorText(layout.pack(storage, 16, 8, 16)),
            "packing: pad code 16 has more than 4 bits");
  EXPECT_EQ(errorText(layout.unpack({1, 2, 3}, 16, 8)),
            "unpacking: 3 words for 16 x 8 codes, expected 16");
}

//===----------------------------------------------------------------------===//
// Scales and zero points
//===----------------------------------------------------------------------===//

TEST(BlockLayout, OneScalePerRowAndGroup) {
  // f16 scales of 18 rows and 3 groups: [2][3][16] halves.
  Matrix scales(18, 3, 16);
  BlockLayout layout(/*bits=*/16, /*rowsPerBlock=*/1);
  EXPECT_EQ(layout.packedShape(18, 3), (SmallVector<int64_t>{2, 3, 16}));
  std::vector<uint8_t> bytes = cantFail(layout.pack(scales.storage(), 18, 3));
  std::vector<uint64_t> elements =
      cantFail(unpackCodes(bytes, {2 * 3 * 16}, 16));
  for (int64_t n = 0; n < 32; ++n)
    for (int64_t g = 0; g < 3; ++g)
      EXPECT_EQ(elements[(n / 16 * 3 + g) * 16 + n % 16], scales.at(n, g, 0));
}

TEST(BlockLayout, RowsOfABlockRepeatItsScale) {
  // Any width, any number of rows to a block; narrow codes become bytes.
  for (unsigned bits : widths)
    for (int64_t rowsPerBlock : {1, 3, 16, 128}) {
      BlockLayout layout(bits, rowsPerBlock);
      int64_t N = 37, G = 5;
      Matrix scales((N + rowsPerBlock - 1) / rowsPerBlock, G, bits);
      std::vector<uint8_t> bytes =
          cantFail(layout.pack(scales.storage(), N, G));
      std::vector<uint64_t> elements =
          cantFail(unpackCodes(bytes, {3 * G * 16}, layout.elementBits()));
      for (int64_t n = 0; n < 48; ++n)
        for (int64_t g = 0; g < G; ++g)
          EXPECT_EQ(elements[(n / 16 * G + g) * 16 + n % 16],
                    n < N ? scales.at(n / rowsPerBlock, g, 0) : 0);
    }
}

TEST(BlockLayout, IsAPackedLayout) {
  EXPECT_EQ(BlockLayout(16, 1).packed().str(),
            "(code:1, unit:0, lane:3) -> (row:4, col:0) {code[0] -> row[0], "
            "lane[0..2] -> row[1..3]}, order = sequential<16>, load = 1");
}

TEST(BlockLayout, Errors) {
  EXPECT_EQ(errorText(BlockLayout(16, 2).pack({1, 2}, 5, 1)),
            "packing: 2 bytes for 3 x 1 codes of 16 bits in "
            "canonical storage, expected 6");
}
