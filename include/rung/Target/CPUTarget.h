//===- CPUTarget.h - Names of CPU targets -----------------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A CPU target is written `cpu` (the machine that runs the compiler) or
// `cpu:NAME` (a CPU name of LLVM's x86-64 back end, such as x86-64, x86-64-v3,
// haswell, znver4). This file turns the name into what code generation and the
// bundle's manifest need, and is the only place that knows CPU names.
//
//===----------------------------------------------------------------------===//
#ifndef RUNG_TARGET_CPUTARGET_H
#define RUNG_TARGET_CPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace llvm {
class TargetMachine;
} // namespace llvm

namespace rung {

/// One x86-64 CPU that code is generated for.
struct CPUTarget {
  /// LLVM's CPU name, never empty: "znver4", "x86-64".
  std::string cpu;
  /// LLVM's feature string on top of the CPU name: "" for a named CPU; for the
  /// host every feature that this machine has or lacks ("+avx2,-avx512f,...").
  std::string featureString;
  /// Instruction-set extensions that generated code may use, sorted, in LLVM's
  /// spelling ("avx2", "avx512vnni", "sse4.2"). A bundle's loader runs the code
  /// only where all of them exist.
  std::vector<std::string> features;

  bool has(llvm::StringRef feature) const;
  /// Widest vector register that code should use, in bits: 128, 256 or 512.
  unsigned vectorBits() const;
  /// "cpu:znver4": the name in a bundle's manifest.
  std::string str() const { return "cpu:" + cpu; }
};

/// Parses `cpu` or `cpu:NAME`. The error names what was found and what exists.
llvm::Expected<CPUTarget> parseCPUTarget(llvm::StringRef name);

/// A position-independent x86-64 Linux target machine at -O3 for `target`.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const CPUTarget &target);

} // namespace rung

#endif // RUNG_TARGET_CPUTARGET_H
