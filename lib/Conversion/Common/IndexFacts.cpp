//===- IndexFacts.cpp - what is known of an index -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IndexFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/Matchers.h"

#include <numeric>

using namespace mlir;
using namespace rung;

namespace {

/// The range of a loop's induction variable.
struct LoopRange {
  Value lower, upper, step;
};

std::optional<LoopRange> loopOf(Value index) {
  auto argument = dyn_cast<BlockArgument>(index);
  if (!argument)
    return std::nullopt;
  Operation *parent = argument.getOwner()->getParentOp();
  if (auto loop = dyn_cast<scf::ForOp>(parent))
    if (loop.getInductionVar() == index)
      return LoopRange{loop.getLowerBound(), loop.getUpperBound(),
                       loop.getStep()};
  if (auto loop = dyn_cast<scf::ParallelOp>(parent)) {
    unsigned i = argument.getArgNumber();
    return LoopRange{loop.getLowerBound()[i], loop.getUpperBound()[i],
                     loop.getStep()[i]};
  }
  return std::nullopt;
}

std::optional<int64_t> constantOf(Value value) {
  llvm::APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

/// Deep enough for nested tiles, and bounded.
constexpr int maxDepth = 8;

std::optional<int64_t> maximum(Value index, int depth);

int64_t divisor(Value index, int depth) {
  if (std::optional<int64_t> constant = constantOf(index))
    return std::abs(*constant);
  if (maximum(index, depth) == 0) // of a loop that runs once
    return 0;
  if (depth == 0)
    return 1;
  if (std::optional<LoopRange> loop = loopOf(index))
    return std::gcd(divisor(loop->lower, depth - 1),
                    divisor(loop->step, depth - 1));
  Operation *op = index.getDefiningOp();
  if (!op)
    return 1;
  if (isa<arith::MulIOp>(op)) {
    int64_t product = 0;
    if (llvm::MulOverflow(divisor(op->getOperand(0), depth - 1),
                          divisor(op->getOperand(1), depth - 1), product))
      return 1;
    return product;
  }
  if (isa<arith::AddIOp, arith::SubIOp, arith::MinUIOp, arith::MinSIOp,
          arith::MaxUIOp, arith::MaxSIOp>(op))
    return std::gcd(divisor(op->getOperand(0), depth - 1),
                    divisor(op->getOperand(1), depth - 1));
  if (auto select = dyn_cast<arith::SelectOp>(op))
    return std::gcd(divisor(select.getTrueValue(), depth - 1),
                    divisor(select.getFalseValue(), depth - 1));
  return 1;
}

std::optional<int64_t> maximum(Value index, int depth) {
  if (std::optional<int64_t> constant = constantOf(index))
    return constant;
  if (depth == 0)
    return std::nullopt;
  if (std::optional<LoopRange> loop = loopOf(index)) {
    std::optional<int64_t> upper = maximum(loop->upper, depth - 1);
    if (!upper)
      return std::nullopt;
    int64_t last = std::max<int64_t>(*upper - 1, 0);
    int64_t step = divisor(index, depth - 1);
    return step > 1 ? last / step * step : last;
  }
  Operation *op = index.getDefiningOp();
  if (!op || op->getNumOperands() != 2)
    return std::nullopt;
  std::optional<int64_t> a = maximum(op->getOperand(0), depth - 1),
                         b = maximum(op->getOperand(1), depth - 1);
  if (isa<arith::MinUIOp, arith::MinSIOp>(op))
    return a && b ? std::min(*a, *b) : (a ? a : b);
  int64_t result = 0;
  if (!a || !b)
    return std::nullopt;
  if (isa<arith::MulIOp>(op) && !llvm::MulOverflow(*a, *b, result))
    return result;
  if (isa<arith::AddIOp>(op) && !llvm::AddOverflow(*a, *b, result))
    return result;
  return std::nullopt;
}

} // namespace

int64_t rung::knownDivisor(Value index) { return divisor(index, maxDepth); }

std::optional<int64_t> rung::knownMaximum(Value index) {
  return maximum(index, maxDepth);
}

bool rung::isKnownBelow(Value index, int64_t offset, Value bound) {
  if (std::optional<int64_t> limit = constantOf(bound))
    if (std::optional<int64_t> most = knownMaximum(index))
      return *most + offset < *limit;
  std::optional<LoopRange> loop = loopOf(index);
  return offset == 0 && loop && loop->upper == bound;
}
