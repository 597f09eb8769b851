//===- Pipelines.h - The ways down ------------------------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_PIPELINES_PIPELINES_H
#define RUNG_PIPELINES_PIPELINES_H

#include "rung/Target/Target.h"

namespace mlir {
class DialectRegistry;
class OpPassManager;
} // namespace mlir

namespace rung {

/// The way down in three parts, for a tool that looks at what is between them.
/// The first one ends when the constants are known and the entries are
/// described (a module still on tensors), the second one with loops on memrefs,
/// the third with the LLVM dialect: functions `rung_entry_NAME` with the entry
/// ABI (rung/Runtime/EntryABI.h) and, for a GPU, a gpu.module `kernels` with
/// the kernels that the module's `rung.kernels` names.
void buildTensorPipeline(mlir::OpPassManager &pm, const Target &target);
void buildLoopPipeline(mlir::OpPassManager &pm, const Target &target);
void buildLLVMPipeline(mlir::OpPassManager &pm, const Target &target);

/// Registers the pipelines `rung-to-cpu` and `rung-to-nvvm`, all three parts,
/// under their names.
void registerRungPipelines();

/// Every dialect that a module of rung may hold, on its way down too, with the
/// interfaces that the passes need.
void registerRungDialects(mlir::DialectRegistry &registry);

} // namespace rung

#endif // RUNG_PIPELINES_PIPELINES_H
