//===- CheckSizes.cpp - rung-check-sizes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"

namespace rung {
#define GEN_PASS_DEF_RUNGCHECKSIZES
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;

namespace {
struct CheckSizes final : rung::impl::RungCheckSizesBase<CheckSizes> {
  void runOnOperation() override {
    if (failed(rung::verifyAllAddressable(getOperation())))
      signalPassFailure();
  }
};
} // namespace
