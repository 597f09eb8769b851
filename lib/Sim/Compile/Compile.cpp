//===- Compile.cpp - Kernels for NVIDIA GPUs on this CPU --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Sim/Compile.h"
#include "Retarget.h"
#include "rung/Target/CodeGen.h"

#include "llvm/ADT/SCCIterator.h"
#include "llvm/Analysis/CallGraph.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/ReplaceConstant.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Target/TargetMachine.h"

using namespace llvm;
using namespace rung;
using namespace rung::sim;

static constexpr unsigned kSharedSpace = 3;

/// Between variables of shared memory, so that the end of one is not the
/// beginning of another.
static constexpr uint64_t kGapBytes = 64;
static constexpr uint64_t kDynamicAlignment = 1024;

/// A place for each variable of shared memory; those without a size share the
/// one behind them all.
static std::vector<std::pair<GlobalVariable *, uint64_t>>
layOutShared(Module &module, uint64_t &bytes) {
  std::vector<std::pair<GlobalVariable *, uint64_t>> places;
  SmallVector<GlobalVariable *> dynamic;
  bytes = 0;
  for (GlobalVariable &variable : module.globals()) {
    if (variable.getAddressSpace() != kSharedSpace)
      continue;
    uint64_t size =
        module.getDataLayout().getTypeAllocSize(variable.getValueType());
    if (size == 0) {
      dynamic.push_back(&variable);
      continue;
    }
    bytes =
        alignTo(bytes, std::max(Align(16), variable.getAlign().valueOrOne()));
    places.emplace_back(&variable, bytes);
    bytes += size + kGapBytes;
  }
  bytes = alignTo(bytes, kDynamicAlignment);
  for (GlobalVariable *variable : dynamic)
    places.emplace_back(variable, bytes);
  return places;
}

/// Nothing that is true of a GPU only, and no promise about memory, which the
/// runtime reads and writes.
static void dropPromises(Module &module) {
  for (Function &function : module) {
    if (function.isIntrinsic())
      continue;
    function.setAttributes({});
    function.setCallingConv(CallingConv::C);
    function.setComdat(nullptr);
    for (BasicBlock &block : function)
      for (Instruction &instruction : block) {
        instruction.dropUnknownNonDebugMetadata();
        if (auto *call = dyn_cast<CallBase>(&instruction))
          if (Function *callee = call->getCalledFunction();
              !callee || !callee->isIntrinsic())
            call->setCallingConv(CallingConv::C);
      }
  }
  for (NamedMDNode &node : make_early_inc_range(module.named_metadata()))
    module.eraseNamedMetadata(&node);
  StripDebugInfo(module);
  for (StringRef list : {"llvm.used", "llvm.compiler.used"})
    if (GlobalVariable *variable = module.getNamedGlobal(list))
      variable->eraseFromParent();
}

static void setTarget(Module &module, const CPUTarget &target,
                      const TargetMachine &machine) {
  module.setTargetTriple(machine.getTargetTriple());
  module.setDataLayout(machine.createDataLayout());
  for (Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.setLinkage(GlobalValue::InternalLinkage);
    function.addFnAttr("target-cpu", target.cpu);
    function.addFnAttr("no-builtins");
    function.addFnAttr(Attribute::NoUnwind);
  }
  for (GlobalVariable &variable : module.globals())
    if (variable.hasInitializer() && !variable.hasPrivateLinkage() &&
        variable.getName() != RUNG_SIM_MODULE_SYMBOL) {
      variable.setLinkage(GlobalValue::InternalLinkage);
      variable.setComdat(nullptr);
    }
}

/// Threads of a block that the kernel was compiled for, 0: any.
static uint64_t maxThreads(const Function &kernel) {
  for (StringRef name : {"nvvm.reqntid", "nvvm.maxntid"}) {
    Attribute attribute = kernel.getFnAttribute(name);
    if (!attribute.isValid())
      continue;
    SmallVector<StringRef> sizes;
    attribute.getValueAsString().split(sizes, ',');
    uint64_t product = 1, size;
    for (StringRef text : sizes)
      if (!text.trim().getAsInteger(10, size))
        product *= size;
    return product;
  }
  return 0;
}

