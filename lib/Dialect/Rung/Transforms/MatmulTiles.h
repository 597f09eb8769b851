//===- MatmulTiles.h - Tiles that a device multiplies -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MATMULTILES_H
#define RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MATMULTILES_H

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Layout/LinearLayout.h"

namespace rung {

/// Columns of the weight that share one scale and zero point, 0 if there are
/// none of either. A block that reaches the end of a row divides nothing.
int64_t groupSize(MatmulOp op);

/// How a matrix instruction takes the weight of a matmul.
struct MatrixTile {
  MatrixInstructionAttr instruction;
  /// (register, lane) -> (row, col): as many operands A side by side along K
  /// as fill loads of 16 bytes with codes.
  LinearLayout map;

  int64_t rows() const { return int64_t(1) << map.outBits("row"); }
  int64_t columns() const { return int64_t(1) << map.outBits("col"); }
  /// Rows of x that the instruction takes at once.
  int64_t rowsOfX() const;
};

/// That of `op`, whose compute format is chosen; none where the device has no
/// instruction, or where columns with different scales would meet in one.
std::optional<MatrixTile> chooseMatrixTile(MatmulOp op, DeviceAttr device);

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_TRANSFORMS_MATMULTILES_H
