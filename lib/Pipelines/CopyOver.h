//===- CopyOver.h - Elements in place of others ---------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_LIB_PIPELINES_COPYOVER_H
#define RUNG_LIB_PIPELINES_COPYOVER_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace rung {

/// The elements of `source` in place of those of `destination`.
inline mlir::Value copyOver(mlir::OpBuilder &builder, mlir::Value source,
                            mlir::Value destination) {
  using namespace mlir;
  auto type = cast<RankedTensorType>(destination.getType());
  AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  return linalg::GenericOp::create(
             builder, source.getLoc(), type, source, destination,
             ArrayRef<AffineMap>{map, map}, iterators,
             [](OpBuilder &body, Location loc, ValueRange elements) {
               linalg::YieldOp::create(body, loc, elements[0]);
             })
      .getResult(0);
}

} // namespace rung

#endif // RUNG_LIB_PIPELINES_COPYOVER_H
