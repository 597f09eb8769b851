//===- DescribeEntries.cpp - Signatures as users see them -----------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "EqualSizes.h"

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGDESCRIBEENTRIES
#include "rung/Pipelines/Passes.h.inc"

namespace {

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
