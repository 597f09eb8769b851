//===- ElementwiseToTile.cpp - rung.elementwise and rung.gather as kernels -*-
//C++ -*-===//
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
        result(operandOf(b, op, op.getInit())),
        isQuantize(op.getKind() == "quantize") {
    real = commonFloat(op.getContext(),
                       {input.format(), scale ? scale.format() : Type(),
                        second ? second.format() : Type(),
                        zero ? zero.format() : Type()});
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
  void buildVector(ValueRange indices, ValueRange bounds);
  /// A scale or zero point for each element, or null.
  Value loadBlocked(const KernelOperand &operand,
                    std::optional<ArrayRef<int64_t>> block, ValueRange indices,
                    ValueRange bounds);

  ElementwiseOp op;
  KernelBuilder &b;
  KernelOperand input, scale, second, zero, result;
  bool isQuantize;
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

void ElementwiseKernel::buildVector(ValueRange indices, ValueRange bounds) {
  LayoutAttr line = b.lanesAreColumns();
  Value value = b.load(input, indices, line, bounds);
  if (scale || zero) {
    SmallVector<Value> inputs = {b.convert(value, real)};
    Value s = loadBlocked(scale, op.getBlock(), indices, bounds),
          t = loadBlocked(second, op.getSecondBlock(), indices, bounds),
          z = loadBlocked(zero, op.getBlock(), indices, bounds);
    for (Value factor : {s, t, z})
      if (factor)
        inputs.push_back(factor);
    bool isRescale = zero && *op.getMode() == ZeroPointMode::Rescale;
    value =
        b.map(inputs, real, line,
              [&](ImplicitLocOpBuilder &body, ValueRange args) -> Value {
                Value v = args[0], factor = s ? args[1] : Value(),
                      offset = zero ? args.back() : Value();
                if (t)
                  factor = multiplyNumbers(body, factor, args[2]);
                if (isQuantize) {
                  if (isRescale)
                    v = addNumbers(body, v, offset);
                  if (factor)
                    v = arith::DivFOp::create(body, v, factor);
                  return offset && !isRescale ? addNumbers(body, v, offset) : v;
                }
                if (offset && !isRescale)
                  v = subtractNumbers(body, v, offset);
                if (factor)
                  v = multiplyNumbers(body, v, factor);
                return isRescale ? subtractNumbers(body, v, offset) : v;
              });
  }
  b.store(b.convert(value, result.format(), op.getSaturate(), op.getRounding()),
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

  /// Reports an index outside the source before anything is read.
  static void checkIndices(KernelBuilder &b, GatherOp op, Value count,
                           Value limit) {
    auto loop = scf::ForOp::create(b, b.index(0), count, b.index(1));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value inside =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                              loadIndex(b, op, loop.getInductionVar()), limit);
    cf::AssertOp::create(
        b, inside,
        "an index is outside the rows of the table that it selects from");
  }
};
} // namespace

void rung::populateElementwisePatterns(RewritePatternSet &patterns) {
  patterns.add<ConvertElementwise, ConvertGather>(patterns.getContext());
}
