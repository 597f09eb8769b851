//===- Shuffles.cpp - tile.reduce, tile.relayout in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Both are linear algebra on layouts. Where a lane finds an element of another
// layout, (register, lane) -> (register, lane), is a linear map. And the
// elements of a row are the places that differ by a vector of the kernel of
// (register, lane) -> row: one exchange for each vector of its basis adds them
// up.
//
//===----------------------------------------------------------------------===//

#include "../Common/VectorBuilder.h"
#include "LaneMap.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

//===----------------------------------------------------------------------===//
// One exchange
//===----------------------------------------------------------------------===//

/// `value` of the lane that `lane` (i32) names, or whose number differs by it.
static Value shuffle(VectorBuilder &b, Value value, Value lane,
                     gpu::ShuffleMode mode) {
  Type type = value.getType();
  unsigned bits = type.getIntOrFloatBitWidth();
  auto cast = [&](Value from, Type to) -> Value {
    return from.getType() == to ? from : arith::BitcastOp::create(b, to, from);
  };
  auto exchange = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, word, lane, b.constantI32(warpLanes), mode)
        .getShuffleResult();
  };
  Type i32 = b.getI32Type(), integer = b.getIntegerType(bits);
  if (bits == 32)
    return cast(exchange(cast(value, i32)), type);
  value = cast(value, integer);
  if (bits < 32) {
    Value word = exchange(arith::ExtUIOp::create(b, i32, value));
    return cast(arith::TruncIOp::create(b, integer, word), type);
  }
  Value half = b.constantLike(value, 32);
  Value low = exchange(arith::TruncIOp::create(b, i32, value)),
        high = exchange(
            arith::TruncIOp::create(b, i32, b.shiftRight(value, half)));
  value = b.bitOr(arith::ExtUIOp::create(b, integer, low),
                  b.shiftLeft(arith::ExtUIOp::create(b, integer, high), half));
  return cast(value, type);
}

//===----------------------------------------------------------------------===//
// Another layout
//===----------------------------------------------------------------------===//

/// The layout of a result as places of the layout of its source.
namespace {
struct Sources {
  LinearLayout map; ///< (register, lane) -> (register, lane)
  bool inLane;      ///< every lane has what it needs
};
} // namespace

static Sources findSources(const LinearLayout &from, const LinearLayout &to) {
  LinearLayout registers = from.sublayout({"register"}, {"row", "col"}),
               lanes = from.sublayout({"lane"}, {"row", "col"}),
               inverse = registers.pseudoInverse();
  // Of register 0 of a lane another lane has nothing: what is left of each
  // element must be in its own registers.
  unsigned laneAt = to.inBits("register");
  SmallVector<uint64_t> bases;
  bool inLane = true;
  for (auto [bit, basis] : llvm::enumerate(to.bases())) {
    uint64_t lane = bit < laneAt ? 0 : uint64_t(1) << (bit - laneAt);
    uint64_t rest = basis ^ lanes.apply(lane), reg = inverse.apply(rest);
    inLane = inLane && registers.apply(reg) == rest;
    bases.push_back(reg | lane << from.inBits("register"));
  }
  if (!inLane)
    return {to.compose(from.pseudoInverse()), false};
  return {llvm::cantFail(LinearLayout::get(to.ins(), from.ins(), bases)), true};
}

/// The elements in `from` as those in `to`. A lane sends one register at a
/// time; where lanes want different ones, each takes its own of several.
static SmallVector<Value> relayout(VectorBuilder &b, ValueRange values,
                                   LayoutAttr from, LayoutAttr to) {
  Sources sources = findSources(from.getMap(), to.getMap());
  LinearLayout lanes = sources.map.sublayout({"lane"}, {"lane"}),
               choices = sources.map.sublayout({"lane"}, {"register"});
  Value lane = LaneMap::lane(b);
  auto apply = [&](const LinearLayout &map) -> Value {
    Value result = LaneMap::apply(b, lane, map.bases());
    return result ? b.asI32(result) : b.constantI32(0);
  };
  // The registers that some lane wants, next to what lane 0 wants.
  SmallVector<uint64_t> wanted(1, 0);
  for (uint64_t basis : choices.bases())
    if (!llvm::is_contained(wanted, basis))
      for (size_t i = 0, e = wanted.size(); i != e; ++i)
        wanted.push_back(wanted[i] ^ basis);
  Value choice = wanted.size() > 1 ? apply(choices) : Value(),
        sender = sources.inLane ? Value() : apply(lanes);
  SmallVector<Value> results;
  for (uint64_t reg = 0, e = to.getRegisters(); reg != e; ++reg) {
    SmallVector<uint64_t> first = sources.map.apply({reg, 0});
    Value source;
    if (sender)
      source = b.createOrFold<arith::XOrIOp>(
          sender, b.constantI32(static_cast<int32_t>(first[1])));
    Value result;
    for (uint64_t other : wanted) {
      Value value = values[first[0] ^ other];
      if (source)
        value = shuffle(b, value, source, gpu::ShuffleMode::IDX);
      if (!result) {
        result = value;
        continue;
      }
      Value isOther =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, choice,
                                b.constantI32(static_cast<int32_t>(other)));
      result = arith::SelectOp::create(b, isOther, value, result);
    }
    results.push_back(result);
  }
  return results;
}

