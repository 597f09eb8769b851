//===- CanonicalStorage.cpp - Codes as files have them -------------------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/CanonicalStorage.h"
#include "llvm/Support/MathExtras.h"
#include <cassert>

using namespace llvm;

namespace rung {

/// Bits taken from, or on their way to, a row of bytes.
using Window = unsigned __int128;

template <typename Code>
void readCanonicalRow(ArrayRef<uint8_t> row, unsigned bits,
                      MutableArrayRef<Code> codes) {
  assert(int64_t(row.size()) >= canonicalRowBytes(codes.size(), bits));
  // Code by code: at most 64 + 7 bits are in the window.
  using Bits = std::conditional_t<sizeof(Code) == 1, uint32_t, Window>;
  const uint8_t *next = row.data();
  Bits window = 0;
  unsigned available = 0;
  uint64_t mask = maskTrailingOnes<uint64_t>(bits);
  for (Code &code : codes) {
    for (; available < bits; available += 8)
      window |= Bits(*next++) << available;
    code = Code(uint64_t(window) & mask);
    window >>= bits;
    available -= bits;
  }
}

template <typename Code>
void writeCanonicalRow(ArrayRef<Code> codes, unsigned bits,
                       MutableArrayRef<uint8_t> row) {
  assert(int64_t(row.size()) == canonicalRowBytes(codes.size(), bits));
  using Bits = std::conditional_t<sizeof(Code) == 1, uint32_t, Window>;
  uint8_t *next = row.data();
  Bits window = 0;
  unsigned pending = 0;
  for (Code code : codes) {
    window |= Bits(code) << pending;
    pending += bits;
    for (; pending >= 8; pending -= 8, window >>= 8)
      *next++ = uint8_t(window);
  }
  if (pending)
    *next = uint8_t(window);
}

template void readCanonicalRow(ArrayRef<uint8_t>, unsigned,
                               MutableArrayRef<uint8_t>);
template void readCanonicalRow(ArrayRef<uint8_t>, unsigned,
                               MutableArrayRef<uint64_t>);
template void writeCanonicalRow(ArrayRef<uint8_t>, unsigned,
                                MutableArrayRef<uint8_t>);
template void writeCanonicalRow(ArrayRef<uint64_t>, unsigned,
                                MutableArrayRef<uint8_t>);

std::vector<uint8_t> toCanonical(ArrayRef<uint64_t> codes, int64_t columns,
                                 unsigned bits) {
  int64_t rows = columns ? codes.size() / columns : 0;
  int64_t rowBytes = canonicalRowBytes(columns, bits);
  std::vector<uint8_t> storage(rows * rowBytes);
  for (int64_t row = 0; row < rows; ++row)
    writeCanonicalRow(
        codes.slice(row * columns, columns), bits,
        MutableArrayRef<uint8_t>(storage).slice(row * rowBytes, rowBytes));
  return storage;
}

std::vector<uint64_t> fromCanonical(ArrayRef<uint8_t> storage, int64_t rows,
                                    int64_t columns, unsigned bits) {
  int64_t rowBytes = canonicalRowBytes(columns, bits);
  assert(int64_t(storage.size()) == rows * rowBytes);
  std::vector<uint64_t> codes(rows * columns);
  for (int64_t row = 0; row < rows; ++row)
    readCanonicalRow(
        storage.slice(row * rowBytes, rowBytes), bits,
        MutableArrayRef<uint64_t>(codes).slice(row * columns, columns));
  return codes;
}

} // namespace rung
