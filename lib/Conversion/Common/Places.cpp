//===- Places.cpp - which elements the lanes of a register are -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Places.h"
#include "rung/Layout/PackedLayout.h"

using namespace mlir;
using namespace rung;

Places rung::placesOf(tile::LayoutAttr layout, int64_t reg, int64_t code) {
  Places places;
  for (int64_t lane = 0, e = layout.getLanes(); lane != e; ++lane)
    places.push_back(layout.locate(reg, lane, code));
  return places;
}

std::optional<int64_t> rung::findPlaces(tile::LayoutAttr layout,
                                        const Places &places) {
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg)
    if (layout.locate(reg, 0) == places.front() &&
        placesOf(layout, reg) == places)
      return reg;
  return std::nullopt;
}

std::string rung::placeText(std::pair<int64_t, int64_t> place) {
  return "(" + std::to_string(place.first) + ", " +
         std::to_string(place.second) + ")";
}

std::optional<UnitPlace> rung::findUnit(const PackedLayout &packed,
                                        tile::LayoutAttr layout, int64_t reg) {
  if (packed.order() != *layout.getOrder() ||
      packed.lanes() != layout.getLanes())
    return std::nullopt;
  std::pair<int64_t, int64_t> first = layout.locate(reg, 0);
  int64_t row = first.first, column = first.second;
  int64_t rows = packed.tileRows(), columns = packed.tileColumns();
  for (unsigned unit = 0; unit != packed.unitsPerLane(); ++unit) {
    auto holds = [&](int64_t lane, int64_t code) {
      SmallVector<uint64_t> place =
          packed.map().apply({uint64_t(code), uint64_t(unit), uint64_t(lane)});
      auto [r, c] = layout.locate(reg, lane, code);
      return r / rows == row / rows && c / columns == column / columns &&
             uint64_t(r % rows) == place[0] &&
             uint64_t(c % columns) == place[1];
    };
    bool all = true;
    for (int64_t lane = 0; all && lane != layout.getLanes(); ++lane)
      for (int64_t code = 0; all && code != layout.getOrder()->codes(); ++code)
        all = holds(lane, code);
    if (all)
      return UnitPlace{row / rows, column / columns, unit};
  }
  return std::nullopt;
}
