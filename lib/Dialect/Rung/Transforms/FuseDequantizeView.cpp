//===- FuseDequantizeView.cpp - tensors seen through reshapes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeView.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "rung/Numerics/Lossless.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace rung;

SmallVector<int64_t> View::getLoops() const {
  SmallVector<int64_t> loops;
  llvm::copy_if(dims, std::back_inserter(loops),
                [](int64_t dim) { return dim != kUnit; });
  return loops;
}

//===----------------------------------------------------------------------===//
// Loops of linalg operations
//===----------------------------------------------------------------------===//

FailureOr<SmallVector<int64_t>> rung::loopsOf(AffineMap map) {
  SmallVector<int64_t> loops;
  for (AffineExpr index : map.getResults()) {
    if (auto dim = dyn_cast<AffineDimExpr>(index)) {
      if (llvm::is_contained(loops, dim.getPosition()))
        return failure();
      loops.push_back(dim.getPosition());
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(index);
    if (!constant || constant.getValue() != 0)
      return failure();
    loops.push_back(kUnit);
  }
  return loops;
}

BlockArgument rung::traceCasts(Value value, SmallVectorImpl<Type> &types) {
  types.push_back(value.getType());
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<arith::ExtFOp, arith::ExtSIOp, arith::TruncFOp, arith::TruncIOp,
             arith::SIToFPOp>(op))
      return {};
    value = op->getOperand(0);
    types.push_back(value.getType());
  }
  return dyn_cast<BlockArgument>(value);
}

bool rung::isElementwise(linalg::LinalgOp op) {
  return op.hasPureTensorSemantics() && op->getNumResults() == 1 &&
         op.getNumParallelLoops() == op.getNumLoops() &&
         op.getMatchingIndexingMap(op.getDpsInitOperand(0)).isPermutation();
}

SmallVector<int64_t> rung::loopIndices(linalg::LinalgOp op,
                                       ArrayRef<int64_t> dims) {
  SmallVector<int64_t> loops(op.getNumLoops(), kUnit);
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  for (auto [position, dim] : llvm::enumerate(dims))
    loops[map.getDimPosition(position)] = dim;
  return loops;
}

FailureOr<View> rung::viewOperand(linalg::LinalgOp op, OpOperand *operand,
                                  ArrayRef<int64_t> loops) {
  auto type = dyn_cast<RankedTensorType>(operand->get().getType());
  if (!type)
    return failure();
  FailureOr<SmallVector<int64_t>> own =
      loopsOf(op.getMatchingIndexingMap(operand));
  if (failed(own))
    return failure();
  View view{operand->get(), {}, {type.getElementType()}};
  for (auto [loop, extent] : llvm::zip_equal(*own, type.getShape())) {
    if (loop == kUnit && extent != 1)
      return failure(); // reads index 0 of many
    view.dims.push_back(loop == kUnit ? kUnit : loops[loop]);
  }
  return view;
}

//===----------------------------------------------------------------------===//
// From a tensor to what it was made from
//===----------------------------------------------------------------------===//

/// Distributes the indices of a reshape's one side over the other. `fine` is
/// the shape of higher rank. Fails if a group has two dimensions that are
/// not 1.
static FailureOr<SmallVector<int64_t>>
throughReshape(ArrayRef<ReassociationIndices> groups, ArrayRef<int64_t> fine,
               ArrayRef<int64_t> dims, bool toFine) {
  SmallVector<int64_t> result(toFine ? fine.size() : groups.size(), kUnit);
  for (auto [coarse, group] : llvm::enumerate(groups)) {
    std::optional<int64_t> chosen;
    for (int64_t dim : group) {
      if (fine[dim] == 1)
        continue;
      if (chosen)
        return failure();
      chosen = dim;
    }
    if (!chosen)
      continue;
    if (toFine)
      result[*chosen] = dims[coarse];
    else
      result[coarse] = dims[*chosen];
  }
  return result;
}

/// Through an elementwise linalg operation whose body only casts an operand.
static FailureOr<View> throughLinalg(linalg::LinalgOp op, const View &view) {
  if (!isElementwise(op))
    return failure();
  SmallVector<Type> types;
  BlockArgument argument =
      traceCasts(op.getBlock()->getTerminator()->getOperand(0), types);
  if (!argument || argument.getOwner() != op.getBlock())
    return failure();
  FailureOr<View> source = viewOperand(op, op.getMatchingOpOperand(argument),
                                       loopIndices(op, view.dims));
  if (failed(source))
    return failure();
  source->trail = view.trail;
  source->trail.append(types.begin() + 1, types.end());
  return source;
}

