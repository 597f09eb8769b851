//===- ElementwiseToTile.cpp - rung.elementwise and rung.gather as kernels -*-
// C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both go along the last dimension, one vector of elements at a time, for every
// position of the dimensions before it.
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/IR/PatternMatch.h"
#include "rung/Numerics/ExactRange.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

/// The operand `value` of `op`; one of rank 0 is seen as one element in a row.
template <typename Op>
static KernelOperand operandOf(KernelBuilder &b, Op op, Value value) {
  if (!value)
    return {};
  auto type = cast<MemRefType>(value.getType());
  auto storage = StorageAttr::get(type.getElementType(), type.getShape());
  if (auto storages = op.getStorage())
    for (auto [operand, attr] : llvm::zip_equal(
             op->getOperands(), storages->template getAsRange<StorageAttr>()))
      if (operand == value)
        storage = attr;
  if (type.getRank() == 0) {
    Value line = memref::ExpandShapeOp::create(
        b, ArrayRef<int64_t>{1}, value, ArrayRef<ReassociationIndices>{});
    return {line, StorageAttr::get(storage.getFormat(), ArrayRef<int64_t>{1})};
  }
  return {value, storage};
}

namespace {
class ElementwiseKernel {
public:
  ElementwiseKernel(ElementwiseOp op, KernelBuilder &b)
      : op(op), b(b), input(operandOf(b, op, op.getInput())),
        scale(operandOf(b, op, op.getScale())),
        second(operandOf(b, op, op.getSecondScale())),
        zero(operandOf(b, op, op.getZeroPoint())),
        random(operandOf(b, op, op.getRandom())),
        result(operandOf(b, op, op.getInit())),
        isQuantize(op.getKind() == "quantize"),
        isRescale(zero && *op.getMode() == ZeroPointMode::Rescale) {
    Type f32 = b.getF32Type(), f64 = b.getF64Type();
    real = isExactIn(f32) ? f32 : f64;
  }

  void build() {
    SmallVector<Value> sizes, bounds;
    for (int64_t dim = 0; dim != result.rank(); ++dim)
      bounds.push_back(b.size(result, dim));
    sizes.assign(bounds.begin(), std::prev(bounds.end()));
    if (sizes.empty())
      sizes.push_back(b.index(1));
    b.launch(sizes, [&](ValueRange position) {
      SmallVector<Value> indices(position.take_front(result.rank() - 1));
      indices.push_back(Value());
      b.loop(b.index(0), bounds.back(), b.lanes, [&](Value k) {
        indices.back() = k;
        buildVector(indices, bounds);
      });
    });
  }

private:
  /// True if a result computed in `type` is rounded once: either every step is
  /// exact, or only the last is not and `type` is the result's.
  bool isExactIn(Type type) const;
  bool isExactQuotientIn(const ExactRange &type) const;
  void buildVector(ValueRange indices, ValueRange bounds);
  Value dequantize(ImplicitLocOpBuilder &body, Value v, Value s, Value t,
                   Value z) const;
  Value quantize(ImplicitLocOpBuilder &body, Value x, Value s, Value z) const;
  /// A scale or zero point for each element, or null.
  Value loadBlocked(const KernelOperand &operand,
                    std::optional<ArrayRef<int64_t>> block, ValueRange indices,
                    ValueRange bounds);

  ElementwiseOp op;
  KernelBuilder &b;
  KernelOperand input, scale, second, zero, random, result;
  bool isQuantize, isRescale;
  /// Of the arithmetic. Where f64 is not exact it is near enough: the quotient
  /// of two f32 numbers is at a tie of a narrower format only if its f64 is.
  Type real;
};
} // namespace

Value ElementwiseKernel::loadBlocked(const KernelOperand &operand,
                                     std::optional<ArrayRef<int64_t>> block,
                                     ValueRange indices, ValueRange bounds) {
  if (!operand)
    return {};
  LayoutAttr line = b.lanesAreColumns();
  // One for the whole tensor: rank 0 was made a line of one element.
  if (operand.rank() != result.rank() ||
      operand.storage.getShape() == ArrayRef<int64_t>{1})
    return b.convert(b.load(operand, b.index(0), b.replicated(1, 1)), real);
  std::string error;
  SmallVector<int64_t> extents = *blockShape(
      result.storage.getShape(), operand.storage.getShape(), block, error);
  // One block for all of a dynamic dimension: any extent beyond it will do.
  for (int64_t &extent : extents)
    if (ShapedType::isDynamic(extent))
      extent = std::numeric_limits<int64_t>::max();
  return b.convert(
      b.load(operand, indices, line, bounds, ArrayRef<int64_t>(extents)), real);
}

