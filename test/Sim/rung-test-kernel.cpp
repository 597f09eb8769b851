//===- rung-test-kernel.cpp - Runs a kernel of LLVM IR on files -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// rung-test-kernel MODULE DEVICE KERNEL BLOCKS THREADS SEED BUFFER...
//
// MODULE is LLVM IR or bitcode for nvptx64, DEVICE an architecture such as
// sm_80. A BUFFER is a file of bytes that the kernel reads; `=FILE` is one that
// it writes: the file has its size, and gets its contents.
//
//===----------------------------------------------------------------------===//

#include "rung/Sim/Compile.h"
#include "rung/Sim/VirtualGPU.h"
#include "rung/Target/NVIDIADevice.h"

#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>
#include <cstdio>
#include <dlfcn.h>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

using namespace rung;
using namespace rung::sim;

static int fail(const std::string &message) {
  std::fprintf(stderr, "rung-test-kernel: error: %s\n", message.c_str());
  return 1;
}

static llvm::Expected<llvm::SmallVector<char, 0>> compile(const char *path,
                                                          const char *device) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  auto module = llvm::parseIRFile(path, diagnostic, context);
  if (!module)
    return llvm::createStringError(path + (": " + diagnostic.getMessage()));
  mlir::MLIRContext mlirContext;
  auto table = getNVIDIADevice(&mlirContext, device);
  if (!table)
    return table.takeError();
  return compileKernels(*module, *table,
                        llvm::cantFail(parseCPUTarget("cpu:x86-64-v3")));
}

static double seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int main(int argc, char **argv) {
  if (argc < 7)
    return fail("expected MODULE DEVICE KERNEL BLOCKS THREADS SEED BUFFER...");
  double start = seconds();
  auto object = compile(argv[1], argv[2]);
  if (!object)
    return fail(llvm::toString(object.takeError()));
  int file = memfd_create("kernels", MFD_CLOEXEC);
  if (write(file, object->data(), object->size()) != ssize_t(object->size()))
    return fail("cannot write the object");
  std::string error, path = "/proc/self/fd/" + std::to_string(file);
  void *handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return fail(dlerror());
  std::optional<Program> program = Program::get(handle, error);
  if (!program)
    return fail(error);
  std::optional<uint32_t> kernel = program->find(argv[3]);
  if (!kernel)
    return fail(std::string("no kernel '") + argv[3] + "'");

  VirtualGPU gpu(std::stoul(argv[6]));
  std::vector<std::vector<char>> buffers(argc);
  std::vector<void *> pointers(argc), arguments;
  for (int i = 7; i != argc; ++i) {
    const char *name = argv[i];
    bool output = *name == '=';
    std::ifstream stream(name + output, std::ios::binary);
    if (!stream)
      return fail(std::string("cannot open '") + name + "'");
    buffers[i].assign(std::istreambuf_iterator<char>(stream), {});
    error = gpu.add(
        {buffers[i].data(), buffers[i].size(), name + output, output, !output});
    if (!error.empty())
      return fail(error);
    pointers[i] = buffers[i].data();
    arguments.push_back(&pointers[i]);
  }
  uint32_t grid[] = {uint32_t(std::stoul(argv[4])), 1, 1};
  uint32_t block[] = {uint32_t(std::stoul(argv[5])), 1, 1};
  double compiled = seconds();
  error = gpu.launch(*program, *kernel, grid, block, 0, arguments.data(),
                     arguments.size());
  if (!error.empty())
    return fail(error);
  std::printf("compiled in %.3f s, ran in %.3f s\n", compiled - start,
              seconds() - compiled);
  for (int i = 7; i != argc; ++i)
    if (*argv[i] == '=')
      std::ofstream(argv[i] + 1, std::ios::binary)
          .write(buffers[i].data(), buffers[i].size());
}
