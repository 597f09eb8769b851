//===- Evaluator.cpp - Runs a function, plainly -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Evaluator.h"
#include "Require.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/ADT/bit.h"

#include <cmath>

using namespace mlir;
using namespace rung::fuzz;

static unsigned widthOf(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isIndex() ? 64 : element.getIntOrFloatBitWidth();
}

static uint64_t cut(uint64_t bits, unsigned width) {
  return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}

static int64_t signedOf(uint64_t bits, unsigned width) {
  return width >= 64
             ? static_cast<int64_t>(bits)
             : static_cast<int64_t>(bits << (64 - width)) >> (64 - width);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

static double toDouble(uint64_t bits, Type type) {
  if (type.isF64())
    return llvm::bit_cast<double>(bits);
  if (type.isF32())
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits));
  if (type.isBF16())
    return llvm::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  require(type.isF16(), "arithmetic is in f16, bf16, f32 or f64");
  return static_cast<double>(
      llvm::bit_cast<_Float16>(static_cast<uint16_t>(bits)));
}

/// A sum whose last bit is 1 where it is inexact: rounding it once more, to
/// half its precision or less, is as rounding the exact sum.
static double sumRoundedToOdd(double a, double b) {
  double sum = a + b, part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  uint64_t bits = llvm::bit_cast<uint64_t>(sum);
  if (!std::isfinite(sum) || error == 0 || bits % 2 != 0)
    return sum;
  bool away = (error > 0) == (sum > 0);
  return llvm::bit_cast<double>(away ? bits + 1 : bits - 1);
}

/// To nearest, of ties to even.
static uint64_t fromDouble(double value, Type type) {
  if (type.isF64())
    return llvm::bit_cast<uint64_t>(value);
  if (type.isF32())
    return llvm::bit_cast<uint32_t>(static_cast<float>(value));
  if (type.isF16())
    return llvm::bit_cast<uint16_t>(static_cast<_Float16>(value));
  require(type.isBF16(), "arithmetic is in f16, bf16, f32 or f64");
  if (std::isnan(value))
    return 0x7fc0;
  // The 16 low bits of f32 are cut, but f32 first rounds to odd.
  auto single = static_cast<float>(value);
  uint32_t bits = llvm::bit_cast<uint32_t>(single);
  if (std::isfinite(value) && single != value && bits % 2 == 0)
    bits += std::fabs(static_cast<double>(single)) < std::fabs(value) ? 1 : -1;
  return ((uint64_t(bits) + 0x7fff + ((bits >> 16) & 1)) >> 16) & 0xffff;
}

static uint64_t multiplyAdd(uint64_t x, uint64_t y, uint64_t z, Type type) {
  double a = toDouble(x, type), b = toDouble(y, type), c = toDouble(z, type);
  if (type.isF64())
    return fromDouble(std::fma(a, b, c), type);
  if (type.isF32())
    return llvm::bit_cast<uint32_t>(std::fmaf(
        static_cast<float>(a), static_cast<float>(b), static_cast<float>(c)));
  return fromDouble(sumRoundedToOdd(a * b, c), type); // the product is exact
}

static bool compare(arith::CmpFPredicate predicate, double x, double y) {
  bool unordered = std::isnan(x) || std::isnan(y);
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::OEQ:
    return x == y;
  case P::OGT:
    return x > y;
  case P::OGE:
    return x >= y;
  case P::OLT:
    return x < y;
  case P::OLE:
    return x <= y;
  case P::ONE:
    return !unordered && x != y;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || x == y;
  case P::UGT:
    return unordered || x > y;
  case P::UGE:
    return unordered || x >= y;
  case P::ULT:
    return unordered || x < y;
  case P::ULE:
    return unordered || x <= y;
  case P::UNE:
    return x != y;
  case P::UNO:
    return unordered;
  case P::AlwaysTrue:
    return true;
  }
  llvm_unreachable("all predicates");
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

static bool compare(arith::CmpIPredicate predicate, uint64_t x, uint64_t y,
                    unsigned width) {
  int64_t a = signedOf(x, width), b = signedOf(y, width);
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return x == y;
  case P::ne:
    return x != y;
  case P::slt:
    return a < b;
  case P::sle:
    return a <= b;
  case P::sgt:
    return a > b;
  case P::sge:
    return a >= b;
  case P::ult:
    return x < y;
  case P::ule:
    return x <= y;
  case P::ugt:
    return x > y;
  case P::uge:
    return x >= y;
  }
  llvm_unreachable("all predicates");
}

