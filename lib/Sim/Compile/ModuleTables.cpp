//===- ModuleTables.cpp - rung_sim_module -----------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/IR/Constants.h"

using namespace llvm;
using namespace rung::sim;

Constant *rung::sim::addArray(Module &module, Type *element,
                              ArrayRef<Constant *> values) {
  if (values.empty())
    return ConstantPointerNull::get(PointerType::get(module.getContext(), 0));
  auto *type = ArrayType::get(element, values.size());
  return new GlobalVariable(module, type, /*isConstant=*/true,
                            GlobalValue::PrivateLinkage,
                            ConstantArray::get(type, values));
}

Constant *rung::sim::addText(Module &module, StringRef text) {
  Constant *data = ConstantDataArray::getString(module.getContext(), text);
  return new GlobalVariable(module, data->getType(), /*isConstant=*/true,
                            GlobalValue::PrivateLinkage, data);
}

namespace {

/// Makes constants as the structures of KernelABI.h: every member is a pointer
/// or 64 bits.
class Tables {
public:
  explicit Tables(Module &module)
      : module(module), context(module.getContext()),
        word(Type::getInt64Ty(context)), pointer(PointerType::get(context, 0)) {
  }

  Constant *number(uint64_t value) { return ConstantInt::get(word, value); }
  Constant *text(StringRef value) { return addText(module, value); }
  Constant *structure(ArrayRef<Constant *> members) {
    return ConstantStruct::getAnon(context, members);
  }
  Constant *array(ArrayRef<Constant *> values) {
    return addArray(module, values.empty() ? word : values[0]->getType(),
                    values);
  }
  Constant *null() {
    return ConstantPointerNull::get(cast<PointerType>(pointer));
  }

  Constant *kernel(const Kernel &kernel);
  Constant *site(const Site &site);
  Constant *variable(GlobalVariable &variable, uint64_t offset, bool shared);

private:
  Function *addRun(Function &kernel);

  Module &module;
  LLVMContext &context;
  Type *word, *pointer;
};

} // namespace

/// Calls the kernel with parameter i read from where arguments[i] points.
Function *Tables::addRun(Function &kernel) {
  auto *run = Function::Create(
      FunctionType::get(Type::getVoidTy(context), {pointer}, false),
      GlobalValue::InternalLinkage, kernel.getName() + ".run", module);
  IRBuilder<> builder(BasicBlock::Create(context, "", run));
  SmallVector<Value *> values;
  for (auto [index, parameter] : enumerate(kernel.args())) {
    Value *place = builder.CreateConstGEP1_64(pointer, run->getArg(0), index);
    values.push_back(builder.CreateAlignedLoad(
        parameter.getType(), builder.CreateLoad(pointer, place), Align(1)));
  }
  builder.CreateCall(&kernel, values);
  builder.CreateRetVoid();
  return run;
}

Constant *Tables::kernel(const Kernel &kernel) {
  Function &function = *kernel.function;
  SmallVector<Constant *> pointers;
  for (Argument &parameter : function.args())
    pointers.push_back(ConstantInt::get(Type::getInt8Ty(context),
                                        parameter.getType()->isPointerTy()));
  return structure({text(function.getName()), addRun(function),
                    number(function.arg_size()), array(pointers),
                    number(kernel.maxThreads)});
}

Constant *Tables::site(const Site &site) {
  return structure({text(site.function), text(site.text),
                    site.file.empty() ? null() : text(site.file),
                    number(site.line), number(site.column)});
}

Constant *Tables::variable(GlobalVariable &variable, uint64_t offset,
                           bool shared) {
  return structure(
      {text(variable.getName()), number(offset),
       shared
           ? null()
           : ConstantExpr::getPointerBitCastOrAddrSpaceCast(&variable, pointer),
       number(module.getDataLayout().getTypeAllocSize(variable.getValueType())),
       number(!variable.isConstant())});
}

void rung::sim::addModuleTables(
    Module &module, ArrayRef<Kernel> kernels, ArrayRef<Site> sites,
    ArrayRef<std::pair<GlobalVariable *, uint64_t>> shared,
    uint64_t sharedBytes, ArrayRef<GlobalVariable *> globals,
    GlobalVariable *table) {
  Tables tables(module);
  SmallVector<Constant *> kernelRows, siteRows, sharedRows, globalRows;
  for (GlobalVariable *variable : globals)
    globalRows.push_back(tables.variable(*variable, 0, /*shared=*/false));
  for (const Kernel &kernel : kernels)
    kernelRows.push_back(tables.kernel(kernel));
  for (const Site &site : sites)
    siteRows.push_back(tables.site(site));
  for (auto [variable, offset] : shared)
    sharedRows.push_back(tables.variable(*variable, offset, /*shared=*/true));

  Constant *info = tables.structure(
      {tables.number(kABIVersion), table, tables.number(kernelRows.size()),
       tables.array(kernelRows), tables.number(siteRows.size()),
       tables.array(siteRows), tables.number(sharedRows.size()),
       tables.array(sharedRows), tables.number(globalRows.size()),
       tables.array(globalRows), tables.number(sharedBytes)});
  static_assert(sizeof(ModuleInfo) == 11 * sizeof(uint64_t));
  static_assert(sizeof(KernelInfo) == 5 * sizeof(uint64_t));
  static_assert(sizeof(VariableInfo) == 5 * sizeof(uint64_t));
  static_assert(sizeof(SiteInfo) == 5 * sizeof(uint64_t));
  new GlobalVariable(module, info->getType(), /*isConstant=*/true,
                     GlobalValue::ExternalLinkage, info,
                     RUNG_SIM_MODULE_SYMBOL);
}
