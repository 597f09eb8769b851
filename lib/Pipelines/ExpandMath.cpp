//===- ExpandMath.cpp - Math functions as plain arithmetic ----------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// All patterns work on scalars and vectors alike and emit no branch, so that
// LLVM vectorises a loop around them.
//
//===----------------------------------------------------------------------===//
#include "ExpandMathF64.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGEXPANDMATH
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// Builds arithmetic on values that all have the shape of one type.
class Arith {
public:
  Arith(PatternRewriter &rewriter, Location loc, Type shape)
      : rewriter(rewriter), loc(loc), shape(dyn_cast<VectorType>(shape)) {}

  Type typed(Type element) const {
    return shape ? Type(VectorType(shape).clone(element)) : element;
  }
  Type f32() const { return typed(rewriter.getF32Type()); }
  Type i32() const { return typed(rewriter.getI32Type()); }
  Type i16() const { return typed(rewriter.getI16Type()); }

  Value constant(TypedAttr value) {
    if (shape)
      value = DenseElementsAttr::get(shape.clone(value.getType()),
                                     Attribute(value));
    return arith::ConstantOp::create(rewriter, loc, value);
  }
  Value f(float value) { return constant(rewriter.getF32FloatAttr(value)); }
  Value i(uint32_t value) {
    return constant(rewriter.getI32IntegerAttr(static_cast<int32_t>(value)));
  }

  template <typename Op>
  Value binary(Value a, Value b) {
    return Op::create(rewriter, loc, a, b);
  }
  Value add(Value a, Value b) { return binary<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return binary<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return binary<arith::MulFOp>(a, b); }
  Value addi(Value a, Value b) { return binary<arith::AddIOp>(a, b); }
  Value subi(Value a, Value b) { return binary<arith::SubIOp>(a, b); }
  Value andi(Value a, Value b) { return binary<arith::AndIOp>(a, b); }
  Value ori(Value a, Value b) { return binary<arith::OrIOp>(a, b); }
  Value shl(Value a, uint32_t n) { return binary<arith::ShLIOp>(a, i(n)); }
  Value shr(Value a, uint32_t n) { return binary<arith::ShRUIOp>(a, i(n)); }
  Value sar(Value a, uint32_t n) { return binary<arith::ShRSIOp>(a, i(n)); }
  Value cmp(arith::CmpIPredicate predicate, Value a, Value b) {
    return arith::CmpIOp::create(rewriter, loc, predicate, a, b);
  }
  Value cmp(arith::CmpFPredicate predicate, Value a, Value b) {
    return arith::CmpFOp::create(rewriter, loc, predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(rewriter, loc, condition, a, b);
  }
  Value bitcast(Type type, Value a) {
    return arith::BitcastOp::create(rewriter, loc, type, a);
  }

private:
  PatternRewriter &rewriter;
  Location loc;
  VectorType shape;
};

/// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2. `r` and the
/// integer `n` come from the caller. The polynomial is 1 + r + r^2 q(r) with q
/// of degree 4, fitted for the least relative error (0.05 ulp); everything
/// together is within 0.97 ulp, found by 8 million random arguments.
Value scaledExp(Arith &a, Value r, Value n) {
  Value q = a.f(0x1.6a2352p-10f);
  for (float coefficient :
       {0x1.123a6cp-7f, 0x1.5558f4p-5f, 0x1.55549p-3f, 0x1.fffffcp-2f})
    q = a.add(a.mul(q, r), a.f(coefficient));
  Value p = a.add(a.add(a.mul(q, a.mul(r, r)), r), a.f(1.0f));
  // Two factors, for 2^n alone may not be a normal number.
  Value half = a.sar(n, 1), rest = a.subi(n, half);
  for (Value exponent : {half, rest})
    p = a.mul(p, a.bitcast(a.f32(), a.shl(a.addi(exponent, a.i(127)), 23)));
  return p;
}

/// 1.5 * 2^23: adding it to a small number rounds that to an integer, which
/// then is in the low bits.
constexpr float kRoundingBias = 0x1.8p23f;

template <typename Op>
struct ExpandExp final : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    constexpr bool isBase2 = std::is_same_v<Op, math::Exp2Op>;
    Arith a(rewriter, op.getLoc(), op.getType());
    Value x = op.getOperand();
    // Beyond these the result is 0 or infinity. NaN passes both comparisons.
    Value low = a.f(isBase2 ? -151.0f : -105.0f);
    Value high = a.f(isBase2 ? 129.0f : 90.0f);
    x = a.select(a.cmp(arith::CmpFPredicate::OLT, x, low), low, x);
    x = a.select(a.cmp(arith::CmpFPredicate::OGT, x, high), high, x);
    Value scaled = isBase2 ? x : a.mul(x, a.f(0x1.715476p+0f));
    Value biased = a.add(scaled, a.f(kRoundingBias));
    Value n = a.sub(biased, a.f(kRoundingBias));
    Value r;
    if (isBase2) {
      r = a.mul(a.sub(x, n), a.f(0x1.62e43p-1f));
    } else {
      // ln 2 in two parts; the first has so few bits that n times it is exact.
      r = a.sub(x, a.mul(n, a.f(0x1.63p-1f)));
      r = a.sub(r, a.mul(n, a.f(-0x1.bd0106p-13f)));
    }
    Value exponent = a.subi(a.bitcast(a.i32(), biased), a.i(0x4b400000));
    rewriter.replaceOp(op, scaledExp(a, r, exponent));
    return success();
  }
};

