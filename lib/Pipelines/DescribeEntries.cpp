//===- DescribeEntries.cpp - Signatures as users see them -----------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "llvm/ADT/EquivalenceClasses.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGDESCRIBEENTRIES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// Classes of (value, dimension) pairs that an execution without undefined
/// behaviour must find equal, from the operations of one function.
class EqualSizes {
public:
  explicit EqualSizes(func::FuncOp function) {
    function.walk([&](Operation *op) { visit(op); });
  }

  /// A number that equal sizes share.
  unsigned classOf(Value value, int64_t dim) {
    return classes.getLeaderValue(key(value, dim));
  }

private:
  unsigned key(Value value, int64_t dim) {
    auto [it, isNew] = keys.try_emplace({value, dim}, keys.size());
    if (isNew)
      classes.insert(it->second);
    return it->second;
  }

  void join(Value a, int64_t dimA, Value b, int64_t dimB) {
    classes.unionSets(key(a, dimA), key(b, dimB));
  }

  /// `size` is dimension `dim` of `value`.
  void joinSize(Value value, int64_t dim, OpFoldResult size) {
    auto sizeValue = dyn_cast<Value>(size);
    if (!sizeValue)
      return;
    if (auto dimOp = sizeValue.getDefiningOp<tensor::DimOp>())
      if (std::optional<int64_t> source = dimOp.getConstantIndex())
        return join(value, dim, dimOp.getSource(), *source);
    join(value, dim, sizeValue, -1);
  }

  void joinAll(Value a, Value b) {
    auto type = dyn_cast<RankedTensorType>(a.getType());
    auto other = dyn_cast<RankedTensorType>(b.getType());
    if (!type || !other || type.getRank() != other.getRank())
      return;
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim) || other.isDynamicDim(dim))
        join(a, dim, b, dim);
  }

  void visitLinalg(linalg::LinalgOp op) {
    DenseMap<unsigned, std::pair<Value, int64_t>> first;
    for (OpOperand &operand : op->getOpOperands()) {
      AffineMap map = op.getMatchingIndexingMap(&operand);
      if (!isa<RankedTensorType>(operand.get().getType()))
        continue;
      for (auto [dim, expr] : llvm::enumerate(map.getResults()))
        if (auto loop = dyn_cast<AffineDimExpr>(expr)) {
          auto [it, isNew] =
              first.try_emplace(loop.getPosition(), operand.get(), dim);
          if (!isNew)
            join(it->second.first, it->second.second, operand.get(), dim);
        }
    }
    for (auto [init, result] : llvm::zip(op.getDpsInits(), op->getResults()))
      joinAll(init, result);
  }

  void visitReshape(Value narrow, Value wide,
                    ArrayRef<ReassociationIndices> groups) {
    for (auto [dim, group] : llvm::enumerate(groups)) {
      // The dynamic size survives where all other sizes of the group are 1.
      auto type = cast<RankedTensorType>(wide.getType());
      int64_t kept = -1;
      for (int64_t inner : group)
        if (type.getDimSize(inner) != 1)
          kept = kept == -1 ? inner : -2;
      if (kept >= 0)
        join(narrow, dim, wide, kept);
    }
  }

  void visit(Operation *op) {
    if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
      return visitLinalg(linalgOp);
    if (auto expand = dyn_cast<tensor::ExpandShapeOp>(op))
      return visitReshape(expand.getSrc(), expand.getResult(),
                          expand.getReassociationIndices());
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op))
      return visitReshape(collapse.getResult(), collapse.getSrc(),
                          collapse.getReassociationIndices());
    if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
      return joinAll(insert.getDest(), insert.getResult());
    if (auto cast = dyn_cast<tensor::CastOp>(op))
      return joinAll(cast.getSource(), cast.getResult());
    if (op->getNumResults() == 1 &&
        (op->hasTrait<OpTrait::SameOperandsAndResultShape>() ||
         OpTrait::hasElementwiseMappableTraits(op))) {
      for (Value operand : op->getOperands())
        joinAll(operand, op->getResult(0));
      return;
    }
    // Everything else that can say the sizes of its results.
    auto reifiable = dyn_cast<ReifyRankedShapedTypeOpInterface>(op);
    if (!reifiable)
      return;
    if (auto empty = dyn_cast<tensor::EmptyOp>(op)) {
      for (auto [dim, size] : llvm::enumerate(empty.getMixedSizes()))
        joinSize(empty.getResult(), dim, size);
      return;
    }
    if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
      llvm::SmallBitVector dropped = slice.getDroppedDims();
      int64_t result = 0;
      for (auto [dim, size] : llvm::enumerate(slice.getMixedSizes()))
        if (!dropped.test(dim))
          joinSize(slice.getResult(), result++, size);
      return;
    }
    OpBuilder builder(op);
    ReifiedRankedShapedTypeDims sizes;
    if (failed(reifiable.reifyResultShapes(builder, sizes)))
      return;
    for (auto [result, dims] : llvm::zip(op->getResults(), sizes))
      for (auto [dim, size] : llvm::enumerate(dims))
        joinSize(result, dim, size);
  }

  DenseMap<std::pair<Value, int64_t>, unsigned> keys;
  llvm::EquivalenceClasses<unsigned> classes;
};

/// Names of dynamic sizes: M, N, P, ..., then D7, D8, ....
std::string sizeName(unsigned index) {
  constexpr StringRef kLetters = "MNPQRST";
  if (index < kLetters.size())
    return kLetters.substr(index, 1).str();
  return "D" + std::to_string(index);
}

