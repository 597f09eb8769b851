//===- RungDialect.cpp - the rung dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormatCache.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/PatternMatch.h"
#include "rung/Dialect/Rung/IR/Rung.h"

using namespace mlir;
using namespace rung;

#include "rung/Dialect/Rung/IR/RungDialect.cpp.inc"

void RungDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "rung/Dialect/Rung/IR/RungOps.cpp.inc"
      >();
  attachBuiltinFormats();
  addInterfaces<FormatCache>();
}

Operation *RungDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                            Type type, Location loc) {
  if (auto codes = dyn_cast<CodesAttr>(value))
    return ConstantOp::create(builder, loc, type, codes);
  return arith::ConstantOp::materialize(builder, value, type, loc);
}

namespace {
/// negf(parameter) is a parameter whose values change sign when it is read.
struct FoldNegation final : OpRewritePattern<arith::NegFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::NegFOp op,
                                PatternRewriter &rewriter) const override {
    auto parameter = op.getOperand().getDefiningOp<ParameterOp>();
    if (!parameter)
      return rewriter.notifyMatchFailure(op, "operand is no parameter");
    auto negated = cast<ParameterOp>(rewriter.clone(*parameter));
    negated.setNegated(!parameter.getNegated());
    rewriter.replaceOp(op, negated);
    return success();
  }
};
} // namespace

void RungDialect::getCanonicalizationPatterns(
    RewritePatternSet &patterns) const {
  patterns.add<FoldNegation>(getContext());
}
