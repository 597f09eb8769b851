//===- KernelRunner.cpp - Compiles and runs LLVM IR -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include "rung/Sim/Compile.h"
#include "rung/Target/NVIDIADevice.h"

#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace rung;
using namespace rung::sim;

static constexpr const char kHeader[] = R"(
target triple = "nvptx64-nvidia-cuda"
target datalayout = "e-p6:32:32-i64:64-i128:128-i256:256-v16:16-v32:32-n16:32:64"
)";

/// The shared object, or an error.
static llvm::Expected<llvm::SmallVector<char, 0>>
compileText(llvm::StringRef source, llvm::StringRef device) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module =
      llvm::parseAssemblyString((kHeader + source).str(), diagnostic, context);
  if (!module)
    return llvm::createStringError("line " +
                                   llvm::Twine(diagnostic.getLineNo()) + ": " +
                                   diagnostic.getMessage());
  mlir::MLIRContext mlirContext;
  auto table = getNVIDIADevice(&mlirContext, device);
  if (!table)
    return table.takeError();
  return compileKernels(*module, *table,
                        llvm::cantFail(parseCPUTarget("cpu:x86-64-v3")));
}

KernelRunner::KernelRunner(llvm::StringRef source, llvm::StringRef device) {
  auto object = compileText(source, device);
  if (!object) {
    error = llvm::toString(object.takeError());
    return;
  }
  int file = memfd_create("kernels", MFD_CLOEXEC);
  if (write(file, object->data(), object->size()) != ssize_t(object->size()))
    error = "cannot write the object";
  std::string path = "/proc/self/fd/" + std::to_string(file);
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    error = dlerror();
  close(file);
  if (handle)
    program = Program::get(handle, error);
}

KernelRunner::~KernelRunner() {
  if (handle)
    dlclose(handle);
}

std::string KernelRunner::run(Dims grid, Dims block,
                              std::vector<Argument> arguments, uint64_t seed,
                              uint32_t dynamicSharedBytes) {
  if (!program)
    return error;
  std::optional<uint32_t> kernel = program->find("k");
  if (!kernel)
    return "no kernel k";
  VirtualGPU gpu(seed);
  std::vector<void *> pointers;
  for (size_t i = 0; i != arguments.size(); ++i) {
    Argument &argument = arguments[i];
    if (argument.buffer.data) {
      argument.buffer.name = "argument " + std::to_string(i);
      if (std::string problem = gpu.add(argument.buffer); !problem.empty())
        return problem;
      argument.value = reinterpret_cast<uint64_t>(argument.buffer.data);
    }
    pointers.push_back(&argument.value);
  }
  uint32_t gridSize[] = {grid.x, grid.y, grid.z},
           blockSize[] = {block.x, block.y, block.z};
  return gpu.launch(*program, *kernel, gridSize, blockSize, dynamicSharedBytes,
                    pointers.data(), pointers.size());
}
