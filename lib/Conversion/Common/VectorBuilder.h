//===- VectorBuilder.h - building blocks of vector code -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_COMMON_VECTORBUILDER_H
#define RUNG_LIB_CONVERSION_COMMON_VECTORBUILDER_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace rung {

/// Builds vector code at one place of a kernel.
class VectorBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;

  mlir::Value index(int64_t value);
  mlir::Value constantI32(int32_t value);
  /// A vector of index or i32 constants.
  mlir::Value indices(llvm::ArrayRef<int64_t> values);
  mlir::Value words(llvm::ArrayRef<int64_t> values);
  mlir::Value broadcast(mlir::Value scalar, int64_t lanes);
  mlir::Value zero(mlir::Type type);
  /// A constant of the type of `like`, an integer or a vector of these.
  mlir::Value constantLike(mlir::Value like, int64_t value);

  /// Integers, each a scalar or a vector; a vector if one of them is.
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value subtract(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, int64_t b);
  mlir::Value divide(mlir::Value a, int64_t b);
  mlir::Value remainder(mlir::Value a, int64_t b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);
  mlir::Value shiftLeft(mlir::Value a, mlir::Value b);
  mlir::Value shiftRight(mlir::Value a, mlir::Value b);
  mlir::Value bitAnd(mlir::Value a, mlir::Value b);
  mlir::Value bitOr(mlir::Value a, mlir::Value b);
  /// index to i32 and back, or i8 (unsigned) to i32.
  mlir::Value asI32(mlir::Value value);
  mlir::Value asIndex(mlir::Value value);

private:
  template <typename Op>
  mlir::Value binary(mlir::Value a, mlir::Value b);
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_COMMON_VECTORBUILDER_H
