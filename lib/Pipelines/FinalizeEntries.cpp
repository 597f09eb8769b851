//===- FinalizeEntries.cpp - Wrappers with the entry ABI ------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"
#include "rung/Runtime/EntryABI.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGFINALIZEENTRIES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// The descriptor at `address`. Of an array of static size only the data
/// pointer is read: a packed weight comes as a row of bytes.
Value loadDescriptor(OpBuilder &builder, const LLVMTypeConverter &converter,
                     Location loc, MemRefType type, Value address) {
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  if (!type.hasStaticShape() || !type.getLayout().isIdentity())
    return LLVM::LoadOp::create(builder, loc, converter.convertType(type),
                                address);
  Value slot = LLVM::GEPOp::create(builder, loc, pointer, pointer, address,
                                   ArrayRef<LLVM::GEPArg>{1},
                                   LLVM::GEPNoWrapFlags::inbounds);
  Value data = LLVM::LoadOp::create(builder, loc, pointer, slot);
  return MemRefDescriptor::fromStaticShape(builder, loc, converter, type, data);
}

LogicalResult wrap(func::FuncOp function, const LLVMTypeConverter &converter) {
  Location loc = function.getLoc();
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfter(function);
  auto pointer = LLVM::LLVMPointerType::get(builder.getContext());
  auto type = LLVM::LLVMFunctionType::get(
      LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer});
  auto wrapper = LLVM::LLVMFuncOp::create(
      builder, loc, (RUNG_ENTRY_PREFIX + function.getName()).str(), type);
  Block *body = wrapper.addEntryBlock(builder);
  builder.setInsertionPointToStart(body);
  SmallVector<Value> operands = {body->getArgument(0)};
  for (auto [i, argument] :
       llvm::enumerate(function.getArgumentTypes().drop_front())) {
    Type descriptorType = converter.convertType(argument);
    if (!isa<MemRefType>(argument) || !descriptorType)
      return function.emitError()
             << "argument #" << i + 1 << " of entry '" << function.getName()
             << "' must be a memref by now, found " << argument;
    Value slot = LLVM::GEPOp::create(
        builder, loc, pointer, pointer, body->getArgument(1),
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(i)},
        LLVM::GEPNoWrapFlags::inbounds);
    Value address = LLVM::LoadOp::create(builder, loc, pointer, slot);
    Value descriptor = loadDescriptor(builder, converter, loc,
                                      cast<MemRefType>(argument), address);
    operands.push_back(
        UnrealizedConversionCastOp::create(builder, loc, argument, descriptor)
            .getResult(0));
  }
  func::CallOp::create(builder, loc, function, operands);
  LLVM::ReturnOp::create(builder, loc, ValueRange());
  function.setPrivate();
  return success();
}

struct FinalizeEntries : impl::RungFinalizeEntriesBase<FinalizeEntries> {
  void runOnOperation() override {
    LLVMTypeConverter converter(&getContext());
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>())) {
      if (!function.isPublic() || function.isDeclaration())
        continue;
      if (function.getNumArguments() == 0 ||
          !isa<LLVM::LLVMPointerType>(function.getArgumentTypes()[0])) {
        function.emitError("an entry takes the run-time context as its first "
                           "argument; run rung-prepare-entries first");
        return signalPassFailure();
      }
      if (failed(wrap(function, converter)))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace rung
