//===- Workspace.h - Cached temporary memory --------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_WORKSPACE_H
#define RUNG_RUNTIME_WORKSPACE_H

#include <cstdint>
#include <memory>

namespace rung {

/// The temporary memory of entries: blocks by size class, kept for the next
/// call. Any thread may allocate and release.
class Workspace {
public:
  /// Blocks are aligned to this many bytes.
  static constexpr uint64_t kAlignment = 64;

  Workspace();
  ~Workspace();
  Workspace(const Workspace &) = delete;
  Workspace &operator=(const Workspace &) = delete;

  /// Uninitialised memory; null when `bytes` is negative or the system has no
  /// more.
  void *allocate(int64_t bytes) noexcept;
  /// Gives back what allocate returned, from any thread; null is allowed.
  void release(void *memory) noexcept;

  /// To be called between two calls of entries: takes back what was not
  /// released, and returns large blocks to the system that were not used for
  /// kIdleCalls calls.
  void endCall() noexcept;
  static constexpr uint32_t kIdleCalls = 16;

  /// Bytes taken from the system, and blocks in use.
  uint64_t bytesHeld() const;
  uint64_t blocksInUse() const;

private:
  struct Block;
  struct Shard;
  static constexpr unsigned kShards = 16;

  std::unique_ptr<Shard[]> shards_;
  uint32_t calls_ = 0;
};

} // namespace rung

#endif // RUNG_RUNTIME_WORKSPACE_H
