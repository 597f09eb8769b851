//===- FuseDequantizeContraction.cpp - which contractions fuse -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeMatch.h"

#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace rung;

namespace {
/// An operand of the product in a contraction's body.
struct Factor {
  OpOperand *operand;
  /// Element types from the product to the operand.
  SmallVector<Type> trail;
};
} // namespace

/// The factors of a body that yields out + a * b; failure if it does something
/// else.
static FailureOr<std::array<Factor, 2>> matchBody(linalg::LinalgOp op) {
  Block *body = op.getBlock();
  auto argument = [&](Value value,
                      SmallVectorImpl<Type> &types) -> OpOperand * {
    BlockArgument found = traceCasts(value, types);
    if (!found || found.getOwner() != body)
      return nullptr;
    return op.getMatchingOpOperand(found);
  };
  Operation *add = body->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_present<arith::AddFOp, arith::AddIOp>(add))
    return failure();
  for (unsigned side : {0, 1}) {
    SmallVector<Type> types;
    OpOperand *out = argument(add->getOperand(side), types);
    Operation *product = add->getOperand(1 - side).getDefiningOp();
    if (!out || types.size() != 1 || !op.isDpsInit(out) ||
        !isa_and_present<arith::MulFOp, arith::MulIOp>(product))
      continue;
    std::array<Factor, 2> factors;
    for (auto [factor, value] :
         llvm::zip_equal(factors, product->getOperands())) {
      factor.operand = argument(value, factor.trail);
      if (!factor.operand || op.isDpsInit(factor.operand))
        return failure();
    }
    if (factors[0].operand == factors[1].operand)
      return failure();
    return factors;
  }
  return failure();
}

/// The view of a factor; loops that run once are kUnit.
static FailureOr<View> viewFactor(linalg::LinalgOp op, const Factor &factor,
                                  ArrayRef<int64_t> loops) {
  FailureOr<View> view = viewOperand(op, factor.operand, loops);
  if (succeeded(view))
    view->trail = factor.trail;
  return view;
}

/// Follows `view` to the rung.dequantize of a matrix that it comes from.
static DequantizeOp findWeight(View &view) {
  while (true) {
    if (auto dequantize = view.value.getDefiningOp<DequantizeOp>())
      return dequantize;
    FailureOr<View> next = stepToProducer(view);
    if (failed(next))
      return {};
    view = *next;
  }
}

/// Why the weight cannot enter a rung.matmul, whatever the loops are.
static std::string weightObstacle(DequantizeOp weight, const View &view) {
  auto codes = cast<RankedTensorType>(weight.getInput().getType());
  if (codes.getRank() != 2)
    return "the weight has " + std::to_string(codes.getRank()) +
           " dimensions, expected 2";
  if (!codes.hasStaticShape())
    return "the weight has a dynamic size, and is packed by its sizes";
  Type known = weight.getScale() || weight.getZeroPoint()
                   ? Type()
                   : codes.getElementType();
  if (!isLosslessTrail(view.trail, known))
    return "the dequantized weight is rounded before it is multiplied";
  if (isa<IntegerType>(view.getElementType()) &&
      !isLosslessTrail({view.getElementType(), codes.getElementType()}))
    return "dequantizing the weight loses values";
  return "";
}

/// Gives each loop its part. Empty if the operation is a matmul of x with
/// weight rows.
static std::string assignLoops(Contraction &contraction, const View &weight,
                               ArrayRef<int64_t> extents) {
  linalg::LinalgOp op = contraction.op;
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  auto isReduction = [&](int64_t loop) {
    return loop != kUnit && kinds[loop] == utils::IteratorType::reduction;
  };
  contraction.column = weight.dims[0];
  contraction.depth = weight.dims[1];
  if (isReduction(contraction.column) ||
      (contraction.depth != kUnit && !isReduction(contraction.depth)))
    return "it contracts over the rows of the weight; codes would have to be "
           "transposed";
  SmallVector<int64_t> xLoops = contraction.x.getLoops();
  for (auto [loop, extent] : llvm::enumerate(extents)) {
    if (extent == 1 || int64_t(loop) == contraction.depth)
      continue;
    bool inX = llvm::is_contained(xLoops, loop),
         inResult = llvm::is_contained(contraction.resultDims, loop);
    if (isReduction(loop) || !inResult)
      return "it reduces over a second loop";
    if (inX == (int64_t(loop) == contraction.column))
      return "its loops are not those of a product of two matrices";
  }
  if (contraction.depth != kUnit &&
      !llvm::is_contained(xLoops, contraction.depth))
    return "its loops are not those of a product of two matrices";
  return "";
}

