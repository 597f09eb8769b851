//===- LowerParameters.cpp - rung-lower-parameters -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// rung.parameter on memrefs becomes an external memref.global, one for each
// distinct parameter; the module lists how each one's bytes are made.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace rung {
#define GEN_PASS_DEF_RUNGLOWERPARAMETERS
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

namespace {
struct LowerParameters final
    : rung::impl::RungLowerParametersBase<LowerParameters> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    OpBuilder builder(module.getBodyRegion());
    llvm::MapVector<Attribute, memref::GlobalOp> globals;
    SmallVector<ParameterOp> parameters;
    module.walk([&](ParameterOp op) { parameters.push_back(op); });
    for (ParameterOp op : parameters) {
      auto type = dyn_cast<MemRefType>(op.getResult().getType());
      if (!type) {
        op.emitOpError("is on tensors; bufferize it first");
        return signalPassFailure();
      }
      memref::GlobalOp &global = globals[describe(op)];
      if (!global) {
        int64_t index = globals.size() - 1;
        builder.setInsertionPointToStart(module.getBody());
        global = memref::GlobalOp::create(
            builder, op.getLoc(), "rung.constant." + std::to_string(index),
            builder.getStringAttr("private"),
            MemRefType::get(type.getShape(), type.getElementType()),
            /*initial_value=*/Attribute(), /*constant=*/false,
            /*alignment=*/IntegerAttr());
        global->setAttr(RungDialect::kConstantAttrName,
                        builder.getI64IntegerAttr(index));
      }
      builder.setInsertionPoint(op);
      Value memory = memref::GetGlobalOp::create(
          builder, op.getLoc(), global.getType(), global.getSymName());
      if (memory.getType() != type)
        memory = memref::CastOp::create(builder, op.getLoc(), type, memory);
      op.replaceAllUsesWith(memory);
      op.erase();
    }
    if (globals.empty())
      return;
    SmallVector<Attribute> list =
        llvm::map_to_vector(globals, [](auto &entry) { return entry.first; });
    module->setAttr(RungDialect::kConstantsAttrName,
                    builder.getArrayAttr(list));
  }

private:
  /// How the bytes of a parameter are made: name, storage, sign, slice.
  static Attribute describe(ParameterOp op) {
    Builder builder(op.getContext());
    auto type = cast<MemRefType>(op.getResult().getType());
    StorageAttr storage =
        op.getStorage()
            ? *op.getStorage()
            : StorageAttr::get(type.getElementType(), type.getShape());
    SmallVector<NamedAttribute> description = {
        builder.getNamedAttr("name", op.getNameAttr()),
        builder.getNamedAttr("storage", storage),
        builder.getNamedAttr("negated", builder.getBoolAttr(op.getNegated()))};
    if (op.getWhole())
      llvm::append_range(
          description,
          ArrayRef{builder.getNamedAttr("whole", op.getWholeAttr()),
                   builder.getNamedAttr("offsets", op.getOffsetsAttr()),
                   builder.getNamedAttr("sizes", op.getSizesAttr())});
    return builder.getDictionaryAttr(description);
  }
};
} // namespace
