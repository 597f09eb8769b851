//===- Retarget.h - From nvptx64 to the virtual GPU -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_COMPILE_RETARGET_H
#define RUNG_SIM_COMPILE_RETARGET_H

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Sim/KernelABI.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"

namespace rung::sim {

/// One instruction that may fail at run time, as ModuleInfo lists them.
struct Site {
  std::string function, text, file;
  unsigned line = 0, column = 0;
};

struct Kernel {
  llvm::Function *function;
  /// KernelInfo::maxThreads.
  uint64_t maxThreads;
};

/// What an intrinsic or inline assembly becomes: a call of
/// HostTable::perform.
struct InstructionRow {
  /// LLVM's name, or the whole text of the assembly; a last `*` stands for
  /// anything.
  llvm::StringLiteral name;
  Op op;
  /// The oldest architecture that has it, as in sm_80.
  unsigned architecture;
  /// What the slots hold: the operand of this number, or constant(value); up
  /// to `kEnd`. None: the operands in order.
  std::array<int, 6> slots;
  bool flush = false;

  static constexpr int kEnd = 1000;
  static constexpr int constant(int value) { return -1 - value; }
};

/// Null if the virtual GPU has no such instruction.
const InstructionRow *findInstruction(llvm::StringRef name);
/// Instructions that mean nothing here: prefetches, fences.
bool isHint(llvm::StringRef name);
/// The byte of LaneRegisters that `llvm.nvvm.read.ptx.sreg.NAME` reads, a
/// 32-bit word; nullopt for others.
std::optional<size_t> findSpecialRegister(llvm::StringRef name);

/// Makes the MatrixInfo of the device's matrix instruction that `intrinsic`
/// is: a constant of the module. Null if it is none.
llvm::Expected<llvm::Constant *> getMatrixInfo(llvm::Module &module,
                                               DeviceAttr device,
                                               llvm::StringRef intrinsic);

/// Adds `rung_sim_module`. `shared` has an offset for each variable, `globals`
/// are the others that kernels may use.
void addModuleTables(
    llvm::Module &module, llvm::ArrayRef<Kernel> kernels,
    llvm::ArrayRef<Site> sites,
    llvm::ArrayRef<std::pair<llvm::GlobalVariable *, uint64_t>> shared,
    uint64_t sharedBytes, llvm::ArrayRef<llvm::GlobalVariable *> globals,
    llvm::GlobalVariable *table);

/// A constant array of the module, as a pointer to its first element.
llvm::Constant *addArray(llvm::Module &module, llvm::Type *element,
                         llvm::ArrayRef<llvm::Constant *> values);
/// A string that ends with a zero byte.
llvm::Constant *addText(llvm::Module &module, llvm::StringRef text);

/// Arithmetic on bf16 becomes arithmetic on f32, and fused or narrowing
/// arithmetic on f16 such that it is rounded once. What x86-64 would need a
/// library for.
void legalizeFloats(llvm::Module &module);

/// Rewrites the bodies of a module's functions.
class Instrumenter {
public:
  Instrumenter(llvm::Module &module, DeviceAttr device);

  llvm::Error run();
  /// Puts a variable of shared memory at this byte of the block's. Its uses are
  /// instructions.
  void replaceShared(llvm::GlobalVariable &variable, uint64_t offset);
  llvm::ArrayRef<Site> getSites() const { return sites; }
  /// Of `const HostTable *`.
  llvm::GlobalVariable *getTable() const { return table; }

private:
  llvm::Error runOnFunction(llvm::Function &function);
  llvm::Error checkLocalMemory(llvm::Function &function);
  llvm::Error rewriteCall(llvm::CallInst &call);
  llvm::Error rewriteInstruction(llvm::CallInst &call, llvm::StringRef name);
  llvm::Value *emitPlain(llvm::CallInst &call, llvm::StringRef name);
  void perform(llvm::CallInst &call, uint32_t op,
               llvm::ArrayRef<llvm::Value *> operands);
  void checkMemoryIntrinsic(llvm::AnyMemIntrinsic &call);
  void checkAccess(llvm::Instruction &access);
  void checkAddress(llvm::Instruction &before, llvm::Value *address,
                    llvm::Value *bytes, uint32_t kind, uint64_t alignment);
  void checkPoison(llvm::Instruction &user);
  void emitPerform(llvm::IRBuilder<> &builder, uint32_t op,
                   llvm::ArrayRef<llvm::Value *> operands, uint32_t site);
  llvm::Value *self();
  llvm::Value *getShared(uint64_t offset);
  /// The function of the host at this byte of HostTable.
  llvm::Value *loadHost(llvm::IRBuilder<> &builder, size_t offset);
  llvm::Value *slotAt(llvm::IRBuilder<> &builder, unsigned index);
  llvm::Error unsupported(llvm::Instruction &instruction, llvm::Twine what);

  llvm::Module &module;
  DeviceAttr device;
  unsigned architecture;
  llvm::GlobalVariable *table;
  std::vector<Site> sites;
  llvm::DenseMap<llvm::Instruction *, uint32_t> siteOf;
  llvm::StringMap<llvm::Constant *> matrices;

  // Of the function.
  llvm::Function *function = nullptr;
  llvm::Instruction *selfCall = nullptr;
  llvm::AllocaInst *slots = nullptr;
  unsigned slotCount = 0;
};

} // namespace rung::sim

#endif // RUNG_SIM_COMPILE_RETARGET_H
