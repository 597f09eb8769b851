//===- ExpandMathF64.cpp - exp and erf of f64 as plain arithmetic ---------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "ExpandMathF64.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace rung;

namespace {

/// Builds f64 and i64 arithmetic in the shape of one type.
class Arith64 {
public:
  Arith64(OpBuilder &builder, Location loc, Type like)
      : builder(builder), loc(loc), shape(dyn_cast<VectorType>(like)) {}

  Value f(double value) { return constant(builder.getF64FloatAttr(value)); }
  Value i(int64_t value) { return constant(builder.getI64IntegerAttr(value)); }
  Value add(Value a, Value b) { return make<arith::AddFOp>(a, b); }
  Value sub(Value a, Value b) { return make<arith::SubFOp>(a, b); }
  Value mul(Value a, Value b) { return make<arith::MulFOp>(a, b); }
  Value div(Value a, Value b) { return make<arith::DivFOp>(a, b); }
  template <typename Op, typename... Args>
  Value make(Args... args) {
    return Op::create(builder, loc, args...);
  }
  /// b if a is less (greater) than it, else a; NaN stays.
  Value atLeast(Value a, Value b) {
    return clamp(a, b, arith::CmpFPredicate::OLT);
  }
  Value atMost(Value a, Value b) {
    return clamp(a, b, arith::CmpFPredicate::OGT);
  }
  Value bits(Value a) {
    return make<arith::BitcastOp>(typed(builder.getI64Type()), a);
  }
  Value number(Value a) {
    return make<arith::BitcastOp>(typed(builder.getF64Type()), a);
  }
  /// The polynomial with these coefficients, the constant one first.
  Value polynomial(ArrayRef<double> coefficients, Value x) {
    Value sum = f(coefficients.back());
    for (double coefficient : llvm::reverse(coefficients.drop_back()))
      sum = add(mul(sum, x), f(coefficient));
    return sum;
  }

private:
  Value clamp(Value a, Value b, arith::CmpFPredicate predicate) {
    return make<arith::SelectOp>(make<arith::CmpFOp>(predicate, a, b), b, a);
  }
  Type typed(Type element) {
    return shape ? Type(shape.clone(element)) : element;
  }
  Value constant(TypedAttr value) {
    if (shape)
      value = DenseElementsAttr::get(shape.clone(value.getType()),
                                     Attribute(value));
    return arith::ConstantOp::create(builder, loc, value);
  }

  OpBuilder &builder;
  Location loc;
  VectorType shape;
};

/// 1.5 * 2^52: adding it to a small number rounds that to an integer, which
/// then is in the low bits.
constexpr double kRoundingBias = 0x1.8p52;

/// exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2. The Taylor
/// polynomial of degree 13 is off by less than 2^-57 there.
struct ExpandExpF64 final : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ExpOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    Arith64 a(rewriter, op.getLoc(), op.getType());
    // Beyond these the result is 0 or infinity.
    Value x = a.atMost(a.atLeast(op.getOperand(), a.f(-746)), a.f(710));
    Value biased =
        a.add(a.mul(x, a.f(0x1.71547652b82fep+0)), a.f(kRoundingBias));
    Value n = a.sub(biased, a.f(kRoundingBias));
    // ln 2 in two parts; the first has so few bits that n times it is exact.
    Value r = a.sub(x, a.mul(n, a.f(0x1.62e42feep-1)));
    r = a.sub(r, a.mul(n, a.f(0x1.a39ef35793c76p-33)));

    SmallVector<double> taylor = {1};
    for (int degree = 1; degree <= 13; ++degree)
      taylor.push_back(taylor.back() / degree);
    Value result = a.polynomial(taylor, r);
    // Two factors, for 2^n alone may not be a normal number.
    Value exponent =
        a.make<arith::SubIOp>(a.bits(biased), a.bits(a.f(kRoundingBias)));
    Value half = a.make<arith::ShRSIOp>(exponent, a.i(1));
    for (Value part : {half, a.make<arith::SubIOp>(exponent, half)}) {
      Value shifted = a.make<arith::ShLIOp>(
          a.make<arith::AddIOp>(part, a.i(1023)), a.i(52));
      result = a.mul(result, a.number(shifted));
    }
    rewriter.replaceOp(op, result);
    return success();
  }
};

/// Both polynomials interpolate at Chebyshev nodes, and were checked at two
/// million points: erf(x) / x in x^2 for |x| <= 1, and exp(x^2) * erfc(x) in
/// t = 2.4 * (x - 2) / (x + 2) - 0.2 for 1 <= x <= 6. Beyond 6, erf is 1.
const double kErfSmall[] = {
    0x1.20dd750429b69p+0,   -0x1.812746b037085p-2,  0x1.ce2f219ff176fp-4,
    -0x1.b82ce2ffe46c4p-6,  0x1.565bcace18e3dp-8,   -0x1.c02d61b93f9ecp-11,
    0x1.f99bc2d077333p-14,  -0x1.f46439dac7ae2p-17, 0x1.b5bc9e5c00000p-20,
    -0x1.45f034a3d70a4p-23, 0x1.444e6b851eb86p-27,  -0x1.78a3d70a3d70ap-37};
const double kErfcLarge[] = {
    0x1.c57cd9cd3f3aap-3,   -0x1.4b8edae15a0c6p-3,  0x1.3be3609c85060p-5,
    -0x1.6e44c727443a6p-8,  0x1.9d6e4a4a0dad2p-13,  0x1.52ddf7bc86ed5p-14,
    -0x1.ec9d2671c039ap-18, -0x1.09b1167c7047bp-19, 0x1.5f1e2b0401c29p-23,
    0x1.2cd6a81266667p-24,  -0x1.468d626666667p-31, -0x1.6736c07ae147bp-29,
    -0x1.208f98eb851ecp-32, 0x1.28941d70a3d71p-34,  0x1.429beb851eb85p-36,
    -0x1.8a66666666667p-40};

struct ExpandErfF64 final : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    Arith64 a(rewriter, op.getLoc(), op.getType());
    Value x = a.atMost(a.make<math::AbsFOp>(op.getOperand()), a.f(6));
    Value square = a.mul(x, x);
    Value small = a.mul(x, a.polynomial(kErfSmall, square));

    Value t = a.div(a.sub(x, a.f(2)), a.add(x, a.f(2)));
    t = a.add(a.mul(t, a.f(0x1.3333333333334p+1)), a.f(-0x1.9999999999998p-3));
    Value decay = a.make<math::ExpOp>(a.make<arith::NegFOp>(square));
    Value large = a.sub(a.f(1), a.mul(decay, a.polynomial(kErfcLarge, t)));

    Value isSmall = a.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, a.f(1));
    Value result = a.make<arith::SelectOp>(isSmall, small, large);
    rewriter.replaceOp(op, a.make<math::CopySignOp>(result, op.getOperand()));
    return success();
  }
};

} // namespace

void rung::populateExpandMathF64Patterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExpF64, ExpandErfF64>(patterns.getContext(), 2);
}
