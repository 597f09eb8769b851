//===- LaneMap.h - where a lane's elements are -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A layout is linear over GF(2), so the place of register r of lane l is
// place(r, 0) ^ place(0, l): a constant, and a few shifts and masks of the lane
// number that all registers share.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETONVGPU_LANEMAP_H
#define RUNG_LIB_CONVERSION_TILETONVGPU_LANEMAP_H

#include "../Common/Places.h"
#include "../Common/VectorBuilder.h"

namespace rung {

/// A row or column of this lane: `lane` (null: 0) + constant.
struct LaneOffset {
  mlir::Value lane;
  int64_t constant;
  /// The largest that any lane has.
  int64_t maximum;
};

/// The places of the running lane's registers.
class LaneMap {
public:
  /// Of a layout that is not packed.
  LaneMap(VectorBuilder &b, tile::LayoutAttr layout);

  /// The row (0) or column (1) of the element in a register.
  LaneOffset offset(int64_t reg, unsigned dim);

  /// True of exactly one (register, lane) for each element of the tile. No
  /// value: of no lane; null: of all.
  std::optional<mlir::Value> isWriter(int64_t reg);

  /// The number of this lane, an index.
  static mlir::Value lane(VectorBuilder &b);

  /// The value of a linear map (a basis vector for each bit of `lane`) at
  /// `lane`, an index; null: 0.
  static mlir::Value apply(VectorBuilder &b, mlir::Value lane,
                           llvm::ArrayRef<uint64_t> bases);

private:
  VectorBuilder &b;
  tile::LayoutAttr layout;
  /// Of register 0.
  mlir::Value parts[2];
  bool disjoint[2];
  /// Input bits that are 0 where an element is written.
  uint64_t repeatedRegisters = 0, repeatedLanes = 0;
};

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETONVGPU_LANEMAP_H
