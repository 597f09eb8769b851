//===- Codes.cpp - Looks for codes without a value --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Codes.h"

#include <algorithm>

using namespace rung;

/// 8 codes fill `bits` bytes: a group that starts on a byte.
static constexpr int64_t kGroup = 8;

/// The codes of one group, of which `bytes` bytes may be read.
static uint64_t loadGroup(const uint8_t *data, int64_t bytes) {
  uint64_t word = 0;
  for (int64_t i = 0; i < bytes; ++i)
    word |= uint64_t(data[i]) << (8 * i);
  return word;
}

bool rung::findInvalidCode(const CodeRows &rows, uint64_t valid,
                           InvalidCode &result) {
  const uint64_t mask = (uint64_t(1) << rows.bits) - 1;
  for (int64_t row = 0; row < rows.rows; ++row) {
    const uint8_t *start = rows.data + row * rows.rowBytes;
    for (int64_t first = 0; first < rows.codes; first += kGroup) {
      int64_t offset = first / kGroup * rows.bits;
      int64_t count = std::min(kGroup, rows.codes - first);
      uint64_t word = loadGroup(
          start + offset, std::min<int64_t>(rows.bits, rows.rowBytes - offset));
      for (int64_t i = 0; i < count; ++i, word >>= rows.bits)
        if ((word & mask) >= valid) {
          result = {row, first + i, static_cast<uint32_t>(word & mask)};
          return true;
        }
    }
  }
  return false;
}
