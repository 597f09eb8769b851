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

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TypeUtilities.h"
#include "rung/Dialect/Tile/IR/Tile.h"

namespace rung {

class PackedLayout;

/// (row, column) of the element in each lane of a register.
using Places = llvm::SmallVector<std::pair<int64_t, int64_t>, 16>;

/// The places of a register; of a packed one, those of code `code` of a unit.
Places placesOf(tile::LayoutAttr layout, int64_t reg, int64_t code = 0);

/// The register that has these elements in these lanes, if there is one.
std::optional<int64_t> findPlaces(tile::LayoutAttr layout,
                                  const Places &places);

/// The tile and unit of a storage that a unit of a fragment is.
struct UnitPlace {
  int64_t tileRow, tileColumn;
  unsigned unit;
};

/// Which unit of the storage's tiles is unit `reg` of the fragment; none if its
/// codes are elsewhere.
std::optional<UnitPlace> findUnit(const PackedLayout &packed,
                                  tile::LayoutAttr layout, int64_t reg);

/// `(3, 0)`, for messages.
std::string placeText(std::pair<int64_t, int64_t> place);

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
  /// A constant of the type of `like`.
  mlir::Value constantLike(mlir::Value like, int64_t value);
};

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
  mlir::SymbolTable symbols;
  DeviceAttr device;
  llvm::DenseMap<mlir::Value, llvm::SmallVector<mlir::Value>> parts;
  llvm::DenseMap<mlir::Attribute, mlir::memref::GlobalOp> tables;
  /// Erased at the end.
  llvm::SmallVector<mlir::Operation *> converted;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETOVECTOR_KERNELLOWERING_H
