//===- FieldBytePairs.cpp - codes by byte permutes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A byte permute makes a register of any byte of one register in the lower
// bytes of its lanes, and any of another in the upper: what the words leave is
// moved by bytes for nothing, where a select leaves it at its place.
//
//===----------------------------------------------------------------------===//

#include "FieldFills.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace rung;
using namespace rung::tile;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {
/// Takes the leftover bits of all words apart, code by code, byte by byte.
class BytePairs {
public:
  BytePairs(const FieldRequest &request, ArrayRef<Shape> shapes,
            ArrayRef<Fill> fills, unsigned count)
      : request(request), shapes(shapes), fills(fills), count(count) {
    nextWord();
  }

  std::optional<FieldAssignment> result;

private:
  static constexpr unsigned mostNodes = 1000000;

  struct Word {
    const Fill *fill;
    uint32_t left;
    /// Shift of each group, once it is fixed.
    SmallVector<std::optional<int>> shifts;
  };

  bool nextWord() {
    if (words.size() == request.words)
      return nextCode();
    // Words are alike: the choices in order.
    for (const Fill *fill = words.empty() ? fills.begin() : words.back().fill;
         fill != fills.end(); ++fill) {
      Word &word = words.emplace_back();
      word.fill = fill;
      word.left = fill->left;
      word.shifts.assign(1, 0);
      word.shifts.append(fill->shifts.size(), std::nullopt);
      if (nextWord())
        return true;
      words.pop_back();
    }
    return false;
  }

  bool nextCode() {
    if (codes.size() == count) {
      finish();
      return true;
    }
    for (const Placement &placement : request.composites) {
      FieldCode &code = codes.emplace_back();
      code.placement = placement;
      code.isBytePair = true;
      if (nextByte(0))
        return true;
      codes.pop_back();
    }
    return false;
  }

  /// The bits of the code at byte `byte` of its lane, from one byte of a word.
  bool nextByte(int byte) {
    if (byte == 2)
      return nextCode();
    uint32_t mask = 0;
    for (unsigned at : codes.back().placement)
      mask |= at / 8 == static_cast<unsigned>(byte) ? uint32_t(1) << at : 0;
    if (!mask) // nothing is gained over a shift
      return false;
    for (auto [index, word] : llvm::enumerate(words))
      for (auto [group, known] : llvm::enumerate(word.shifts)) {
        std::optional<int> saved = known;
        ShiftRange range =
            saved ? ShiftRange{*saved, *saved} : word.fill->shifts[group - 1];
        for (int shift = range.first; shift <= range.last; ++shift)
          for (int moved : {0, byte ? -8 : 8}) {
            if (++nodes > mostNodes)
              return false;
            int total = shift + moved;
            uint32_t needed = total >= 0 ? mask << total : mask >> -total;
            // The byte of the shifted word has to come from within the lane.
            if (llvm::popcount(needed) != llvm::popcount(mask) ||
                (needed & ~words[index].left))
              continue;
            words[index].left &= ~needed;
            words[index].shifts[group] = shift;
            codes.back().parts.push_back(
                {static_cast<unsigned>(index), total, mask, moved / 8});
            if (nextByte(byte + 1))
              return true;
            codes.back().parts.pop_back();
            words[index].shifts[group] = saved;
            words[index].left |= needed;
          }
      }
    return false;
  }

  void finish() {
    result.emplace();
    for (auto [index, word] : llvm::enumerate(words)) {
      SmallVector<int> shifts = firstShifts(*word.fill);
      for (auto [group, shift] : llvm::enumerate(word.shifts))
        shifts[group] = shift.value_or(shifts[group]);
      appendWholes(*result, *word.fill, shapes, static_cast<unsigned>(index),
                   shifts);
      result->operations += word.fill->shifts.size();
    }
    for (const FieldCode &code : codes)
      result->codes.push_back(code);
    result->operations += count + (request.masked ? result->codes.size() : 0);
  }

  const FieldRequest &request;
  ArrayRef<Shape> shapes;
  ArrayRef<Fill> fills;
  unsigned count, nodes = 0;
  SmallVector<Word> words;
  SmallVector<FieldCode> codes;
};
} // namespace

std::optional<FieldAssignment> tile::placeBytePairs(const FieldRequest &request,
                                                    ArrayRef<Shape> shapes,
                                                    ArrayRef<Fill> fills,
                                                    unsigned count) {
  if (!request.bytePairs || request.laneBits != 16 || count == 0)
    return std::nullopt;
  return BytePairs(request, shapes, fills, count).result;
}
