//===- Lookup.cpp - tile.lookup in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/VectorBuilder.h"
#include "Patterns.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;
using namespace rung;

namespace {
/// One load from a table that the caches hold. Not from constant memory, which
/// serves the lanes of a warp one after the other if their indices differ.
struct ConvertLookup final : WarpPattern<tile::LookupOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::LookupOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    VectorBuilder b(op.getLoc(), rewriter);
    memref::GlobalOp global = conversion.findTable(op);
    Value table =
        memref::GetGlobalOp::create(b, global.getType(), global.getName());
    Value index =
        b.bitAnd(adaptor.getIndex(),
                 b.constantI32(global.getType().getNumElements() - 1));
    rewriter.replaceOpWithNewOp<memref::LoadOp>(op, table, b.asIndex(index));
    return success();
  }
};
} // namespace

memref::GlobalOp WarpConversion::findTable(tile::LookupOp op) {
  // NVPTX's address space of global memory.
  constexpr int64_t globalMemory = 1;
  auto module = op->getParentOfType<ModuleOp>();
  auto it = tables.find(module);
  if (it == tables.end()) {
    Builder builder(op.getContext());
    it = tables
             .try_emplace(module, module,
                          builder.getI64IntegerAttr(globalMemory))
             .first;
  }
  return it->second.get(op.getLoc(), cast<DenseElementsAttr>(op.getTable()));
}

void rung::populateLookupPatterns(WarpConversion &conversion,
                                  RewritePatternSet &patterns) {
  patterns.add<ConvertLookup>(conversion, patterns.getContext());
}