static ExactRange rangeOf(Type format) {
  return ExactRange::of(*numberFormatOf(format));
}

bool ElementwiseKernel::isExactIn(Type type) const {
  ExactRange has = rangeOf(type), value = rangeOf(input.format());
  for (const KernelOperand *operand : {&input, &scale, &second, &zero})
    if (*operand && !has.holds(rangeOf(operand->format())))
      return false;
  if (isQuantize)
    return isExactQuotientIn(has);
  auto step = [&](const ExactRange &next) {
    bool wasExact = has.holds(value);
    value = next;
    return wasExact;
  };
  if (zero && !isRescale && !step(value.plus(rangeOf(zero.format()))))
    return false;
  if (scale) {
    ExactRange factor = rangeOf(scale.format());
    if (second)
      factor = factor.times(rangeOf(second.format()));
    if (!has.holds(factor) || !step(value.times(factor)))
      return false;
  }
  if (isRescale && !step(value.plus(rangeOf(zero.format()))))
    return false;
  return result.format() == type || has.holdsBelowTop(value);
}

bool ElementwiseKernel::isExactQuotientIn(const ExactRange &has) const {
  ExactRange value = rangeOf(input.format());
  auto addZero = [&]() {
    value = value.plus(rangeOf(zero.format()));
    return has.holds(value);
  };
  if (isRescale && !addZero())
    return false;
  if (scale) {
    ExactRange divisor = rangeOf(scale.format());
    if (divisor.digits > 1)
      return false;
    value = value.times({1, -divisor.top, -divisor.unit});
    if (!has.holds(value))
      return false;
  }
  return !zero || isRescale || addZero();
}

Value ElementwiseKernel::dequantize(ImplicitLocOpBuilder &body, Value v,
                                    Value s, Value t, Value z) const {
  if (z && !isRescale)
    v = subtractNumbers(body, v, z);
  if (t)
    s = multiplyNumbers(body, s, t);
  if (s)
    v = multiplyNumbers(body, v, s);
  return isRescale ? subtractNumbers(body, v, z) : v;
}

/// x / s, and 0 for 0 / 0: a block of zeros has the scale 0.
static Value divide(ImplicitLocOpBuilder &b, Value x, Value s) {
  Value zero = arith::ConstantOp::create(b, b.getFloatAttr(x.getType(), 0.0));
  auto isZero = [&](Value value) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, value, zero);
  };
  Value both = arith::AndIOp::create(b, isZero(x), isZero(s));
  Value quotient = arith::DivFOp::create(b, x, s);
  return arith::SelectOp::create(b, both, zero, quotient);
}

/// The sum of two numbers of a floating type; of two neighbours of the exact
/// sum the one with an odd last bit, so that rounding it to a format with two
/// bits fewer gives what the exact sum would.
static Value addToOdd(ImplicitLocOpBuilder &b, Value x, Value y) {
  Value sum = addNumbers(b, x, y);
  // What is missing from the sum, exactly (Knuth's two-sum).
  Value part = subtractNumbers(b, sum, x);
  Value rest =
      addNumbers(b, subtractNumbers(b, x, subtractNumbers(b, sum, part)),
                 subtractNumbers(b, y, part));
  Type type = b.getIntegerType(sum.getType().getIntOrFloatBitWidth());
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
  };
  Value bits = arith::BitcastOp::create(b, type, sum),
        restBits = arith::BitcastOp::create(b, type, rest);
  Value isAway = arith::CmpIOp::create(
      b, arith::CmpIPredicate::sge,
      arith::XOrIOp::create(b, bits, restBits).getResult(), integer(0));
  Value step = arith::SelectOp::create(b, isAway, integer(1), integer(-1));
  Value isInexact = arith::CmpFOp::create(
      b, arith::CmpFPredicate::ONE, rest,
      arith::ConstantOp::create(b, b.getFloatAttr(rest.getType(), 0.0)));
  Value last = arith::AndIOp::create(b, bits, integer(1)).getResult();
  Value isEven =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, last, integer(0));
  Value moves = arith::AndIOp::create(b, isInexact, isEven);
  Value moved = arith::AddIOp::create(b, bits, step).getResult();
  return arith::BitcastOp::create(
      b, sum.getType(), arith::SelectOp::create(b, moves, moved, bits));
}

