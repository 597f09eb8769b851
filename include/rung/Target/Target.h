//===- Target.h - What code is generated for --------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rung-compile --target names: `cpu`, `cpu:NAME` (CPUTarget.h), or
// `cuda:ARCHITECTURE`, a GPU with a host.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TARGET_TARGET_H
#define RUNG_TARGET_TARGET_H

#include "rung/Target/CPUTarget.h"

namespace rung {

struct Target {
  Target(CPUTarget cpu) : host(std::move(cpu)) {}

  /// The CPU that entries and pack functions run on: for a GPU, any x86-64.
  CPUTarget host;
  /// The GPU's, "sm_90a"; empty for a CPU.
  std::string architecture;

  bool isGPU() const { return !architecture.empty(); }
  /// "cpu:znver4", "cuda:sm_90a": the name in a bundle's manifest, and of the
  /// device (Device.h).
  std::string str() const {
    return isGPU() ? "cuda:" + architecture : host.str();
  }
};

/// Parses the name of a target. The error names what was found and what exists.
llvm::Expected<Target> parseTarget(llvm::StringRef name);

} // namespace rung

#endif // RUNG_TARGET_TARGET_H
