//===- ThreadPool.cpp - Threads for parallel loops --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/ThreadPool.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

using namespace rung;

/// How long a thread spins for the next loop before it sleeps: several times
/// what waking it costs (some 100 microseconds on a virtual machine), and
/// longer than a language model pauses between two tokens.
static constexpr std::chrono::microseconds kSpinTime{1000};
/// Spins between two looks at the clock; the core is offered to others, too.
static constexpr unsigned kSpins = 256;
/// A thread takes its share of a loop in about this many ranges, so that a late
/// one leaves work to the others.
static constexpr int64_t kRangesPerThread = 8;

static inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

ThreadPool::ThreadPool(unsigned threads) : process_(getpid()) {
  threads = std::clamp(threads, 1u, kMaxThreads);
  workers_.reserve(threads - 1);
  try {
    while (workers_.size() + 1 < threads)
      workers_.emplace_back([this] { work(); });
  } catch (const std::system_error &) {
    // As many as the system allows.
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  wakeAll();
  if (getpid() != process_) {
    // In a child of fork() they do not exist, and cannot be joined.
    new std::vector<std::thread>(std::move(workers_));
    return;
  }
  for (std::thread &worker : workers_)
    worker.join();
}

static void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr);
}

void ThreadPool::wakeAll() {
  signal_.fetch_add(1);
  futex(signal_, FUTEX_WAKE, INT_MAX);
}

void ThreadPool::takeRanges() {
  const Loop &loop = loop_;
  for (;;) {
    int64_t begin = next_.fetch_add(loop.grain, std::memory_order_relaxed);
    if (begin >= loop.count)
      return;
    loop.range(loop.argument, begin, std::min(begin + loop.grain, loop.count));
  }
}

void ThreadPool::run(int64_t count, Range range, void *argument) {
  if (count <= 0)
    return;
  if (workers_.empty() || count == 1) {
    range(argument, 0, count);
    return;
  }
  // The gate is closed and nobody is inside: the loop is ours to set.
  int64_t shares = kRangesPerThread * static_cast<int64_t>(threads());
  loop_ = {count, std::max<int64_t>(count / shares, 1), range, argument};
  next_.store(0, std::memory_order_relaxed);
  uint64_t epoch = uint64_t(epochOf(gate_.load()) + 1) << 32;
  gate_.store(epoch | kOpen);
  if (sleepers_.load())
    wakeAll();

  takeRanges();

  gate_.fetch_and(~kOpen);
  for (unsigned spins = 0; gate_.load(std::memory_order_acquire) & kInside;)
    if (++spins % kSpins)
      relax();
    else
      sched_yield();
}

/// Returns the gate once its loop is another than `seen`, or at the end.
uint64_t ThreadPool::waitForLoop(uint32_t seen) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point limit = Clock::now() + kSpinTime;
  for (unsigned spins = 1;; ++spins) {
    uint64_t gate = gate_.load(std::memory_order_acquire);
    if (epochOf(gate) != seen || stop_.load(std::memory_order_relaxed))
      return gate;
    relax();
    if (spins % kSpins)
      continue;
    if (Clock::now() > limit)
      break;
    sched_yield();
  }
  // Announced before the last look at the gate, as run() opens the gate before
  // it looks for sleepers: one of the two sees the other.
  sleepers_.fetch_add(1);
  uint64_t gate;
  for (;;) {
    uint32_t signal = signal_.load();
    gate = gate_.load();
    if (epochOf(gate) != seen || stop_)
      break;
    futex(signal_, FUTEX_WAIT, signal);
  }
  sleepers_.fetch_sub(1);
  return gate;
}

void ThreadPool::work() {
  uint32_t seen = 0;
  for (;;) {
    uint64_t gate = waitForLoop(seen);
    if (stop_)
      return;
    seen = epochOf(gate);
    while ((gate & kOpen) && epochOf(gate) == seen) {
      if (!gate_.compare_exchange_weak(gate, gate + 1))
        continue;
      takeRanges();
      gate_.fetch_sub(1, std::memory_order_release);
      break;
    }
  }
}

unsigned rung::defaultThreads(std::string &error) {
  if (const char *text = std::getenv("RUNG_NUM_THREADS")) {
    char *end = nullptr;
    errno = 0;
    long value = std::strtol(text, &end, 10);
    if (end != text && *end == 0 && errno == 0 && value >= 1 &&
        value <= long(ThreadPool::kMaxThreads))
      return static_cast<unsigned>(value);
    error = "RUNG_NUM_THREADS is '" + std::string(text) +
            "', expected a number from 1 to " +
            std::to_string(ThreadPool::kMaxThreads);
    return 0;
  }
  // glibc counts the processors of the affinity mask.
  return std::clamp(std::thread::hardware_concurrency(), 1u,
                    ThreadPool::kMaxThreads);
}
