//===- Calls.cpp - Intrinsics and inline assembly ---------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

#include "llvm/IR/InlineAsm.h"

using namespace llvm;
using namespace rung;
using namespace rung::sim;

/// Intrinsics of every target, which x86-64 has or LLVM expands in place.
static bool isPortable(Intrinsic::ID id) {
  switch (id) {
  case Intrinsic::abs:
  case Intrinsic::assume:
  case Intrinsic::bitreverse:
  case Intrinsic::bswap:
  case Intrinsic::ceil:
  case Intrinsic::copysign:
  case Intrinsic::ctlz:
  case Intrinsic::ctpop:
  case Intrinsic::cttz:
  case Intrinsic::expect:
  case Intrinsic::experimental_noalias_scope_decl:
  case Intrinsic::fabs:
  case Intrinsic::floor:
  case Intrinsic::fma:
  case Intrinsic::fmuladd:
  case Intrinsic::fptosi_sat:
  case Intrinsic::fptoui_sat:
  case Intrinsic::fshl:
  case Intrinsic::fshr:
  case Intrinsic::is_fpclass:
  case Intrinsic::lifetime_end:
  case Intrinsic::lifetime_start:
  case Intrinsic::maximum:
  case Intrinsic::maximumnum:
  case Intrinsic::maxnum:
  case Intrinsic::minimum:
  case Intrinsic::minimumnum:
  case Intrinsic::minnum:
  case Intrinsic::nearbyint:
  case Intrinsic::rint:
  case Intrinsic::roundeven:
  case Intrinsic::sadd_sat:
  case Intrinsic::sadd_with_overflow:
  case Intrinsic::scmp:
  case Intrinsic::smax:
  case Intrinsic::smin:
  case Intrinsic::smul_with_overflow:
  case Intrinsic::sqrt:
  case Intrinsic::ssub_sat:
  case Intrinsic::ssub_with_overflow:
  case Intrinsic::trunc:
  case Intrinsic::uadd_sat:
  case Intrinsic::uadd_with_overflow:
  case Intrinsic::ucmp:
  case Intrinsic::umax:
  case Intrinsic::umin:
  case Intrinsic::umul_with_overflow:
  case Intrinsic::usub_sat:
  case Intrinsic::usub_with_overflow:
  case Intrinsic::vector_reduce_add:
  case Intrinsic::vector_reduce_and:
  case Intrinsic::vector_reduce_fadd:
  case Intrinsic::vector_reduce_fmax:
  case Intrinsic::vector_reduce_fmin:
  case Intrinsic::vector_reduce_or:
  case Intrinsic::vector_reduce_smax:
  case Intrinsic::vector_reduce_smin:
  case Intrinsic::vector_reduce_umax:
  case Intrinsic::vector_reduce_umin:
  case Intrinsic::vector_reduce_xor:
    return true;
  default:
    return false;
  }
}

namespace {
/// NVIDIA's name of an operation that every target has.
struct Plain {
  StringLiteral name;
  Intrinsic::ID intrinsic;       ///< or
  Instruction::BinaryOps binary; ///< if there is no intrinsic
};
} // namespace

static constexpr auto kNoOperation = Instruction::BinaryOps(0);

