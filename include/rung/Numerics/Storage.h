//===- Storage.h - Canonical storage of codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes of b bits are packed along the last dimension: bit i of element k of a
// row is bit (k * b + i) of the row's bytes, counted from the least significant
// bit of its first byte. Each row is padded with zero bits to whole bytes. For
// 8, 16, 32 and 64 bits that is the little-endian array that numpy has.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_NUMERICS_STORAGE_H
#define RUNG_NUMERICS_STORAGE_H

#include "rung/Numerics/NumberFormat.h"

#include <vector>

namespace rung {

/// ceil(columns * bits / 8): the bytes of one row of `columns` codes.
int64_t packedRowBytes(int64_t columns, unsigned bits);

/// `codes.size()` codes of `bits` (1..8, 16, 32 or 64) bits from the start of a
/// row. Code is uint8_t, if `bits` <= 8, or uint64_t.
template <typename Code>
void readCanonicalRow(llvm::ArrayRef<uint8_t> row, unsigned bits,
                      llvm::MutableArrayRef<Code> codes);

/// Writes a row of exactly `codes`, whose bits above `bits` are 0.
template <typename Code>
void writeCanonicalRow(llvm::ArrayRef<Code> codes, unsigned bits,
                       llvm::MutableArrayRef<uint8_t> row);

/// The number of elements of a shape.
int64_t numElements(llvm::ArrayRef<int64_t> shape);

/// "[1, 5]": the index of a row-major element.
std::string formatIndex(int64_t element, llvm::ArrayRef<int64_t> shape);

/// Fails on the first code that is no code of the format, naming its index and
/// the code.
llvm::Error checkCodes(const NumberFormat &format,
                       llvm::ArrayRef<uint64_t> codes,
                       llvm::ArrayRef<int64_t> shape);

/// Row-major codes into canonical storage. A shape of rank 0 is one row of one
/// element. The codes must fit the width; their validity is checkCodes'
/// business.
std::vector<uint8_t> packCodes(llvm::ArrayRef<uint64_t> codes,
                               llvm::ArrayRef<int64_t> shape, unsigned bits);

/// The inverse. Fails if the size of `bytes` is not that of the shape. Padding
/// bits are ignored.
llvm::Expected<std::vector<uint64_t>> unpackCodes(llvm::ArrayRef<uint8_t> bytes,
                                                  llvm::ArrayRef<int64_t> shape,
                                                  unsigned bits);

} // namespace rung

#endif // RUNG_NUMERICS_STORAGE_H
