//===- DecodeProof.cpp - a function evaluated on every code -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeProof.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace rung;

static llvm::APInt rawBits(Attribute attribute) {
  if (auto floating = dyn_cast<FloatAttr>(attribute))
    return floating.getValue().bitcastToAPInt();
  return cast<IntegerAttr>(attribute).getValue();
}

namespace {

/// Values of one run by folding.
class Evaluator {
public:
  /// The constant that `value` is, computed on demand; null if an operation on
  /// the way has no constant result, which `stuck` then is.
  Attribute evaluate(Value value) {
    if (Attribute known = values.lookup(value))
      return known;
    auto result = dyn_cast<OpResult>(value);
    if (!result)
      return {};
    Attribute attribute = evaluateResult(result);
    if (!attribute && !stuck)
      stuck = result.getOwner();
    values[value] = attribute;
    return attribute;
  }
  /// One element of a vector, without the others if they are apart.
  Attribute evaluateElement(Value vector, unsigned position) {
    if (auto elements = vector.getDefiningOp<vector::FromElementsOp>())
      return evaluate(elements.getElements()[position]);
    auto elements = dyn_cast_or_null<DenseElementsAttr>(evaluate(vector));
    return elements ? elements.getValues<Attribute>()[position] : Attribute();
  }
  void set(Value value, Attribute attribute) { values[value] = attribute; }

  Operation *stuck = nullptr;

private:
  Attribute evaluateResult(OpResult result) {
    Operation *op = result.getOwner();
    Attribute constant;
    if (matchPattern(op, m_Constant(&constant)))
      return constant;
    SmallVector<Attribute> operands;
    for (Value operand : op->getOperands()) {
      operands.push_back(evaluate(operand));
      if (!operands.back())
        return {};
    }
    if (auto call = dyn_cast<func::CallOp>(op))
      return evaluateCall(call, operands);
    if (auto extract = dyn_cast<vector::ExtractOp>(op))
      return element(extract, operands);
    if (auto elements = dyn_cast<vector::FromElementsOp>(op))
      return DenseElementsAttr::get(elements.getDest().getType(), operands);
    if (auto broadcast = dyn_cast<vector::BroadcastOp>(op))
      return DenseElementsAttr::get(broadcast.getResultVectorType(),
                                    operands[0]);
    if (auto cast = dyn_cast<vector::BitCastOp>(op))
      return bitcast(cast.getResultVectorType(), operands[0]);
    if (isa<LLVM::FMAOp>(op))
      return multiplyAdd(operands);
    if (Attribute nan = convertNaN(op, operands))
      return nan;
    // A folder may change the operation in place, to one that says the same.
    constexpr int tries = 4;
    SmallVector<OpFoldResult> folded;
    for (int i = 0; i != tries && folded.empty(); ++i)
      if (failed(op->fold(operands, folded)))
        return {};
    if (folded.empty())
      return {};
    OpFoldResult entry = folded[result.getResultNumber()];
    if (auto attribute = dyn_cast<Attribute>(entry))
      return attribute;
    return evaluate(cast<Value>(entry));
  }

  /// NaN stays NaN in another width; upstream folds no signaling one. Null for
  /// other operations and operands.
  static Attribute convertNaN(Operation *op, ArrayRef<Attribute> operands) {
    if (!isa<arith::ExtFOp, arith::TruncFOp>(op))
      return {};
    auto operand = dyn_cast<FloatAttr>(operands[0]);
    auto type = dyn_cast<mlir::FloatType>(op->getResult(0).getType());
    if (!operand || !type || !operand.getValue().isNaN())
      return {};
    llvm::APFloat value = operand.getValue();
    bool losesInfo;
    value.convert(type.getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven,
                  &losesInfo);
    return FloatAttr::get(type, value);
  }

