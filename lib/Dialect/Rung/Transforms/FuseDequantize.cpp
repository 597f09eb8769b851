//===- FuseDequantize.cpp - dequantized contractions to rung.matmul -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"

using namespace mlir;
using namespace rung;

namespace rung {
#define GEN_PASS_DEF_RUNGFUSEDEQUANTIZE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

namespace {
struct FuseDequantize final
    : rung::impl::RungFuseDequantizeBase<FuseDequantize> {
  using RungFuseDequantizeBase::RungFuseDequantizeBase;
  void runOnOperation() override {}
};
} // namespace
