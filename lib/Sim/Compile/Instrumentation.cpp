//===- Instrumentation.cpp - Bodies of kernels ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/DebugInfoMetadata.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/ModuleSlotTracker.h"

using namespace llvm;
using namespace rung;
using namespace rung::sim;

static constexpr unsigned kSharedSpace = 3;

/// Half of a stack (Runtime/Fiber.h); the other is for what LLVM spills.
static constexpr uint64_t kMostLocalBytes = 128 * 1024;

Instrumenter::Instrumenter(Module &module, DeviceAttr device)
    : module(module), device(device) {
  StringRef name = device.getName();
  name.consume_front("cuda:sm_");
  architecture = 0;
  name.consumeInteger(10, architecture);
  auto *pointer = PointerType::get(module.getContext(), 0);
  table = new GlobalVariable(
      module, pointer, /*isConstant=*/false, GlobalValue::InternalLinkage,
      ConstantPointerNull::get(pointer), "rung_sim_table");
}

Error Instrumenter::run() {
  for (Function &body : module)
    if (!body.isDeclaration())
      if (Error error = runOnFunction(body))
        return error;
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Sites
//===----------------------------------------------------------------------===//

/// True if the instruction may become a call of the host.
static bool isOfInterest(const Instruction &instruction) {
  return instruction.mayReadOrWriteMemory() || isa<CallBase>(instruction) ||
         isa<BranchInst>(instruction);
}

/// "%3 = load i32, ptr %2, align 4", cut off where it gets long.
static std::string textOf(const Instruction &instruction,
                          ModuleSlotTracker &tracker) {
  constexpr size_t kMost = 160;
  std::string text;
  raw_string_ostream stream(text);
  instruction.print(stream, tracker);
  text = StringRef(text).trim();
  if (size_t end = text.find(", !"); end != std::string::npos)
    text.resize(end);
  if (text.size() > kMost)
    text = text.substr(0, kMost) + "...";
  return text;
}

static Site describe(const Instruction &instruction,
                     ModuleSlotTracker &tracker) {
  Site site;
  site.function = instruction.getFunction()->getName();
  site.text = textOf(instruction, tracker);
  if (const DebugLoc &location = instruction.getDebugLoc()) {
    site.file = location->getFilename();
    site.line = location.getLine();
    site.column = location.getCol();
  }
  return site;
}

Error Instrumenter::unsupported(Instruction &instruction, Twine what) {
  const Site &site = sites[siteOf.lookup(&instruction)];
  std::string place;
  if (!site.file.empty())
    place = site.file + ":" + std::to_string(site.line) + ":" +
            std::to_string(site.column) + ": ";
  return createStringError("the virtual GPU " + what + ", in kernel @" +
                           site.function + ": " + place + "`" + site.text +
                           "`");
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// Variables of a thread lie on its stack, which has room for them.
Error Instrumenter::checkLocalMemory(Function &body) {
  uint64_t bytes = 0;
  for (BasicBlock &block : body)
    for (Instruction &instruction : block) {
      auto *variable = dyn_cast<AllocaInst>(&instruction);
      if (!variable)
        continue;
      std::optional<TypeSize> size =
          variable->getAllocationSize(module.getDataLayout());
      if (!variable->isStaticAlloca() || !size || size->isScalable())
        return createStringError("the virtual GPU has no local variables of "
                                 "dynamic size, in kernel @" +
                                 body.getName());
      bytes += size->getFixedValue();
    }
  if (bytes > kMostLocalBytes)
    return createStringError("the virtual GPU has " + Twine(kMostLocalBytes) +
                             " bytes of local memory for a thread, but kernel "
                             "@" +
                             body.getName() + " needs " + Twine(bytes));
  return Error::success();
}

Error Instrumenter::runOnFunction(Function &body) {
  function = &body;
  selfCall = nullptr;
  slots = nullptr;
  slotCount = 0;
  siteOf.clear();
  if (Error error = checkLocalMemory(body))
    return error;

  ModuleSlotTracker tracker(&module, /*ShouldInitializeAllMetadata=*/false);
  tracker.incorporateFunction(body);
  SmallVector<Instruction *> found;
  for (BasicBlock &block : body)
    for (Instruction &instruction : block)
      if (isOfInterest(instruction)) {
        siteOf[&instruction] = sites.size();
        sites.push_back(describe(instruction, tracker));
        found.push_back(&instruction);
      }

  for (Instruction *instruction : found) {
    checkPoison(*instruction);
    if (auto *memory = dyn_cast<AnyMemIntrinsic>(instruction))
      checkMemoryIntrinsic(*memory);
    else if (auto *call = dyn_cast<CallInst>(instruction)) {
      if (Error error = rewriteCall(*call))
        return error;
    } else if (isa<LoadInst, StoreInst, AtomicRMWInst, AtomicCmpXchgInst>(
                   instruction))
      checkAccess(*instruction);
    else if (!isa<BranchInst, FenceInst>(instruction))
      return unsupported(*instruction, "cannot run this instruction");
  }

  // What is undefined still may be chosen, but not be used: as all ones it is
  // a NaN, or an address far away.
  for (BasicBlock &block : body)
    for (Instruction &instruction : block)
      if (isa<PHINode, SelectInst, FreezeInst>(instruction))
        for (Use &use : instruction.operands())
          if (isa<UndefValue>(use) && (use->getType()->isIntOrIntVectorTy() ||
                                       use->getType()->isFPOrFPVectorTy()))
            use = Constant::getAllOnesValue(use->getType());

  if (slots)
    slots->setAllocatedType(
        ArrayType::get(Type::getInt64Ty(module.getContext()), slotCount));
  return Error::success();
}

Value *Instrumenter::self() {
  if (selfCall)
    return selfCall;
  BasicBlock &entry = function->getEntryBlock();
  IRBuilder<> builder(&entry, entry.getFirstNonPHIOrDbgOrAlloca());
  auto *type = FunctionType::get(builder.getPtrTy(), false);
  selfCall = builder.CreateCall(
      type, loadHost(builder, offsetof(HostTable, self)), {}, "self");
  return selfCall;
}

Value *Instrumenter::loadHost(IRBuilder<> &builder, size_t offset) {
  Value *host = builder.CreateLoad(builder.getPtrTy(), table);
  return builder.CreateLoad(
      builder.getPtrTy(),
      builder.CreateConstGEP1_64(builder.getInt8Ty(), host, offset));
}

Value *Instrumenter::getShared(uint64_t offset) {
  Value *lane = self();
  IRBuilder<> builder(selfCall->getNextNode());
  Value *begin = builder.CreateLoad(
      builder.getPtrTy(),
      builder.CreateConstGEP1_64(builder.getInt8Ty(), lane,
                                 offsetof(LaneRegisters, shared)));
  return builder.CreateAddrSpaceCast(
      builder.CreateConstGEP1_64(builder.getInt8Ty(), begin, offset),
      PointerType::get(module.getContext(), kSharedSpace));
}

void Instrumenter::replaceShared(GlobalVariable &variable, uint64_t offset) {
  DenseMap<Function *, Value *> places;
  for (Use &use : make_early_inc_range(variable.uses())) {
    auto *user = cast<Instruction>(use.getUser());
    Value *&place = places[user->getFunction()];
    if (!place) {
      function = user->getFunction();
      selfCall = nullptr;
      place = getShared(offset);
    }
    use.set(place);
  }
}

//===----------------------------------------------------------------------===//
// Calls of the host
//===----------------------------------------------------------------------===//

Value *Instrumenter::slotAt(IRBuilder<> &builder, unsigned index) {
  if (!slots) {
    IRBuilder<> entry(&function->getEntryBlock(),
                      function->getEntryBlock().begin());
    slots = entry.CreateAlloca(entry.getInt64Ty(), nullptr, "slots");
  }
  slotCount = std::max(slotCount, index + 1);
  return builder.CreateConstGEP1_64(builder.getInt64Ty(), slots, index);
}

void Instrumenter::emitPerform(IRBuilder<> &builder, uint32_t op,
                               ArrayRef<Value *> operands, uint32_t site) {
  for (auto [index, operand] : enumerate(operands)) {
    Value *value = operand;
    if (value->getType()->isIntegerTy())
      value = builder.CreateZExtOrTrunc(value, builder.getInt64Ty());
    builder.CreateStore(value, slotAt(builder, index));
  }
  Value *first = slotAt(builder, 0);
  auto *type = FunctionType::get(builder.getVoidTy(),
                                 {builder.getPtrTy(), builder.getInt32Ty(),
                                  builder.getPtrTy(), builder.getInt32Ty()},
                                 false);
  Value *lane = self();
  builder.CreateCall(
      type, loadHost(builder, offsetof(HostTable, perform)),
      {lane, builder.getInt32(op), first, builder.getInt32(site)});
}

/// A result of at most 64 bits, from a slot.
static Value *loadSlot(IRBuilder<> &builder, Type *type, Value *slot) {
  if (type->isIntegerTy())
    return builder.CreateTrunc(builder.CreateLoad(builder.getInt64Ty(), slot),
                               type);
  return builder.CreateLoad(type, slot);
}

void Instrumenter::perform(CallInst &call, uint32_t op,
                           ArrayRef<Value *> operands) {
  IRBuilder<> builder(&call);
  emitPerform(builder, op, operands, siteOf.lookup(&call));
  Type *type = call.getType();
  if (auto *members = dyn_cast<StructType>(type)) {
    Value *result = PoisonValue::get(type);
    for (auto [index, member] : enumerate(members->elements()))
      result = builder.CreateInsertValue(
          result, loadSlot(builder, member, slotAt(builder, index)), index);
    call.replaceAllUsesWith(result);
  } else if (!type->isVoidTy()) {
    call.replaceAllUsesWith(loadSlot(builder, type, slotAt(builder, 0)));
  }
  call.eraseFromParent();
}

/// A value that nothing has computed stops the kernel where it is used.
void Instrumenter::checkPoison(Instruction &user) {
  bool uses = false;
  if (auto *store = dyn_cast<StoreInst>(&user))
    uses = isa<UndefValue>(store->getValueOperand()) ||
           isa<UndefValue>(store->getPointerOperand());
  else if (auto *branch = dyn_cast<BranchInst>(&user))
    uses = branch->isConditional() && isa<UndefValue>(branch->getCondition());
  else if (auto *call = dyn_cast<CallInst>(&user))
    uses = call->getCalledFunction() &&
           call->getCalledFunction()->getName().starts_with("llvm.nvvm.") &&
           any_of(call->args(),
                  [](const Use &use) { return isa<UndefValue>(use); });
  if (!uses)
    return;
  IRBuilder<> builder(&user);
  emitPerform(builder, uint32_t(Op::Poison), {}, siteOf.lookup(&user));
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

void Instrumenter::checkAddress(Instruction &before, Value *address,
                                Value *bytes, uint32_t kind,
                                uint64_t alignment) {
  uint32_t site = siteOf.lookup(&before);
  IRBuilder<> builder(&before);
  unsigned space = address->getType()->getPointerAddressSpace();
  kind |= Log2_64(alignment) << AccessKind::kAlignmentShift |
          space << AccessKind::kSpaceShift;
  Value *object = getUnderlyingObject(address, /*MaxLookup=*/0);
  if (auto *variable = dyn_cast<AllocaInst>(object)) {
    std::optional<TypeSize> size =
        variable->getAllocationSize(module.getDataLayout());
    if (size && !size->isScalable()) {
      emitPerform(
          builder, uint32_t(Op::LocalAccess),
          {address, bytes, object, builder.getInt64(size->getFixedValue())},
          site);
      return;
    }
  }
  if (auto *parameter = dyn_cast<Argument>(object))
    if (function->getCallingConv() == CallingConv::PTX_Kernel &&
        parameter->getArgNo() < 255)
      kind |= (parameter->getArgNo() + 1) << AccessKind::kParameterShift;
  auto *type = FunctionType::get(builder.getVoidTy(),
                                 {builder.getPtrTy(), builder.getPtrTy(),
                                  builder.getInt64Ty(), builder.getInt32Ty(),
                                  builder.getInt32Ty()},
                                 false);
  Value *lane = self();
  builder.CreateCall(type, loadHost(builder, offsetof(HostTable, access)),
                     {lane,
                      builder.CreateAddrSpaceCast(address, builder.getPtrTy()),
                      builder.CreateZExtOrTrunc(bytes, builder.getInt64Ty()),
                      builder.getInt32(kind), builder.getInt32(site)});
}

void Instrumenter::checkAccess(Instruction &access) {
  uint32_t kind = 0;
  Value *address;
  Type *type;
  Align alignment;
  bool isVolatile;
  if (auto *load = dyn_cast<LoadInst>(&access)) {
    address = load->getPointerOperand();
    type = load->getType();
    alignment = load->getAlign();
    isVolatile = load->isVolatile();
    kind = load->isAtomic() ? AccessKind::kAtomic : 0;
  } else if (auto *store = dyn_cast<StoreInst>(&access)) {
    address = store->getPointerOperand();
    type = store->getValueOperand()->getType();
    alignment = store->getAlign();
    isVolatile = store->isVolatile();
    kind = AccessKind::kWrite | (store->isAtomic() ? AccessKind::kAtomic : 0);
  } else if (auto *update = dyn_cast<AtomicRMWInst>(&access)) {
    address = update->getPointerOperand();
    type = update->getType();
    alignment = update->getAlign();
    isVolatile = update->isVolatile();
    kind = AccessKind::kWrite | AccessKind::kAtomic;
  } else {
    auto &exchange = cast<AtomicCmpXchgInst>(access);
    address = exchange.getPointerOperand();
    type = exchange.getNewValOperand()->getType();
    alignment = exchange.getAlign();
    isVolatile = exchange.isVolatile();
    kind = AccessKind::kWrite | AccessKind::kAtomic;
  }
  if (isVolatile)
    kind |= AccessKind::kVolatile;
  uint64_t bytes = module.getDataLayout().getTypeStoreSize(type);
  checkAddress(access, address,
               ConstantInt::get(Type::getInt64Ty(module.getContext()), bytes),
               kind, alignment.value());
}

void Instrumenter::checkMemoryIntrinsic(AnyMemIntrinsic &call) {
  if (auto *transfer = dyn_cast<AnyMemTransferInst>(&call))
    checkAddress(call, transfer->getSource(), call.getLength(), 0,
                 transfer->getSourceAlign().valueOrOne().value());
  checkAddress(call, call.getDest(), call.getLength(), AccessKind::kWrite,
               call.getDestAlign().valueOrOne().value());
}
