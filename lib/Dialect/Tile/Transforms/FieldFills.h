//===- FieldFills.h - whole codes in one word -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDFILLS_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDFILLS_H

#include "FieldPlacement.h"

namespace rung::tile {

/// Placements that differ by a translation: bits `at` (one is 0) moved up by
/// one of the bases.
struct Shape {
  Placement at;
  uint32_t mask = 0;
  int firstBase = 0, lastBase = 0;
};

/// Those that make up the placements.
llvm::SmallVector<Shape> shapesOf(llvm::ArrayRef<Placement> placements);

/// A whole code at `base` of a word's lane; any shift from `first` to `last`
/// brings it to one of its placements.
struct Whole {
  unsigned shape;
  int base, first, last;
};

/// A shift of a word by one of these distances.
struct ShiftRange {
  int first, last;
};

/// Codes that one word holds whole. `shifts[i]` serves those of `groups` i + 1;
/// group 0 takes the word as it is.
struct Fill {
  llvm::SmallVector<Whole> wholes;
  llvm::SmallVector<unsigned> groups;
  llvm::SmallVector<ShiftRange> shifts;
  uint32_t left = 0;
};

/// The ways to put `count` whole codes into the bits `room` of a lane with the
/// fewest shifts.
llvm::SmallVector<Fill> findFills(llvm::ArrayRef<Shape> shapes,
                                  const FieldRequest &request, unsigned count,
                                  uint32_t room);

/// The first shift of each group; 0 for that of the word as it is.
llvm::SmallVector<int> firstShifts(const Fill &fill);

/// The whole codes of one word; group i is shifted by shifts[i].
void appendWholes(FieldAssignment &result, const Fill &fill,
                  llvm::ArrayRef<Shape> shapes, unsigned word,
                  llvm::ArrayRef<int> shifts);

/// `count` codes of the bits that the whole codes leave, each of two bytes that
/// a byte permute brings together; null if there is no such partition.
std::optional<FieldAssignment> placeBytePairs(const FieldRequest &request,
                                              llvm::ArrayRef<Shape> shapes,
                                              llvm::ArrayRef<Fill> fills,
                                              unsigned count);

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDFILLS_H