/// floor, ceil and trunc through a conversion to i32; numbers of magnitude
/// 2^23 and more are integers already.
template <typename Op>
struct ExpandRounding final : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not f32");
    Arith a(rewriter, op.getLoc(), op.getType());
    Location loc = op.getLoc();
    Value x = op.getOperand();
    Value magnitude = math::AbsFOp::create(rewriter, loc, x);
    Value isSmall = a.cmp(arith::CmpFPredicate::OLT, magnitude, a.f(0x1p23f));
    Value safe = a.select(isSmall, x, a.f(0.0f));
    Value integer = arith::FPToSIOp::create(rewriter, loc, a.i32(), safe);
    Value y = arith::SIToFPOp::create(rewriter, loc, a.f32(), integer);
    if constexpr (std::is_same_v<Op, math::FloorOp>)
      y = a.select(a.cmp(arith::CmpFPredicate::OGT, y, safe),
                   a.sub(y, a.f(1.0f)), y);
    if constexpr (std::is_same_v<Op, math::CeilOp>)
      y = a.select(a.cmp(arith::CmpFPredicate::OLT, y, safe),
                   a.add(y, a.f(1.0f)), y);
    y = math::CopySignOp::create(rewriter, loc, y, x);
    rewriter.replaceOp(op, a.select(isSmall, y, x));
    return success();
  }
};

/// f16 to f32 in integers. Shifted under the exponent of f32, the 15 low bits
/// are the value times 2^-112, subnormals included.
struct ExpandExtF16 final : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isF16())
      return rewriter.notifyMatchFailure(op, "not from f16");
    Location loc = op.getLoc();
    Arith a(rewriter, loc, op.getType());
    Value bits = arith::ExtUIOp::create(rewriter, loc, a.i32(),
                                        a.bitcast(a.i16(), op.getIn()));
    Value magnitude = a.andi(bits, a.i(0x7fff));
    Value sign = a.shl(a.andi(bits, a.i(0x8000)), 16);
    Value value =
        a.mul(a.bitcast(a.f32(), a.shl(magnitude, 13)), a.f(0x1p112f));
    Value result = a.bitcast(a.i32(), value);
    Value isSpecial = a.cmp(arith::CmpIPredicate::uge, magnitude, a.i(0x7c00));
    result = a.select(isSpecial, a.ori(result, a.i(0x7f800000)), result);
    Value f32 = a.bitcast(a.f32(), a.ori(result, sign));
    if (getElementTypeOrSelf(op.getType()).isF32())
      rewriter.replaceOp(op, f32);
    else
      rewriter.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), f32);
    return success();
  }
};

