//===- Target.h - What code is generated for --------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rung-compile --target names: `cpu`, `cpu:NAME` (CPUTarget.h),
// `cuda:ARCHITECTURE`, a GPU with a host, or `sim:cuda:ARCHITECTURE`, the same
// kernels for the virtual GPU (docs/virtual-gpu.md).
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TARGET_TARGET_H
#define RUNG_TARGET_TARGET_H

#include "rung/Target/CPUTarget.h"

namespace rung {

struct Target {
  Target(CPUTarget cpu) : host(std::move(cpu)) {}

  /// The CPU that entries and pack functions run on: for a GPU, any x86-64;
  /// for the virtual GPU what kernels run on, too: x86-64-v3.
  CPUTarget host;
  /// The GPU's, "sm_90a"; empty for a CPU.
  std::string architecture;
  /// Kernels are run by the virtual GPU.
  bool simulated = false;

  bool isGPU() const { return !architecture.empty(); }
  /// "cpu:znver4", "cuda:sm_90a": the device (Device.h) that code is for.
  std::string device() const {
    return isGPU() ? "cuda:" + architecture : host.str();
  }
  /// The name in a bundle's manifest: the device's, behind "sim:" if simulated.
  std::string str() const { return simulated ? "sim:" + device() : device(); }
};

/// Parses the name of a target. The error names what was found and what exists.
llvm::Expected<Target> parseTarget(llvm::StringRef name);

} // namespace rung

#endif // RUNG_TARGET_TARGET_H
