//===- CheckIndices.cpp - No access outside of a tensor -------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGCHECKINDICES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// `size` elements from `offset` on, each `stride` after the one before, of a
/// dimension of `tensor`.
struct Access {
  Operation *op;
  Value tensor;
  int64_t dim;
  OpFoldResult offset, size, stride;
};

using Bounds = ValueBoundsConstraintSet;

/// True if no element of the access is outside, whatever the inputs are.
bool isInside(const Access &access) {
  Builder builder(access.op);
  std::optional<int64_t> stride = getConstantIntValue(access.stride);
  if (!stride)
    return false;
  // A constant of any integer type as one of type index.
  auto variable = [&](OpFoldResult value) -> Bounds::Variable {
    if (std::optional<int64_t> constant = getConstantIntValue(value))
      return OpFoldResult(builder.getIndexAttr(*constant));
    return value;
  };
  AffineExpr offset = builder.getAffineDimExpr(0),
             size = builder.getAffineDimExpr(1);
  Bounds::Variable last(AffineMap::get(2, 0, offset + (size - 1) * *stride),
                        {variable(access.offset), variable(access.size)});
  return Bounds::compare(variable(access.offset), Bounds::GE,
                         OpFoldResult(builder.getIndexAttr(0))) &&
         Bounds::compare(last, Bounds::LT,
                         Bounds::Variable(access.tensor, access.dim));
}

class Checker {
public:
  explicit Checker(func::FuncOp function) : function(function) {}

  void run() {
    SmallVector<Access> accesses;
    function.walk([&](Operation *op) { collect(op, accesses); });
    for (const Access &access : accesses)
      if (!isInside(access))
        check(access);
  }

private:
  void collect(Operation *op, SmallVectorImpl<Access> &accesses) {
    OpFoldResult one = Builder(op).getIndexAttr(1);
    auto elements = [&](Value tensor, OperandRange indices) {
      for (auto [dim, index] : llvm::enumerate(indices))
        accesses.push_back({op, tensor, int64_t(dim), index, one, one});
    };
    auto slice = [&](Value tensor, OffsetSizeAndStrideOpInterface slice) {
      for (auto [dim, parts] : llvm::enumerate(
               llvm::zip_equal(slice.getMixedOffsets(), slice.getMixedSizes(),
                               slice.getMixedStrides())))
        accesses.push_back({op, tensor, int64_t(dim), std::get<0>(parts),
                            std::get<1>(parts), std::get<2>(parts)});
    };
    if (auto extract = dyn_cast<tensor::ExtractOp>(op))
      elements(extract.getTensor(), extract.getIndices());
    else if (auto insert = dyn_cast<tensor::InsertOp>(op))
      elements(insert.getDest(), insert.getIndices());
    else if (auto extracted = dyn_cast<tensor::ExtractSliceOp>(op))
      slice(extracted.getSource(), extracted);
    else if (auto inserted = dyn_cast<tensor::InsertSliceOp>(op))
      slice(inserted.getDest(), inserted);
  }

  /// Asserts that the access is inside, as early as its offset is known. Where
  /// an assertion does not end the function, the access moves inside.
  void check(const Access &access) {
    auto type = cast<RankedTensorType>(access.tensor.getType());
    OpBuilder builder(access.op);
    Location loc = access.op->getLoc();
    auto offset = dyn_cast<Value>(access.offset);
    bool dependsOnOffsetOnly = offset && !type.isDynamicDim(access.dim) &&
                               getConstantIntValue(access.size) &&
                               getConstantIntValue(access.stride);
    if (dependsOnOffsetOnly)
      builder.setInsertionPointAfterValue(offset);
    auto value = [&](OpFoldResult part) {
      return getValueOrCreateConstantIndexOp(builder, loc, part);
    };
    Value dim =
        value(tensor::getMixedSize(builder, loc, access.tensor, access.dim));
    // Unsigned, so that a negative offset is outside as well; there is room if
    // the elements after the first fit.
    Value one = value(builder.getIndexAttr(1));
    Value steps = arith::SubIOp::create(builder, loc, value(access.size), one);
    Value reach =
        arith::MulIOp::create(builder, loc, steps, value(access.stride));
    Value room = arith::SubIOp::create(builder, loc, dim, reach);
    auto compare = [&](arith::CmpIPredicate predicate, Value x, Value y) {
      return arith::CmpIOp::create(builder, loc, predicate, x, y);
    };
    Value zero = value(builder.getIndexAttr(0));
    Value fits = compare(arith::CmpIPredicate::sgt, room, zero);
    Value starts =
        compare(arith::CmpIPredicate::ult, value(access.offset), room);
    Value inside = arith::AndIOp::create(builder, loc, fits, starts);
    cf::AssertOp::create(builder, loc, inside,
                         (Twine(access.op->getName().getStringRef()) +
                          " reaches outside of " + "dimension " +
                          Twine(access.dim) + " of " + text(type))
                             .str());
    bool endsFunction = builder.getInsertionBlock() == &function.front();
    if (offset && !endsFunction) {
      Value safe = arith::SelectOp::create(builder, loc, inside, offset, zero);
      access.op->replaceUsesOfWith(offset, safe);
    }
  }

  static std::string text(Type type) {
    std::string result;
    llvm::raw_string_ostream(result) << type;
    return result;
  }

  func::FuncOp function;
};

struct CheckIndices : impl::RungCheckIndicesBase<CheckIndices> {
  void runOnOperation() override {
    if (!getOperation().isExternal())
      Checker(getOperation()).run();
  }
};

} // namespace
} // namespace rung
