//===- LowerWorkspace.cpp - Buffers and constants from the context --------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "ContextABI.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGLOWERWORKSPACE
#include "rung/Pipelines/Passes.h.inc"

namespace {

class Lowering {
public:
  Lowering(func::FuncOp function, const LLVMTypeConverter &converter,
           const DataLayout &layout)
      : function(function), converter(converter), layout(layout),
        pointer(LLVM::LLVMPointerType::get(function.getContext())) {}

  LogicalResult allocate(memref::AllocOp op) {
    Value context = contextOf(function, op);
    if (!context)
      return failure();
    MemRefType type = op.getType();
    if (!type.getLayout().isIdentity() || !op.getSymbolOperands().empty())
      return op.emitError("only row-major contiguous buffers can be allocated, "
                          "found ")
             << type;
    if (failed(verifyAddressable(op)))
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    int64_t known = layout.getTypeSize(type.getElementType());
    for (int64_t size : type.getShape())
      known *= ShapedType::isDynamic(size) ? 1 : size;
    Value bytes = arith::ConstantIndexOp::create(builder, loc, known);
    for (Value size : op.getDynamicSizes())
      bytes = arith::MulIOp::create(builder, loc, bytes, size);
    Value bytes64 =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), bytes);
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, allocate));
    auto signature =
        LLVM::LLVMFunctionType::get(pointer, {pointer, builder.getI64Type()});
    Value memory = LLVM::CallOp::create(builder, loc, signature,
                                        ValueRange{callee, context, bytes64})
                       .getResult();
    auto rawType = MemRefType::get({ShapedType::kDynamic}, builder.getI8Type());
    auto descriptor =
        MemRefDescriptor::poison(builder, loc, converter.convertType(rawType));
    Value zero =
        LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), 0);
    Value one = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), 1);
    descriptor.setAllocatedPtr(builder, loc, memory);
    descriptor.setAlignedPtr(builder, loc, memory);
    descriptor.setOffset(builder, loc, zero);
    descriptor.setSize(builder, loc, 0, bytes64);
    descriptor.setStride(builder, loc, 0, one);
    Value raw = UnrealizedConversionCastOp::create(builder, loc, rawType,
                                                   Value(descriptor))
                    .getResult(0);
    Value shift = arith::ConstantIndexOp::create(builder, loc, 0);
    Value view = memref::ViewOp::create(builder, loc, type, raw, shift,
                                        op.getDynamicSizes());
    op.replaceAllUsesWith(view);
    op.erase();
    return success();
  }

  LogicalResult release(memref::DeallocOp op) {
    Value context = contextOf(function, op);
    if (!context)
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Value address = memref::ExtractAlignedPointerAsIndexOp::create(
        builder, loc, op.getMemref());
    address =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), address);
    Value memory = LLVM::IntToPtrOp::create(builder, loc, pointer, address);
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, release));
    auto signature = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer});
    LLVM::CallOp::create(builder, loc, signature,
                         ValueRange{callee, context, memory});
    op.erase();
    return success();
  }

  LogicalResult constant(memref::GetGlobalOp op, int64_t index) {
    Value context = contextOf(function, op);
    if (!context)
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    Value table = loadContextField(builder, loc, context, pointer,
                                   offsetof(rung_context, constants));
    Value memory =
        loadContextField(builder, loc, table, pointer, index * sizeof(void *));
    Value descriptor = MemRefDescriptor::fromStaticShape(
        builder, loc, converter, op.getType(), memory);
    op.replaceAllUsesWith(UnrealizedConversionCastOp::create(
                              builder, loc, op.getType(), descriptor)
                              .getResult(0));
    op.erase();
    return success();
  }

  /// A condition that does not hold is reported. In the function's own block
  /// that ends it: what follows is done only if the condition holds. The code
  /// behind one in a loop goes on, with values that must be safe.
  LogicalResult report(cf::AssertOp op) {
    Value context = contextOf(function, op);
    if (!context)
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto branch = scf::IfOp::create(builder, loc, op.getArg(),
                                    /*withElseRegion=*/true);
    Block *block = op->getBlock();
    if (block == &function.getBody().front() && function.getNumResults() == 0)
      branch.thenBlock()->getOperations().splice(
          branch.thenBlock()->begin(), block->getOperations(),
          std::next(op->getIterator()), block->getTerminator()->getIterator());
    builder.setInsertionPointToStart(branch.elseBlock());
    Value message = LLVM::AddressOfOp::create(
        builder, loc, pointer, messageGlobal(op.getMsg()).getSymName());
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, fail));
    auto signature = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(builder.getContext()), {pointer, pointer});
    LLVM::CallOp::create(builder, loc, signature,
                         ValueRange{callee, context, message});
    op.erase();
    return success();
  }

private:
  /// A zero-terminated string of the module, one for each text.
  LLVM::GlobalOp messageGlobal(StringRef text) {
    auto module = function->getParentOfType<ModuleOp>();
    OpBuilder builder(module.getBodyRegion());
    StringAttr value = builder.getStringAttr(text + Twine('\0'));
    unsigned count = 0;
    for (auto global : module.getOps<LLVM::GlobalOp>()) {
      if (global.getValueAttr() == value)
        return global;
      count += global.getSymName().starts_with(kMessagePrefix);
    }
    auto type = LLVM::LLVMArrayType::get(builder.getI8Type(), value.size());
    return LLVM::GlobalOp::create(builder, function.getLoc(), type,
                                  /*isConstant=*/true, LLVM::Linkage::Internal,
                                  (kMessagePrefix + Twine(count)).str(), value);
  }

  static constexpr StringLiteral kMessagePrefix = "rung.message.";

  func::FuncOp function;
  const LLVMTypeConverter &converter;
  const DataLayout &layout;
  Type pointer;
};

struct LowerWorkspace : impl::RungLowerWorkspaceBase<LowerWorkspace> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    LLVMTypeConverter converter(&getContext());
    DataLayout layout(module);
    SymbolTable symbols(module);
    for (auto function : module.getOps<func::FuncOp>()) {
      Lowering lowering(function, converter, layout);
      // From the last one, since each takes along what follows it.
      SmallVector<cf::AssertOp> assertions;
      function.walk([&](cf::AssertOp op) { assertions.push_back(op); });
      for (cf::AssertOp assertion : llvm::reverse(assertions))
        if (failed(lowering.report(assertion)))
          return signalPassFailure();
      WalkResult result = function.walk([&](Operation *op) -> WalkResult {
        if (auto alloc = dyn_cast<memref::AllocOp>(op))
          return lowering.allocate(alloc);
        if (auto dealloc = dyn_cast<memref::DeallocOp>(op))
          return lowering.release(dealloc);
        if (auto get = dyn_cast<memref::GetGlobalOp>(op)) {
          auto global = symbols.lookup<memref::GlobalOp>(get.getName());
          if (auto index = global->getAttrOfType<IntegerAttr>(kConstantAttr))
            return lowering.constant(get, index.getInt());
        }
        return WalkResult::advance();
      });
      if (result.wasInterrupted())
        return signalPassFailure();
    }
    for (auto global :
         llvm::make_early_inc_range(module.getOps<memref::GlobalOp>()))
      if (global->hasAttr(kConstantAttr))
        global.erase();
  }
};

} // namespace
} // namespace rung