namespace {
struct ConvertRelayout final : WarpPattern<tile::RelayoutOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::RelayoutOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    VectorBuilder b(op.getLoc(), rewriter);
    SmallVector<Value> results =
        relayout(b, adaptor.getInput(), op.getInput().getType().getLayout(),
                 op.getType().getLayout());
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Sums of rows
//===----------------------------------------------------------------------===//

namespace {
/// Where to go from one element of a row to others.
struct Step {
  uint64_t reg, lane;
};
} // namespace

/// Steps whose sums lead from each element to every other of its row, once:
/// within lanes first.
static SmallVector<Step> stepsInRows(const LinearLayout &map) {
  LinearLayout rows = map.sublayout({"register", "lane"}, {"row"}),
               columns = map.sublayout({"register", "lane"}, {"col"});
  unsigned registerBits = map.inBits("register");
  /// A vector and the inputs that make it; the highest bit is no other's.
  struct Pivot {
    uint64_t vector, inputs;
  };
  auto reduce = [](ArrayRef<Pivot> pivots, Pivot pivot) {
    for (const Pivot &other : pivots)
      if ((pivot.vector ^ other.vector) < pivot.vector)
        pivot = {pivot.vector ^ other.vector, pivot.inputs ^ other.inputs};
    return pivot;
  };
  SmallVector<Pivot> rowPivots, columnPivots;
  SmallVector<Step> steps;
  for (unsigned bit = 0; bit != map.inBits(); ++bit) {
    uint64_t input = uint64_t(1) << bit;
    Pivot pivot = reduce(rowPivots, {rows.apply(input), input});
    if (pivot.vector) {
      rowPivots.push_back(pivot);
      continue;
    }
    Pivot column =
        reduce(columnPivots, {columns.apply(pivot.inputs), pivot.inputs});
    if (!column.vector) // the same element again
      continue;
    columnPivots.push_back(column);
    steps.push_back({pivot.inputs & ((uint64_t(1) << registerBits) - 1),
                     pivot.inputs >> registerBits});
  }
  return steps;
}

static Value plus(VectorBuilder &b, Value x, Value y) {
  return isa<IntegerType>(x.getType()) ? b.add(x, y)
                                       : arith::AddFOp::create(b, x, y);
}

namespace {
struct ConvertReduce final : WarpPattern<tile::ReduceOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::ReduceOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    FragmentType type = op.getInput().getType();
    LayoutAttr layout = type.getLayout();
    std::optional<NumberFormat> format = numberFormatOf(type.getElementType());
    if (layout.isPacked() || !format || format->hasTable())
      return refuse(op, rewriter,
                    "adds up codes, expected elements of at least 16 bits");
    VectorBuilder b(op.getLoc(), rewriter);
    // Registers that a step has joined hold one sum.
    SmallVector<Value> sums(adaptor.getInput());
    auto holder = llvm::to_vector(llvm::seq<size_t>(0, sums.size()));
    for (const Step &step : stepsInRows(layout.getMap())) {
      SmallVector<Value> next(sums.size());
      for (size_t reg = 0; reg != sums.size(); ++reg) {
        size_t self = holder[reg], other = holder[self ^ step.reg];
        if (reg != self)
          continue;
        Value value = sums[other];
        if (step.lane)
          value =
              shuffle(b, value, b.constantI32(static_cast<int32_t>(step.lane)),
                      gpu::ShuffleMode::XOR);
        else if (other < self)
          continue; // it has the sum
        next[self] = plus(b, sums[self], value);
      }
      for (size_t &self : holder)
        if (!step.lane)
          self = std::min(self, holder[self ^ step.reg]);
      sums = std::move(next);
    }
    SmallVector<Value> all;
    for (size_t self : holder)
      all.push_back(sums[self]);
    LinearLayout rows =
        layout.getMap().sublayout({"register", "lane"}, {"row"}) *
        LinearLayout::zeros1D(0, "register", "col");
    SmallVector<Value> results =
        relayout(b, all, LayoutAttr::get(op.getContext(), rows),
                 op.getType().getLayout());
    rewriter.replaceOpWithMultiple(op, {results});
    return success();
  }
};
} // namespace

void rung::populateShufflePatterns(WarpConversion &conversion,
                                   RewritePatternSet &patterns) {
  patterns.add<ConvertReduce, ConvertRelayout>(conversion,
                                               patterns.getContext());
}
