//===- PTX.h - LLVM IR to code for NVIDIA GPUs ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TARGET_PTX_H
#define RUNG_TARGET_PTX_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace rung {

/// LLVM's NVPTX back end for an architecture of NVIDIADevice.h ("sm_80"), at
/// -O3.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createPTXMachine(llvm::StringRef architecture);

/// Runs LLVM's -O3 pipeline on a module of kernels.
void optimizeKernels(llvm::Module &module, llvm::TargetMachine &machine);

/// PTX of a module of kernels; needs no CUDA toolkit.
llvm::Expected<llvm::SmallVector<char, 0>>
emitPTX(llvm::Module &module, llvm::TargetMachine &machine);

/// The path of ptxas, NVIDIA's assembler: from PATH, else from
/// $CUDA_HOME/bin (without CUDA_HOME, /usr/local/cuda/bin); empty if there is
/// none.
std::string findPtxas();

/// Runs ptxas on PTX; returns the cubin. The error holds its messages.
llvm::Expected<llvm::SmallVector<char, 0>>
assemblePTX(llvm::StringRef ptxas, llvm::ArrayRef<char> ptx,
            llvm::StringRef architecture);

} // namespace rung

#endif // RUNG_TARGET_PTX_H
