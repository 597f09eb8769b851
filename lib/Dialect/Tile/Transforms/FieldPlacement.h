//===- FieldPlacement.h - codes in words, found by search -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decode sequence wants the bits of each code at certain bits of a lane of a
// 32-bit register. Where the codes sit in the packed words is free, so the
// question is which places make the sequence shortest. The answer for one lane
// of each word is that of all lanes, for shifts and masks act on all at once.
//
//   whole       all bits of a code come from one register, a word or a word
//               shifted: one AND. Words without a shift are free, and several
//               codes may share one shifted word.
//   composite   the bits that whole codes leave over, of several words, are
//               selected together: one logic operation for each register after
//               the first, and perhaps a shift of the result. One selection of
//               the leftover bits of all words may serve several codes; a
//               rotation on the way brings some to the gaps of others.
//   byte pair   a composite of two bytes that one byte permute brings together.
//
// For 3-bit codes in 16-bit lanes, wanted at bits 0..9: each of three words
// gives codes 0..2, 3..5, 6..8 as it is and 9..11, 12..14 shifted by 6; the
// three bits 15 are the sixteenth code.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDPLACEMENT_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDPLACEMENT_H

#include "rung/Layout/BitOrder.h"

namespace rung::tile {

/// The lane bit that each bit of a code has to come to, from the least
/// significant bit of the code up.
using Placement = llvm::SmallVector<unsigned, 8>;

/// Those bits of the lane.
uint32_t maskOf(llvm::ArrayRef<unsigned> placement);

/// The placements first, first + 1, ... last of a contiguous code.
llvm::SmallVector<Placement>
contiguousPlacements(unsigned codeBits, unsigned first, unsigned last);

struct FieldRequest {
  unsigned codeBits;
  unsigned laneBits; ///< 4, 8, 16 or 32
  unsigned words;    ///< words * laneBits is a multiple of codeBits
  llvm::SmallVector<Placement> wholes;
  llvm::SmallVector<Placement> composites;
  /// The other bits of the lane have to be cleared: an AND of each code.
  bool masked = true;
  /// One instruction permutes the bytes of two registers.
  bool bytePairs = false;
};

/// One register that gives bits of a code: a word, shifted right (negative:
/// left), of whose lane the bits `mask` are taken. Bits that a shift would lose
/// come by a rotation of the word.
struct FieldPart {
  unsigned word;
  int shift;
  uint32_t mask;
  /// So many bytes of the shift are a byte permute's.
  int bytes = 0;
};

/// The code is selected from its parts, then shifted right by `shift`; then its
/// bits are where `placement` says.
struct FieldCode {
  Placement placement;
  llvm::SmallVector<FieldPart, 4> parts;
  int shift = 0;
  /// Two parts, in the lower and the upper byte of the lane.
  bool isBytePair = false;
  /// The first parts are selected apart, then rotated right together by
  /// `rotation`, which is part of their shifts.
  unsigned numRotated = 0, rotation = 0;
};

struct FieldAssignment {
  /// words * laneBits / codeBits codes of one lane.
  llvm::SmallVector<FieldCode> codes;
  /// Shifts, selects and ANDs.
  unsigned operations = 0;
};

/// The assignment with the fewest operations that the search finds; null if the
/// placements fit no way.
std::optional<FieldAssignment> placeFields(const FieldRequest &request);

/// The bit of the words, counted through all of them, that comes to bit `at` of
/// the code's placement in this lane of the register.
unsigned positionOf(const FieldCode &code, unsigned at, unsigned lane,
                    unsigned laneBits);

/// Code c of lane l is code c * lanes + l of the order.
BitOrder orderOf(const FieldRequest &request,
                 const FieldAssignment &assignment);

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_FIELDPLACEMENT_H