/// One element of an operation that works element by element.
static uint64_t evaluateElement(Operation *op, ArrayRef<uint64_t> x) {
  Type from = op->getNumOperands()
                  ? getElementTypeOrSelf(op->getOperand(0).getType())
                  : Type();
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  unsigned width = widthOf(from);
  auto shiftOf = [&] {
    require(x[1] < width, "a shift is by less than the width");
    return x[1];
  };
  auto integer = [&](unsigned i) { return signedOf(x[i], width); };
  auto number = [&](unsigned i) { return toDouble(x[i], from); };
  return llvm::TypeSwitch<Operation *, uint64_t>(op)
      .Case([&](arith::AddIOp) { return x[0] + x[1]; })
      .Case([&](arith::SubIOp) { return x[0] - x[1]; })
      .Case([&](arith::MulIOp) { return x[0] * x[1]; })
      .Case([&](arith::AndIOp) { return x[0] & x[1]; })
      .Case([&](arith::OrIOp) { return x[0] | x[1]; })
      .Case([&](arith::XOrIOp) { return x[0] ^ x[1]; })
      .Case([&](arith::ShLIOp) { return x[0] << shiftOf(); })
      .Case([&](arith::ShRUIOp) { return x[0] >> shiftOf(); })
      .Case([&](arith::ShRSIOp) {
        return static_cast<uint64_t>(integer(0) >> shiftOf());
      })
      .Case(
          [&](arith::MaxSIOp) { return integer(0) < integer(1) ? x[1] : x[0]; })
      .Case(
          [&](arith::MinSIOp) { return integer(0) < integer(1) ? x[0] : x[1]; })
      .Case([&](arith::MaxUIOp) { return std::max(x[0], x[1]); })
      .Case([&](arith::MinUIOp) { return std::min(x[0], x[1]); })
      .Case([&](arith::ExtSIOp) { return static_cast<uint64_t>(integer(0)); })
      .Case<arith::ExtUIOp, arith::TruncIOp, arith::IndexCastUIOp,
            arith::BitcastOp>([&](auto) { return x[0]; })
      .Case([&](arith::CmpIOp cmp) {
        return uint64_t(compare(cmp.getPredicate(), x[0], x[1], width));
      })
      .Case([&](arith::CmpFOp cmp) {
        return uint64_t(compare(cmp.getPredicate(), number(0), number(1)));
      })
      .Case([&](arith::SelectOp) { return x[0] ? x[1] : x[2]; })
      .Case([&](arith::AddFOp) {
        bool once = to.isF64() || to.isF32();
        return fromDouble(once ? number(0) + number(1)
                               : sumRoundedToOdd(number(0), number(1)),
                          to);
      })
      .Case(
          [&](arith::MulFOp) { return fromDouble(number(0) * number(1), to); })
      .Case([&](LLVM::FMAOp) { return multiplyAdd(x[0], x[1], x[2], to); })
      .Case<arith::ExtFOp, arith::TruncFOp>(
          [&](auto) { return fromDouble(number(0), to); })
      .Case([&](arith::SIToFPOp) {
        return fromDouble(static_cast<double>(integer(0)), to);
      })
      .Case([&](arith::UIToFPOp) {
        return fromDouble(static_cast<double>(x[0]), to);
      })
      .Case<arith::FPToSIOp, arith::FPToUIOp>([&](auto) {
        double value = number(0);
        require(std::fabs(value) < 0x1p53, "a float fits the integer");
        return static_cast<uint64_t>(static_cast<int64_t>(value));
      })
      .Default([&](Operation *other) -> uint64_t {
        require(false,
                "the evaluator knows " + other->getName().getStringRef().str());
        return 0;
      });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static uint64_t bitsOf(Attribute attribute) {
  if (auto floating = dyn_cast<FloatAttr>(attribute))
    return floating.getValue().bitcastToAPInt().getZExtValue();
  return cast<IntegerAttr>(attribute).getValue().getZExtValue();
}

static Bits constantBits(arith::ConstantOp op) {
  if (auto elements = dyn_cast<DenseElementsAttr>(op.getValue()))
    return llvm::map_to_vector<1>(elements.getValues<Attribute>(), bitsOf);
  return {bitsOf(op.getValue())};
}

/// The elements' bits, the first lowest, cut anew.
static Bits recut(ArrayRef<uint64_t> elements, unsigned from, unsigned to) {
  Bits result(elements.size() * from / to, 0);
  for (size_t bit = 0, e = elements.size() * from; bit != e; ++bit)
    result[bit / to] |= ((elements[bit / from] >> (bit % from)) & 1)
                        << (bit % to);
  return result;
}

static Bits evaluateOp(Operation *op, ArrayRef<Bits> operands) {
  Type type = op->getResult(0).getType();
  auto vectorType = dyn_cast<VectorType>(type);
  int64_t count = vectorType ? vectorType.getNumElements() : 1;
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    return constantBits(constant);
  if (auto call = dyn_cast<func::CallOp>(op))
    return evaluate(SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
                        call, call.getCalleeAttr()),
                    operands);
  if (auto extract = dyn_cast<vector::ExtractOp>(op)) {
    require(count == 1, "an element is extracted");
    uint64_t at = operands.size() == 2
                      ? operands[1][0]
                      : static_cast<uint64_t>(extract.getStaticPosition()[0]);
    require(at < operands[0].size(), "the element is there");
    return {operands[0][at]};
  }
  if (isa<vector::FromElementsOp>(op)) {
    Bits result;
    for (const Bits &operand : operands)
      result.push_back(operand[0]);
    return result;
  }
  if (isa<vector::BroadcastOp>(op)) {
    require(operands[0].size() == 1, "a scalar is broadcast");
    return Bits(count, operands[0][0]);
  }
  if (isa<vector::BitCastOp>(op))
    return recut(operands[0], widthOf(op->getOperand(0).getType()),
                 widthOf(type));
  Bits result;
  for (int64_t i = 0; i != count; ++i) {
    // A scalar condition chooses a whole vector.
    auto element = [&](const Bits &x) { return x.size() == 1 ? x[0] : x[i]; };
    result.push_back(
        cut(evaluateElement(op, llvm::map_to_vector(operands, element)),
            widthOf(type)));
  }
  return result;
}

Bits rung::fuzz::evaluate(func::FuncOp function, ArrayRef<Bits> arguments) {
  Block &body = function.getBody().front();
  llvm::DenseMap<Value, Bits> values;
  for (auto [argument, bits] : llvm::zip_equal(body.getArguments(), arguments))
    values[argument] = bits;
  for (Operation &op : body.without_terminator()) {
    SmallVector<Bits> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    values[op.getResult(0)] = evaluateOp(&op, operands);
  }
  return values.lookup(body.getTerminator()->getOperand(0));
}