Value ElementwiseKernel::quantize(ImplicitLocOpBuilder &body, Value x, Value s,
                                  Value z) const {
  auto add = [&](Value y) {
    return real.isF32() ? addNumbers(body, x, y) : addToOdd(body, x, y);
  };
  if (z && isRescale)
    x = add(z);
  if (s)
    x = divide(body, x, s);
  return z && !isRescale ? add(z) : x;
}

void ElementwiseKernel::buildVector(ValueRange indices, ValueRange bounds) {
  LayoutAttr line = b.lanesAreColumns();
  Value value = b.load(input, indices, line, bounds);
  if (scale || zero) {
    SmallVector<Value> inputs = {b.convert(value, real)};
    Value s = loadBlocked(scale, op.getBlock(), indices, bounds),
          t = loadBlocked(second, op.getSecondBlock(), indices, bounds),
          z = loadBlocked(zero, op.getBlock(), indices, bounds);
    for (Value operand : {s, t, z})
      if (operand)
        inputs.push_back(operand);
    value = b.map(inputs, real, line,
                  [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
                    auto take = [&](Value operand) {
                      if (!operand)
                        return Value();
                      args = args.drop_front();
                      return args.front();
                    };
                    Value v = args.front(), factor = take(s),
                          secondFactor = take(t), offset = take(z);
                    return isQuantize ? quantize(body, v, factor, offset)
                                      : dequantize(body, v, factor,
                                                   secondFactor, offset);
                  });
  }
  Value randomBits;
  if (random)
    randomBits = b.load(random, indices, line, bounds);
  b.store(b.convert(value, result.format(), op.getSaturate(), op.getRounding(),
                    randomBits),
          result, indices, bounds);
}

namespace {
struct ConvertElementwise final : OpRewritePattern<ElementwiseOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ElementwiseOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getInit().getType()))
      return rewriter.notifyMatchFailure(op,
                                         "is on tensors; bufferize it first");
    DeviceAttr device = getDevice(op->getParentOfType<ModuleOp>());
    KernelBuilder b(op.getLoc(), rewriter, device.getInt("lanes", 16));
    ElementwiseKernel(op, b).build();
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertGather final : OpRewritePattern<GatherOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(GatherOp op,
                                PatternRewriter &rewriter) const override {
    if (!isa<MemRefType>(op.getInit().getType()))
      return rewriter.notifyMatchFailure(op,
                                         "is on tensors; bufferize it first");
    DeviceAttr device = getDevice(op->getParentOfType<ModuleOp>());
    KernelBuilder b(op.getLoc(), rewriter, device.getInt("lanes", 16));
    KernelOperand source = operandOf(b, op, op.getSource()),
                  result = operandOf(b, op, op.getInit());
    SmallVector<Value> bounds, sourceBounds;
    for (int64_t dim = 0; dim != result.rank(); ++dim) {
      bounds.push_back(b.size(result, dim));
      sourceBounds.push_back(b.size(source, dim));
    }
    checkIndices(b, op, bounds[0], sourceBounds[0]);
    b.launch(ArrayRef<Value>(bounds).drop_back(), [&](ValueRange position) {
      Value index = loadIndex(b, op, position[0]);
      Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index,
                                           sourceBounds[0]);
      SmallVector<Value> to(position), from(position);
      from[0] = arith::SelectOp::create(b, inside, index, b.index(0));
      b.loop(b.index(0), bounds.back(), b.lanes, [&](Value k) {
        SmallVector<Value> fromIndices(from), toIndices(to);
        fromIndices.push_back(k);
        toIndices.push_back(k);
        b.store(b.load(source, fromIndices, b.lanesAreColumns(), sourceBounds),
                result, toIndices, bounds);
      });
    });
    rewriter.eraseOp(op);
    return success();
  }

private:
  static Value loadIndex(KernelBuilder &b, GatherOp op, Value position) {
    return arith::IndexCastOp::create(
        b, b.getIndexType(),
        memref::LoadOp::create(b, op.getIndices(), position));
  }

  /// Reports an index outside the source before anything is read or written:
  /// outside of a loop an assertion ends the entry.
  static void checkIndices(KernelBuilder &b, GatherOp op, Value count,
                           Value limit) {
    Value yes = arith::ConstantOp::create(b, b.getBoolAttr(true));
    Value inside =
        b.loop(b.index(0), count, 1, yes, [&](Value position, Value before) {
          Value next = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                             loadIndex(b, op, position), limit);
          return arith::AndIOp::create(b, before, next).getResult();
        });
    cf::AssertOp::create(
        b, inside,
        "an index is outside the rows of the table that it selects from");
  }
};
} // namespace

void rung::populateElementwisePatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertElementwise, ConvertGather>(patterns.getContext());
}
