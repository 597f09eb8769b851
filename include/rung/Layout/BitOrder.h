//===- BitOrder.h - Bits of codes in the words of a unit -------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decode unit is V codes of b bits that fill R 32-bit words exactly
// (V·b = 32·R, V a power of two). A bit order says where each bit of each code
// sits: bit j of code v is bit `position(v, j)` of the unit, and bit p of the
// unit is bit p % 32 of word p / 32. Any permutation is a bit order: a decode
// sequence asks for the one in which its shifts and masks are cheapest, and the
// packed weights absorb it. Some bits may be stored inverted: R words, `flips`,
// are XORed into the packed words, so that a decoder finds two's complement as
// codes counted from 0.
//
// Two orders are named. For b = 3, V = 32, R = 3:
//
//   sequential<3>    code v is bits 3v..3v+2 of the unit. Codes 10 and 21 cross
//                    a word boundary: fields(10) = {word 0, shift 30, bit 0,
//                    width 2}, {word 1, shift 0, bit 2, width 1}.
//   planes<3>        3 = 2 + 1. Words 0 and 1 hold the two low bits of all 32
//                    codes, word 2 their high bits; no field crosses a word:
//                    fields(10) = {0, 20, 0, 2}, {2, 10, 2, 1}.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LAYOUT_BITORDER_H
#define RUNG_LAYOUT_BITORDER_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <string>

namespace rung {

/// A placement of the bits of V codes of b bits in R 32-bit words.
class BitOrder {
public:
  /// `width` bits that are contiguous both in a code and in a word:
  /// code[bit .. bit+width) = words[word][shift .. shift+width).
  struct Field {
    unsigned word, shift, bit, width;
    bool operator==(const Field &other) const {
      return word == other.word && shift == other.shift && bit == other.bit &&
             width == other.width;
    }
  };

  /// The code widths there are orders for: 1..8, 16, 32, 64.
  static bool isSupportedWidth(unsigned bits);

  /// The fewest codes of `bits` bits that fill whole words:
  /// 1:32 2:16 3:32 4:8 5:32 6:16 7:32 8:4 16:2 32:1 64:1.
  static unsigned minimalCodes(unsigned bits);

  /// An order given by the position of every bit, code by code, least
  /// significant bit first. An error if the width is not supported, if the
  /// codes do not fill whole words, if their number is no power of two, or if
  /// the positions are not a permutation of 0 .. 32·R-1.
  static llvm::Expected<BitOrder> get(unsigned bits,
                                      llvm::ArrayRef<unsigned> positions);

  /// Codes one after the other, least significant bit first.
  static BitOrder sequential(unsigned bits);

  /// The binary digits of `bits` are planes (7 = 4 + 2 + 1), the widest in the
  /// first words and holding the lowest bits of a code; inside a plane the
  /// fields are sequential. Same as sequential for powers of two.
  static BitOrder planes(unsigned bits);

  /// The order in which code v sits where code `from[v]` sits here. `from` is
  /// a permutation of 0 .. V-1. For example the even codes of a 4-bit unit in
  /// the low half of the word and the odd ones in its high half, so that one
  /// AND isolates two neighbours:
  /// sequential(4).permuteCodes({0,4,1,5,2,6,3,7}).
  BitOrder permuteCodes(llvm::ArrayRef<unsigned> from) const;

  /// The same with the bits that are set in `flips`, R words, stored inverted.
  BitOrder withFlips(llvm::ArrayRef<uint32_t> flips) const;

  unsigned bits() const { return width; }
  unsigned codes() const { return positions.size() / width; }
  unsigned words() const { return positions.size() / 32; }

  /// The bit of the unit (32·word + bit in word) that holds bit `bit` of
  /// `code`.
  unsigned position(unsigned code, unsigned bit) const {
    return positions[code * width + bit];
  }

  /// R words, 1 where a bit is stored inverted.
  llvm::ArrayRef<uint32_t> flips() const { return inverted; }
  bool hasFlips() const;

  /// The fields that a decoder gathers for `code`, lowest bits first; each is
  /// as wide as it can be. They are of words without their flips.
  llvm::SmallVector<Field, 2> fields(unsigned code) const;

  /// R words that hold these V codes; bits of a code above b are ignored.
  llvm::SmallVector<uint32_t> pack(llvm::ArrayRef<uint64_t> codes) const;
  /// The V codes in R words.
  llvm::SmallVector<uint64_t> unpack(llvm::ArrayRef<uint32_t> words) const;

  /// `sequential<b>` or `planes<b>` where that is the order, else the fields of
  /// each code as position:width, lowest bits first:
  /// `fields<4>[0:4, 16:4, 4:4, 20:4, 8:4, 24:4, 12:4, 28:4]`; several fields
  /// of one code are joined by `+`. Flips follow: `sequential<8> ^ 0x80808080`,
  /// one number for each word. `parse` reads all of these.
  std::string str() const;
  static llvm::Expected<BitOrder> parse(llvm::StringRef text);

  bool operator==(const BitOrder &other) const {
    return width == other.width && positions == other.positions &&
           inverted == other.inverted;
  }
  bool operator!=(const BitOrder &other) const { return !(*this == other); }
  friend llvm::hash_code hash_value(const BitOrder &order) {
    return llvm::hash_combine(order.width,
                              llvm::hash_combine_range(order.positions),
                              llvm::hash_combine_range(order.inverted));
  }

private:
  BitOrder(unsigned bits, llvm::SmallVector<uint16_t> positions)
      : width(bits), positions(std::move(positions)), inverted(words(), 0) {}

  unsigned width;
  /// Position of bit j of code v at [v * width + j].
  llvm::SmallVector<uint16_t> positions;
  llvm::SmallVector<uint32_t> inverted;
};

} // namespace rung

#endif // RUNG_LAYOUT_BITORDER_H
