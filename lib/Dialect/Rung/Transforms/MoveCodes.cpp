//===- MoveCodes.cpp - upstream operations on tensors of codes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MoveCodes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "rung/Numerics/Lossless.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace rung;

bool rung::needsStorage(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  Type element = tensor.getElementType();
  std::optional<NumberFormat> format = numberFormatOf(element);
  if (!format)
    return false;
  return format->bits() <= 8
             ? !element.isSignlessInteger(8)
             : isa<IntegerType>(element) && !element.isSignlessInteger();
}

bool rung::isOurs(Operation *op) {
  return isa<RungDialect, func::FuncDialect>(op->getDialect());
}

/// True of tensors that move as their storage. Those of i1 may be conditions,
/// which have none.
static bool movesAsStorage(Type type) {
  return needsStorage(type) && !getElementTypeOrSelf(type).isInteger(1);
}

static Type storageTypeOf(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return StorageAttr::get(tensor.getElementType(), tensor.getShape())
      .getStorageType();
}

//===----------------------------------------------------------------------===//
// Moving bytes
//===----------------------------------------------------------------------===//

/// True if codes [offset, offset + size) of rows of `whole` codes are whole
/// bytes; those behind the last code of a row belong to it.
static bool areBytes(int64_t bits, int64_t offset, int64_t size,
                     int64_t whole) {
  return !ShapedType::isDynamic(offset) && !ShapedType::isDynamic(size) &&
         offset * bits % 8 == 0 &&
         (size * bits % 8 == 0 || offset + size == whole);
}

/// The slice `op` of tensors of the type `whole`.
template <typename Op>
static bool sliceMovesBytes(Op op, RankedTensorType whole, int64_t bits) {
  int64_t last = whole.getRank() - 1;
  return last >= 0 && !op.getDroppedDims().test(last) &&
         op.getStaticStrides()[last] == 1 &&
         areBytes(bits, op.getStaticOffsets()[last], op.getStaticSizes()[last],
                  whole.getDimSize(last));
}

static bool reshapeMovesBytes(RankedTensorType fine, RankedTensorType coarse,
                              ArrayRef<ReassociationIndices> groups,
                              int64_t bits) {
  if (coarse.getRank() == 0)
    return true;
  int64_t others = 1, last = fine.getShape().back();
  for (int64_t dim : ArrayRef<int64_t>(groups.back()).drop_back())
    others = fine.getDimSize(dim) == 1 ? others : 0;
  return others == 1 || (!ShapedType::isDynamic(last) && last * bits % 8 == 0);
}

static bool concatMovesBytes(tensor::ConcatOp op, int64_t bits) {
  if (int64_t(op.getDim()) + 1 < op.getResultType().getRank())
    return true;
  return llvm::all_of(op.getInputs().drop_back(), [&](Value input) {
    int64_t size = cast<ShapedType>(input.getType()).getShape().back();
    return !ShapedType::isDynamic(size) && size * bits % 8 == 0;
  });
}

/// The bits of the elements that `op` moves as their storage; 0 if there are
/// none.
static unsigned narrowBits(Operation *op) {
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (movesAsStorage(type))
        return numberFormatOf(cast<ShapedType>(type).getElementType())->bits();
  return 0;
}

bool rung::canMoveBytes(Operation *op) {
  unsigned bits = narrowBits(op);
  if (!bits)
    return false;
  return TypeSwitch<Operation *, bool>(op)
      .Case([&](tensor::ExtractSliceOp slice) {
        return bits >= 8 || sliceMovesBytes(slice, slice.getSourceType(), bits);
      })
      .Case([&](tensor::InsertSliceOp slice) {
        return bits >= 8 || sliceMovesBytes(slice, slice.getDestType(), bits);
      })
      .Case([&](tensor::ExpandShapeOp reshape) {
        return bits >= 8 ||
               reshapeMovesBytes(reshape.getResultType(), reshape.getSrcType(),
                                 reshape.getReassociationIndices(), bits);
      })
      .Case([&](tensor::CollapseShapeOp reshape) {
        return bits >= 8 ||
               reshapeMovesBytes(reshape.getSrcType(), reshape.getResultType(),
                                 reshape.getReassociationIndices(), bits);
      })
      .Case([&](tensor::ConcatOp concat) {
        return bits >= 8 || concatMovesBytes(concat, bits);
      })
      .Case([](arith::SelectOp select) {
        return select.getCondition().getType().isInteger(1);
      })
      .Case<scf::IfOp, scf::ForOp, scf::WhileOp, scf::ExecuteRegionOp,
            scf::YieldOp, scf::ConditionOp, tensor::CastOp>(
          [](Operation *) { return true; })
      .Default(false);
}

