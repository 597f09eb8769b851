//===- ThreadPool.h - Threads for parallel loops ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_THREADPOOL_H
#define RUNG_RUNTIME_THREADPOOL_H

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace rung {

/// A few threads that share the iterations of one loop after another. Between
/// loops they spin for a short time, so that the next loop starts within a
/// microsecond, and then sleep. A loop never waits for a thread that sleeps:
/// the caller takes what nobody has taken. In a child
/// of fork(), where the threads are gone, it takes everything.
class ThreadPool {
public:
  /// Runs iterations [begin, end).
  using Range = void (*)(void *argument, int64_t begin, int64_t end);

  static constexpr unsigned kMaxThreads = 1024;

  /// `threads` counts the caller of run(), so 1 makes no thread. Where the
  /// system refuses more threads, there are fewer.
  explicit ThreadPool(unsigned threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  unsigned threads() const {
    return static_cast<unsigned>(workers_.size()) + 1;
  }

  /// Covers [0, count) with calls of `range`, from any thread; returns when all
  /// have returned. One run() at a time, and none from within a range.
  void run(int64_t count, Range range, void *argument);

private:
  // The gate holds, in one word, the number of the loop (upper half), whether
  // threads may still enter it (one bit), and how many are inside.
  static constexpr uint64_t kOpen = uint64_t(1) << 31;
  static constexpr uint64_t kInside = kOpen - 1;
  static uint32_t epochOf(uint64_t gate) { return uint32_t(gate >> 32); }

  void work();
  void takeRanges();
  void wakeAll();
  uint64_t waitForLoop(uint32_t seen);

  struct Loop {
    int64_t count, grain;
    Range range;
    void *argument;
  };

  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) Loop loop_{};
  std::atomic<unsigned> sleepers_{0};
  std::atomic<uint32_t> signal_{0}; // a futex: sleepers wait for its change
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
  int process_;
};

/// The number of threads to use when nobody says: RUNG_NUM_THREADS, else the
/// cores that this process may run on. 0 and an error when RUNG_NUM_THREADS is
/// no number from 1 to kMaxThreads.
unsigned defaultThreads(std::string &error);

} // namespace rung

#endif // RUNG_RUNTIME_THREADPOOL_H
