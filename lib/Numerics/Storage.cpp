//===- Storage.cpp - Canonical storage of codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Numerics/Storage.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>
#include <cassert>

using namespace rung;

int64_t rung::packedRowBytes(int64_t columns, unsigned bits) {
  return static_cast<int64_t>(
      llvm::divideCeil(static_cast<uint64_t>(columns) * bits, uint64_t(8)));
}

/// Bits taken from, or on their way to, a row of bytes.
using Window = unsigned __int128;

template <typename Code>
void rung::readCanonicalRow(llvm::ArrayRef<uint8_t> row, unsigned bits,
                            llvm::MutableArrayRef<Code> codes) {
  assert(int64_t(row.size()) >= packedRowBytes(codes.size(), bits));
  // Code by code: at most 64 + 7 bits are in the window.
  using Bits = std::conditional_t<sizeof(Code) == 1, uint32_t, Window>;
  const uint8_t *next = row.data();
  Bits window = 0;
  unsigned available = 0;
  uint64_t mask = llvm::maskTrailingOnes<uint64_t>(bits);
  for (Code &code : codes) {
    for (; available < bits; available += 8)
      window |= Bits(*next++) << available;
    code = Code(uint64_t(window) & mask);
    window >>= bits;
    available -= bits;
  }
}

template <typename Code>
void rung::writeCanonicalRow(llvm::ArrayRef<Code> codes, unsigned bits,
                             llvm::MutableArrayRef<uint8_t> row) {
  assert(int64_t(row.size()) == packedRowBytes(codes.size(), bits));
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

template void rung::readCanonicalRow(llvm::ArrayRef<uint8_t>, unsigned,
                                     llvm::MutableArrayRef<uint8_t>);
template void rung::readCanonicalRow(llvm::ArrayRef<uint8_t>, unsigned,
                                     llvm::MutableArrayRef<uint64_t>);
template void rung::writeCanonicalRow(llvm::ArrayRef<uint8_t>, unsigned,
                                      llvm::MutableArrayRef<uint8_t>);
template void rung::writeCanonicalRow(llvm::ArrayRef<uint64_t>, unsigned,
                                      llvm::MutableArrayRef<uint8_t>);

int64_t rung::numElements(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::string rung::formatIndex(int64_t element, llvm::ArrayRef<int64_t> shape) {
  std::string text;
  for (size_t dim = shape.size(); dim-- > 0;) {
    text.insert(0, std::to_string(element % shape[dim]) +
                       (text.empty() ? "" : ", "));
    element /= shape[dim];
  }
  return "[" + text + "]";
}

llvm::Error rung::checkCodes(const NumberFormat &format,
                             llvm::ArrayRef<uint64_t> codes,
                             llvm::ArrayRef<int64_t> shape) {
  for (size_t i = 0; i < codes.size(); ++i) {
    if (format.isValid(codes[i]))
      continue;
    uint64_t numValid = format.hasInvalidCodes()
                            ? format.codebookEntries().size()
                            : format.numCodes();
    return llvm::createStringError(
        std::make_error_code(std::errc::invalid_argument),
        llvm::formatv(
            "element {0} has the code {1}, which has no value: codes of this "
            "{2}-bit format are 0 to {3}",
            formatIndex(static_cast<int64_t>(i), shape), codes[i],
            format.bits(), numValid - 1)
            .str());
  }
  return llvm::Error::success();
}

static int64_t rowLength(llvm::ArrayRef<int64_t> shape) {
  return shape.empty() ? 1 : shape.back();
}

static int64_t numRows(llvm::ArrayRef<int64_t> shape) {
  return shape.empty() ? 1 : numElements(shape.drop_back());
}

std::vector<uint8_t> rung::packCodes(llvm::ArrayRef<uint64_t> codes,
                                     llvm::ArrayRef<int64_t> shape,
                                     unsigned bits) {
  assert(static_cast<int64_t>(codes.size()) == numElements(shape) &&
         "one code for each element");
  int64_t columns = rowLength(shape), rowBytes = packedRowBytes(columns, bits);
  std::vector<uint8_t> bytes(static_cast<size_t>(numRows(shape) * rowBytes), 0);
  for (int64_t row = 0; row < numRows(shape); ++row)
    writeCanonicalRow(codes.slice(static_cast<size_t>(row * columns),
                                  static_cast<size_t>(columns)),
                      bits,
                      llvm::MutableArrayRef<uint8_t>(bytes).slice(
                          static_cast<size_t>(row * rowBytes),
                          static_cast<size_t>(rowBytes)));
  return bytes;
}

llvm::Expected<std::vector<uint64_t>>
rung::unpackCodes(llvm::ArrayRef<uint8_t> bytes, llvm::ArrayRef<int64_t> shape,
                  unsigned bits) {
  int64_t columns = rowLength(shape), rowBytes = packedRowBytes(columns, bits);
  if (static_cast<int64_t>(bytes.size()) != numRows(shape) * rowBytes)
    return llvm::createStringError(
        std::make_error_code(std::errc::invalid_argument),
        llvm::formatv("canonical storage of {0} rows of {1} codes of {2} bits "
                      "has {3} bytes ({4} a row), found {5}",
                      numRows(shape), columns, bits, numRows(shape) * rowBytes,
                      rowBytes, bytes.size())
            .str());
  std::vector<uint64_t> codes(static_cast<size_t>(numElements(shape)), 0);
  for (int64_t row = 0; row < numRows(shape); ++row)
    readCanonicalRow(
        bytes.slice(static_cast<size_t>(row * rowBytes),
                    static_cast<size_t>(rowBytes)),
        bits,
        llvm::MutableArrayRef<uint64_t>(codes).slice(
            static_cast<size_t>(row * columns), static_cast<size_t>(columns)));
  return codes;
}
