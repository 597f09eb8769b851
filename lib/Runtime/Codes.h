//===- Codes.h - Looks for codes without a value ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_CODES_H
#define RUNG_LIB_RUNTIME_CODES_H

#include <cstdint>

namespace rung {

/// Rows of codes in canonical storage: least significant bit first, each row
/// from a byte of its own.
struct CodeRows {
  const uint8_t *data;
  uint32_t bits; // 1 to 8
  int64_t rows, rowBytes;
  int64_t codes; // in a row
};

struct InvalidCode {
  int64_t row, column;
  uint32_t code;
};

/// Finds the first code that is not below `valid`. Padding bits do not count.
bool findInvalidCode(const CodeRows &rows, uint64_t valid, InvalidCode &result);

} // namespace rung

#endif // RUNG_LIB_RUNTIME_CODES_H
