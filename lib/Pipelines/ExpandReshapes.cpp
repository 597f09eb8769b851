//===- ExpandReshapes.cpp - Reshapes to several dynamic sizes -------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGEXPANDRESHAPES
#include "rung/Pipelines/Passes.h.inc"

namespace {

bool hasGroupOfDynamicSizes(memref::ExpandShapeOp op) {
  return llvm::any_of(op.getReassociationIndices(),
                      [&](ArrayRef<int64_t> group) {
                        return llvm::count_if(group, [&](int64_t dim) {
                                 return op.getResultType().isDynamicDim(dim);
                               }) > 1;
                      });
}

void expand(memref::ExpandShapeOp op) {
  OpBuilder builder(op);
  Location loc = op.getLoc();
  MemRefType type = op.getResultType();
  auto source =
      memref::ExtractStridedMetadataOp::create(builder, loc, op.getSrc());
  SmallVector<OpFoldResult> sizes = op.getMixedOutputShape(),
                            sourceStrides = source.getConstifiedMixedStrides(),
                            strides(type.getRank());
  auto [typeStrides, typeOffset] = type.getStridesAndOffset();
  // Within a group a stride is the product of the next one and its size.
  for (auto [dim, group] : llvm::enumerate(op.getReassociationIndices())) {
    OpFoldResult stride = sourceStrides[dim];
    for (int64_t inner : llvm::reverse(group)) {
      strides[inner] = ShapedType::isDynamic(typeStrides[inner])
                           ? stride
                           : builder.getIndexAttr(typeStrides[inner]);
      Value next = arith::MulIOp::create(
          builder, loc, getValueOrCreateConstantIndexOp(builder, loc, stride),
          getValueOrCreateConstantIndexOp(builder, loc, sizes[inner]));
      stride = next;
    }
  }
  OpFoldResult offset = ShapedType::isDynamic(typeOffset)
                            ? OpFoldResult(source.getOffset())
                            : builder.getIndexAttr(typeOffset);
  op.replaceAllUsesWith(
      memref::ReinterpretCastOp::create(
          builder, loc, type, source.getBaseBuffer(), offset, sizes, strides)
          .getResult());
  op.erase();
}

struct ExpandReshapes : impl::RungExpandReshapesBase<ExpandReshapes> {
  void runOnOperation() override {
    SmallVector<memref::ExpandShapeOp> reshapes;
    getOperation().walk([&](memref::ExpandShapeOp op) {
      if (hasGroupOfDynamicSizes(op))
        reshapes.push_back(op);
    });
    llvm::for_each(reshapes, expand);
  }
};

} // namespace
} // namespace rung
