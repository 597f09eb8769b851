//===- FieldFills.cpp - whole codes in one word -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FieldFills.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace rung;
using namespace rung::tile;
using llvm::ArrayRef;
using llvm::SmallVector;

SmallVector<Shape> tile::shapesOf(ArrayRef<Placement> placements) {
  SmallVector<Shape> shapes;
  for (const Placement &placement : placements) {
    unsigned base = *llvm::min_element(placement);
    Shape shape;
    for (unsigned bit : placement) {
      shape.at.push_back(bit - base);
      shape.mask |= uint32_t(1) << (bit - base);
    }
    shape.firstBase = shape.lastBase = static_cast<int>(base);
    auto *same = llvm::find_if(
        shapes, [&](const Shape &other) { return other.at == shape.at; });
    if (same == shapes.end())
      shapes.push_back(shape);
    else // the bases of one shape are an interval
      same->lastBase = static_cast<int>(base);
  }
  return shapes;
}

namespace {
/// The ways to put a number of whole codes into a lane, with the fewest shifts.
class Fills {
public:
  Fills(ArrayRef<Shape> shapes, unsigned laneBits, unsigned codeBits,
        unsigned count, uint32_t room)
      : shapes(shapes), laneBits(laneBits), count(count),
        leftBudget(static_cast<unsigned>(llvm::popcount(room)) -
                   count * codeBits) {
    extend(0, ~room, 0);
    size_t least = laneBits;
    for (const Fill &fill : fills)
      least = std::min(least, fill.shifts.size());
    llvm::erase_if(
        fills, [&](const Fill &fill) { return fill.shifts.size() != least; });
  }

  SmallVector<Fill> fills;

private:
  static constexpr size_t most = 2000;

  void extend(unsigned bit, uint32_t used, uint32_t left) {
    if (fills.size() == most)
      return;
    while (bit != laneBits && (used >> bit & 1))
      ++bit;
    if (bit == laneBits) {
      if (current.size() == count)
        finish(left);
      return;
    }
    for (auto [index, shape] : llvm::enumerate(shapes)) {
      uint64_t mask = uint64_t(shape.mask) << bit;
      if (mask >> laneBits || (mask & (used | left)) || current.size() == count)
        continue;
      int base = static_cast<int>(bit);
      current.push_back({static_cast<unsigned>(index), base,
                         base - shape.lastBase, base - shape.firstBase});
      extend(bit + 1, used | static_cast<uint32_t>(mask), left);
      current.pop_back();
    }
    if (static_cast<unsigned>(llvm::popcount(left)) < leftBudget)
      extend(bit + 1, used, left | uint32_t(1) << bit);
  }

  /// The fewest points that stab all intervals of shifts, 0 being given.
  void finish(uint32_t left) {
    Fill fill;
    fill.wholes = current;
    fill.left = left;
    fill.groups.assign(current.size(), 0);
    SmallVector<unsigned> order;
    for (auto [index, whole] : llvm::enumerate(current))
      if (whole.first > 0 || whole.last < 0)
        order.push_back(static_cast<unsigned>(index));
    llvm::sort(order, [&](unsigned a, unsigned b) {
      return current[a].last < current[b].last;
    });
    for (unsigned index : order) {
      const Whole &whole = current[index];
      if (fill.shifts.empty() || whole.first > fill.shifts.back().last)
        fill.shifts.push_back({whole.first, whole.last});
      ShiftRange &range = fill.shifts.back();
      range.first = std::max(range.first, whole.first);
      range.last = std::min(range.last, whole.last);
      fill.groups[index] = static_cast<unsigned>(fill.shifts.size());
    }
    fills.push_back(std::move(fill));
  }

  ArrayRef<Shape> shapes;
  unsigned laneBits, count, leftBudget;
  SmallVector<Whole> current;
};
} // namespace

SmallVector<Fill> tile::findFills(ArrayRef<Shape> shapes,
                                  const FieldRequest &request, unsigned count,
                                  uint32_t room) {
  return Fills(shapes, request.laneBits, request.codeBits, count, room).fills;
}

SmallVector<int> tile::firstShifts(const Fill &fill) {
  SmallVector<int> shifts(1, 0);
  for (ShiftRange range : fill.shifts)
    shifts.push_back(range.first);
  return shifts;
}

/// The whole codes of one word; group i is shifted by shifts[i].
void tile::appendWholes(FieldAssignment &result, const Fill &fill,
                        ArrayRef<Shape> shapes, unsigned word,
                        ArrayRef<int> shifts) {
  for (auto [whole, group] : llvm::zip(fill.wholes, fill.groups)) {
    const Shape &shape = shapes[whole.shape];
    int base = whole.base - shifts[group];
    FieldCode &code = result.codes.emplace_back();
    for (unsigned at : shape.at)
      code.placement.push_back(at + static_cast<unsigned>(base));
    code.parts.push_back({word, shifts[group], shape.mask << base});
  }
}