/// Sizes and offsets of codes of the last dimension become those of bytes.
template <typename Op>
static void sliceBytes(Op op, int64_t bits) {
  if (bits >= 8)
    return;
  SmallVector<int64_t> offsets(op.getStaticOffsets()),
      sizes(op.getStaticSizes());
  offsets.back() = offsets.back() * bits / 8;
  sizes.back() = llvm::divideCeil(sizes.back() * bits, 8);
  op.setStaticOffsets(offsets);
  op.setStaticSizes(sizes);
}

void rung::moveBytes(Operation *op) {
  // Operands may be bytes already; then the results tell.
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (BlockArgument argument : block.getArguments())
        if (movesAsStorage(argument.getType()))
          argument.setType(storageTypeOf(argument.getType()));
  unsigned bits = narrowBits(op);
  for (OpResult result : op->getResults())
    if (movesAsStorage(result.getType()))
      result.setType(storageTypeOf(result.getType()));
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op))
    sliceBytes(slice, bits);
  else if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    sliceBytes(insert, bits);
  else if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op);
           expand && bits < 8 && expand.getResultType().getRank()) {
    SmallVector<int64_t> shape(expand.getStaticOutputShape());
    shape.back() = expand.getResultType().getShape().back();
    expand.setStaticOutputShape(shape);
  }
}

//===----------------------------------------------------------------------===//
// Moving values
//===----------------------------------------------------------------------===//

/// The smallest builtin type that stays as it is and has all values of
/// `element`.
static Type wideTypeOf(Type element) {
  MLIRContext *context = element.getContext();
  for (Type type :
       {Type(IntegerType::get(context, 8)), Type(Float16Type::get(context)),
        Type(BFloat16Type::get(context)), Type(Float32Type::get(context))})
    if (isLossless(*numberFormatOf(element), *numberFormatOf(type)))
      return type;
  return Float64Type::get(context);
}

/// True of operations whose elements can be of any type.
static bool isMove(Operation *op) {
  return isa<tensor::ExtractSliceOp, tensor::InsertSliceOp,
             tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::ConcatOp,
             linalg::TransposeOp>(op);
}

static void widenMove(IRRewriter &rewriter, Operation *op) {
  rewriter.setInsertionPoint(op);
  Location loc = op->getLoc();
  auto narrow = cast<RankedTensorType>(op->getResult(0).getType());
  Type wide = wideTypeOf(narrow.getElementType());
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    auto type = dyn_cast<RankedTensorType>(operand.getType());
    if (!type || type.getElementType() != narrow.getElementType() ||
        mapping.contains(operand))
      continue;
    Value widened;
    if (auto empty = operand.getDefiningOp<tensor::EmptyOp>())
      widened =
          tensor::EmptyOp::create(rewriter, loc, empty.getMixedSizes(), wide);
    else
      widened = ConvertOp::create(rewriter, loc, type.clone(wide), operand,
                                  /*random=*/Value(), RoundingModeAttr(),
                                  /*saturate=*/false);
    mapping.map(operand, widened);
  }
  Operation *moved;
  if (auto transpose = dyn_cast<linalg::TransposeOp>(op)) {
    moved = linalg::TransposeOp::create(
        rewriter, loc, mapping.lookup(transpose.getInput()),
        mapping.lookup(transpose.getInit()), transpose.getPermutation());
  } else {
    moved = rewriter.clone(*op, mapping);
    moved->getResult(0).setType(narrow.clone(wide));
  }
  rewriter.replaceOpWithNewOp<ConvertOp>(
      op, narrow, moved->getResult(0), /*random=*/Value(),
      RoundingModeAttr::get(op->getContext(), RoundingMode::NearestEven),
      /*saturate=*/false);
}

