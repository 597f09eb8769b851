//===- Places.h - which elements the lanes of a register are -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_COMMON_PLACES_H
#define RUNG_LIB_CONVERSION_COMMON_PLACES_H

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

} // namespace rung

#endif // RUNG_LIB_CONVERSION_COMMON_PLACES_H
