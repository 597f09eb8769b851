//===- KernelLowering.h - tiles become vectors -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the parts of convert-tile-to-vector share. A fragment is one vector for
// each register, `vector<LANESxT>` with T its register type; of a packed
// fragment, one vector of i32 for each word of each unit (unit * R + word).
// Tokens vanish, buffers are memrefs of [stage][row][column].
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETOVECTOR_KERNELLOWERING_H
#define RUNG_LIB_CONVERSION_TILETOVECTOR_KERNELLOWERING_H

#include "../Common/GlobalTables.h"
#include "../Common/Places.h"
#include "../Common/VectorBuilder.h"
#include "mlir/IR/TypeUtilities.h"

namespace rung {

/// Lowers the kernels of a module.
class KernelLowering {
public:
  explicit KernelLowering(mlir::ModuleOp module);

  /// Replaces every operation of `tile`; errors are reported on operations.
  mlir::LogicalResult run();

  // What values of this dialect became.
  llvm::ArrayRef<mlir::Value> get(mlir::Value value) const;
  void set(mlir::Value value, llvm::ArrayRef<mlir::Value> parts);
  llvm::SmallVector<mlir::Type> expand(mlir::Type type) const;

  /// Table lookup by vectors of i32, as the device does it (LookupTables.cpp).
  mlir::Value lookup(VectorBuilder &b, mlir::Value index,
                     mlir::DenseElementsAttr table);
  /// The address of a constant table.
  mlir::Value globalTable(VectorBuilder &b, mlir::DenseElementsAttr table);

private:
  mlir::Value computeLookup(VectorBuilder &b, mlir::Value index,
                            mlir::DenseElementsAttr table);
  mlir::Value lookupHalves(VectorBuilder &b, mlir::Value index,
                           mlir::DenseElementsAttr table);
  mlir::Value upperHalvesMask(VectorBuilder &b);

  mlir::LogicalResult lower(mlir::Block &block);
  mlir::LogicalResult lower(mlir::Operation *op);
  mlir::LogicalResult lowerFor(mlir::Operation *op);
  mlir::LogicalResult lowerIf(mlir::Operation *op);
  mlir::LogicalResult lowerLaunch(tile::LaunchOp op);
  mlir::LogicalResult lowerRole(tile::RoleOp op);

  mlir::LogicalResult lowerMap(tile::MapOp op);
  mlir::LogicalResult lowerMma(tile::MmaOp op);
  mlir::LogicalResult lowerReduce(tile::ReduceOp op);
  mlir::LogicalResult lowerRelayout(tile::RelayoutOp op);
  mlir::LogicalResult lowerSplat(tile::SplatOp op);

  mlir::LogicalResult lowerLoad(tile::LoadOp op);
  mlir::LogicalResult lowerStore(tile::StoreOp op);
  mlir::LogicalResult lowerAlloc(tile::AllocOp op);
  mlir::LogicalResult lowerCopy(tile::CopyOp op);
  mlir::LogicalResult lowerRead(tile::ReadOp op);

  mlir::ModuleOp module;
  GlobalTables tables;
  DeviceAttr device;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> parts;
  /// Of the parallel loop or function that each is in.
  llvm::DenseMap<mlir::Operation *, mlir::Value> masks;
  /// Erased at the end.
  llvm::SmallVector<mlir::Operation *> converted;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETOVECTOR_KERNELLOWERING_H
