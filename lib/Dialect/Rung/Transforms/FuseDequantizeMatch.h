//===- FuseDequantizeMatch.h - contraction and epilogue -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rung-fuse-dequantize recognises, as data.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEMATCH_H
#define RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEMATCH_H

#include "FuseDequantizeView.h"

namespace rung {

/// sum over k of x[m..., k] * weight[n, k], as a linalg operation. Loops are
/// those of `op`; loops that run once are kUnit.
struct Contraction {
  mlir::linalg::LinalgOp op;
  DequantizeOp weight;
  View x;
  llvm::SmallVector<int64_t> rows; // m..., in the order of x
  int64_t column = kUnit;          // n
  int64_t depth = kUnit;           // k
  /// Loop of each dimension of the result.
  llvm::SmallVector<int64_t> resultDims;
  /// What is added to the sum: the initial accumulator, unless it is zero.
  std::optional<View> initial;
  mlir::Type accumulator;

  mlir::Value getResult() const { return op->getResult(0); }
};

/// Finds a dequantized weight below a contraction. Empty if `op` is no
/// contraction or none of its operands is dequantized; else if it cannot be
/// fused, `reason` says why.
std::optional<Contraction> matchContraction(mlir::linalg::LinalgOp op,
                                            std::string &reason);

/// What follows a contraction and can be computed with it. Views are in the
/// loops of the contraction.
struct Epilogue {
  /// The value that the fused operation computes.
  mlir::Value result;
  /// Loop of each of its dimensions.
  llvm::SmallVector<int64_t> resultDims;
  std::optional<View> bias, residual;
  Activation activation = Activation::None;
  bool saturate = false;
  /// Steps are computed in f64.
  bool isDouble = false;
};

/// The longest epilogue of `contraction`, whose intermediate values nothing
/// else uses; nothing if an initial accumulator fits nowhere.
std::optional<Epilogue> matchEpilogue(const Contraction &contraction);

/// Makes static slices of parameters that `root` dequantizes parameters, which
/// are packed when the bundle is written.
void foldParameterSlices(mlir::Operation *root);

/// Replaces gathers and slices of dequantized tensors in `root` by those of
/// codes and scales.
void sinkThroughDequantize(mlir::Operation *root);

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEMATCH_H
