//===- FuseDequantizeFormula.h - elements as formulas -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element of a tensor, written out through the elementwise operations that
// lead to it from a contraction.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEFORMULA_H
#define RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEFORMULA_H

#include "FuseDequantizeView.h"

#include "llvm/ADT/SetVector.h"
#include <deque>

namespace rung {

/// A formula of one element. Equal formulas are the same object.
struct Formula {
  enum Kind {
    Sum,      // the contraction's
    Element,  // of another tensor: `view`
    Constant, // `value`
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Exp,
    Erf,
    Relu,
    Widen, // to a type that has all values, or from an integer to a float
    Round, // nearest-even; saturating if `value` is 1
  };
  Kind kind;
  mlir::Type type;
  const Formula *left = nullptr, *right = nullptr;
  double value = 0;
  View view = {};

  bool operator==(const Formula &other) const {
    return kind == other.kind && type == other.type && left == other.left &&
           right == other.right && value == other.value &&
           view.value == other.view.value && view.dims == other.view.dims;
  }
};

/// Writes the element of a value as a formula, back to the contraction.
class FormulaReader {
public:
  FormulaReader(mlir::Value sum,
                const llvm::SetVector<mlir::Operation *> &region)
      : sum(sum), region(region) {}

  /// Null for what has no formula here.
  const Formula *read(const View &view);
  /// The index of the contraction's result that was read, in the loops of the
  /// first view; nothing if it was not read.
  const std::optional<llvm::SmallVector<int64_t>> &getSumDims() const {
    return sumDims;
  }

private:
  using Scalars = llvm::SmallDenseMap<mlir::Value, const Formula *>;

  const Formula *make(Formula formula);
  const Formula *readAnew(const View &view);
  const Formula *readLinalg(mlir::linalg::LinalgOp op, const View &view);
  const Formula *readScalar(mlir::Value value, mlir::linalg::LinalgOp op,
                            llvm::ArrayRef<int64_t> loops, Scalars &known);
  const Formula *readOperation(mlir::Operation *op,
                               llvm::ArrayRef<const Formula *> operands);
  const Formula *readConversion(mlir::Type from, mlir::Type to,
                                const Formula *operand);
  const Formula *relu(const Formula *operand);
  const Formula *readSelect(mlir::arith::SelectOp select,
                            mlir::linalg::LinalgOp op,
                            llvm::ArrayRef<int64_t> loops, Scalars &known);

  mlir::Value sum;
  const llvm::SetVector<mlir::Operation *> &region;
  std::optional<llvm::SmallVector<int64_t>> sumDims;
  std::deque<Formula> formulas;
  llvm::SmallVector<std::pair<View, const Formula *>> seen;
};

inline bool isConstant(const Formula *formula, double value) {
  return formula->kind == Formula::Constant && formula->value == value;
}

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEFORMULA_H
