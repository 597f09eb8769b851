//===- FieldPlacement.cpp - codes in words, found by search -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FieldPlacement.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace rung;
using namespace rung::tile;
using llvm::ArrayRef;
using llvm::SmallVector;

SmallVector<Placement>
tile::contiguousPlacements(unsigned codeBits, unsigned first, unsigned last) {
  SmallVector<Placement> placements;
  for (unsigned base = first; base <= last; ++base) {
    Placement &at = placements.emplace_back();
    for (unsigned bit = 0; bit != codeBits; ++bit)
      at.push_back(base + bit);
  }
  return placements;
}

namespace {

/// Placements that differ by a translation: bits `at` (one is 0) moved up by
/// one of the bases.
struct Shape {
  Placement at;
  uint32_t mask = 0;
  int firstBase = 0, lastBase = 0;
};

SmallVector<Shape> shapesOf(ArrayRef<Placement> placements) {
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
  SmallVector<Whole> wholes;
  SmallVector<unsigned> groups;
  SmallVector<ShiftRange> shifts;
  uint32_t left = 0;
};

/// The ways to put `count` whole codes into the bits `room` of a lane with the
/// fewest shifts.
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

/// Assigns the bits that the whole codes left to composite codes, depth first,
/// within a bound on the operations.
class Composer {
public:
  Composer(const FieldRequest &request, ArrayRef<Fill> fills, unsigned count)
      : composites(count), request(request), fills(fills) {}

  /// Operations beside the shifts of the fills: selects and shifts.
  bool solve(unsigned bound) {
    budget = bound + composites.size(); // the first register of each is free
    spent = nodes = 0;
    words.clear();
    for (Composite &composite : composites)
      composite = {};
    return nextWord();
  }

  struct Register {
    int shift;
    bool isFixed;
    ShiftRange range; ///< if not fixed
  };
  struct Word {
    const Fill *fill;
    /// The word itself, the shifts of the fill, then added ones.
    SmallVector<Register> registers;
  };
  struct Composite {
    const Placement *placement = nullptr;
    int shift = 0;
    SmallVector<std::pair<unsigned, int>> sources; ///< word, shift
    /// For each bit of the code, which source gives it, or -1.
    SmallVector<int, 8> bits;
  };

  SmallVector<Word> words;
  SmallVector<Composite> composites;

private:
  static constexpr unsigned mostNodes = 30000;

  /// Each word that is not begun gives at least one register, and no word has
  /// more bits for a composite than its whole codes left.
  bool isHopeless() const {
    if (composites.empty())
      return false;
    size_t left = static_cast<size_t>(llvm::popcount(fills.front().left));
    size_t lacking = 0;
    for (const Composite &composite : composites) {
      size_t bits = composite.placement
                        ? static_cast<size_t>(llvm::count(composite.bits, -1))
                        : request.codeBits;
      lacking += (bits + left - 1) / left;
    }
    return spent + std::max<size_t>(lacking, request.words - words.size()) >
           budget;
  }

  bool nextWord() {
    if (words.size() == request.words)
      return true;
    if (isHopeless())
      return false;
    for (const Fill &fill : fills) {
      Word &word = words.emplace_back();
      word.fill = &fill;
      word.registers.push_back({0, true, {0, 0}});
      for (ShiftRange range : fill.shifts)
        word.registers.push_back(
            {range.first, range.first == range.last, range});
      if (nextBit(fill.left))
        return true;
      words.pop_back();
      if (nodes > mostNodes)
        return false;
    }
    return false;
  }

  bool nextBit(uint32_t left) {
    if (!left)
      return nextWord();
    int bit = llvm::countr_zero(left);
    for (size_t c = 0; c != composites.size(); ++c) {
      bool isNew = !composites[c].placement;
      if (isNew ? define(c, bit, left) : continueWith(c, bit, left))
        return true;
      if (isNew) // the others are like it
        break;
    }
    return false;
  }