/// True if sums of all products of the formats' values fit 32 bits.
static bool sumsFit(Type x, Type weight, int64_t depth) {
  if (ShapedType::isDynamic(depth))
    return false;
  return numberFormatOf(x)->maxMagnitude() *
             numberFormatOf(weight)->maxMagnitude() * double(depth) <
         2147483648.0;
}

/// Brings x to its codes: the earliest value that is a matrix already, or that
/// can be made one. Rows keep the order that x has in memory.
static std::string chooseX(Contraction &contraction) {
  auto codes = cast<RankedTensorType>(contraction.weight.getInput().getType());
  bool isExactFloat = isa<mlir::FloatType>(contraction.accumulator) &&
                      !contraction.weight.getScale() &&
                      !contraction.weight.getZeroPoint() &&
                      numberFormatOf(codes.getElementType())->isIntegerValued();
  llvm::SmallSet<int64_t, 4> wanted;
  for (int64_t loop : contraction.x.getLoops())
    wanted.insert(loop);
  auto rowsOf = [&](const View &view) {
    SmallVector<int64_t> rows = view.getLoops();
    llvm::erase(rows, contraction.depth);
    return rows;
  };

  if (!isLosslessTrail(contraction.x.trail))
    return "x is rounded before it is multiplied";
  std::optional<View> best;
  bool bestIsMatrix = false;
  View view = contraction.x;
  while (true) {
    Type element = view.getElementType();
    if (view.getLoops().size() != wanted.size() ||
        !isLosslessTrail(view.trail) || !numberFormatOf(element))
      break;
    // An integer matmul must not wrap where a floating one did not.
    if (isExactFloat && numberFormatOf(element)->isIntegerValued() &&
        !sumsFit(element, codes.getElementType(), codes.getDimSize(1)))
      break;
    bool isDirect = isMatrix(view, rowsOf(view), contraction.depth);
    if (isDirect || (!bestIsMatrix && canReshape(element))) {
      best = view;
      bestIsMatrix = isDirect;
    }
    FailureOr<View> next = failure();
    auto dequantize = view.value.getDefiningOp<DequantizeOp>();
    if (dequantize && !dequantize.getScale() && !dequantize.getZeroPoint()) {
      next = View{dequantize.getInput(), view.dims, view.trail};
      next->trail.push_back(next->getElementType());
    } else if (!dequantize) {
      next = stepToProducer(view);
    }
    if (failed(next))
      break;
    view = *next;
  }
  if (!best)
    return "x would have to be reshaped in a type without storage of its own";
  contraction.x = *best;
  contraction.rows = rowsOf(*best);
  return "";
}

std::optional<Contraction> rung::matchContraction(linalg::LinalgOp op,
                                                  std::string &reason) {
  if (!op.hasPureTensorSemantics() || op.getNumDpsInputs() != 2 ||
      op->getNumResults() != 1 || op->getNumRegions() != 1)
    return std::nullopt;
  FailureOr<std::array<Factor, 2>> factors = matchBody(op);
  if (failed(factors))
    return std::nullopt;

  SmallVector<int64_t> extents = op.getStaticLoopRanges(), loops;
  for (auto [loop, extent] : llvm::enumerate(extents))
    loops.push_back(extent == 1 ? kUnit : loop);
  OpOperand *init = op.getDpsInitOperand(0);
  FailureOr<View> result = viewOperand(op, init, loops);
  FailureOr<View> views[] = {viewFactor(op, (*factors)[0], loops),
                             viewFactor(op, (*factors)[1], loops)};

  // The second factor is the weight by custom.
  for (unsigned side : {1, 0}) {
    if (failed(views[side]))
      continue;
    View weightView = *views[side];
    DequantizeOp weight = findWeight(weightView);
    if (!weight)
      continue;
    if (!reason.empty())
      break; // with both dequantized, x does not stand in for the weight
    if (failed(result) || failed(views[1 - side])) {
      reason =
          "an index of its maps is neither a loop nor that of a unit dimension";
      return std::nullopt;
    }
    Contraction contraction;
    contraction.op = op;
    contraction.weight = weight;
    contraction.x = *views[1 - side];
    contraction.resultDims = result->dims;
    contraction.accumulator = result->getElementType();
    if (!isZeroTensor(init->get()))
      contraction.initial = *result;
    std::string obstacle = weightObstacle(weight, weightView);
    if (obstacle.empty())
      obstacle = assignLoops(contraction, weightView, extents);
    if (obstacle.empty())
      obstacle = chooseX(contraction);
    if (obstacle.empty() && isa<IntegerType>(contraction.accumulator) &&
        !contraction.accumulator.isInteger(32))
      obstacle = "it accumulates in an integer type that is not i32";
    if (obstacle.empty())
      return contraction;
    if (reason.empty())
      reason = obstacle;
  }
  return std::nullopt;
}
