//===- FloatLegalization.cpp - bf16 and f16 on x86-64 -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// x86-64 with F16C computes in f32 and converts f16 to f32 and back. bf16 and
// conversions from f64 would call a library that a kernel does not have, and a
// fused multiply-add in f32 would be rounded twice.
//
// Rounding to odd keeps what a later rounding to nearest depends on: a value
// that is not exact gets a last bit of one. With two or more bits to spare the
// second rounding is then that of the exact value.
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

using namespace llvm;
using namespace rung::sim;

namespace {

class Legalizer {
public:
  explicit Legalizer(Instruction &instruction)
      : instruction(instruction), builder(&instruction) {}

  /// The value to take in place of the instruction, or null.
  Value *run();

private:
  Type *withScalar(Type *like, Type *scalar) {
    if (auto *vector = dyn_cast<VectorType>(like))
      return VectorType::get(scalar, vector->getElementCount());
    return scalar;
  }
  Type *floats(Type *like) { return withScalar(like, builder.getFloatTy()); }
  Type *doubles(Type *like) { return withScalar(like, builder.getDoubleTy()); }
  Type *integers(Type *like, unsigned bits) {
    return withScalar(like, builder.getIntNTy(bits));
  }
  static bool isBF16(Type *type) { return type->getScalarType()->isBFloatTy(); }
  static bool isF16(Type *type) { return type->getScalarType()->isHalfTy(); }

  Value *widen(Value *value);            ///< bf16 to f32
  Value *narrow(Value *value, Type *to); ///< f32 to bf16
  Value *toOdd(Value *value, Value *rest);
  Value *doubleToOddFloat(Value *value);
  Value *fromDouble(Value *value, Type *to); ///< to f16 or bf16
  Value *fuse(Value *a, Value *b, Value *c, Type *type);
  Value *runCast(CastInst &cast);
  Value *runIntrinsic(IntrinsicInst &call);
  Value *runArithmetic(Instruction &op);

  Instruction &instruction;
  IRBuilder<> builder;
};

} // namespace

Value *Legalizer::widen(Value *value) {
  Type *type = value->getType();
  Value *code = builder.CreateBitCast(value, integers(type, 16));
  Value *bits =
      builder.CreateShl(builder.CreateZExt(code, integers(type, 32)), 16);
  return builder.CreateBitCast(bits, floats(type));
}

Value *Legalizer::narrow(Value *value, Type *to) {
  Type *word = integers(to, 32);
  Value *bits = builder.CreateBitCast(value, word);
  Value *high = builder.CreateLShr(bits, 16);
  Value *odd = builder.CreateAnd(high, ConstantInt::get(word, 1));
  Value *rounded = builder.CreateLShr(
      builder.CreateAdd(bits,
                        builder.CreateAdd(odd, ConstantInt::get(word, 0x7fff))),
      16);
  Value *code = builder.CreateSelect(builder.CreateFCmpUNO(value, value),
                                     ConstantInt::get(word, 0x7fff), rounded);
  return builder.CreateBitCast(builder.CreateTrunc(code, integers(to, 16)), to);
}

/// value + rest, rounded to odd, where `value` is that sum rounded to nearest.
Value *Legalizer::toOdd(Value *value, Value *rest) {
  Type *type = value->getType();
  Type *word = integers(type, type->getScalarSizeInBits());
  Value *zero = Constant::getNullValue(type);
  Value *bits = builder.CreateBitCast(value, word);
  Value *even =
      builder.CreateICmpEQ(builder.CreateAnd(bits, ConstantInt::get(word, 1)),
                           ConstantInt::get(word, 0));
  // Ordered: of an infinity the rest is NaN.
  Value *inexact = builder.CreateFCmpONE(rest, zero);
  // The sign bit: what became zero has the sign of its rest.
  Value *outward = builder.CreateICmpEQ(
      builder.CreateFCmpOLT(rest, zero),
      builder.CreateICmpSLT(bits, Constant::getNullValue(word)));
  Value *step = builder.CreateSelect(outward, ConstantInt::get(word, 1),
                                     Constant::getAllOnesValue(word));
  Value *moved = builder.CreateAdd(bits, step);
  return builder.CreateBitCast(
      builder.CreateSelect(builder.CreateAnd(inexact, even), moved, bits),
      type);
}

Value *Legalizer::doubleToOddFloat(Value *value) {
  // The nearest f32 and what it lacks; beyond f32's range the rest is infinite.
  Value *nearest = builder.CreateFPTrunc(value, floats(value->getType()));
  Value *rest =
      builder.CreateFSub(value, builder.CreateFPExt(nearest, value->getType()));
  // Only its sign is needed, which f32 may be too coarse for.
  Value *zero = Constant::getNullValue(value->getType());
  Type *type = nearest->getType();
  Value *sign = builder.CreateSelect(
      builder.CreateFCmpONE(rest, zero),
      builder.CreateSelect(builder.CreateFCmpOGT(rest, zero),
                           ConstantFP::get(type, 1), ConstantFP::get(type, -1)),
      ConstantFP::get(type, 0));
  return toOdd(nearest, sign);
}

Value *Legalizer::fromDouble(Value *value, Type *to) {
  Value *odd = doubleToOddFloat(value);
  return isBF16(to) ? narrow(odd, to) : builder.CreateFPTrunc(odd, to);
}

