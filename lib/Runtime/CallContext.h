//===- CallContext.h - The host's side of rung_context ----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_CALLCONTEXT_H
#define RUNG_LIB_RUNTIME_CALLCONTEXT_H

#include "Device.h"

#include "rung/Runtime/EntryABI.h"
#include "rung/Runtime/ThreadPool.h"

#include <csetjmp>
#include <memory>
#include <mutex>
#include <string>

namespace rung {

/// Threads and error of the entries of one bundle; memory and kernels are those
/// of the device that a call is for. One call at a time.
///
/// allocate() of the ABI never returns null: when there is no memory, the call
/// is left by longjmp, over frames of compiled code only, which own nothing but
/// workspace, and that is taken back. A loop body leaves its range in the same
/// way, and the call after its loop.
class CallContext {
public:
  CallContext();
  CallContext(const CallContext &) = delete;
  CallContext &operator=(const CallContext &) = delete;

  /// Takes effect with the next call.
  void setThreads(unsigned threads) { threads_ = threads; }
  unsigned threads() const { return threads_; }

  /// Calls a function of a bundle, between begin() and end() of the device;
  /// returns its error, empty when there is none.
  std::string call(rung_entry function, void *const *descriptors,
                   Device &device);

private:
  struct Loop;

  static CallContext &of(rung_context *context);
  static void parallelFor(rung_context *context, int64_t count, rung_body body,
                          void *captures);
  static void runRange(void *argument, int64_t begin, int64_t end);
  static void *allocate(rung_context *context, int64_t bytes);
  static void release(rung_context *context, void *memory);
  static void fail(rung_context *context, const char *message);
  static void launch(rung_context *context, uint32_t kernel,
                     const uint32_t grid[3], const uint32_t block[3],
                     uint32_t sharedBytes, void *const *arguments,
                     uint32_t count);
  void record(const std::string &message) noexcept;

  rung_context abi_; // the first member: of() relies on it
  unsigned threads_ = 1;
  std::unique_ptr<ThreadPool> pool_;
  Device *device_ = nullptr;
  std::mutex mutex_; // of the error
  std::string error_;
  bool failed_ = false;
};

} // namespace rung

#endif // RUNG_LIB_RUNTIME_CALLCONTEXT_H
