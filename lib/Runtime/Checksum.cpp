//===- Checksum.cpp - Checksums of a bundle ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Checksum.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

using namespace rung;

/// Threads beyond this many wait for memory.
static constexpr uint64_t kMaxThreads = 8;
/// A thread is worth its start for this many pieces.
static constexpr uint64_t kPiecesPerThread = 4;

uint64_t rung::checksumOf(const void *data, uint64_t bytes) {
  uint64_t count = (bytes + kChecksumPiece - 1) / kChecksumPiece;
  std::vector<XXH64_hash_t> hashes(count);
  std::atomic<uint64_t> next{0};
  auto work = [&] {
    for (uint64_t i; (i = next.fetch_add(1)) < count;) {
      uint64_t start = i * kChecksumPiece;
      hashes[i] = XXH3_64bits(static_cast<const char *>(data) + start,
                              std::min(kChecksumPiece, bytes - start));
    }
  };
  uint64_t threads = std::min({kMaxThreads, count / kPiecesPerThread,
                               uint64_t(std::thread::hardware_concurrency())});
  std::vector<std::thread> helpers;
  try {
    for (uint64_t i = 1; i < threads; ++i)
      helpers.emplace_back(work);
  } catch (const std::system_error &) {
    // No more threads: those that there are do the work.
  }
  work();
  for (std::thread &helper : helpers)
    helper.join();
  return XXH3_64bits(hashes.data(), hashes.size() * sizeof(XXH64_hash_t));
}

uint64_t rung::checksumOf(const BundleHeader &header) {
  BundleHeader copy = header;
  copy.checksum = 0;
  return XXH3_64bits(&copy, sizeof(copy));
}