static constexpr Plain kPlain[] = {
    {"llvm.nvvm.fabs.*", Intrinsic::fabs, kNoOperation},
    {"llvm.nvvm.fma.rn.f", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fma.rn.d", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fma.rn.f16", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fma.rn.f16x2", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fma.rn.bf16", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fma.rn.bf16x2", Intrinsic::fma, kNoOperation},
    {"llvm.nvvm.fmax.f", Intrinsic::maxnum, kNoOperation},
    {"llvm.nvvm.fmax.f16", Intrinsic::maxnum, kNoOperation},
    {"llvm.nvvm.fmax.f16x2", Intrinsic::maxnum, kNoOperation},
    {"llvm.nvvm.fmax.bf16", Intrinsic::maxnum, kNoOperation},
    {"llvm.nvvm.fmax.bf16x2", Intrinsic::maxnum, kNoOperation},
    {"llvm.nvvm.fmax.nan.f", Intrinsic::maximum, kNoOperation},
    {"llvm.nvvm.fmax.nan.f16", Intrinsic::maximum, kNoOperation},
    {"llvm.nvvm.fmax.nan.f16x2", Intrinsic::maximum, kNoOperation},
    {"llvm.nvvm.fmax.nan.bf16", Intrinsic::maximum, kNoOperation},
    {"llvm.nvvm.fmax.nan.bf16x2", Intrinsic::maximum, kNoOperation},
    {"llvm.nvvm.fmin.f", Intrinsic::minnum, kNoOperation},
    {"llvm.nvvm.fmin.f16", Intrinsic::minnum, kNoOperation},
    {"llvm.nvvm.fmin.f16x2", Intrinsic::minnum, kNoOperation},
    {"llvm.nvvm.fmin.bf16", Intrinsic::minnum, kNoOperation},
    {"llvm.nvvm.fmin.bf16x2", Intrinsic::minnum, kNoOperation},
    {"llvm.nvvm.fmin.nan.f", Intrinsic::minimum, kNoOperation},
    {"llvm.nvvm.fmin.nan.f16", Intrinsic::minimum, kNoOperation},
    {"llvm.nvvm.fmin.nan.f16x2", Intrinsic::minimum, kNoOperation},
    {"llvm.nvvm.fmin.nan.bf16", Intrinsic::minimum, kNoOperation},
    {"llvm.nvvm.fmin.nan.bf16x2", Intrinsic::minimum, kNoOperation},
    {"llvm.nvvm.add.rn.f", Intrinsic::not_intrinsic, Instruction::FAdd},
    {"llvm.nvvm.mul.rn.f", Intrinsic::not_intrinsic, Instruction::FMul},
    {"llvm.nvvm.div.rn.f", Intrinsic::not_intrinsic, Instruction::FDiv},
    {"llvm.nvvm.div.full", Intrinsic::not_intrinsic, Instruction::FDiv},
    {"llvm.nvvm.div.approx.f", Intrinsic::not_intrinsic, Instruction::FDiv},
};

/// What is computed without the runtime, or null.
Value *Instrumenter::emitPlain(CallInst &call, StringRef name) {
  IRBuilder<> builder(&call);
  if (name == "llvm.nvvm.read.ptx.sreg.warpsize")
    return builder.getInt32(kWarpLanes);
  if (std::optional<size_t> offset = findSpecialRegister(name)) {
    Value *lane = self();
    return builder.CreateLoad(
        builder.getInt32Ty(),
        builder.CreateConstGEP1_64(builder.getInt8Ty(), lane, *offset));
  }
  if (name == "llvm.nvvm.f2bf16.rn" || name == "llvm.nvvm.f2f16.rn")
    return builder.CreateFPTrunc(call.getArgOperand(0), call.getType());
  if (name == "llvm.nvvm.ff2bf16x2.rn" || name == "llvm.nvvm.ff2f16x2.rn") {
    // The first operand is the upper half.
    Value *pair = PoisonValue::get(call.getType());
    for (unsigned i = 0; i != 2; ++i)
      pair = builder.CreateInsertElement(
          pair,
          builder.CreateFPTrunc(call.getArgOperand(1 - i),
                                call.getType()->getScalarType()),
          i);
    return pair;
  }
  for (const Plain &row : kPlain) {
    StringRef pattern = row.name;
    if (pattern.consume_back("*") ? !name.starts_with(pattern)
                                  : name != pattern)
      continue;
    SmallVector<Value *> operands(call.args());
    if (row.intrinsic)
      return builder.CreateIntrinsic(row.intrinsic, {call.getType()}, operands);
    return builder.CreateBinOp(row.binary, operands[0], operands[1]);
  }
  return nullptr;
}

/// A type that fits into a slot.
static bool fits(Type *type) {
  if (auto *members = dyn_cast<StructType>(type))
    return all_of(members->elements(), fits);
  return type->isVoidTy() || type->isPointerTy() ||
         (type->getPrimitiveSizeInBits() != 0 &&
          type->getPrimitiveSizeInBits() <= 64);
}

Error Instrumenter::rewriteInstruction(CallInst &call, StringRef name) {
  auto emitRow = [&](uint32_t op, ArrayRef<Value *> operands) -> Error {
    auto tooWide = [](const Value *value) { return !fits(value->getType()); };
    if (!fits(call.getType()) || any_of(operands, tooWide))
      return unsupported(call, "has no operands of these types");
    perform(call, op, operands);
    return Error::success();
  };
  Constant *&matrix = matrices[name];
  if (!matrix) {
    Expected<Constant *> made = getMatrixInfo(module, device, name);
    if (!made)
      return made.takeError();
    matrix = *made;
  }
  SmallVector<Value *> operands(call.args());
  if (matrix) {
    operands.insert(operands.begin(), matrix);
    return emitRow(uint32_t(Op::Mma), operands);
  }
  const auto *row = findInstruction(name);
  if (!row) {
    bool isMatrix = name.starts_with("llvm.nvvm.mma.");
    return unsupported(call, isMatrix ? device.getName().getValue() +
                                            " has no matrix instruction " + name
                                      : "does not know " + name);
  }
  if (architecture < row->architecture)
    return unsupported(call, "is " + device.getName().getValue() + ", but " +
                                 name + " needs sm_" +
                                 Twine(row->architecture));
  if (row->slots[0] != InstructionRow::kEnd) {
    operands.clear();
    for (int slot : row->slots) {
      if (slot == InstructionRow::kEnd)
        break;
      operands.push_back(
          slot >= 0 ? call.getArgOperand(slot)
                    : static_cast<Value *>(ConstantInt::get(
                          Type::getInt64Ty(module.getContext()), -1 - slot)));
    }
  }
  return emitRow(uint32_t(row->op) | (row->flush ? kFlushSubnormals : 0),
                 operands);
}

Error Instrumenter::rewriteCall(CallInst &call) {
  if (auto *assembly = dyn_cast<InlineAsm>(call.getCalledOperand()))
    return rewriteInstruction(call, assembly->getAsmString());
  Function *callee = call.getCalledFunction();
  if (!callee)
    return unsupported(call, "calls no functions by pointer");
  if (!callee->isIntrinsic()) {
    if (callee->isDeclaration())
      return unsupported(call, "finds no body of @" + callee->getName());
    call.setAttributes({});
    return Error::success();
  }
  StringRef name = callee->getName();
  if (isHint(name) || isa<DbgInfoIntrinsic>(call)) {
    call.eraseFromParent();
    return Error::success();
  }
  if (Value *value = emitPlain(call, name)) {
    call.replaceAllUsesWith(value);
    call.eraseFromParent();
    return Error::success();
  }
  if (isPortable(callee->getIntrinsicID()))
    return Error::success();
  return rewriteInstruction(call, name);
}
