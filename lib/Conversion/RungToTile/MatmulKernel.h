//===- MatmulKernel.h - what all kernels of a rung.matmul share -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_RUNGTOTILE_MATMULKERNEL_H
#define RUNG_LIB_CONVERSION_RUNGTOTILE_MATMULKERNEL_H

#include "KernelBuilder.h"
#include "rung/Layout/PackedLayout.h"

namespace rung {

/// Lowers one rung.matmul on memrefs.
class MatmulKernel {
public:
  MatmulKernel(MatmulOp op, KernelBuilder &b);
  virtual ~MatmulKernel() = default;
  /// Says which schedule the kernel cannot follow, and why.
  virtual mlir::LogicalResult verifySchedules() = 0;
  void build();

protected:
  /// What comes before the kernels of all schedules.
  virtual void prepare() = 0;
  virtual void buildSchedule(ScheduleAttr schedule) = 0;

  /// x in the compute format, its rows padded with zeros to `depth` columns:
  /// x itself, or memory that a launch of its own fills, which `more` adds to.
  KernelOperand prepareActivations(
      int64_t depth,
      llvm::function_ref<void(mlir::Value m, const KernelOperand &)> more = {});
  /// Memory until the kernels are done.
  KernelOperand allocate(llvm::ArrayRef<int64_t> shape, mlir::Type type);

  /// A scale or zero point of each weight of a tile, in `real`.
  mlir::Value loadBlocked(const KernelOperand &operand,
                          llvm::ArrayRef<int64_t> block, mlir::Value row,
                          mlir::Value k, tile::LayoutAttr layout,
                          mlir::ValueRange bounds = {});
  /// The factor s (with the second scale) of a tile of weights from (row, k).
  mlir::Value loadScale(mlir::Value row, mlir::Value k,
                        tile::LayoutAttr layout);
  /// acc + s * (sum - z * total), with what there is of s and z; for `rescale`
  /// acc + s * sum - z * total. `sum` and `total` add up products and x over
  /// columns from k on that share s and z; `column` is the layout of one column
  /// of weights.
  mlir::Value addScaled(mlir::Value acc, mlir::Value sum, mlir::Value total,
                        mlir::Value row, mlir::Value k,
                        tile::LayoutAttr column);
  bool isScaled() const { return scale || zero; }
  /// y = activation(acc + bias) + residual, stored.
  void finish(mlir::Value acc, mlir::Value row, mlir::Value firstX,
              tile::LayoutAttr column);

  MatmulOp op;
  KernelBuilder &b;
  KernelOperand x, weight, scale, second, zero, bias, residual, result;
  PackedLayout packed; ///< of the weight
  int64_t N, K;
  mlir::Value M;
  mlir::Type compute; ///< of products
  mlir::Type sum;     ///< of sums of a group
  mlir::Type real;    ///< of scales, scaled sums and the epilogue
  int64_t group;      ///< columns that share a scale and zero point; K without
  llvm::SmallVector<int64_t> scaleBlock, secondBlock, zeroBlock;

private:
  KernelOperand operandOf(mlir::Value value);
  /// The same, of the rank that it has.
  KernelOperand storedOperand(mlir::Value value);

  llvm::SmallVector<mlir::Value> temporaries;
};

/// Lanes are rows of the weight: CPUs, and what has no matrix instruction.
std::unique_ptr<MatmulKernel> makeLanesMatmul(MatmulOp op, KernelBuilder &b);
/// Weights are operand A of a matrix instruction.
std::unique_ptr<MatmulKernel>
makeWarpsMatmul(MatmulOp op, KernelBuilder &b,
                MatrixInstructionAttr instruction);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_RUNGTOTILE_MATMULKERNEL_H
