//===- WorkspaceTest.cpp - Cached temporary memory --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/Workspace.h"

#include <cstring>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace rung;

namespace {

TEST(Workspace, GivesAlignedMemoryOfAnySize) {
  Workspace workspace;
  std::vector<std::pair<char *, int64_t>> blocks;
  for (int64_t bytes = 0; bytes < 5000000; bytes = bytes * 5 / 4 + 1) {
    auto *memory = static_cast<char *>(workspace.allocate(bytes));
    ASSERT_TRUE(memory) << bytes;
    EXPECT_EQ(uintptr_t(memory) % Workspace::kAlignment, 0u);
    std::memset(memory, static_cast<int>(blocks.size()), bytes);
    blocks.emplace_back(memory, bytes);
  }
  // No block was written by another's owner.
  for (size_t i = 0; i < blocks.size(); ++i)
    for (int64_t j = 0; j < blocks[i].second; ++j)
      ASSERT_EQ(blocks[i].first[j], static_cast<char>(i));
  EXPECT_EQ(workspace.blocksInUse(), blocks.size());
  for (auto &block : blocks)
    workspace.release(block.first);
  EXPECT_EQ(workspace.blocksInUse(), 0u);
}

TEST(Workspace, UsesABlockAgain) {
  Workspace workspace;
  void *first = workspace.allocate(1000);
  workspace.release(first);
  // A size of the same class.
  EXPECT_EQ(workspace.allocate(1001), first);
}

TEST(Workspace, WastesLittle) {
  for (int64_t bytes : {1000, 1100, 1000000, 3000001}) {
    Workspace workspace;
    workspace.allocate(bytes);
    EXPECT_LE(workspace.bytesHeld(), (bytes + 64) * 5 / 4 + 64);
  }
}

TEST(Workspace, HasNoMemoryForTheImpossible) {
  Workspace workspace;
  EXPECT_EQ(workspace.allocate(-1), nullptr);
  EXPECT_EQ(workspace.allocate(int64_t(1) << 58), nullptr);
  EXPECT_EQ(workspace.allocate(INT64_MAX), nullptr);
  workspace.release(nullptr);
}

TEST(Workspace, TakesBackWhatACallForgot) {
  Workspace workspace;
  void *forgotten = workspace.allocate(1000);
  workspace.endCall();
  EXPECT_EQ(workspace.blocksInUse(), 0u);
  EXPECT_EQ(workspace.allocate(1000), forgotten);
}

TEST(Workspace, ReturnsLargeBlocksThatAreIdle) {
  Workspace workspace;
  workspace.release(workspace.allocate(10 << 20));
  workspace.release(workspace.allocate(1000));
  for (uint32_t i = 0; i <= Workspace::kIdleCalls; ++i) {
    EXPECT_GT(workspace.bytesHeld(), 10u << 20);
    workspace.release(workspace.allocate(1000));
    workspace.endCall();
  }
  EXPECT_LT(workspace.bytesHeld(), 10000u);
}

TEST(Workspace, ServesManyThreads) {
  Workspace workspace;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&workspace, t] {
      for (int i = 0; i < 5000; ++i) {
        int64_t bytes = 1 + (i * 37 + t) % 3000;
        auto *memory = static_cast<char *>(workspace.allocate(bytes));
        std::memset(memory, t, bytes);
        EXPECT_EQ(memory[bytes - 1], t);
        workspace.release(memory);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(workspace.blocksInUse(), 0u);
}

TEST(Workspace, StaysSmallWhenAnotherThreadReleases) {
  Workspace workspace;
  for (int i = 0; i < 100; ++i) {
    void *memory = workspace.allocate(100000);
    std::thread([&] { workspace.release(memory); }).join();
  }
  EXPECT_LT(workspace.bytesHeld(), 200000u);
}

} // namespace