  Attribute evaluateCall(func::CallOp call, ArrayRef<Attribute> operands) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        call, call.getCalleeAttr());
    if (!callee || callee.isExternal() || call.getNumResults() != 1)
      return {};
    Block &body = callee.getBody().front();
    Evaluator inner;
    for (auto [argument, operand] : llvm::zip(body.getArguments(), operands))
      inner.set(argument, operand);
    return inner.evaluate(body.getTerminator()->getOperand(0));
  }

  /// One element, at a constant position or at an operand.
  static Attribute element(vector::ExtractOp op, ArrayRef<Attribute> operands) {
    auto elements = dyn_cast<DenseElementsAttr>(operands[0]);
    if (!elements || op.getMixedPosition().size() != 1 ||
        op.getSourceVectorType().getRank() != 1)
      return {};
    Attribute position = operands.size() == 2
                             ? operands[1]
                             : cast<Attribute>(op.getMixedPosition()[0]);
    uint64_t index = cast<IntegerAttr>(position).getValue().getZExtValue();
    if (index >= static_cast<uint64_t>(elements.getNumElements()))
      return {};
    return elements.getValues<Attribute>()[index];
  }

  /// The bits of all elements, the first lowest, cut anew.
  static Attribute bitcast(VectorType type, Attribute operand) {
    auto elements = dyn_cast<DenseElementsAttr>(operand);
    if (!elements)
      return {};
    unsigned width = elements.getElementType().getIntOrFloatBitWidth();
    llvm::APInt bits(width * elements.getNumElements(), 0);
    for (auto [index, element] :
         llvm::enumerate(elements.getValues<Attribute>()))
      bits.insertBits(rawBits(element), static_cast<unsigned>(index) * width);
    Type element = type.getElementType();
    width = element.getIntOrFloatBitWidth();
    SmallVector<Attribute> cut;
    for (unsigned at = 0; at != bits.getBitWidth(); at += width) {
      llvm::APInt part = bits.extractBits(width, at);
      if (auto floating = dyn_cast<mlir::FloatType>(element))
        cut.push_back(FloatAttr::get(
            element, llvm::APFloat(floating.getFloatSemantics(), part)));
      else
        cut.push_back(IntegerAttr::get(element, part));
    }
    return DenseElementsAttr::get(type, cut);
  }

  /// Rounded once. Element by element.
  static Attribute multiplyAdd(ArrayRef<Attribute> operands) {
    if (auto x = dyn_cast<FloatAttr>(operands[0])) {
      llvm::APFloat result = x.getValue();
      result.fusedMultiplyAdd(cast<FloatAttr>(operands[1]).getValue(),
                              cast<FloatAttr>(operands[2]).getValue(),
                              llvm::APFloat::rmNearestTiesToEven);
      return FloatAttr::get(x.getType(), result);
    }
    auto x = cast<DenseElementsAttr>(operands[0]);
    SmallVector<Attribute> results;
    for (int64_t i = 0; i != x.getNumElements(); ++i) {
      SmallVector<Attribute, 3> scalars;
      for (Attribute operand : operands)
        scalars.push_back(
            cast<DenseElementsAttr>(operand).getValues<Attribute>()[i]);
      results.push_back(multiplyAdd(scalars));
    }
    return DenseElementsAttr::get(x.getType(), results);
  }

  llvm::DenseMap<Value, Attribute> values;
};

} // namespace

llvm::Expected<uint64_t> tile::proveDecode(const DecodeProgram &program,
                                           const NumberFormat &from,
                                           const NumberFormat &to) {
  const BitOrder &order = program.order;
  auto decode = program.module.get().lookupSymbol<func::FuncOp>("decode");
  Block &body = decode.getBody().front();
  Value results = body.getTerminator()->getOperand(0);
  auto vectorType = cast<VectorType>(body.getArgument(0).getType());
  uint64_t proved = 0;
  for (uint64_t code = 0; code != from.numCodes(); ++code) {
    if (!from.isValid(code))
      continue;
    double value = from.valueAsDouble(code);
    for (unsigned position = 0; position != order.codes(); ++position) {
      double factor = program.factors[position];
      bool isScaled = factor != 1 || program.offset != 0;
      // The result that the consumer makes the value of: a power of two and a
      // sum of a few bits, thus exact.
      std::optional<uint64_t> expected =
          isScaled ? to.findCode(program.offset == 0
                                     ? value / factor // keeps the sign of -0
                                     : (value + program.offset) / factor)
                   : to.encode(*from.value(code));
      for (uint64_t others : {uint64_t(0), from.numCodes() - 1}) {
        SmallVector<uint64_t> codes(order.codes(), others);
        codes[position] = code;
        SmallVector<uint32_t> words = order.pack(codes);
        Evaluator evaluator;
        evaluator.set(
            body.getArgument(0),
            DenseElementsAttr::get(vectorType, ArrayRef<uint32_t>(words)));
        Attribute result = evaluator.evaluateElement(results, position);
        if (!result)
          return llvm::createStringError(
              "the sequence is not proved: " +
              (evaluator.stuck ? evaluator.stuck->getName().getStringRef().str()
                               : std::string("an argument")) +
              " does not fold");
        uint64_t found = rawBits(result).getZExtValue();
        bool same = std::isnan(value) ? std::isnan(to.valueAsDouble(found))
                                      : expected && found == *expected;
        if (!same)
          return llvm::createStringError(
              llvm::formatv("the sequence is wrong: code {0} in position {1} "
                            "became the bits {2:x}, not {3:x}",
                            code, position, found, expected.value_or(0))
                  .str());
      }
    }
    ++proved;
  }
  return proved;
}
