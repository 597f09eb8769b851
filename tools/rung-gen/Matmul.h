//===- Matmul.h - The module of a quantised matmul -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TOOLS_RUNG_GEN_MATMUL_H
#define RUNG_TOOLS_RUNG_GEN_MATMUL_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "rung/Dialect/Rung/IR/Rung.h"

#include <optional>
#include <string>

namespace rung {

/// y[m, n] = activation(sum over k of x[m, k] * w[n, k] + bias[n]) +
/// residual[m, n].
struct MatmulOptions {
  /// Rows of x; ShapedType::kDynamic for any number of them.
  int64_t m = mlir::ShapedType::kDynamic;
  int64_t n = 0, k = 0;
  mlir::Type x, weight, result; ///< formats
  mlir::Type scale;             ///< null: no scales
  /// Elements of K that share a scale, 1 <= group <= k; used with scales.
  int64_t group = 0;
  std::optional<ZeroPointMode> zeroPoint; ///< used with scales
  bool bias = false, residual = false;
  Activation activation = Activation::None;
  std::string entry = "matmul";
};

/// In which types a matmul computes.
struct ComputeTypes {
  mlir::Type operand; ///< of x and of the weight, as upstream linalg sees them
  mlir::Type accumulator; ///< i32, f32 or f64
  mlir::Type epilogue;    ///< of bias, activation and residual
};

/// The rule:
/// - Integer operands without scales are multiplied as i8, or as i32 if i8 does
///   not have all their values, and summed in i32.
/// - Else the operands' type is x's own if that is f16, bf16, f32 or f64, else
///   f32; widened to f32 or f64 if it does not hold x, or a weight that is no
///   codebook, exactly, or if a codebook's entries exceed it.
/// - f64 sums in f64, narrower floats in f32.
/// - The epilogue is in f32, or f64 where the sum is or where f32 does not hold
///   the result format (that of bias and residual) exactly. It is in i32 if the
///   sum and the result are integers and the activation maps integers to
///   integers.
ComputeTypes chooseComputeTypes(const MatmulOptions &options);

/// The format of the zero points of a weight: unsigned integers of its width in
/// the mode `integer`, else the format of the scales.
mlir::Type zeroPointFormat(const MatmulOptions &options);

/// A module with one public function `entry`. Arguments: x [M, K], w [N, K],
/// scale and zero point [N, ceil(K / group)], bias [N], residual [M, N], as far
/// as they are asked for.
mlir::OwningOpRef<mlir::ModuleOp> buildMatmul(const MatmulOptions &options,
                                              mlir::MLIRContext *context);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_GEN_MATMUL_H
