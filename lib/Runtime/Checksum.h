//===- Checksum.h - Checksums of a bundle -----------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_CHECKSUM_H
#define RUNG_LIB_RUNTIME_CHECKSUM_H

#include "rung/Runtime/BundleFormat.h"

namespace rung {

/// The checksum of a section: XXH3-64 of the XXH3-64 hashes (8 bytes each,
/// little endian) of its pieces of kChecksumPiece bytes, the last one shorter.
/// Large ranges are hashed by several threads.
uint64_t checksumOf(const void *data, uint64_t bytes);

/// The checksum of a header page, its field `checksum` taken as 0.
uint64_t checksumOf(const BundleHeader &header);

} // namespace rung

#endif // RUNG_LIB_RUNTIME_CHECKSUM_H
