//===- Passes.h - Passes from tensors to the CPU entry ABI ------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// Each pass is described by before/after IR in Passes.td.
//
//===----------------------------------------------------------------------===//
#ifndef RUNG_PIPELINES_PASSES_H
#define RUNG_PIPELINES_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace rung {

#define GEN_PASS_DECL
#include "rung/Pipelines/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "rung/Pipelines/Passes.h.inc"

} // namespace rung

#endif // RUNG_PIPELINES_PASSES_H
