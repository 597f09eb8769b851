//===- FuseDequantizeFormula.cpp - elements as formulas -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeFormula.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace rung;

const Formula *FormulaReader::make(Formula formula) {
  constexpr size_t kLimit = 200;
  for (const Formula &known : formulas)
    if (known == formula)
      return &known;
  if (formulas.size() == kLimit)
    return nullptr;
  return &formulas.emplace_back(std::move(formula));
}

const Formula *FormulaReader::read(const View &view) {
  for (const auto &[known, formula] : seen)
    if (known.value == view.value && known.dims == view.dims)
      return formula;
  const Formula *formula = readAnew(view);
  seen.push_back({view, formula});
  return formula;
}

const Formula *FormulaReader::readAnew(const View &view) {
  Type type = view.getElementType();
  if (view.value == sum) {
    if (!sumDims)
      sumDims = view.dims;
    return *sumDims == view.dims ? make({Formula::Sum, type}) : nullptr;
  }
  Operation *op = view.value.getDefiningOp();
  if (!op || !region.contains(op)) {
    if (std::optional<double> value = splatConstant(view.value))
      return make({Formula::Constant, type, nullptr, nullptr, *value});
    return make({Formula::Element, type, nullptr, nullptr, 0, view});
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return readLinalg(linalgOp, view);
  if (auto convert = dyn_cast<ConvertOp>(op)) {
    const Formula *operand = read({convert.getInput(), view.dims, view.trail});
    if (!operand)
      return nullptr;
    if (!convert.getRounding())
      return make({Formula::Widen, type, operand});
    if (*convert.getRounding() != RoundingMode::NearestEven)
      return nullptr;
    return make({Formula::Round, type, operand, nullptr,
                 double(convert.getSaturate())});
  }
  FailureOr<View> source = stepToProducer(view);
  return succeeded(source) ? read(*source) : nullptr;
}

const Formula *FormulaReader::readLinalg(linalg::LinalgOp op,
                                         const View &view) {
  Scalars known;
  SmallVector<int64_t> loops = loopIndices(op, view.dims);
  return readScalar(op.getBlock()->getTerminator()->getOperand(0), op, loops,
                    known);
}

const Formula *FormulaReader::readScalar(Value value, linalg::LinalgOp op,
                                         ArrayRef<int64_t> loops,
                                         Scalars &known) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  const Formula *formula = nullptr;
  if (std::optional<double> constant = splatConstant(value)) {
    formula =
        make({Formula::Constant, value.getType(), nullptr, nullptr, *constant});
  } else if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() == op.getBlock()) {
      OpOperand *operand = op.getMatchingOpOperand(argument);
      FailureOr<View> view = viewOperand(op, operand, loops);
      if (succeeded(view))
        formula = read(*view);
      else if (std::optional<double> scalar = splatConstant(operand->get()))
        formula = make(
            {Formula::Constant, value.getType(), nullptr, nullptr, *scalar});
    }
  } else if (auto select = value.getDefiningOp<arith::SelectOp>()) {
    formula = readSelect(select, op, loops, known);
  } else if (Operation *inner = value.getDefiningOp();
             inner->getBlock() == op.getBlock()) {
    SmallVector<const Formula *> operands;
    for (Value operand : inner->getOperands()) {
      const Formula *read = readScalar(operand, op, loops, known);
      if (!read)
        return nullptr;
      operands.push_back(read);
    }
    formula = readOperation(inner, operands);
  }
  known[value] = formula;
  return formula;
}

const Formula *FormulaReader::relu(const Formula *operand) {
  // max(round(x), 0) is round(max(x, 0)).
  if (operand->kind != Formula::Round || operand->value != 0)
    return make({Formula::Relu, operand->type, operand});
  const Formula *inner = relu(operand->left);
  return inner ? make({Formula::Round, operand->type, inner}) : nullptr;
}

