//===- Access.h - where the lanes of a register are in memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A load or store names a tile of a logical tensor. For each register the lanes
// lie at constant distances from the tile's first element; `Coordinate` is one
// dimension of that: a scalar index and the distance of each lane. From there
// three ways lead to memory: all lanes at one element, lanes at neighbouring
// elements, or an index for each lane.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETOVECTOR_ACCESS_H
#define RUNG_LIB_CONVERSION_TILETOVECTOR_ACCESS_H

#include "KernelLowering.h"

namespace rung {

/// The index that each lane has in one dimension.
struct Coordinate {
  mlir::Value base;
  llvm::SmallVector<int64_t, 16> offsets; ///< one for each lane
  mlir::Value bound;                      ///< null: none, or known to hold
  /// If set, the lanes' indices, which are no longer base + offsets.
  mlir::Value lanes;

  bool isUniform() const;
  /// offsets[l] = offsets[0] + l.
  bool isContiguous() const;
};

/// What a load or store addresses.
struct Access {
  mlir::Operation *op;
  mlir::Value memory;
  StorageAttr storage; ///< null: the memref is the logical tensor
  mlir::ValueRange indices, bounds;
  llvm::ArrayRef<int64_t> block; ///< empty: none
  bool transposed;

  mlir::MemRefType type() const {
    return mlir::cast<mlir::MemRefType>(memory.getType());
  }
  StorageKind kind() const {
    return storage ? storage.getKind() : StorageKind::Canonical;
  }
  /// Bits of an element in memory.
  unsigned bits() const;
  int64_t blockOf(unsigned dim) const { return block.empty() ? 1 : block[dim]; }
};

/// Builds the code of one access.
class AccessBuilder {
public:
  AccessBuilder(VectorBuilder &b, const Access &access)
      : b(b), access(access) {}

  /// A coordinate of each dimension of the logical tensor, not yet divided by
  /// the block.
  llvm::SmallVector<Coordinate> coordinates(const Places &places);

  /// The index of all lanes, clamped into the bound, divided by `block`.
  mlir::Value scalar(const Coordinate &c, int64_t block = 1);
  /// The same as a vector.
  mlir::Value vector(const Coordinate &c, int64_t block = 1);
  /// Either.
  mlir::Value value(const Coordinate &c, int64_t block = 1) {
    return c.isUniform() ? scalar(c, block) : vector(c, block);
  }
  /// The coordinate after division by `block`: of the form base + offsets where
  /// what is known of the base allows it.
  Coordinate divided(Coordinate c, int64_t block);

  /// How many of `lanes` neighbouring elements from the first are within the
  /// bound, or null: all.
  mlir::Value countWithin(const Coordinate &c, int64_t lanes);
  /// True if all lanes are within the bound, an i1 or a vector of them; null:
  /// always. Of several coordinates, in all.
  mlir::Value isWithin(llvm::ArrayRef<Coordinate> coordinates);

  /// `count` (null: all) elements of memory from `position` on, and 0.
  mlir::Value loadVector(mlir::VectorType type, mlir::ValueRange position,
                         mlir::Value count);
  void storeVector(mlir::Value value, mlir::ValueRange position,
                   mlir::Value count);
  /// memory[position] where positions are scalars or vectors: one element in
  /// all lanes, or a gather.
  mlir::Value loadAt(mlir::ValueRange position, int64_t lanes);
  /// The memory as one dimension, and a position in it.
  mlir::Value flatMemory();
  mlir::Value flatIndex(mlir::ValueRange position);
  mlir::Value gather(mlir::Value memory, mlir::Value index);

  /// An element of memory (scalar or vector) as its register type, and back.
  mlir::Value toRegister(mlir::Value element);
  mlir::Value toMemory(mlir::Value value);

  /// False, with an error, if the lanes' elements cannot be addressed.
  mlir::LogicalResult checkGather();

private:
  mlir::Value size(unsigned dim);

  VectorBuilder &b;
  const Access &access;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETOVECTOR_ACCESS_H
