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

/// Both polynomials interpolate at the Chebyshev nodes, computed with 80
/// digits: erf(x) / x in x^2 for |x| <= 1, and exp(x^2) * erfc(x) in t = 2.4 *
/// (x - 2) / (x + 2) - 0.2 for 1 <= x <= 6. Before they are rounded they are
/// off by 2^-56 and 2^-51 relative to these; erf is off by less than 2^-51 of
/// itself. Beyond 6, erf is 1.
const double kErfSmall[] = {
    0x1.20dd750429b6dp+0,   -0x1.812746b0379c1p-2,  0x1.ce2f21a040f66p-4,
    -0x1.b82ce31203772p-6,  0x1.565bccfa44156p-8,   -0x1.c02db0665e53dp-11,
    0x1.f9a2be4f731a1p-14,  -0x1.f4ca838adb73bp-17, 0x1.b981d78881a5dp-20,
    -0x1.5c131500d3f88p-23, 0x1.d76af6ca49787p-27,  -0x1.ac9585a44fe29p-31};
const double kErfcLarge[] = {
    0x1.c57cd9cd3f3aap-3,   -0x1.4b8edae15a041p-3,  0x1.3be3609c85199p-5,
    -0x1.6e44c72763174p-8,  0x1.9d6e4a492ddb1p-13,  0x1.52ddf80223a6ep-14,
    -0x1.ec9d2604b843ap-18, -0x1.09b13ab828749p-19, 0x1.5f1e0fbbb902cp-23,
    0x1.2ce0b497ca33ep-24,  -0x1.466ce534d3b68p-31, -0x1.68c00c48da523p-29,
    -0x1.20bc80ffa8272p-32, 0x1.47e103bb5f04dp-34,  0x1.43769366d40acp-36,
    -0x1.f0e729ae3c028p-42};

struct ExpandErfF64 final : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::ErfOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    Arith64 a(rewriter, op.getLoc(), op.getType());
    // Signs by their bits, as ExpandAbsF64 does.
    Value whole = a.bits(op.getOperand()), signBit = a.i(INT64_MIN);
    Value sign = a.make<arith::AndIOp>(whole, signBit);
    Value x = a.number(a.make<arith::XOrIOp>(whole, sign));
    x = a.atMost(x, a.f(6));
    Value square = a.mul(x, x);
    Value small = a.mul(x, a.polynomial(kErfSmall, square));

    Value t = a.div(a.sub(x, a.f(2)), a.add(x, a.f(2)));
    t = a.add(a.mul(t, a.f(0x1.3333333333334p+1)), a.f(-0x1.9999999999998p-3));
    Value decay = a.make<math::ExpOp>(a.make<arith::NegFOp>(square));
    Value large = a.sub(a.f(1), a.mul(decay, a.polynomial(kErfcLarge, t)));

    Value isSmall = a.make<arith::CmpFOp>(arith::CmpFPredicate::OLT, x, a.f(1));
    Value result = a.make<arith::SelectOp>(isSmall, small, large);
    rewriter.replaceOp(op,
                       a.number(a.make<arith::OrIOp>(a.bits(result), sign)));
    return success();
  }
};

/// |x| by its bits: upstream's lowering for NVIDIA GPUs would call libdevice.
struct ExpandAbsF64 final : OpRewritePattern<math::AbsFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(math::AbsFOp op,
                                PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF64())
      return rewriter.notifyMatchFailure(op, "not f64");
    Arith64 a(rewriter, op.getLoc(), op.getType());
    rewriter.replaceOp(op, a.number(a.make<arith::AndIOp>(
                               a.bits(op.getOperand()), a.i(INT64_MAX))));
    return success();
  }
};

} // namespace

void rung::populateExpandMathF64Patterns(RewritePatternSet &patterns) {
  patterns.add<ExpandExpF64, ExpandErfF64, ExpandAbsF64>(patterns.getContext(),
                                                         2);
}