  /// Gives the composite all bits of `left` that the register of this shift
  /// brings to where it lacks them.
  bool assign(size_t c, int shift, uint32_t left) {
    if (++nodes > mostNodes)
      return false;
    Composite &composite = composites[c];
    Word &word = words.back();
    unsigned index = static_cast<unsigned>(words.size() - 1);
    size_t before = spent;
    // The register: there is one, one can be fixed to it, or one is added.
    size_t known = 0, count = word.registers.size();
    while (known != count && !(word.registers[known].isFixed &&
                               word.registers[known].shift == shift))
      ++known;
    if (known == count)
      for (known = 0; known != count; ++known) {
        const Register &candidate = word.registers[known];
        if (!candidate.isFixed && candidate.range.first <= shift &&
            shift <= candidate.range.last)
          break;
      }
    if (known == count) {
      word.registers.push_back({shift, true, {shift, shift}});
      ++spent;
    }
    Register saved = word.registers[known];
    word.registers[known].shift = shift;
    word.registers[known].isFixed = true;

    int source = static_cast<int>(composite.sources.size());
    composite.sources.push_back({index, shift});
    ++spent;
    uint32_t rest = left;
    for (unsigned j = 0; j != request.codeBits; ++j) {
      int place =
          static_cast<int>((*composite.placement)[j]) + composite.shift + shift;
      if (composite.bits[j] < 0 && place >= 0 &&
          place < static_cast<int>(request.laneBits) && (rest >> place & 1)) {
        composite.bits[j] = source;
        rest &= ~(uint32_t(1) << place);
      }
    }
    if (!isHopeless() && nextBit(rest))
      return true;
    Composite &undone = composites[c];
    undone.sources.pop_back();
    for (int &from : undone.bits)
      if (from == source)
        from = -1;
    Word &again = words.back();
    again.registers[known] = saved;
    if (known == count)
      again.registers.pop_back();
    spent = before;
    return false;
  }

  bool continueWith(size_t c, int bit, uint32_t left) {
    for (unsigned j = 0; j != request.codeBits; ++j) {
      const Composite &composite = composites[c];
      if (composite.bits[j] >= 0)
        continue;
      int target =
          static_cast<int>((*composite.placement)[j]) + composite.shift;
      if (assign(c, bit - target, left))
        return true;
    }
    return false;
  }

  bool define(size_t c, int bit, uint32_t left) {
    for (const Placement &placement : request.composites) {
      for (unsigned j = 0; j != request.codeBits; ++j) {
        int target = static_cast<int>(placement[j]);
        if (begin(c, placement, 0, bit - target, left))
          return true;
        // Selected elsewhere in the lane, then shifted.
        for (size_t r = 0; r != words.back().registers.size(); ++r) {
          Register candidate = words.back().registers[r];
          for (int s = candidate.isFixed ? candidate.shift
                                         : candidate.range.first,
                   last = candidate.isFixed ? s : candidate.range.last;
               s <= last; ++s)
            if (int post = bit - s - target)
              if (begin(c, placement, post, s, left))
                return true;
        }
      }
    }
    return false;
  }

  bool begin(size_t c, const Placement &placement, int post, int shift,
             uint32_t left) {
    for (unsigned at : placement) {
      int place = static_cast<int>(at) + post;
      if (place < 0 || place >= static_cast<int>(request.laneBits))
        return false;
    }
    composites[c].placement = &placement;
    composites[c].shift = post;
    composites[c].bits.assign(request.codeBits, -1);
    spent += post != 0;
    if (assign(c, shift, left))
      return true;
    spent -= post != 0;
    composites[c] = {};
    return false;
  }

  const FieldRequest &request;
  ArrayRef<Fill> fills;
  size_t budget = 0, spent = 0, nodes = 0;
};

} // namespace

