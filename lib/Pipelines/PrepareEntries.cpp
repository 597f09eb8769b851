//===- PrepareEntries.cpp - Entries in destination-passing form -----------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGPREPAREENTRIES
#include "rung/Pipelines/Passes.h.inc"

namespace {

FailureOr<MemRefType> bufferType(func::FuncOp function, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !BaseMemRefType::isValidElementType(tensor.getElementType()))
    return function.emitError()
           << "entry '" << function.getName() << "' has an argument or result of type "
           << type << ", which cannot be stored in memory";
  return MemRefType::get(tensor.getShape(), tensor.getElementType());
}

LogicalResult prepare(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  Block &body = function.getBody().front();
  auto returnOp = cast<func::ReturnOp>(body.getTerminator());
  OpBuilder builder = OpBuilder::atBlockBegin(&body);
  Location loc = function.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(context);

  SmallVector<Type> types = {pointer};
  SmallVector<DictionaryAttr> attributes = {DictionaryAttr::get(context)};
  SmallVector<Value> inouts;
  unsigned arguments = function.getNumArguments();
  for (unsigned i = 0; i < arguments; ++i) {
    BlockArgument arg = function.getArgument(i);
    bool isInout = bool(function.getArgAttr(i, kInoutAttr));
    Type tensor = arg.getType();
    FailureOr<MemRefType> type = bufferType(function, tensor);
    if (failed(type))
      return failure();
    arg.setType(*type);
    auto value = bufferization::ToTensorOp::create(
        builder, loc, tensor, arg, /*restrict=*/true, /*writable=*/isInout);
    arg.replaceAllUsesExcept(value.getResult(), value);
    types.push_back(*type);
    DictionaryAttr attrs = function.getArgAttrDict(i);
    attributes.push_back(attrs ? attrs : DictionaryAttr::get(context));
    if (isInout)
      inouts.push_back(arg);
  }
  body.insertArgument(0u, pointer, loc);

  unsigned outputs = function.getNumResults() - inouts.size();
  builder.setInsertionPoint(returnOp);
  for (unsigned i = 0; i < function.getNumResults(); ++i) {
    Value result = returnOp.getOperand(i), destination;
    if (i < outputs) {
      FailureOr<MemRefType> type = bufferType(function, result.getType());
      if (failed(type))
        return failure();
      destination = body.addArgument(*type, loc);
      types.push_back(*type);
      DictionaryAttr attrs = function.getResultAttrDict(i);
      attributes.push_back(attrs ? attrs : DictionaryAttr::get(context));
    } else {
      destination = inouts[i - outputs];
    }
    bufferization::MaterializeInDestinationOp::create(
        builder, result.getLoc(), TypeRange(), result, destination,
        /*restrict=*/true, /*writable=*/true);
  }
  func::ReturnOp::create(builder, returnOp.getLoc());
  returnOp.erase();
  function.removeResAttrsAttr();
  function.setType(FunctionType::get(context, types, {}));
  function.setAllArgAttrs(attributes);
  return success();
}

struct PrepareEntries : impl::RungPrepareEntriesBase<PrepareEntries> {
  void runOnOperation() override {
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (function->hasAttr(kSignatureAttr) && failed(prepare(function)))
        return signalPassFailure();
  }
};

} // namespace
} // namespace rung
