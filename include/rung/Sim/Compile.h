//===- Compile.h - Kernels for NVIDIA GPUs to code for this CPU -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_COMPILE_H
#define RUNG_SIM_COMPILE_H

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Target/CPUTarget.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace llvm {
class Module;
} // namespace llvm

namespace rung::sim {

/// Turns a module of kernels for nvptx64, optimised or not, into one for
/// x86-64 that the virtual GPU runs (Sim/KernelABI.h): accesses to memory are
/// checked, instructions that only a GPU has become calls of the runtime.
/// `device` is the GPU's, a matrix instruction that it lacks is an error, as is
/// an intrinsic or an inline assembly that the virtual GPU does not know.
/// `host` must have avx2, f16c and fma (x86-64-v3).
llvm::Error retargetKernels(llvm::Module &module, DeviceAttr device,
                            const CPUTarget &host);

/// The same, down to the shared object.
llvm::Expected<llvm::SmallVector<char, 0>>
compileKernels(llvm::Module &module, DeviceAttr device, const CPUTarget &host);

} // namespace rung::sim

#endif // RUNG_SIM_COMPILE_H