/// The operand that an elementwise operation on tensors widens, or null.
static Value widenedOperand(Operation *op) {
  if (isa<arith::ExtFOp, arith::ExtSIOp, arith::SIToFPOp>(op))
    return op->getOperand(0);
  auto generic = dyn_cast<linalg::GenericOp>(op);
  if (!generic || generic.getNumDpsInputs() != 1 ||
      generic->getNumResults() != 1 ||
      generic.getNumParallelLoops() != generic.getNumLoops() ||
      !llvm::all_of(generic.getIndexingMapsArray(),
                    [](AffineMap map) { return map.isIdentity(); }))
    return {};
  Operation *cast =
      generic.getBody()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_present<arith::ExtFOp, arith::ExtSIOp, arith::SIToFPOp>(cast) ||
      cast->getOperand(0) != generic.getBody()->getArgument(0))
    return {};
  return generic.getInputs()[0];
}

void rung::widenMoves(IRRewriter &rewriter, Operation *root) {
  SmallVector<Operation *> operations;
  root->walk([&](Operation *op) {
    if (narrowBits(op))
      operations.push_back(op);
  });
  for (Operation *op : operations) {
    if (Value operand = widenedOperand(op)) {
      auto from = dyn_cast<RankedTensorType>(operand.getType()),
           to = dyn_cast<RankedTensorType>(op->getResult(0).getType());
      if (!from || !to ||
          !isLossless(*numberFormatOf(from.getElementType()),
                      *numberFormatOf(to.getElementType())))
        continue;
      rewriter.setInsertionPoint(op);
      rewriter.replaceOpWithNewOp<ConvertOp>(op, to, operand,
                                             /*random=*/Value(),
                                             RoundingModeAttr(),
                                             /*saturate=*/false);
    } else if (isMove(op) && !canMoveBytes(op)) {
      widenMove(rewriter, op);
    }
  }
}

//===----------------------------------------------------------------------===//
// Conditions
//===----------------------------------------------------------------------===//

/// The i1 elements of `value` as conditions if `areCodes`, else as codes: true
/// is the code 1, the value -1.
static Value convertConditions(IRRewriter &rewriter, Value value,
                               bool areCodes) {
  rewriter.setInsertionPointAfterValue(value);
  Location loc = value.getLoc();
  auto type = cast<RankedTensorType>(value.getType());
  RankedTensorType bytes = type.clone(rewriter.getI8Type());
  if (areCodes)
    return arith::TruncIOp::create(
        rewriter, loc, type,
        ConvertOp::create(rewriter, loc, bytes, value, /*random=*/Value(),
                          RoundingModeAttr(), /*saturate=*/false));
  return ConvertOp::create(
      rewriter, loc, type, arith::ExtSIOp::create(rewriter, loc, bytes, value),
      /*random=*/Value(),
      RoundingModeAttr::get(rewriter.getContext(), RoundingMode::NearestEven),
      /*saturate=*/false);
}

void rung::separateConditions(IRRewriter &rewriter, Operation *root) {
  SmallVector<Value> values;
  auto add = [&](Value value) {
    if (isa<RankedTensorType>(value.getType()) &&
        getElementTypeOrSelf(value).isInteger(1) &&
        !value.getDefiningOp<tensor::EmptyOp>())
      values.push_back(value);
  };
  root->walk([&](Operation *op) {
    llvm::for_each(op->getResults(), add);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), add);
  });
  for (Value value : values) {
    Operation *source = value.getDefiningOp();
    bool areCodes =
        isOurs(source ? source : value.getParentBlock()->getParentOp());
    SmallVector<OpOperand *> others;
    for (OpOperand &use : value.getUses())
      if (isOurs(use.getOwner()) != areCodes &&
          !isa<tensor::DimOp>(use.getOwner()))
        others.push_back(&use);
    if (others.empty())
      continue;
    Value converted = convertConditions(rewriter, value, areCodes);
    for (OpOperand *use : others)
      use->set(converted);
  }
}
