//===- CanonicalStorage.h - Codes as files have them -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Canonical storage of a matrix of b-bit codes: each row is its codes, one
// after the other, least significant bit first, padded with zero bits to whole
// bytes. For 8, 16, 32 and 64 bits that is a little-endian array of the
// elements.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LAYOUT_CANONICALSTORAGE_H
#define RUNG_LAYOUT_CANONICALSTORAGE_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <vector>

namespace rung {

/// Bytes of a row of `columns` codes of `bits` bits.
inline int64_t canonicalRowBytes(int64_t columns, unsigned bits) {
  return (columns * bits + 7) / 8;
}

/// `codes.size()` codes of `bits` (1..8, 16, 32 or 64) bits from the start of a
/// canonical row. Code is uint8_t, if `bits` <= 8, or uint64_t.
template <typename Code>
void readCanonicalRow(llvm::ArrayRef<uint8_t> row, unsigned bits,
                      llvm::MutableArrayRef<Code> codes);

/// Writes a canonical row of exactly `codes`, whose bits above `bits` are 0.
template <typename Code>
void writeCanonicalRow(llvm::ArrayRef<Code> codes, unsigned bits,
                       llvm::MutableArrayRef<uint8_t> row);

/// The canonical storage of a row-major matrix of codes.
std::vector<uint8_t> toCanonical(llvm::ArrayRef<uint64_t> codes,
                                 int64_t columns, unsigned bits);

/// The codes, row-major, of the canonical storage of a rows × columns matrix.
std::vector<uint64_t> fromCanonical(llvm::ArrayRef<uint8_t> storage,
                                    int64_t rows, int64_t columns,
                                    unsigned bits);

} // namespace rung

#endif // RUNG_LAYOUT_CANONICALSTORAGE_H