/// The whole codes of one word; group i is shifted by shifts[i].
static void appendWholes(FieldAssignment &result, const Fill &fill,
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

namespace {
/// The bits that the words leave, at different places of their lanes, selected
/// into one further word, which is then filled with whole codes.
class SharedWord {
public:
  SharedWord(const FieldRequest &request, ArrayRef<Shape> shapes,
             ArrayRef<Fill> fills, unsigned count)
      : request(request), shapes(shapes), count(count) {
    for (const Fill &fill : fills)
      if (llvm::none_of(distinct, [&](const Fill *other) {
            return other->left == fill.left;
          }))
        distinct.push_back(&fill);
    if (count && count * request.codeBits <= request.laneBits)
      choose(0);
  }

  std::optional<FieldAssignment> result;

private:
  static constexpr unsigned mostUnions = 2000;

  void choose(uint32_t taken) {
    if (words.size() == request.words) {
      finish(taken);
      return;
    }
    for (const Fill *fill : distinct) {
      if (fill->left & taken || unions == mostUnions)
        continue;
      words.push_back(fill);
      choose(taken | fill->left);
      words.pop_back();
    }
  }

  void finish(uint32_t taken) {
    ++unions;
    SmallVector<Fill> shared =
        Fills(shapes, request.laneBits, request.codeBits, count, taken).fills;
    if (shared.empty() || (result && shared[0].shifts.size() >= fewestShifts))
      return;
    fewestShifts = shared[0].shifts.size();
    result.emplace();
    SmallVector<FieldPart, 4> parts;
    for (auto [index, fill] : llvm::enumerate(words)) {
      appendWholes(*result, *fill, shapes, static_cast<unsigned>(index),
                   firstShifts(*fill));
      result->operations += fill->shifts.size();
      parts.push_back({static_cast<unsigned>(index), 0, fill->left});
    }
    size_t before = result->codes.size();
    appendWholes(*result, shared[0], shapes, 0, firstShifts(shared[0]));
    for (FieldCode &code : llvm::drop_begin(result->codes, before)) {
      code.shift = code.parts[0].shift;
      code.parts = parts;
    }
    result->operations += parts.size() - 1 + fewestShifts +
                          (request.masked ? result->codes.size() : 0);
  }

  static SmallVector<int> firstShifts(const Fill &fill) {
    SmallVector<int> shifts(1, 0);
    for (ShiftRange range : fill.shifts)
      shifts.push_back(range.first);
    return shifts;
  }

  const FieldRequest &request;
  ArrayRef<Shape> shapes;
  unsigned count, unions = 0;
  size_t fewestShifts = 0;
  SmallVector<const Fill *> distinct, words;
};
} // namespace

static FieldAssignment assignmentOf(const FieldRequest &request,
                                    const Composer &composer,
                                    ArrayRef<Shape> shapes) {
  FieldAssignment result;
  for (auto [index, word] : llvm::enumerate(composer.words)) {
    SmallVector<int> shifts;
    for (const Composer::Register &reg : word.registers)
      shifts.push_back(reg.shift);
    appendWholes(result, *word.fill, shapes, static_cast<unsigned>(index),
                 shifts);
    result.operations += shifts.size() - 1;
  }
  if (request.masked)
    result.operations += result.codes.size();
  for (const Composer::Composite &composite : composer.composites) {
    FieldCode &code = result.codes.emplace_back();
    code.placement = *composite.placement;
    code.shift = composite.shift;
    for (auto [word, shift] : composite.sources)
      code.parts.push_back({word, shift, 0});
    for (auto [j, source] : llvm::enumerate(composite.bits)) {
      int place = static_cast<int>(code.placement[j]) + code.shift;
      code.parts[static_cast<size_t>(source)].mask |= uint32_t(1) << place;
    }
    result.operations +=
        code.parts.size() - 1 + (code.shift != 0) + (request.masked ? 1 : 0);
  }
  return result;
}

std::optional<FieldAssignment> tile::placeFields(const FieldRequest &request) {
  SmallVector<Shape> shapes = shapesOf(request.wholes);
  uint32_t lane = llvm::maskTrailingOnes<uint32_t>(request.laneBits);
  for (unsigned count = request.laneBits / request.codeBits;; --count) {
    SmallVector<Fill> fills =
        Fills(shapes, request.laneBits, request.codeBits, count, lane).fills;
    unsigned left = request.laneBits - count * request.codeBits;
    if (!fills.empty()) {
      unsigned composites = request.words * left / request.codeBits;
      std::optional<FieldAssignment> best =
          SharedWord(request, shapes, fills, composites).result;
      unsigned alike =
          request.words * static_cast<unsigned>(fills[0].shifts.size()) +
          (request.masked ? request.words * request.laneBits / request.codeBits
                          : 0);
      Composer composer(request, fills, composites);
      // A register for each bit, and a shift for each, always suffice.
      for (unsigned bound = 0; bound <= 2 * left * request.words; ++bound) {
        if (best && best->operations <= alike + bound)
          return best;
        if (composer.solve(bound))
          return assignmentOf(request, composer, shapes);
      }
      if (best)
        return best;
    }
    if (count == 0)
      return std::nullopt;
  }
}

unsigned tile::positionOf(const FieldCode &code, unsigned at, unsigned lane,
                          unsigned laneBits) {
  int place = static_cast<int>(at) + code.shift;
  const FieldPart *part = llvm::find_if(
      code.parts, [&](auto &candidate) { return candidate.mask >> place & 1; });
  return 32 * part->word + lane * laneBits +
         static_cast<unsigned>(place + part->shift);
}

BitOrder tile::orderOf(const FieldRequest &request,
                       const FieldAssignment &assignment) {
  SmallVector<unsigned> positions;
  for (const FieldCode &code : assignment.codes)
    for (unsigned lane = 0; lane != 32 / request.laneBits; ++lane)
      for (unsigned at : code.placement)
        positions.push_back(positionOf(code, at, lane, request.laneBits));
  return llvm::cantFail(BitOrder::get(request.codeBits, positions));
}
