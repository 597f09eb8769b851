//===- CodeGen.cpp - LLVM IR to an ELF shared object ----------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Target/CodeGen.h"
#include "rung/Runtime/EntryABI.h"

#include "lld/Common/Driver.h"
#include "llvm/Analysis/CGSCCPassManager.h"
#include "llvm/Analysis/LoopAnalysisManager.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

LLD_HAS_DRIVER(elf)

using namespace llvm;

namespace rung {
namespace {

/// What a code generator may call although no one wrote a call.
constexpr const char kMemoryFunctions[] = R"(
  .text
  .p2align 4
  .globl memcpy
  .hidden memcpy
  .type memcpy,@function
memcpy:
  movq %rdi, %rax
  movq %rdx, %rcx
  rep movsb
  retq
  .size memcpy, .-memcpy
  .p2align 4
  .globl memmove
  .hidden memmove
  .type memmove,@function
memmove:
  movq %rdi, %rax
  movq %rdx, %rcx
  movq %rdi, %r8
  subq %rsi, %r8
  cmpq %rdx, %r8
  jb 1f
  rep movsb
  retq
1:
  leaq -1(%rdi,%rdx), %rdi
  leaq -1(%rsi,%rdx), %rsi
  std
  rep movsb
  cld
  retq
  .size memmove, .-memmove
  .p2align 4
  .globl memset
  .hidden memset
  .type memset,@function
memset:
  movq %rdi, %r8
  movl %esi, %eax
  movq %rdx, %rcx
  rep stosb
  movq %r8, %rax
  retq
  .size memset, .-memset
)";

/// Only entries are visible from outside.
void setTargetAttributes(Module &module, const CPUTarget &target) {
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    if (!function.getName().starts_with(RUNG_ENTRY_PREFIX))
      function.setLinkage(GlobalValue::InternalLinkage);
    function.addFnAttr("target-cpu", target.cpu);
    if (!target.featureString.empty())
      function.addFnAttr("target-features", target.featureString);
    // Without it LLVM prefers 256 bits on processors that slowed down once.
    function.addFnAttr("prefer-vector-width",
                       std::to_string(target.vectorBits()));
    function.addFnAttr("no-builtins");
    function.addFnAttr("no-trapping-math", "true");
    function.addFnAttr(Attribute::NoUnwind);
  }
}

} // namespace

Error optimizeModule(Module &module, const CPUTarget &target,
                     TargetMachine &machine) {
  setTargetAttributes(module, target);
  addMemoryFunctions(module);
  runPasses(module, machine);
  return Error::success();
}

void addMemoryFunctions(Module &module) {
  module.setModuleInlineAsm(kMemoryFunctions);
}

void runPasses(Module &module, TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  tuning.LoopUnrolling = true;
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager graph;
  ModuleAnalysisManager modules;
  PassBuilder builder(&machine, tuning);
  TargetLibraryInfoImpl noLibrary(machine.getTargetTriple());
  noLibrary.disableAllFunctions();
  functions.registerPass([&] { return TargetLibraryAnalysis(noLibrary); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graph, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3)
      .run(module, modules);
}

Expected<SmallVector<char, 0>> emitCode(Module &module, TargetMachine &machine,
                                        CodeKind kind) {
  SmallVector<char, 0> code;
  raw_svector_ostream stream(code);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  kind == CodeKind::Assembly
                                      ? CodeGenFileType::AssemblyFile
                                      : CodeGenFileType::ObjectFile))
    return createStringError("LLVM cannot emit code for this target");
  passes.run(module);
  return code;
}

Expected<SmallVector<char, 0>> linkSharedObject(ArrayRef<char> object) {
  SmallString<128> input, output;
  int descriptor;
  if (std::error_code code =
          sys::fs::createTemporaryFile("rung", "o", descriptor, input))
    return createStringError("cannot write a temporary file: " +
                             code.message());
  FileRemover removeInput(input);
  raw_fd_ostream file(descriptor, /*shouldClose=*/true);
  file.write(object.data(), object.size());
  file.close();
  if (file.has_error()) {
    std::string message = file.error().message();
    file.clear_error();
    return createStringError("cannot write " + input + ": " + message);
  }
  if (std::error_code code = sys::fs::createTemporaryFile("rung", "so", output))
    return createStringError("cannot write a temporary file: " +
                             code.message());
  FileRemover removeOutput(output);

  const char *arguments[] = {"ld.lld",
                             "-shared",
                             "-z",
                             "defs",
                             "-z",
                             "noexecstack",
                             "-z",
                             "separate-code",
                             "-z",
                             "now",
                             "--build-id=none",
                             "--hash-style=gnu",
                             "--gc-sections",
                             "--strip-all",
                             "-o",
                             output.c_str(),
                             input.c_str()};
  std::string messages;
  raw_string_ostream stream(messages);
  lld::Result result =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return createStringError("linking failed: " + messages);
  auto buffer = MemoryBuffer::getFile(output, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError("cannot read " + output + ": " +
                             buffer.getError().message());
  StringRef bytes = (*buffer)->getBuffer();
  return SmallVector<char, 0>(bytes.begin(), bytes.end());
}

} // namespace rung