FailureOr<View> rung::stepToProducer(const View &view) {
  Operation *op = view.value.getDefiningOp();
  if (!op)
    return failure();
  auto source = [&](FailureOr<SmallVector<int64_t>> dims) -> FailureOr<View> {
    if (failed(dims))
      return failure();
    return View{op->getOperand(0), *dims, view.trail};
  };
  return TypeSwitch<Operation *, FailureOr<View>>(op)
      .Case([&](tensor::CastOp cast) -> FailureOr<View> {
        if (!isa<RankedTensorType>(cast.getSource().getType()))
          return failure();
        return source(SmallVector<int64_t>(view.dims));
      })
      .Case([&](ConvertOp convert) -> FailureOr<View> {
        if (convert.getRounding())
          return failure();
        FailureOr<View> result = source(SmallVector<int64_t>(view.dims));
        result->trail.push_back(result->getElementType());
        return result;
      })
      .Case([&](tensor::CollapseShapeOp reshape) {
        return source(throughReshape(reshape.getReassociationIndices(),
                                     reshape.getSrcType().getShape(), view.dims,
                                     /*toFine=*/true));
      })
      .Case([&](tensor::ExpandShapeOp reshape) {
        return source(throughReshape(reshape.getReassociationIndices(),
                                     reshape.getResultType().getShape(),
                                     view.dims, /*toFine=*/false));
      })
      .Case([&](linalg::LinalgOp linalgOp) {
        return throughLinalg(linalgOp, view);
      })
      .Default([](Operation *) { return failure(); });
}

bool rung::isLosslessTrail(ArrayRef<Type> trail, Type codes) {
  auto converts = [](Type from, Type to) {
    if (from == to)
      return true;
    std::optional<NumberFormat> source = numberFormatOf(from),
                                target = numberFormatOf(to);
    return source && target && isLossless(*source, *target);
  };
  for (size_t i = 1; i < trail.size(); ++i)
    if (!converts(trail[i], trail[i - 1]) &&
        !(codes && converts(codes, trail[i]) && converts(codes, trail[i - 1])))
      return false;
  return true;
}

bool rung::canReshape(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return integer.isSignless() && integer.getWidth() >= 8;
  return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element);
}

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

std::optional<double> rung::splatConstant(Value value) {
  if (auto fill = value.getDefiningOp<linalg::FillOp>())
    return splatConstant(fill.getInputs()[0]);
  Attribute constant;
  if (!matchPattern(value, m_Constant(&constant)))
    return std::nullopt;
  if (auto elements = dyn_cast<SplatElementsAttr>(constant))
    constant = elements.getSplatValue<Attribute>();
  if (auto number = dyn_cast<FloatAttr>(constant))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(constant))
    return double(number.getValue().getSExtValue());
  return std::nullopt;
}

bool rung::isZeroTensor(Value value) {
  while (isa_and_present<tensor::CastOp, tensor::CollapseShapeOp,
                         tensor::ExpandShapeOp>(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return splatConstant(value) == 0.0;
}

//===----------------------------------------------------------------------===//
// Between tensors of any rank and matrices
//===----------------------------------------------------------------------===//

/// How many leading dimensions of a tensor with the loops `dims` make the rows
/// of a matrix whose columns are the loop `column`, the last one.
static int64_t countRowDims(ArrayRef<int64_t> dims, int64_t column) {
  if (column == kUnit)
    return dims.empty() || dims.back() != kUnit ? dims.size() : dims.size() - 1;
  return llvm::find(dims, column) - dims.begin();
}

static ReassociationIndices range(int64_t begin, int64_t end) {
  return llvm::to_vector<2>(llvm::seq(begin, end));
}

/// The loops of a matrix in order.
static SmallVector<int64_t> matrixLoops(ArrayRef<int64_t> rows,
                                        int64_t column) {
  SmallVector<int64_t> loops(rows);
  if (column != kUnit)
    loops.push_back(column);
  return loops;
}

/// A permutation that brings dimensions `dims` into the order of `loops`, units
/// first.
static SmallVector<int64_t> permutationTo(ArrayRef<int64_t> dims,
                                          ArrayRef<int64_t> loops) {
  SmallVector<int64_t> permutation;
  for (auto [position, dim] : llvm::enumerate(dims))
    if (dim == kUnit)
      permutation.push_back(position);
  for (int64_t loop : loops)
    permutation.push_back(llvm::find(dims, loop) - dims.begin());
  return permutation;
}

static Value transpose(OpBuilder &builder, Location loc, Value value,
                       ArrayRef<int64_t> permutation) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, value);
  SmallVector<OpFoldResult> permuted =
      llvm::map_to_vector(permutation, [&](int64_t dim) { return sizes[dim]; });
  Value init = tensor::EmptyOp::create(
      builder, loc, permuted,
      cast<RankedTensorType>(value.getType()).getElementType());
  return linalg::TransposeOp::create(builder, loc, value, init, permutation)
      ->getResult(0);
}

