//===- Target.cpp - What code is generated for ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Target/Target.h"
#include "rung/Target/NVIDIADevice.h"

using namespace rung;

llvm::Expected<Target> rung::parseTarget(llvm::StringRef name) {
  llvm::StringRef architecture = name;
  bool simulated = architecture.consume_front("sim:");
  bool isGPU = architecture.consume_front("cuda:");
  if (simulated && !isGPU)
    return llvm::createStringError(
        "'" + name +
        "' names no virtual GPU; expected sim:cuda:ARCHITECTURE, "
        "as in 'sim:cuda:sm_80'");
  if (isGPU)
    if (llvm::Error error = checkNVIDIAArchitecture(architecture))
      return std::move(error);
  llvm::Expected<CPUTarget> cpu = parseCPUTarget(simulated ? "cpu:x86-64-v3"
                                                 : isGPU   ? "cpu:x86-64"
                                                           : name);
  if (!cpu)
    return cpu.takeError();
  Target target(std::move(*cpu));
  if (isGPU)
    target.architecture = architecture.str();
  target.simulated = simulated;
  return target;
}
