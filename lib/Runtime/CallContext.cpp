//===- CallContext.cpp - The host's side of rung_context --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CallContext.h"

#include <atomic>
#include <cstdlib>

using namespace rung;

/// Where this thread goes when there is no memory.
static thread_local std::jmp_buf *recovery = nullptr;

CallContext::CallContext() {
  abi_ = {RUNG_CONTEXT_VERSION,
          1,
          parallelFor,
          allocate,
          release,
          nullptr,
          fail,
          launch};
}

CallContext &CallContext::of(rung_context *context) {
  return *reinterpret_cast<CallContext *>(context);
}

struct CallContext::Loop {
  rung_context *context;
  rung_body body;
  void *captures;
  std::atomic<bool> aborted;
};

void CallContext::runRange(void *argument, int64_t begin, int64_t end) {
  Loop &loop = *static_cast<Loop *>(argument);
  if (loop.aborted.load(std::memory_order_relaxed))
    return;
  std::jmp_buf here;
  std::jmp_buf *volatile outer = recovery;
  recovery = &here;
  if (_setjmp(here) == 0) {
    for (int64_t i = begin; i < end; ++i)
      loop.body(loop.context, loop.captures, i);
  } else {
    loop.aborted.store(true, std::memory_order_relaxed);
  }
  recovery = outer;
}

void CallContext::parallelFor(rung_context *context, int64_t count,
                              rung_body body, void *captures) {
  CallContext &self = of(context);
  if (self.abi_.threads == 1) {
    for (int64_t i = 0; i < count; ++i)
      body(context, captures, i);
    return;
  }
  Loop loop{context, body, captures, {false}};
  self.pool_->run(count, runRange, &loop);
  if (loop.aborted.load(std::memory_order_relaxed))
    std::longjmp(*recovery, 1);
}

void *CallContext::allocate(rung_context *context, int64_t bytes) {
  CallContext &self = of(context);
  { // nothing with a destructor lives where longjmp leaves
    std::string error;
    if (void *memory = self.device_->allocateWorkspace(bytes, error))
      return memory;
    self.record(error);
  }
  std::longjmp(*recovery, 1);
}

void CallContext::release(rung_context *context, void *memory) {
  of(context).device_->releaseWorkspace(memory);
}

void CallContext::fail(rung_context *context, const char *message) {
  of(context).record(message ? message : "failed without a message");
}

void CallContext::launch(rung_context *context, uint32_t kernel,
                         const uint32_t grid[3], const uint32_t block[3],
                         uint32_t sharedBytes, void *const *arguments,
                         uint32_t count) {
  CallContext &self = of(context);
  if (self.failed_) // what follows would use what is not there
    return;
  std::string problem =
      self.device_->launch(kernel, grid, block, sharedBytes, arguments, count);
  if (!problem.empty())
    self.record(problem);
}

void CallContext::record(const std::string &message) noexcept {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!failed_)
    error_ = message;
  failed_ = true;
}

std::string CallContext::call(rung_entry function, void *const *descriptors,
                              Device &device) {
  if (threads_ == 1)
    pool_.reset();
  else if (!pool_ || abi_.threads != threads_)
    pool_ = std::make_unique<ThreadPool>(threads_);
  // The system may have refused some.
  threads_ = pool_ ? pool_->threads() : 1;
  abi_.threads = threads_;
  abi_.constants = device.constants();
  device_ = &device;

  failed_ = false;
  error_.clear();
  std::jmp_buf here;
  std::jmp_buf *volatile outer = recovery;
  recovery = &here;
  if (_setjmp(here) == 0)
    function(&abi_, descriptors);
  recovery = outer;
  return failed_ ? error_ : "";
}
