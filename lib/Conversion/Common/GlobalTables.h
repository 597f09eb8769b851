//===- GlobalTables.h - constant arrays of a module -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_COMMON_GLOBALTABLES_H
#define RUNG_LIB_CONVERSION_COMMON_GLOBALTABLES_H

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace rung {

/// Makes each table once.
class GlobalTables {
public:
  /// Arrays in `memorySpace`, null for the default one.
  explicit GlobalTables(mlir::ModuleOp module, mlir::Attribute memorySpace = {})
      : module(module), symbols(module), memorySpace(memorySpace) {}

  /// The private constant memref of the entries.
  mlir::memref::GlobalOp get(mlir::Location loc,
                             mlir::DenseElementsAttr entries);

private:
  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  mlir::Attribute memorySpace;
  llvm::DenseMap<mlir::Attribute, mlir::memref::GlobalOp> tables;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_COMMON_GLOBALTABLES_H