/// a · b + c: the product is exact in a wider format, the sum is rounded to odd
/// in it.
Value *Legalizer::fuse(Value *a, Value *b, Value *c, Type *type) {
  Type *wide = isBF16(type) ? doubles(type) : floats(type);
  auto extend = [&](Value *value) {
    return builder.CreateFPExt(isBF16(type) ? widen(value) : value, wide);
  };
  Value *product = builder.CreateFMul(extend(a), extend(b));
  Value *addend = extend(c);
  Value *sum = builder.CreateFAdd(product, addend);
  Value *part = builder.CreateFSub(sum, product);
  Value *rest = builder.CreateFAdd(
      builder.CreateFSub(product, builder.CreateFSub(sum, part)),
      builder.CreateFSub(addend, part));
  Value *odd = toOdd(sum, rest);
  return isBF16(type) ? fromDouble(odd, type)
                      : builder.CreateFPTrunc(odd, type);
}

Value *Legalizer::runCast(CastInst &cast) {
  Value *from = cast.getOperand(0);
  Type *to = cast.getType();
  bool fromDoubleType = from->getType()->getScalarType()->isDoubleTy();
  switch (cast.getOpcode()) {
  case Instruction::FPTrunc:
    if (fromDoubleType && (isF16(to) || isBF16(to)))
      return fromDouble(from, to);
    return isBF16(to) ? narrow(from, to) : nullptr;
  case Instruction::FPExt:
    if (!isBF16(from->getType()))
      return nullptr;
    return to->getScalarType()->isFloatTy()
               ? widen(from)
               : builder.CreateFPExt(widen(from), to);
  case Instruction::SIToFP:
  case Instruction::UIToFP:
    if (!isF16(to) && !isBF16(to))
      return nullptr;
    return fromDouble(builder.CreateCast(cast.getOpcode(), from, doubles(to)),
                      to);
  case Instruction::FPToSI:
  case Instruction::FPToUI:
    if (!isBF16(from->getType()))
      return nullptr;
    return builder.CreateCast(cast.getOpcode(), widen(from), to);
  default:
    return nullptr;
  }
}

Value *Legalizer::runIntrinsic(IntrinsicInst &call) {
  Type *type = call.getType();
  Intrinsic::ID id = call.getIntrinsicID();
  if ((id == Intrinsic::fma || id == Intrinsic::fmuladd) &&
      (isF16(type) || isBF16(type)))
    return fuse(call.getArgOperand(0), call.getArgOperand(1),
                call.getArgOperand(2), type);
  if (!isBF16(type))
    return nullptr;
  switch (id) {
  case Intrinsic::ceil:
  case Intrinsic::copysign:
  case Intrinsic::fabs:
  case Intrinsic::floor:
  case Intrinsic::maximum:
  case Intrinsic::maximumnum:
  case Intrinsic::maxnum:
  case Intrinsic::minimum:
  case Intrinsic::minimumnum:
  case Intrinsic::minnum:
  case Intrinsic::nearbyint:
  case Intrinsic::rint:
  case Intrinsic::roundeven:
  case Intrinsic::sqrt:
  case Intrinsic::trunc: {
    SmallVector<Value *> operands;
    for (Value *operand : call.args())
      operands.push_back(widen(operand));
    return narrow(builder.CreateIntrinsic(id, {floats(type)}, operands), type);
  }
  default:
    return nullptr;
  }
}

Value *Legalizer::runArithmetic(Instruction &op) {
  if (auto *compare = dyn_cast<FCmpInst>(&op)) {
    if (!isBF16(compare->getOperand(0)->getType()))
      return nullptr;
    return builder.CreateFCmp(compare->getPredicate(),
                              widen(compare->getOperand(0)),
                              widen(compare->getOperand(1)));
  }
  Type *type = op.getType();
  if (!isBF16(type))
    return nullptr;
  auto opcode = Instruction::BinaryOps(op.getOpcode());
  switch (op.getOpcode()) {
  case Instruction::FNeg: {
    Type *code = integers(type, 16);
    return builder.CreateBitCast(
        builder.CreateXor(builder.CreateBitCast(op.getOperand(0), code),
                          ConstantInt::get(code, 0x8000)),
        type);
  }
  // Sums of bf16 are exact in f32, or rounded where it does not matter.
  case Instruction::FAdd:
  case Instruction::FSub:
    return narrow(builder.CreateBinOp(opcode, widen(op.getOperand(0)),
                                      widen(op.getOperand(1))),
                  type);
  // Products and quotients may be subnormal in f32.
  case Instruction::FMul:
  case Instruction::FDiv: {
    auto extend = [&](Value *value) {
      return builder.CreateFPExt(widen(value), doubles(type));
    };
    return fromDouble(builder.CreateBinOp(opcode, extend(op.getOperand(0)),
                                          extend(op.getOperand(1))),
                      type);
  }
  default:
    return nullptr;
  }
}

Value *Legalizer::run() {
  if (auto *cast = dyn_cast<CastInst>(&instruction))
    return runCast(*cast);
  if (auto *call = dyn_cast<IntrinsicInst>(&instruction))
    return runIntrinsic(*call);
  return runArithmetic(instruction);
}

void rung::sim::legalizeFloats(Module &module) {
  SmallVector<Instruction *> all;
  for (Function &function : module)
    for (BasicBlock &block : function)
      for (Instruction &instruction : block)
        all.push_back(&instruction);
  for (Instruction *instruction : all)
    if (Value *value = Legalizer(*instruction).run()) {
      instruction->replaceAllUsesWith(value);
      instruction->eraseFromParent();
    }
}