/// f32 to f16, to nearest even.
struct ExpandTruncF16 final : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF16() ||
        !getElementTypeOrSelf(op.getIn().getType()).isF32())
      return rewriter.notifyMatchFailure(op, "not from f32 to f16");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return rewriter.notifyMatchFailure(op, "not to nearest even");
    Location loc = op.getLoc();
    Arith a(rewriter, loc, op.getType());
    Value bits = a.bitcast(a.i32(), op.getIn());
    Value magnitude = a.andi(bits, a.i(0x7fffffff));
    Value sign = a.andi(a.shr(bits, 16), a.i(0x8000));
    // Normal: move the exponent, round at bit 13.
    Value odd = a.andi(a.shr(magnitude, 13), a.i(1));
    Value normal = a.shr(
        a.addi(a.addi(a.subi(magnitude, a.i(0x38000000)), a.i(0xfff)), odd),
        13);
    // Subnormal: the last bit of 0.5 in f32 is that of f16's subnormals.
    Value subnormal = a.subi(
        a.bitcast(a.i32(), a.add(a.bitcast(a.f32(), magnitude), a.f(0.5f))),
        a.i(0x3f000000));
    auto ult = arith::CmpIPredicate::ult, ugt = arith::CmpIPredicate::ugt;
    Value result =
        a.select(a.cmp(ult, magnitude, a.i(0x38800000)), subnormal, normal);
    Value nan = a.ori(a.andi(a.shr(magnitude, 13), a.i(0x3ff)), a.i(0x7e00));
    Value special =
        a.select(a.cmp(ugt, magnitude, a.i(0x7f800000)), nan, a.i(0x7c00));
    result = a.select(a.cmp(ult, magnitude, a.i(0x477ff000)), result, special);
    Value half =
        arith::TruncIOp::create(rewriter, loc, a.i16(), a.ori(result, sign));
    rewriter.replaceOpWithNewOp<arith::BitcastOp>(op, op.getType(), half);
    return success();
  }
};

/// f64 to f16 or bf16 through f32, where of the two neighbours in f32 that with
/// an odd last bit stands for what lies between them: the rounding of f32 that
/// follows is then as if it were the only one. Without instructions for it,
/// LLVM would call a library.
struct ExpandTruncF64 final : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &rewriter) const override {
    Type to = getElementTypeOrSelf(op.getType());
    if (!getElementTypeOrSelf(op.getIn().getType()).isF64() ||
        !(to.isF16() || to.isBF16()))
      return rewriter.notifyMatchFailure(op, "not from f64 to f16 or bf16");
    if (op.getRoundingmode().value_or(arith::RoundingMode::to_nearest_even) !=
        arith::RoundingMode::to_nearest_even)
      return rewriter.notifyMatchFailure(op, "not to nearest even");
    Location loc = op.getLoc();
    Arith a(rewriter, loc, op.getType());
    Value x = op.getIn();
    Value nearest = arith::TruncFOp::create(rewriter, loc, a.f32(), x);
    Value wide = arith::ExtFOp::create(rewriter, loc, x.getType(), nearest);
    Value bits = a.bitcast(a.i32(), nearest);
    Value isBelow = a.cmp(arith::CmpFPredicate::OLT,
                          math::AbsFOp::create(rewriter, loc, wide),
                          math::AbsFOp::create(rewriter, loc, x));
    Value isEven =
        a.cmp(arith::CmpIPredicate::eq, a.andi(bits, a.i(1)), a.i(0));
    Value moves = a.andi(isEven, a.cmp(arith::CmpFPredicate::ONE, wide, x));
    Value neighbour =
        a.select(isBelow, a.addi(bits, a.i(1)), a.subi(bits, a.i(1)));
    Value odd = a.bitcast(a.f32(), a.select(moves, neighbour, bits));
    rewriter.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), odd);
    return success();
  }
};

