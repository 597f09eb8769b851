//===- KernelBuilder.h - what the kernels of convert-rung-to-tile share -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_RUNGTOTILE_KERNELBUILDER_H
#define RUNG_LIB_CONVERSION_RUNGTOTILE_KERNELBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include <optional>

namespace rung {

/// An operand of a kernel: memory, and what it stands for.
struct KernelOperand {
  mlir::Value memory;
  StorageAttr storage;

  explicit operator bool() const { return bool(memory); }
  mlir::Type format() const { return storage.getFormat(); }
  int64_t rank() const { return storage.getShape().size(); }
};

/// Builds tiles for a device whose fragments have `lanes` lanes.
class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  KernelBuilder(mlir::Location loc, mlir::OpBuilder &builder, int64_t lanes)
      : ImplicitLocOpBuilder(loc, builder), lanes(lanes) {}

  // Layouts: lanes are rows and registers columns; lanes are columns; every
  // lane holds the whole tile. Of packed rows a lane holds `depth` columns.
  tile::LayoutAttr lanesAreRows(int64_t columns);
  tile::LayoutAttr packedRows(const BitOrder &order, int64_t depth);
  tile::LayoutAttr lanesAreColumns();
  tile::LayoutAttr replicated(int64_t rows, int64_t columns);

  mlir::Value index(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value multiply(mlir::Value a, int64_t b);
  /// Dimension `dim` of the logical tensor of `operand`; a dynamic one is that
  /// of the memory, whose dimension `dim` it must then be.
  mlir::Value size(const KernelOperand &operand, unsigned dim);

  mlir::Value splat(double value, mlir::Type type, tile::LayoutAttr layout);
  mlir::Value load(const KernelOperand &operand, mlir::ValueRange indices,
                   tile::LayoutAttr layout, mlir::ValueRange bounds = {},
                   std::optional<llvm::ArrayRef<int64_t>> block = {},
                   bool transposed = false);
  void store(mlir::Value fragment, const KernelOperand &operand,
             mlir::ValueRange indices, mlir::ValueRange bounds = {},
             bool transposed = false);
  /// Into the format `type`; rounds to nearest, unless that loses nothing.
  /// `random` has the bits of stochastic rounding. Packed codes that come from
  /// `packedRows` become `lanesAreRows`.
  mlir::Value convert(mlir::Value fragment, mlir::Type type,
                      bool saturate = false,
                      RoundingMode rounding = RoundingMode::NearestEven,
                      mlir::Value random = {});
  /// Packed codes as `type`, in `layout`; rounds as `convert` does.
  mlir::Value decode(mlir::Value packed, mlir::Type type,
                     tile::LayoutAttr layout);
  /// A tile.map whose region `body` builds; the result has `layout`.
  mlir::Value map(mlir::ValueRange inputs, mlir::Type type,
                  tile::LayoutAttr layout,
                  llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                                 mlir::ValueRange)>
                      body);
  /// scf.for from 0 (or `lower`) to `upper` by `step`, carrying `init`.
  mlir::Value
  loop(mlir::Value lower, mlir::Value upper, int64_t step, mlir::Value init,
       llvm::function_ref<mlir::Value(mlir::Value, mlir::Value)> body);
  void loop(mlir::Value lower, mlir::Value upper, int64_t step,
            llvm::function_ref<void(mlir::Value)> body);
  /// tile.launch over a grid.
  void launch(mlir::ValueRange sizes,
              llvm::function_ref<void(mlir::ValueRange)> body,
              int64_t warps = 1);

  const int64_t lanes;
};

/// The floating type in which values of both formats are exact: f32, else f64.
mlir::Type commonFloat(mlir::MLIRContext *context,
                       llvm::ArrayRef<mlir::Type> formats);

/// a + b, a - b, a * b in the kind of their type.
mlir::Value addNumbers(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                       mlir::Value y);
mlir::Value subtractNumbers(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                            mlir::Value y);
mlir::Value multiplyNumbers(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                            mlir::Value y);

void populateMatmulPattern(mlir::RewritePatternSet &patterns);
void populateElementwisePatterns(mlir::RewritePatternSet &patterns);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_RUNGTOTILE_KERNELBUILDER_H
