//===- CPUTarget.cpp - Names of CPU targets -------------------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Target/CPUTarget.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include "llvm/TargetParser/X86TargetParser.h"
#include <mutex>

using namespace llvm;

namespace rung {
namespace {

constexpr const char kTriple[] = "x86_64-unknown-linux-gnu";

/// Extensions whose instructions LLVM may select in ordinary arithmetic code.
/// The others (system instructions, cryptography) never appear in a kernel, so
/// they need not be asked of the machine that loads it.
constexpr StringRef kArithmeticFeatures[] = {
    "amx-bf16",     "amx-int8",   "amx-tile",
    "avx",          "avx2",       "avx512bf16",
    "avx512bitalg", "avx512bw",   "avx512cd",
    "avx512dq",     "avx512f",    "avx512fp16",
    "avx512ifma",   "avx512vbmi", "avx512vbmi2",
    "avx512vl",     "avx512vnni", "avx512vpopcntdq",
    "avxvnni",      "bmi",        "bmi2",
    "f16c",         "fma",        "fma4",
    "gfni",         "lzcnt",      "movbe",
    "popcnt",       "sse3",       "sse4.1",
    "sse4.2",       "sse4a",      "ssse3",
    "tbm",          "vpclmulqdq", "xop"};

/// LLVM's x86 backend, or null.
const Target *findX86(std::string &message) {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();
  });
  return TargetRegistry::lookupTarget(Triple(kTriple), message);
}

CPUTarget hostTarget() {
  CPUTarget target;
  target.cpu = sys::getHostCPUName().str();
  if (target.cpu.empty() || target.cpu == "generic")
    target.cpu = "x86-64";
  // The name alone is not enough: a virtual machine may hide extensions.
  auto found = sys::getHostCPUFeatures();
  std::vector<std::string> switches;
  for (auto &entry : found)
    switches.push_back((entry.second ? "+" : "-") + entry.first().str());
  llvm::sort(switches);
  target.featureString = llvm::join(switches, ",");
  for (StringRef feature : kArithmeticFeatures)
    if (found.lookup(feature))
      target.features.push_back(feature.str());
  return target;
}

} // namespace

bool CPUTarget::has(StringRef feature) const {
  return llvm::is_contained(features, feature);
}

unsigned CPUTarget::vectorBits() const {
  if (has("avx512f"))
    return 512;
  return has("avx") ? 256 : 128;
}

Expected<CPUTarget> parseCPUTarget(StringRef name) {
  if (name == "cpu") {
    if (!Triple(sys::getDefaultTargetTriple()).isX86_64())
      return createStringError("target 'cpu' means this machine, which is no "
                               "x86-64; name one, as in 'cpu:x86-64-v3'");
    return hostTarget();
  }
  StringRef cpu = name;
  if (!cpu.consume_front("cpu:"))
    return createStringError("'" + name.str() +
                             "' names no CPU target; expected 'cpu' (this "
                             "machine) or 'cpu:NAME'");
  if (X86::parseArchX86(cpu, /*Only64Bit=*/true) == X86::CK_None) {
    SmallVector<StringRef> known;
    X86::fillValidCPUArchList(known, /*Only64Bit=*/true);
    return createStringError("unknown CPU '" + cpu.str() +
                             "'; expected one of: " + llvm::join(known, ", "));
  }
  CPUTarget target;
  target.cpu = cpu.str();
  // What the code generator takes the name for: the parser's own lists leave
  // out what x86-64-v3 and its like have.
  std::string message;
  Triple triple(kTriple);
  const Target *backend = findX86(message);
  std::unique_ptr<MCSubtargetInfo> info(
      backend ? backend->createMCSubtargetInfo(triple, cpu, "") : nullptr);
  if (!info)
    return createStringError("LLVM has no code generator for '" + name.str() +
                             "': " + message);
  for (StringRef feature : kArithmeticFeatures)
    if (info->checkFeatures("+" + feature.str()))
      target.features.push_back(feature.str());
  return target;
}

Expected<std::unique_ptr<TargetMachine>>
createTargetMachine(const CPUTarget &target) {
  std::string message;
  Triple triple(kTriple);
  const Target *backend = findX86(message);
  if (!backend)
    return createStringError(message);
  TargetOptions options;
  // Products and sums may be fused; their rounding is never relied upon.
  options.AllowFPOpFusion = FPOpFusion::Fast;
  std::unique_ptr<TargetMachine> machine(backend->createTargetMachine(
      triple, target.cpu, target.featureString, options, Reloc::PIC_,
      CodeModel::Small, CodeGenOptLevel::Aggressive));
  if (!machine)
    return createStringError("LLVM has no code generator for " + target.str());
  return machine;
}

} // namespace rung
