//===- SizeClass.h - Sizes of cached blocks ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_SIZECLASS_H
#define RUNG_LIB_RUNTIME_SIZECLASS_H

#include <cstdint>

namespace rung {

/// Size classes are 4, 5, 6, 7 times a power of two, from 4 * 32 bytes: at most
/// a fifth of a block is unused.
inline constexpr unsigned kFirstSizeShift = 5;
inline constexpr unsigned kSizeClasses = 4 * (48 - kFirstSizeShift);

/// The most bytes of a block: addresses have 47 bits.
inline constexpr int64_t kMaxBlockBytes = int64_t(1) << 47;

inline uint64_t sizeOfClass(unsigned index) {
  return uint64_t(4 + index % 4) << (index / 4 + kFirstSizeShift);
}

/// The first class of at least `bytes` bytes.
inline unsigned classOf(uint64_t bytes) {
  if (bytes <= sizeOfClass(0))
    return 0;
  unsigned shift = 61 - static_cast<unsigned>(__builtin_clzll(bytes - 1));
  // (bytes - 1) >> shift is 4 … 7: the class that ends just below `bytes`.
  return 4 * (shift - kFirstSizeShift) +
         static_cast<unsigned>((bytes - 1) >> shift) - 4 + 1;
}

} // namespace rung

#endif // RUNG_LIB_RUNTIME_SIZECLASS_H
