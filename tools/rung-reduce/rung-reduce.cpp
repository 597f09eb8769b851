//===- rung-reduce.cpp - Shrinks a module that shows a fault --------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Passes.h"
#include "rung/Pipelines/Pipelines.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  rung::registerRungDialects(registry);
  rung::registerRungPipelinesPasses();
  mlir::registerTransformsPasses();
  mlir::MLIRContext context(registry);
  // Why a module is not reduced is a warning, which contexts drop.
  mlir::ScopedDiagnosticHandler handler(&context, [](mlir::Diagnostic &found) {
    if (found.getSeverity() != mlir::DiagnosticSeverity::Warning)
      return mlir::failure();
    llvm::errs() << found.getLocation() << ": warning: " << found << "\n";
    return mlir::success();
  });
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
