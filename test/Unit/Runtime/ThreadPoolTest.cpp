//===- ThreadPoolTest.cpp - Parallel loops ----------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/ThreadPool.h"

#include <chrono>
#include <gtest/gtest.h>
#include <mutex>
#include <set>

using namespace rung;

namespace {

/// How often each iteration of a loop ran.
struct Counts {
  explicit Counts(int64_t count) : ran(count) {}
  std::vector<std::atomic<int>> ran;

  static void range(void *argument, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      ++static_cast<Counts *>(argument)->ran[i];
  }
  bool allOnce() const {
    for (const std::atomic<int> &count : ran)
      if (count != 1)
        return false;
    return true;
  }
};

class Threads : public ::testing::TestWithParam<unsigned> {};

TEST_P(Threads, RunEachIterationOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (int64_t count : {0, 1, 2, 3, 7, 100, 4097}) {
    Counts counts(count);
    pool.run(count, Counts::range, &counts);
    EXPECT_TRUE(counts.allOnce()) << count << " iterations";
  }
}

TEST_P(Threads, RunShortLoopsInQuickSuccession) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop < 20000; ++loop) {
    Counts counts(loop % 9);
    pool.run(loop % 9, Counts::range, &counts);
    ASSERT_TRUE(counts.allOnce()) << "loop " << loop;
  }
}

TEST_P(Threads, WakeFromSleep) {
  ThreadPool pool(GetParam());
  for (int loop = 0; loop < 10; ++loop) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    Counts counts(64);
    pool.run(64, Counts::range, &counts);
    ASSERT_TRUE(counts.allOnce());
  }
}

INSTANTIATE_TEST_SUITE_P(ThreadPool, Threads,
                         ::testing::Values(1, 2, 3, 8, 32));

TEST(ThreadPool, UsesSeveralThreads) {
  ThreadPool pool(4);
  struct {
    std::mutex mutex;
    std::set<std::thread::id> ids;
  } seen;
  pool.run(
      4,
      [](void *argument, int64_t, int64_t) {
        auto *all = static_cast<decltype(seen) *>(argument);
        {
          std::lock_guard<std::mutex> lock(all->mutex);
          all->ids.insert(std::this_thread::get_id());
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      },
      &seen);
  EXPECT_EQ(seen.ids.size(), 4u);
}

TEST(ThreadPool, OneThreadIsTheCaller) {
  ThreadPool pool(1);
  std::thread::id id;
  pool.run(
      10,
      [](void *argument, int64_t begin, int64_t end) {
        EXPECT_EQ(begin, 0);
        EXPECT_EQ(end, 10);
        *static_cast<std::thread::id *>(argument) = std::this_thread::get_id();
      },
      &id);
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST(ThreadPool, CountComesFromTheEnvironment) {
  std::string error;
  unsetenv("RUNG_NUM_THREADS");
  EXPECT_GE(defaultThreads(error), 1u);
  setenv("RUNG_NUM_THREADS", "3", 1);
  EXPECT_EQ(defaultThreads(error), 3u);
  EXPECT_EQ(error, "");
  for (const char *bad : {"", "0", "-1", "two", "3x", "99999999999999999999"}) {
    setenv("RUNG_NUM_THREADS", bad, 1);
    error.clear();
    EXPECT_EQ(defaultThreads(error), 0u);
    EXPECT_EQ(error, "RUNG_NUM_THREADS is '" + std::string(bad) +
                         "', expected a number from 1 to 1024");
  }
  unsetenv("RUNG_NUM_THREADS");
}

} // namespace
