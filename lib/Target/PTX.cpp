//===- PTX.cpp - LLVM IR to code for NVIDIA GPUs ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Target/PTX.h"
#include "rung/Target/CodeGen.h"
#include "rung/Target/NVIDIADevice.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include <mutex>

using namespace llvm;

static constexpr const char kTriple[] = "nvptx64-nvidia-cuda";

Expected<std::unique_ptr<TargetMachine>>
rung::createPTXMachine(StringRef architecture) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  });
  std::string message;
  Triple triple(kTriple);
  const Target *backend = TargetRegistry::lookupTarget(triple, message);
  if (!backend)
    return createStringError(message);
  TargetOptions options;
  // Products and sums may be fused; their rounding is never relied upon.
  options.AllowFPOpFusion = FPOpFusion::Fast;
  std::string features = "+ptx" + std::to_string(getPTXVersion(architecture));
  std::unique_ptr<TargetMachine> machine(backend->createTargetMachine(
      triple, architecture, features, options, std::nullopt, std::nullopt,
      CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("LLVM has no code generator for " + architecture);
  return machine;
}

void rung::optimizeKernels(Module &module, TargetMachine &machine) {
  runPasses(module, machine);
}

Expected<SmallVector<char, 0>> rung::emitPTX(Module &module,
                                             TargetMachine &machine) {
  return emitCode(module, machine, CodeKind::Assembly);
}

std::string rung::findPtxas() {
  if (ErrorOr<std::string> found = sys::findProgramByName("ptxas"))
    return *found;
  std::string folder =
      sys::Process::GetEnv("CUDA_HOME").value_or("/usr/local/cuda") + "/bin";
  ErrorOr<std::string> found =
      sys::findProgramByName("ptxas", StringRef(folder));
  return found ? *found : "";
}

namespace {
/// A file that is gone when this is.
class TemporaryFile {
public:
  Error create(StringRef suffix) {
    if (std::error_code code =
            sys::fs::createTemporaryFile("rung", suffix, path))
      return createStringError("cannot write a temporary file: " +
                               code.message());
    remover.setFile(path);
    return Error::success();
  }
  Error write(ArrayRef<char> bytes) const {
    std::error_code code;
    raw_fd_ostream stream(path, code);
    if (!code)
      stream.write(bytes.data(), bytes.size());
    stream.close();
    if (!code)
      code = stream.error();
    stream.clear_error();
    return code ? createStringError("cannot write " + path + ": " +
                                    code.message())
                : Error::success();
  }
  Expected<SmallVector<char, 0>> read() const {
    auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                        /*RequiresNullTerminator=*/false);
    if (!buffer)
      return createStringError("cannot read " + path + ": " +
                               buffer.getError().message());
    StringRef bytes = (*buffer)->getBuffer();
    return SmallVector<char, 0>(bytes.begin(), bytes.end());
  }
  StringRef name() const { return path; }

private:
  SmallString<128> path;
  FileRemover remover;
};
} // namespace

Expected<SmallVector<char, 0>>
rung::assemblePTX(StringRef ptxas, ArrayRef<char> ptx, StringRef architecture) {
  TemporaryFile input, output, messages;
  for (auto [file, suffix] :
       {std::pair(&input, "ptx"), std::pair(&output, "cubin"),
        std::pair(&messages, "txt")})
    if (Error error = file->create(suffix))
      return std::move(error);
  if (Error error = input.write(ptx))
    return std::move(error);
  std::string arch = ("-arch=" + architecture).str();
  std::string problem;
  int status = sys::ExecuteAndWait(
      ptxas, {ptxas, arch, "-O3", "-o", output.name(), input.name()},
      std::nullopt, {StringRef(), messages.name(), messages.name()},
      /*SecondsToWait=*/0, /*MemoryLimit=*/0, &problem);
  if (status != 0) {
    if (auto text = messages.read())
      problem += StringRef(text->data(), text->size()).trim();
    else
      consumeError(text.takeError());
    return createStringError(ptxas + " failed: " + problem);
  }
  return output.read();
}
