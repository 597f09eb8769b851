//===- Compute.cpp - tile.splat, map, mma in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/Places.h"
#include "../Common/VectorBuilder.h"
#include "Patterns.h"
#include "mlir/Dialect/NVGPU/IR/NVGPUDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "rung/Layout/Fragments.h"

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
    if (isa_and_nonnull<tile::TileDialect>(inner.getDialect()))
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
// tile.mma
//===----------------------------------------------------------------------===//

namespace {

/// m16n8k16: the columns of tile.mma's result are n, its b is n × k.
constexpr int64_t instructionRows = 16, instructionColumns = 8,
                  instructionDepth = 16;

/// The registers of a fragment that are one operand of one instruction.
using Operand = SmallVector<int64_t, 8>;

struct ConvertMma final : WarpPattern<tile::MmaOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::MmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};

/// The registers of `layout` with the elements that the map `name` wants, for
/// the operand whose first element is `first`; `swapped` if the fragment is
/// the transpose of the operand. None if a register has others.
std::optional<Operand> findOperand(LayoutAttr layout, StringRef name,
                                   std::pair<int64_t, int64_t> first,
                                   bool swapped = false) {
  LinearLayout map = *lookupFragment(name);
  Operand registers;
  for (uint64_t reg = 0; reg != uint64_t(1) << map.inBits("register"); ++reg) {
    Places places;
    for (uint64_t lane = 0; lane != warpLanes; ++lane) {
      SmallVector<uint64_t> place = map.apply({reg, lane});
      if (swapped)
        std::swap(place[0], place[1]);
      places.push_back(
          {first.first + int64_t(place[0]), first.second + int64_t(place[1])});
    }
    std::optional<int64_t> found = findPlaces(layout, places);
    if (!found)
      return std::nullopt;
    registers.push_back(*found);
  }
  return registers;
}

/// 32-bit registers of `width` elements each.
Value gatherOperand(OpBuilder &builder, Location loc, ValueRange values,
                    const Operand &registers) {
  SmallVector<Value> elements;
  for (int64_t reg : registers)
    elements.push_back(values[reg]);
  auto type = VectorType::get({int64_t(elements.size()) / 2, 2},
                              elements.front().getType());
  return vector::FromElementsOp::create(builder, loc, type, elements);
}

} // namespace

LogicalResult
ConvertMma::matchAndRewrite(tile::MmaOp op, OneToNOpAdaptor adaptor,
                            ConversionPatternRewriter &rewriter) const {
  auto a = dyn_cast<FragmentType>(op.getA().getType()),
       b = dyn_cast<FragmentType>(op.getB().getType());
  FragmentType c = op.getC().getType();
  if (!a || !b || op.getToken())
    return refuse(op, rewriter,
                  "is asynchronous or takes a buffer, expected two fragments");
  if (!a.getElementType().isF16() || !b.getElementType().isF16() ||
      !c.getElementType().isF32() || a.getLayout().isPacked() ||
      b.getLayout().isPacked()) {
    std::string text;
    llvm::raw_string_ostream(text)
        << "multiplies " << a.getElementType() << " by " << b.getElementType()
        << " into " << c.getElementType()
        << ", expected f16 by f16 into f32, not packed";
    return refuse(op, rewriter, text);
  }

  // One instruction after the other along k for each place of the result.
  struct Step {
    Operand a, b, c;
  };
  SmallVector<Step> steps;
  for (int64_t n = 0; n < c.getRows(); n += instructionRows)
    for (int64_t m = 0; m < c.getColumns(); m += instructionColumns)
      for (int64_t k = 0; k < a.getColumns(); k += instructionDepth) {
        auto aRegisters =
            findOperand(a.getLayout(), "mma.m16n8k16.f16.a", {n, k});
        auto bRegisters = findOperand(b.getLayout(), "mma.m16n8k16.f16.b",
                                      {m, k}, /*swapped=*/true);
        auto cRegisters =
            findOperand(c.getLayout(), "mma.m16n8k16.f16.c", {n, m});
        if (!aRegisters || !bRegisters || !cRegisters)
          return refuse(op, rewriter,
                        Twine("has the operand ") +
                            (!aRegisters   ? "a"
                             : !bRegisters ? "b"
                                           : "c") +
                            " in a layout that is not the one of m16n8k16, " +
                            "side by side");
        steps.push_back({*aRegisters, *bRegisters, *cRegisters});
      }

  Location loc = op.getLoc();
  SmallVector<Value> sums(adaptor.getC());
  for (const Step &step : steps) {
    Value result = nvgpu::MmaSyncOp::create(
        rewriter, loc, gatherOperand(rewriter, loc, adaptor.getA(), step.a),
        gatherOperand(rewriter, loc, adaptor.getB(), step.b),
        gatherOperand(rewriter, loc, sums, step.c),
        ArrayRef<int64_t>{instructionRows, instructionColumns,
                          instructionDepth});
    for (auto [number, reg] : llvm::enumerate(step.c))
      sums[reg] = vector::ExtractOp::create(
          rewriter, loc, result,
          ArrayRef<int64_t>{int64_t(number) / 2, int64_t(number) % 2});
  }
  rewriter.replaceOpWithMultiple(op, {sums});
  return success();
}

void rung::populateComputePatterns(WarpConversion &conversion,
                                   RewritePatternSet &patterns) {
  patterns.add<ConvertSplat, ConvertMap, ConvertMma>(conversion,
                                                     patterns.getContext());
}