/// A kernel's parameters are read from where the launch has them.
static Error checkKernels(ArrayRef<Kernel> kernels) {
  if (kernels.empty())
    return createStringError("the module has no kernel, which is a function of "
                             "calling convention ptx_kernel");
  for (const Kernel &kernel : kernels)
    for (Argument &parameter : kernel.function->args())
      if (parameter.hasByValAttr())
        return createStringError(
            "parameter " + Twine(parameter.getArgNo()) + " of kernel @" +
            kernel.function->getName() +
            " is a structure (byval); the virtual GPU takes scalars and "
            "pointers");
  return Error::success();
}

/// The stack of a thread is of fixed size.
static Error checkRecursion(Module &module) {
  CallGraph graph(module);
  for (auto part = scc_begin(&graph); !part.isAtEnd(); ++part)
    if (part.hasCycle())
      if (Function *function = part->front()->getFunction())
        return createStringError("the virtual GPU runs no recursion, found in "
                                 "@" +
                                 function->getName());
  return Error::success();
}

Error rung::sim::retargetKernels(Module &module, DeviceAttr device,
                                 const CPUTarget &host) {
  if (!module.getTargetTriple().isNVPTX())
    return createStringError("expected a module for nvptx64, found '" +
                             module.getTargetTriple().str() + "'");
  for (StringRef feature : {"avx2", "f16c", "fma"})
    if (!host.has(feature))
      return createStringError("the virtual GPU needs " + feature + ", which " +
                               host.str() + " has not");
  auto machine = createTargetMachine(host);
  if (!machine)
    return machine.takeError();
  SmallVector<Kernel> kernels;
  for (Function &function : module)
    if (!function.isDeclaration() &&
        function.getCallingConv() == CallingConv::PTX_Kernel)
      kernels.push_back({&function, maxThreads(function)});
  if (Error error = checkKernels(kernels))
    return error;
  if (Error error = checkRecursion(module))
    return error;

  uint64_t sharedBytes;
  auto shared = layOutShared(module, sharedBytes);
  SmallVector<Constant *> variables;
  for (auto [variable, offset] : shared)
    variables.push_back(variable);
  convertUsersOfConstantsToInstructions(variables);

  SmallVector<GlobalVariable *> globals;
  for (GlobalVariable &variable : module.globals())
    if (variable.getAddressSpace() != kSharedSpace &&
        !variable.getName().starts_with("llvm."))
      globals.push_back(&variable);

  Instrumenter instrumenter(module, device);
  if (Error error = instrumenter.run())
    return error;
  // A check of a constant address makes a constant of it, too.
  convertUsersOfConstantsToInstructions(variables);
  for (auto [variable, offset] : shared)
    instrumenter.replaceShared(*variable, offset);
  legalizeFloats(module);
  dropPromises(module);
  // Those of a size of their own; the runtime knows of the others' place.
  std::vector<std::pair<GlobalVariable *, uint64_t>> sized;
  for (auto place : shared)
    if (place.second != sharedBytes)
      sized.push_back(place);
  addModuleTables(module, kernels, instrumenter.getSites(), sized, sharedBytes,
                  globals, instrumenter.getTable());
  for (auto [variable, offset] : shared)
    variable->eraseFromParent();
  setTarget(module, host, **machine);

  std::string problem;
  raw_string_ostream stream(problem);
  if (verifyModule(module, &stream))
    return createStringError("the virtual GPU made invalid LLVM IR: " +
                             problem);
  return Error::success();
}

Expected<SmallVector<char, 0>>
rung::sim::compileKernels(Module &module, DeviceAttr device,
                          const CPUTarget &host) {
  if (Error error = retargetKernels(module, device, host))
    return std::move(error);
  auto machine = createTargetMachine(host);
  if (!machine)
    return machine.takeError();
  auto object = emitCode(module, **machine, CodeKind::Object);
  if (!object)
    return object.takeError();
  return linkSharedObject(*object);
}