const Formula *FormulaReader::readSelect(arith::SelectOp select,
                                         linalg::LinalgOp op,
                                         ArrayRef<int64_t> loops,
                                         Scalars &known) {
  Operation *compare = select.getCondition().getDefiningOp();
  if (!isa_and_present<arith::CmpFOp, arith::CmpIOp>(compare))
    return nullptr;
  const Formula *then = readScalar(select.getTrueValue(), op, loops, known),
                *otherwise =
                    readScalar(select.getFalseValue(), op, loops, known),
                *left = readScalar(compare->getOperand(0), op, loops, known),
                *right = readScalar(compare->getOperand(1), op, loops, known);
  if (!then || !otherwise || !left || !right)
    return nullptr;
  bool isGreater, isLess;
  if (auto integers = dyn_cast<arith::CmpIOp>(compare)) {
    arith::CmpIPredicate predicate = integers.getPredicate();
    isGreater = predicate == arith::CmpIPredicate::sgt ||
                predicate == arith::CmpIPredicate::sge;
    isLess = predicate == arith::CmpIPredicate::slt ||
             predicate == arith::CmpIPredicate::sle;
  } else {
    arith::CmpFPredicate predicate =
        cast<arith::CmpFOp>(compare).getPredicate();
    isGreater = predicate == arith::CmpFPredicate::OGT ||
                predicate == arith::CmpFPredicate::OGE ||
                predicate == arith::CmpFPredicate::UGT ||
                predicate == arith::CmpFPredicate::UGE;
    isLess = predicate == arith::CmpFPredicate::OLT ||
             predicate == arith::CmpFPredicate::OLE ||
             predicate == arith::CmpFPredicate::ULT ||
             predicate == arith::CmpFPredicate::ULE;
  }
  // x > 0 ? x : 0, 0 < x ? x : 0, x < 0 ? 0 : x, 0 > x ? 0 : x.
  if (isLess) {
    std::swap(left, right);
    std::swap(isGreater, isLess);
  }
  if (!isGreater)
    return nullptr;
  if (isConstant(right, 0) && then == left && isConstant(otherwise, 0))
    return relu(left);
  if (isConstant(left, 0) && isConstant(then, 0) && otherwise == right)
    return relu(right);
  return nullptr;
}

const Formula *FormulaReader::readConversion(Type from, Type to,
                                             const Formula *operand) {
  if (isLosslessTrail({to, from}))
    return make({Formula::Widen, to, operand});
  return make({Formula::Round, to, operand});
}

const Formula *
FormulaReader::readOperation(Operation *op,
                             ArrayRef<const Formula *> operands) {
  Type type = op->getResult(0).getType();
  auto unary = [&](Formula::Kind kind) {
    return make({kind, type, operands[0]});
  };
  auto binary = [&](Formula::Kind kind) {
    return make({kind, type, operands[0], operands[1]});
  };
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return binary(Formula::Add);
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return isConstant(operands[0], 0)
               ? make({Formula::Negate, type, operands[1]})
               : binary(Formula::Subtract);
  if (isa<arith::MulFOp>(op))
    return binary(Formula::Multiply);
  if (isa<arith::DivFOp>(op))
    return binary(Formula::Divide);
  if (isa<arith::NegFOp>(op))
    return unary(Formula::Negate);
  if (isa<math::ExpOp>(op))
    return unary(Formula::Exp);
  if (isa<math::ErfOp>(op))
    return unary(Formula::Erf);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op)) {
    if (isConstant(operands[1], 0))
      return relu(operands[0]);
    return isConstant(operands[0], 0) ? relu(operands[1]) : nullptr;
  }
  if (isa<arith::ExtFOp, arith::ExtSIOp>(op))
    return unary(Formula::Widen);
  // The sum of integer products is as exact as the epilogue's type allows.
  if (isa<arith::SIToFPOp>(op))
    return type.isF32() || type.isF64()
               ? unary(Formula::Widen)
               : readConversion(op->getOperand(0).getType(), type, operands[0]);
  if (auto truncate = dyn_cast<arith::TruncFOp>(op);
      truncate &&
      (!truncate.getRoundingmode() ||
       *truncate.getRoundingmode() == arith::RoundingMode::to_nearest_even))
    return readConversion(op->getOperand(0).getType(), type, operands[0]);
  return nullptr;
}
