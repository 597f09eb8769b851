//===- ContextABI.h - Access to the run-time context from IR ----*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_LIB_PIPELINES_CONTEXTABI_H
#define RUNG_LIB_PIPELINES_CONTEXTABI_H

#include "rung/Runtime/EntryABI.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include <cstddef>

namespace rung {

/// The context of a function: its first argument, a pointer. Null, with an
/// error at `user`, if the function has none.
inline mlir::Value contextOf(mlir::func::FuncOp function,
                             mlir::Operation *user) {
  if (function.getNumArguments() != 0 &&
      mlir::isa<mlir::LLVM::LLVMPointerType>(function.getArgumentTypes()[0]))
    return function.getArgument(0);
  user->emitError("needs the run-time context, but function '")
      << function.getName() << "' does not take it as its first argument";
  return nullptr;
}

/// Loads a field of the context, of type `type`, at `offset` bytes.
inline mlir::Value loadContextField(mlir::OpBuilder &builder,
                                    mlir::Location loc, mlir::Value context,
                                    mlir::Type type, size_t offset) {
  mlir::Value address = mlir::LLVM::GEPOp::create(
      builder, loc, context.getType(), builder.getI8Type(), context,
      llvm::ArrayRef<mlir::LLVM::GEPArg>{static_cast<int32_t>(offset)},
      mlir::LLVM::GEPNoWrapFlags::inbounds);
  auto load = mlir::LLVM::LoadOp::create(builder, loc, type, address);
  load.setInvariant(true);
  return load;
}

} // namespace rung

#endif // RUNG_LIB_PIPELINES_CONTEXTABI_H