bool rung::isMatrix(const View &view, ArrayRef<int64_t> rows, int64_t column) {
  return view.dims.size() == 2 &&
         view.getLoops() == matrixLoops(rows, column) &&
         countRowDims(view.dims, column) == 1;
}

Value rung::toMatrix(OpBuilder &builder, Location loc, const View &view,
                     ArrayRef<int64_t> rows, int64_t column) {
  if (isMatrix(view, rows, column))
    return view.value;
  Value value = view.value;
  SmallVector<int64_t> dims = view.dims, loops = matrixLoops(rows, column);
  if (view.getLoops() != loops) {
    SmallVector<int64_t> permutation = permutationTo(dims, loops);
    value = transpose(builder, loc, value, permutation);
    dims = llvm::map_to_vector(permutation,
                               [&](int64_t dim) { return view.dims[dim]; });
  }
  int64_t rank = dims.size(), rowDims = countRowDims(dims, column);
  if (rowDims > 0 && rowDims < rank) {
    if (rank == 2)
      return value;
    SmallVector<ReassociationIndices> groups = {range(0, rowDims),
                                                range(rowDims, rank)};
    return tensor::CollapseShapeOp::create(builder, loc, value, groups);
  }
  // All rows or all columns: a vector, then a matrix with a unit dimension.
  SmallVector<ReassociationIndices> all = {range(0, rank)};
  if (rank > 1)
    value = tensor::CollapseShapeOp::create(builder, loc, value, all);
  OpFoldResult one = builder.getIndexAttr(1),
               size = rank ? tensor::getMixedSize(builder, loc, value, 0) : one;
  SmallVector<OpFoldResult> sizes = {rowDims ? size : one,
                                     rowDims ? one : size};
  auto type = RankedTensorType::get(decomposeMixedValues(sizes).first,
                                    view.getElementType());
  SmallVector<ReassociationIndices> groups;
  if (rank)
    groups.push_back({0, 1});
  return tensor::ExpandShapeOp::create(builder, loc, type, value, groups,
                                       sizes);
}

Value rung::fromMatrix(OpBuilder &builder, Location loc, Value matrix,
                       RankedTensorType type, ArrayRef<int64_t> dims,
                       ArrayRef<int64_t> rows, int64_t column,
                       function_ref<OpFoldResult(int64_t)> sizeOf) {
  SmallVector<int64_t> loops = matrixLoops(rows, column);
  View view{matrix, SmallVector<int64_t>(dims), {}};
  SmallVector<int64_t> permutation =
      view.getLoops() == loops
          ? llvm::to_vector(llvm::seq<int64_t>(0, dims.size()))
          : permutationTo(dims, loops);
  SmallVector<int64_t> ordered =
      llvm::map_to_vector(permutation, [&](int64_t dim) { return dims[dim]; });
  int64_t rank = dims.size(), rowDims = countRowDims(ordered, column);

  SmallVector<OpFoldResult> sizes;
  for (auto [dim, loop] : llvm::zip_equal(permutation, ordered))
    sizes.push_back(type.isDynamicDim(dim) ? sizeOf(loop)
                                           : OpFoldResult(builder.getIndexAttr(
                                                 type.getDimSize(dim))));
  auto shaped = RankedTensorType::get(
      llvm::map_to_vector(permutation,
                          [&](int64_t dim) { return type.getDimSize(dim); }),
      type.getElementType());
  Value value = matrix;
  if (rowDims == 0 || rowDims == rank) {
    SmallVector<ReassociationIndices> all;
    if (rank)
      all.push_back({0, 1});
    auto flat = RankedTensorType::get(
        rank ? ArrayRef<int64_t>(
                   rowDims
                       ? cast<RankedTensorType>(matrix.getType()).getDimSize(0)
                       : cast<RankedTensorType>(matrix.getType()).getDimSize(1))
             : ArrayRef<int64_t>(),
        type.getElementType());
    value = tensor::CollapseShapeOp::create(builder, loc, flat, value, all);
    if (rank > 1) {
      SmallVector<ReassociationIndices> groups = {range(0, rank)};
      value = tensor::ExpandShapeOp::create(builder, loc, shaped, value, groups,
                                            sizes);
    }
  } else if (rank > 2) {
    SmallVector<ReassociationIndices> groups = {range(0, rowDims),
                                                range(rowDims, rank)};
    value = tensor::ExpandShapeOp::create(builder, loc, shaped, value, groups,
                                          sizes);
  }
  if (ordered == SmallVector<int64_t>(dims) || llvm::is_sorted(permutation))
    return value;
  SmallVector<int64_t> inverse(permutation.size());
  for (auto [position, dim] : llvm::enumerate(permutation))
    inverse[dim] = position;
  return transpose(builder, loc, value, inverse);
}
