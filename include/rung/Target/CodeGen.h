//===- CodeGen.h - LLVM IR to an ELF shared object --------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TARGET_CODEGEN_H
#define RUNG_TARGET_CODEGEN_H

#include "rung/Target/CPUTarget.h"

#include "llvm/ADT/SmallVector.h"

namespace llvm {
class Module;
} // namespace llvm

namespace rung {

/// Runs LLVM's -O3 pipeline on `module`, with loop vectorisation for the
/// target. Functions get the target's name and features. Library calls are
/// neither recognised nor made: memcpy and its like are defined in the module.
llvm::Error optimizeModule(llvm::Module &module, const CPUTarget &target,
                           llvm::TargetMachine &machine);

/// Runs LLVM's -O3 pipeline on `module`, whose functions are ready for
/// `machine`. No library is known.
void runPasses(llvm::Module &module, llvm::TargetMachine &machine);

/// Defines memcpy, memmove and memset for code that is linked with nothing.
void addMemoryFunctions(llvm::Module &module);

enum class CodeKind { Assembly, Object };

/// Assembly text or a relocatable object.
llvm::Expected<llvm::SmallVector<char, 0>>
emitCode(llvm::Module &module, llvm::TargetMachine &machine, CodeKind kind);

/// Links one relocatable object into a shared object without an undefined
/// symbol; the same object gives the same bytes. The error holds the linker's
/// messages.
llvm::Expected<llvm::SmallVector<char, 0>>
linkSharedObject(llvm::ArrayRef<char> object);

} // namespace rung

#endif // RUNG_TARGET_CODEGEN_H
