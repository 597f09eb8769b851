//===- FieldPlacement.cpp - codes in words, found by search -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FieldFills.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace rung;
using namespace rung::tile;
using llvm::ArrayRef;
using llvm::SmallVector;

uint32_t tile::maskOf(ArrayRef<unsigned> placement) {
  uint32_t mask = 0;
  for (unsigned at : placement)
    mask |= uint32_t(1) << at;
  return mask;
}

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

namespace {
/// The bits that the words leave, at different places of their lanes, selected
/// into one further word, which is then filled with whole codes. Some words may
/// be selected apart, and rotated together to where the others have gaps.
class SharedWord {
public:
  SharedWord(const FieldRequest &request, ArrayRef<Shape> shapes,
             ArrayRef<Fill> fills, unsigned count)
      : request(request), shapes(shapes),
        lane(llvm::maskTrailingOnes<uint32_t>(request.laneBits)) {
    if (!count || count * request.codeBits > request.laneBits)
      return;
    SmallVector<Fill> sharedFills = findFills(shapes, request, count, lane);
    for (rotation = 0; rotation != request.laneBits && !result; ++rotation) {
      collectPieces(fills);
      llvm::DenseSet<uint32_t> tried;
      for (const Fill &shared : sharedFills) {
        uint32_t taken = lane & ~shared.left;
        if (!tried.insert(taken).second || !cover(taken))
          continue;
        finish(shared);
        return;
      }
    }
  }

  std::optional<FieldAssignment> result;

private:
  /// What a word leaves, in one of its registers.
  struct Piece {
    const Fill *fill;
    unsigned group;
    int shift;
    bool isRotated;
    uint32_t mask; ///< in the shared word
  };

  void collectPieces(ArrayRef<Fill> fills) {
    pieces.clear();
    uncovered.clear();
    auto add = [&](const Fill &fill, unsigned group, int shift) {
      uint32_t moved =
          (shift >= 0 ? fill.left >> shift : fill.left << -shift) & lane;
      if (llvm::popcount(moved) != llvm::popcount(fill.left))
        return;
      for (bool isRotated : {false, true}) {
        if (isRotated && !rotation)
          break;
        uint32_t mask = moved;
        if (isRotated)
          mask = (moved >> rotation | moved << (request.laneBits - rotation)) &
                 lane;
        if (llvm::none_of(pieces, [&](const Piece &other) {
              return other.mask == mask && other.isRotated == isRotated;
            }))
          pieces.push_back({&fill, group, shift, isRotated, mask});
      }
    };
    for (const Fill &fill : fills) {
      add(fill, 0, 0);
      for (auto [group, range] : llvm::enumerate(fill.shifts))
        for (int shift = range.first; shift <= range.last; ++shift)
          add(fill, static_cast<unsigned>(group) + 1, shift);
    }
  }

  /// One piece of each word, all together these bits.
  bool cover(uint32_t taken) {
    if (!taken)
      return chosen.size() == request.words;
    if (chosen.size() == request.words ||
        uncovered.contains({taken, chosen.size()}))
      return false;
    uint32_t lowest = taken & (0 - taken);
    for (const Piece &piece : pieces) {
      if (!(piece.mask & lowest) || (piece.mask & ~taken))
        continue;
      chosen.push_back(&piece);
      if (cover(taken & ~piece.mask))
        return true;
      chosen.pop_back();
    }
    uncovered.insert({taken, chosen.size()});
    return false;
  }

  void finish(const Fill &shared) {
    llvm::sort(chosen, [](const Piece *a, const Piece *b) {
      return std::tuple(!a->isRotated, a->mask) <
             std::tuple(!b->isRotated, b->mask);
    });
    result.emplace();
    FieldCode code;
    for (auto [index, piece] : llvm::enumerate(chosen)) {
      unsigned word = static_cast<unsigned>(index);
      SmallVector<int> shifts = firstShifts(*piece->fill);
      shifts[piece->group] = piece->shift;
      appendWholes(*result, *piece->fill, shapes, word, shifts);
      result->operations += piece->fill->shifts.size();
      code.parts.push_back(
          {word,
           piece->shift + (piece->isRotated ? static_cast<int>(rotation) : 0),
           piece->mask});
      code.numRotated += piece->isRotated;
    }
    code.rotation = rotation;
    size_t before = result->codes.size();
    SmallVector<int> shifts = firstShifts(shared);
    appendWholes(*result, shared, shapes, 0, shifts);
    for (FieldCode &composite : llvm::drop_begin(result->codes, before)) {
      code.placement = composite.placement;
      code.shift = composite.parts[0].shift;
      composite = code;
    }
    result->operations += chosen.size() - 1 + (rotation != 0) +
                          shared.shifts.size() +
                          (request.masked ? result->codes.size() : 0);
  }

  const FieldRequest &request;
  ArrayRef<Shape> shapes;
  uint32_t lane;
  unsigned rotation = 0;
  SmallVector<Piece> pieces;
  SmallVector<const Piece *> chosen;
  /// Bits that were tried in vain, after so many pieces: every way there fails.
  llvm::DenseSet<std::pair<uint32_t, size_t>> uncovered;
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

/// The assignment of fewer than `limit` operations that the composer finds.
static std::optional<FieldAssignment> compose(const FieldRequest &request,
                                              ArrayRef<Shape> shapes,
                                              ArrayRef<Fill> fills,
                                              unsigned count, unsigned limit) {
  unsigned shifts = static_cast<unsigned>(fills[0].shifts.size()),
           codes = request.words * request.laneBits / request.codeBits,
           fixed = request.words * shifts + (request.masked ? codes : 0);
  Composer composer(request, fills, count);
  // A register for each bit, and a shift for each, always suffice.
  for (unsigned bound = 0, most = 2 * count * request.codeBits;
       bound <= most && fixed + bound < limit; ++bound)
    if (composer.solve(bound))
      return assignmentOf(request, composer, shapes);
  return std::nullopt;
}

std::optional<FieldAssignment> tile::placeFields(const FieldRequest &request) {
  SmallVector<Shape> shapes = shapesOf(request.wholes);
  uint32_t lane = llvm::maskTrailingOnes<uint32_t>(request.laneBits);
  for (unsigned count = request.laneBits / request.codeBits;; --count) {
    SmallVector<Fill> fills = findFills(shapes, request, count, lane);
    if (!fills.empty()) {
      unsigned left = request.laneBits - count * request.codeBits,
               composites = request.words * left / request.codeBits;
      std::optional<FieldAssignment> best;
      auto consider = [&](std::optional<FieldAssignment> other) {
        if (other && (!best || other->operations < best->operations))
          best = std::move(other);
      };
      consider(SharedWord(request, shapes, fills, composites).result);
      consider(placeBytePairs(request, shapes, fills, composites));
      consider(compose(request, shapes, fills, composites,
                       best ? best->operations : ~0u));
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
  return 32 * part->word +
         (lane * laneBits + static_cast<unsigned>(place + part->shift)) % 32;
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
