//===- FuseDequantizeView.h - tensors seen through reshapes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What rung-fuse-dequantize shares between its parts. A contraction, and every
// elementwise step behind it, is a loop nest. A view says which element of a
// tensor an iteration reads; stepping from a view to the tensor's producer goes
// through transposes, unit dimensions and casts.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEVIEW_H
#define RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEVIEW_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "rung/Dialect/Rung/IR/Rung.h"

namespace rung {

/// Index of a dimension that is always 0: its size is 1.
inline constexpr int64_t kUnit = -1;

/// The element of `value` at the index (i_d for d in dims), i the indices of
/// some loop nest and i_kUnit = 0.
struct View {
  mlir::Value value;
  llvm::SmallVector<int64_t> dims;
  /// Element types that the element passes on its way to the reader, the
  /// reader's first, that of `value` last.
  llvm::SmallVector<mlir::Type> trail;

  mlir::RankedTensorType getType() const {
    return llvm::cast<mlir::RankedTensorType>(value.getType());
  }
  mlir::Type getElementType() const { return getType().getElementType(); }
  /// `dims` without units.
  llvm::SmallVector<int64_t> getLoops() const;
};

/// The loops that index a tensor by `map`; failure if an index is neither a
/// loop nor the constant 0, or if a loop occurs twice.
mlir::FailureOr<llvm::SmallVector<int64_t>> loopsOf(mlir::AffineMap map);

/// Follows extensions and truncations from `value`, a scalar of a linalg body,
/// to a block argument; adds the types passed, that of `value` first. Null if
/// there is another operation on the way.
mlir::BlockArgument traceCasts(mlir::Value value,
                               llvm::SmallVectorImpl<mlir::Type> &types);

/// True of a linalg operation on tensors with one result, all of whose loops
/// are parallel and index the result.
bool isElementwise(mlir::linalg::LinalgOp op);

/// The indices of the loops of an elementwise `op` when the element of its
/// result at `dims` is computed.
llvm::SmallVector<int64_t> loopIndices(mlir::linalg::LinalgOp op,
                                       llvm::ArrayRef<int64_t> dims);

/// The view of an operand of `op`, `loops` as loopIndices returns it. Failure
/// for an index that is no loop.
mlir::FailureOr<View> viewOperand(mlir::linalg::LinalgOp op,
                                  mlir::OpOperand *operand,
                                  llvm::ArrayRef<int64_t> loops);

/// The same element one operation earlier: through tensor.cast, expand_shape
/// and collapse_shape of unit dimensions, lossless rung.convert, and linalg
/// operations that transpose, broadcast or cast. The caller looks at `trail`.
mlir::FailureOr<View> stepToProducer(const View &view);

/// True if every conversion of the trail keeps every value. With `codes`, the
/// format that the values are known to come from, narrowing to a type that has
/// all its values is none.
bool isLosslessTrail(llvm::ArrayRef<mlir::Type> trail, mlir::Type codes = {});

/// True of elements whose tensors stay as they are when storage is separated
/// from compute, so that upstream operations may move them about.
bool canReshape(mlir::Type element);

/// True of a tensor of zeros.
bool isZeroTensor(mlir::Value value);

/// The value of a tensor of one constant, or of a constant scalar.
std::optional<double> splatConstant(mlir::Value value);

/// `view` as a matrix: rows are the loops `rows` in this order, columns the
/// loop `column` (kUnit for one column). Inserts transposes and reshapes where
/// needed.
mlir::Value toMatrix(mlir::OpBuilder &builder, mlir::Location loc,
                     const View &view, llvm::ArrayRef<int64_t> rows,
                     int64_t column);

/// True if toMatrix inserts nothing.
bool isMatrix(const View &view, llvm::ArrayRef<int64_t> rows, int64_t column);

/// The inverse of toMatrix: `matrix` as a tensor of type `type` whose dimension
/// i is loop dims[i], sizes of dynamic ones from `sizeOf`.
mlir::Value
fromMatrix(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value matrix,
           mlir::RankedTensorType type, llvm::ArrayRef<int64_t> dims,
           llvm::ArrayRef<int64_t> rows, int64_t column,
           llvm::function_ref<mlir::OpFoldResult(int64_t loop)> sizeOf);

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_TRANSFORMS_FUSEDEQUANTIZEVIEW_H
