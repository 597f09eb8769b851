//===- Matrix.h - Random matrices of codes ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TEST_UNIT_LAYOUT_MATRIX_H
#define RUNG_TEST_UNIT_LAYOUT_MATRIX_H

#include "rung/Layout/BitOrder.h"
#include "rung/Numerics/Storage.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <numeric>
#include <random>

namespace rung {

/// All widths of codes.
inline constexpr unsigned widths[] = {1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64};

/// Shapes of which none is a multiple of a tile in both directions.
inline constexpr std::pair<int64_t, int64_t> raggedShapes[] = {
    {1, 1}, {16, 33}, {17, 32}, {5, 100}, {40, 257}, {35, 7}};

/// Orders of every kind, for a property that holds for all.
inline std::vector<BitOrder> ordersOf(unsigned bits) {
  llvm::SmallVector<unsigned> positions(BitOrder::minimalCodes(bits) * bits);
  std::iota(positions.begin(), positions.end(), 0);
  std::shuffle(positions.begin(), positions.end(), std::mt19937(5));
  BitOrder shuffled = llvm::cantFail(BitOrder::get(bits, positions));
  llvm::SmallVector<uint32_t> flips(shuffled.words(), 0x5a0ff0a6);
  return {BitOrder::sequential(bits), BitOrder::planes(bits), shuffled,
          shuffled.withFlips(flips)};
}

/// A random matrix of codes.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, unsigned bits)
      : rows(rows), columns(columns), bits(bits) {
    std::mt19937_64 random(rows * 1000 + columns * 10 + bits);
    for (int64_t i = 0; i < rows * columns; ++i)
      codes.push_back(random() & llvm::maskTrailingOnes<uint64_t>(bits));
  }
  /// What a reader of padded words expects: `pad` outside the matrix.
  uint64_t at(int64_t row, int64_t column, uint64_t pad) const {
    return row < rows && column < columns ? codes[row * columns + column] : pad;
  }
  std::vector<uint8_t> storage() const {
    return packCodes(codes, {rows, columns}, bits);
  }

  int64_t rows, columns;
  unsigned bits;
  std::vector<uint64_t> codes;
};

} // namespace rung

#endif // RUNG_TEST_UNIT_LAYOUT_MATRIX_H