class Describer {
public:
  explicit Describer(func::FuncOp function)
      : function(function), builder(function.getContext()), sizes(function) {}

  LogicalResult run() {
    unsigned inouts = 0;
    for (BlockArgument arg : function.getArguments())
      inouts += bool(
          function.getArgAttr(arg.getArgNumber(), RungDialect::kInoutAttrName));
    if (inouts > function.getNumResults())
      return function.emitError()
             << "has " << inouts << " arguments marked '"
             << RungDialect::kInoutAttrName << "' but "
             << function.getNumResults()
             << " results; it must return the updated value of each, in "
                "order, behind its other results";
    auto returnOp =
        cast<func::ReturnOp>(function.getBody().front().getTerminator());
    unsigned outputs = function.getNumResults() - inouts, inout = outputs;
    for (BlockArgument arg : function.getArguments()) {
      unsigned i = arg.getArgNumber();
      bool isInout = bool(function.getArgAttr(i, RungDialect::kInoutAttrName));
      if (failed(add(arg, isInout ? "inout" : "input", "argument", i,
                     function.getArgAttr(i, RungDialect::kNameAttrName),
                     ("arg" + Twine(i)).str())))
        return failure();
      if (isInout && function.getResultTypes()[inout++] != arg.getType())
        return function.emitError()
               << "result #" << inout - 1
               << " is the updated value of argument #" << i
               << " and must have its type " << arg.getType() << ", found "
               << function.getResultTypes()[inout - 1];
    }
    for (unsigned i = 0; i < outputs; ++i)
      if (failed(add(returnOp.getOperand(i), "output", "result", i,
                     function.getResultAttr(i, RungDialect::kNameAttrName),
                     outputs == 1 ? "result" : ("result" + Twine(i)).str())))
        return failure();
    function->setAttr(kSignatureAttr, builder.getArrayAttr(entries));
    return success();
  }

private:
  LogicalResult add(Value value, StringRef kind, StringRef what, unsigned index,
                    Attribute givenName, const std::string &defaultName) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type)
      return function.emitError()
             << what << " #" << index << " of entry '" << function.getName()
             << "' has type " << value.getType()
             << "; expected a ranked tensor (a scalar is a tensor of rank 0)";
    auto name = givenName ? dyn_cast<StringAttr>(givenName)
                          : builder.getStringAttr(defaultName);
    if (!name || name.empty())
      return function.emitError()
             << what << " #" << index << " of entry '" << function.getName()
             << "' has the '" << RungDialect::kNameAttrName << "' " << givenName
             << "; expected a string that is not empty";
    if (llvm::is_contained(type.getShape(), 0))
      return function.emitError()
             << what << " '" << name.getValue() << "' of entry '"
             << function.getName() << "' is the empty " << type
             << "; expected every size to be at least 1";
    if (!names.insert(name.getValue()).second)
      return function.emitError()
             << "two arguments or results are named " << name;
    SmallVector<Attribute> shape;
    for (auto [dim, size] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(size)) {
        shape.push_back(builder.getI64IntegerAttr(size));
        continue;
      }
      auto [it, isNew] = dynamicNames.try_emplace(sizes.classOf(value, dim),
                                                  dynamicNames.size());
      if (isNew && kind == "output")
        return function.emitError()
               << "dynamic size " << dim << " of result #" << index
               << " of entry '" << function.getName()
               << "' is the size of no argument; the caller could not allocate "
                  "it";
      shape.push_back(builder.getStringAttr(sizeName(it->second)));
    }
    entries.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(kNameKey, name),
         builder.getNamedAttr(kKindKey, builder.getStringAttr(kind)),
         builder.getNamedAttr(kTypeKey, TypeAttr::get(type)),
         builder.getNamedAttr(kShapeKey, builder.getArrayAttr(shape))}));
    return success();
  }

  func::FuncOp function;
  Builder builder;
  EqualSizes sizes;
  SmallVector<Attribute> entries;
  llvm::StringSet<> names;
  DenseMap<unsigned, unsigned> dynamicNames;
};

/// Adds to a signature which arguments arrive packed since
/// rung-separate-storage, and who packs them.
void describePacking(func::FuncOp function) {
  Builder builder(function.getContext());
  SmallVector<Attribute> entries(
      function->getAttrOfType<ArrayAttr>(kSignatureAttr).getValue());
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    auto packer = function.getArgAttrOfType<FlatSymbolRefAttr>(
        i, RungDialect::kPackAttrName);
    if (!packer)
      continue;
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    NamedAttrList entry(cast<DictionaryAttr>(entries[i]));
    entry.set(kPackerKey, builder.getStringAttr(packer.getValue()));
    entry.set(kPackedBytesKey,
              builder.getI64IntegerAttr(type.getNumElements() *
                                        type.getElementTypeBitWidth() / 8));
    entries[i] = entry.getDictionary(function.getContext());
  }
  function->setAttr(kSignatureAttr, builder.getArrayAttr(entries));
}

struct DescribeEntries : impl::RungDescribeEntriesBase<DescribeEntries> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>()) {
      if (!function.isPublic())
        continue;
      if (function->hasAttr(kSignatureAttr)) {
        describePacking(function);
        continue;
      }
      if (!function.getBody().hasOneBlock()) {
        function.emitError("an entry must be one block; use scf.if or scf.for "
                           "instead of branches");
        return signalPassFailure();
      }
      if (failed(Describer(function).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace rung