struct ExpandMath : impl::RungExpandMathBase<ExpandMath> {
  using Base::Base;

  bool has(StringRef feature) const {
    return llvm::is_contained(features, feature);
  }

  bool apply(llvm::function_ref<void(RewritePatternSet &)> populate) {
    RewritePatternSet patterns(&getContext());
    populate(patterns);
    return succeeded(
        applyPatternsGreedily(getOperation(), std::move(patterns)));
  }

  void runOnOperation() override {
    MLIRContext *context = &getContext();
    auto any = [](StringRef) { return true; };
    WalkResult tensors = getOperation().walk([](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect, arith::ArithDialect>(
              op->getDialect()) ||
          llvm::none_of(op->getResultTypes(), llvm::IsaPred<TensorType>) ||
          op->hasTrait<OpTrait::ConstantLike>())
        return WalkResult::advance();
      op->emitError("is on ")
          << op->getResultTypes().front()
          << ", but is expanded on scalars and vectors; bufferize it first";
      return WalkResult::interrupt();
    });
    if (tensors.wasInterrupted())
      return signalPassFailure();
    // What the next step's expansions leave is handled by the step behind it.
    bool done =
        apply([&](RewritePatternSet &patterns) {
          populateMathF32ExpansionPatterns(patterns, any);
          populateExpandMathF64Patterns(patterns);
          patterns.add<ExpandExp<math::ExpOp>, ExpandExp<math::Exp2Op>>(context,
                                                                        2);
          math::populateExpansionPatterns(
              patterns, {"rsqrt", "round", "sinh", "cosh", "tan", "asinh",
                         "acosh", "atanh", "powf", "fpowi", "ctlz"});
          populateMathPolynomialApproximationPatterns(
              patterns, [](StringRef name) {
                return name != math::ExpOp::getOperationName();
              });
        }) &&
        apply([&](RewritePatternSet &patterns) {
          patterns.add<ExpandExp<math::ExpOp>, ExpandExp<math::Exp2Op>>(context,
                                                                        2);
          if (!has("fma"))
            math::populateExpansionPatterns(patterns, {"fma"});
          if (!has("sse4.1")) {
            math::populateExpansionPatterns(patterns, {"roundeven"});
            patterns.add<ExpandRounding<math::FloorOp>,
                         ExpandRounding<math::CeilOp>,
                         ExpandRounding<math::TruncOp>>(context, 2);
          }
          arith::populateCeilFloorDivExpandOpsPatterns(patterns);
          patterns.add<ExpandTruncF64>(context);
          populateExpandMathF64Patterns(patterns); // what that makes
          if (!has("f16c"))
            patterns.add<ExpandExtF16, ExpandTruncF16>(context, 2);
          arith::populateExpandBFloat16Patterns(patterns);
        });
    if (!done)
      return signalPassFailure();
    WalkResult result = getOperation().walk([](Operation *op) {
      if (!isa_and_nonnull<math::MathDialect>(op->getDialect()) ||
          isa<math::AbsFOp, math::AbsIOp, math::CopySignOp, math::SqrtOp,
              math::FmaOp, math::FloorOp, math::CeilOp, math::TruncOp,
              math::RoundEvenOp, math::CountLeadingZerosOp,
              math::CountTrailingZerosOp, math::CtPopOp, math::IsFiniteOp,
              math::IsInfOp, math::IsNaNOp, math::IsNormalOp>(op))
        return WalkResult::advance();
      op->emitError("has no expansion into arithmetic for ")
          << op->getResultTypes().front()
          << "; generated code calls no library";
      return WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace rung
