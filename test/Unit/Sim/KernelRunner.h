//===- KernelRunner.h - Compiles and runs LLVM IR ---------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_UNITTESTS_SIM_KERNELRUNNER_H
#define RUNG_UNITTESTS_SIM_KERNELRUNNER_H

#include "rung/Sim/VirtualGPU.h"

#include "llvm/ADT/StringRef.h"

#include <gtest/gtest.h>
#include <vector>

namespace rung::sim {

struct Dims {
  uint32_t x = 1, y = 1, z = 1;
};

/// A kernel's argument: a vector is a buffer of exactly its size.
struct Argument {
  Buffer buffer;
  uint64_t value = 0;

  Argument(uint64_t value) : value(value) {}
  template <typename T>
  Argument(std::vector<T> &data, bool initialised = true)
      : buffer{data.data(), data.size() * sizeof(T), "", true, initialised} {}
  template <typename T>
  Argument(const std::vector<T> &data)
      : buffer{const_cast<T *>(data.data()), data.size() * sizeof(T), "", false,
               true} {}
};

/// The kernels of a module in LLVM IR for nvptx64, compiled for a device.
class KernelRunner {
public:
  /// The first lines of the module are here. Does not compile: see `error`.
  KernelRunner(llvm::StringRef source, llvm::StringRef device = "sm_80");
  ~KernelRunner();

  /// Runs the kernel called `k`, with buffers called "argument 0", ...; the
  /// error, or "".
  std::string run(Dims grid, Dims block, std::vector<Argument> arguments,
                  uint64_t seed = 0, uint32_t dynamicSharedBytes = 0);

  std::string error;

private:
  void *handle = nullptr;
  std::optional<Program> program;
};

} // namespace rung::sim

#endif // RUNG_UNITTESTS_SIM_KERNELRUNNER_H
