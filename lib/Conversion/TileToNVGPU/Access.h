//===- Access.h - the elements of one load or store of a lane -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETONVGPU_ACCESS_H
#define RUNG_LIB_CONVERSION_TILETONVGPU_ACCESS_H

#include "LaneMap.h"
#include "Patterns.h"
#include "llvm/ADT/SmallBitVector.h"

namespace rung {

/// What a load or store addresses.
struct WarpAccess {
  tile::LayoutAttr layout;
  mlir::Value memory;
  StorageAttr storage; ///< null: the memref is the logical tensor
  llvm::SmallVector<mlir::Value> indices, bounds;
  llvm::ArrayRef<IndexFact> facts; ///< of the indices
  llvm::ArrayRef<int64_t> block;   ///< empty: none
  bool transposed;

  mlir::MemRefType type() const {
    return mlir::cast<mlir::MemRefType>(memory.getType());
  }
  StorageKind kind() const {
    return storage ? storage.getKind() : StorageKind::Canonical;
  }
  int64_t blockOf(size_t dim) const { return block.empty() ? 1 : block[dim]; }
  /// The dimension of the tile, row (0) or column (1), that runs along a
  /// dimension of memory; none along a leading one.
  std::optional<unsigned> tileDim(size_t dim) const;
  /// How many registers from a multiple of as many on are neighbours in memory,
  /// aligned, and within the bounds all or not at all: 1, or what one vector
  /// load of at most 16 bytes brings in.
  int64_t elementsPerLoad() const;
};

/// Where a register's element is.
struct Position {
  llvm::SmallVector<mlir::Value> indices;
  /// An i1: the element is within the bounds; null: it always is.
  mlir::Value within;
  /// Dimensions along which it may be outside.
  llvm::SmallBitVector checked;
};

/// Builds the code of one access.
class WarpAccessBuilder {
public:
  WarpAccessBuilder(VectorBuilder &b, const WarpAccess &access)
      : b(b), access(access), map(b, access.layout) {}

  /// The position in the logical tensor of the element in a register.
  Position locate(int64_t reg);
  /// The same, moved to where `count` elements can be read if it is outside,
  /// and divided by the block.
  Position locateForLoad(int64_t reg, int64_t count);

  LaneMap &lanes() { return map; }

private:
  VectorBuilder &b;
  const WarpAccess &access;
  LaneMap map;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETONVGPU_ACCESS_H
