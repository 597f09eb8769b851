//===- Workspace.cpp - Cached temporary memory ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/Workspace.h"

#include "SizeClass.h"

#include <atomic>
#include <cstdlib>
#include <mutex>

using namespace rung;

/// Blocks from this size are given back when idle.
static constexpr uint64_t kLarge = uint64_t(1) << 20;

/// In front of the memory that the user gets.
struct alignas(Workspace::kAlignment) Workspace::Block {
  Block *nextFree;
  Block *next, **link; // all blocks of the shard
  uint32_t sizeClass;
  uint16_t shard;
  bool used;
  uint32_t lastCall;
};

/// Threads work in different shards; a block goes back to its own.
struct alignas(64) Workspace::Shard {
  mutable std::mutex mutex;
  Block *all = nullptr;
  Block *free[kSizeClasses] = {};
  uint64_t bytes = 0;
};

Workspace::Workspace() : shards_(new Shard[kShards]) {
  static_assert(sizeof(Block) == kAlignment);
}

Workspace::~Workspace() {
  for (unsigned i = 0; i < kShards; ++i)
    for (Block *block = shards_[i].all; block;) {
      Block *next = block->next;
      std::free(block);
      block = next;
    }
}

static unsigned shardOfThread(unsigned shards) {
  static std::atomic<unsigned> threads{0};
  thread_local unsigned number = threads.fetch_add(1);
  return number % shards;
}

void *Workspace::allocate(int64_t bytes) noexcept {
  if (bytes < 0 || bytes > kMaxBlockBytes)
    return nullptr;
  unsigned index = classOf(static_cast<uint64_t>(bytes) + sizeof(Block));
  unsigned number = shardOfThread(kShards);
  Shard &shard = shards_[number];
  std::lock_guard<std::mutex> lock(shard.mutex);
  Block *block = shard.free[index];
  if (block) {
    shard.free[index] = block->nextFree;
  } else {
    void *memory = nullptr;
    if (posix_memalign(&memory, kAlignment, sizeOfClass(index)) != 0)
      return nullptr;
    block = static_cast<Block *>(memory);
    block->sizeClass = index;
    block->shard = static_cast<uint16_t>(number);
    block->next = shard.all;
    block->link = &shard.all;
    if (block->next)
      block->next->link = &block->next;
    shard.all = block;
    shard.bytes += sizeOfClass(index);
  }
  block->used = true;
  block->lastCall = calls_;
  return block + 1;
}

void Workspace::release(void *memory) noexcept {
  if (!memory)
    return;
  Block *block = static_cast<Block *>(memory) - 1;
  Shard &shard = shards_[block->shard];
  std::lock_guard<std::mutex> lock(shard.mutex);
  if (!block->used)
    return;
  block->used = false;
  block->nextFree = shard.free[block->sizeClass];
  shard.free[block->sizeClass] = block;
}

void Workspace::endCall() noexcept {
  ++calls_;
  for (unsigned i = 0; i < kShards; ++i) {
    Shard &shard = shards_[i];
    if (!shard.all)
      continue;
    // The free lists are made anew, so that blocks may leave them.
    std::lock_guard<std::mutex> lock(shard.mutex);
    for (Block *&head : shard.free)
      head = nullptr;
    for (Block *block = shard.all; block;) {
      Block *next = block->next;
      uint64_t bytes = sizeOfClass(block->sizeClass);
      block->used = false;
      if (bytes >= kLarge && calls_ - block->lastCall > kIdleCalls) {
        *block->link = next;
        if (next)
          next->link = block->link;
        shard.bytes -= bytes;
        std::free(block);
      } else {
        block->nextFree = shard.free[block->sizeClass];
        shard.free[block->sizeClass] = block;
      }
      block = next;
    }
  }
}

uint64_t Workspace::bytesHeld() const {
  uint64_t total = 0;
  for (unsigned i = 0; i < kShards; ++i) {
    std::lock_guard<std::mutex> lock(shards_[i].mutex);
    total += shards_[i].bytes;
  }
  return total;
}

uint64_t Workspace::blocksInUse() const {
  uint64_t total = 0;
  for (unsigned i = 0; i < kShards; ++i) {
    std::lock_guard<std::mutex> lock(shards_[i].mutex);
    for (Block *block = shards_[i].all; block; block = block->next)
      total += block->used;
  }
  return total;
}
