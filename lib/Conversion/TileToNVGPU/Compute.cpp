//===- Compute.cpp - tile.splat, map, slice in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/Places.h"
#include "Patterns.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

//===----------------------------------------------------------------------===//
// tile.splat, tile.map
//===----------------------------------------------------------------------===//

namespace {

struct ConvertSplat final : WarpPattern<tile::SplatOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::SplatOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> registers(op.getType().getLayout().getRegisters(),
                                 adaptor.getValue());
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }
};

/// The region runs once for each register, or unit.
struct ConvertMap final : WarpPattern<tile::MapOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::MapOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;

private:
  /// The arguments of each run.
  FailureOr<SmallVector<SmallVector<Value>>>
  collectArguments(tile::MapOp op, OneToNOpAdaptor adaptor,
                   ConversionPatternRewriter &rewriter) const;
};

} // namespace

FailureOr<SmallVector<SmallVector<Value>>>
ConvertMap::collectArguments(tile::MapOp op, OneToNOpAdaptor adaptor,
                             ConversionPatternRewriter &rewriter) const {
  auto layoutOf = [&](size_t number) {
    return cast<FragmentType>(op.getInputs()[number].getType()).getLayout();
  };
  SmallVector<SmallVector<Value>> runs;
  if (op.getInputs().size() == 1 && layoutOf(0).isPacked()) {
    ValueRange words = adaptor.getInputs()[0];
    for (size_t count = layoutOf(0).getOrder()->words(); !words.empty();
         words = words.drop_front(count))
      runs.emplace_back(words.take_front(count));
    return runs;
  }
  LayoutAttr layout = op.getType().getLayout();
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    SmallVector<Value> &arguments = runs.emplace_back();
    for (size_t number = 0, n = op.getInputs().size(); number != n; ++number) {
      auto type = cast<FragmentType>(op.getInputs()[number].getType());
      Places places = placesOf(layout, reg);
      for (auto &[row, column] : places) {
        row = type.getRows() == 1 ? 0 : row;
        column = type.getColumns() == 1 ? 0 : column;
      }
      std::optional<int64_t> from = findPlaces(type.getLayout(), places);
      if (!from)
        return refuse(op, rewriter,
                      "needs element " + Twine(placeText(places.back())) +
                          " of operand " + Twine(number) + " in lane " +
                          Twine(places.size() - 1) + " with " +
                          placeText(places.front()) +
                          " in lane 0, but none of its registers has them "
                          "there");
      arguments.push_back(adaptor.getInputs()[number][*from]);
    }
  }
  return runs;
}

LogicalResult
ConvertMap::matchAndRewrite(tile::MapOp op, OneToNOpAdaptor adaptor,
                            ConversionPatternRewriter &rewriter) const {
  Block &body = op.getBody().front();
  for (Operation &inner : body.without_terminator())
    if (isa_and_nonnull<tile::TileDialect>(inner.getDialect()) &&
        !isa<tile::LookupOp>(inner))
      return refuse(op, rewriter,
                    "has a " + inner.getName().getStringRef() +
                        " in its region, which has no form for a warp here");
  auto runs = collectArguments(op, adaptor, rewriter);
  if (failed(runs))
    return failure();
  SmallVector<Value> results;
  for (ArrayRef<Value> arguments : *runs) {
    IRMapping mapping;
    mapping.map(body.getArguments(), arguments);
    for (Operation &inner : body.without_terminator())
      rewriter.clone(inner, mapping);
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
  }
  rewriter.replaceOpWithMultiple(op, {results});
  return success();
}

//===----------------------------------------------------------------------===//
// tile.slice
//===----------------------------------------------------------------------===//

namespace {
struct ConvertSlice final : WarpPattern<tile::SliceOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::SliceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    LayoutAttr from = op.getInput().getType().getLayout(),
               to = op.getResult().getType().getLayout();
    SmallVector<Value> results;
    for (int64_t reg = 0, e = to.getRegisters(); reg != e; ++reg) {
      Places places = placesOf(to, reg);
      for (auto &[row, column] : places) {
        row += op.getOffset()[0];
        column += op.getOffset()[1];
      }
      std::optional<int64_t> found = findPlaces(from, places);
      if (!found)
        return refuse(op, rewriter,
                      "needs element " + placeText(places.back()) +
                          " in lane " + Twine(places.size() - 1) + " with " +
                          placeText(places.front()) +
                          " in lane 0, but no register of the input has them "
                          "there");
      results.push_back(adaptor.getInput()[*found]);
    }
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};
} // namespace

void rung::populateComputePatterns(WarpConversion &conversion,
                                   RewritePatternSet &patterns) {
  patterns.add<ConvertSplat, ConvertMap, ConvertSlice>(conversion,
                                                       patterns.getContext());
}
