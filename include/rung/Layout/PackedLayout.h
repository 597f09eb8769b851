//===- PackedLayout.h - Codes in packed words ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A packed layout says which bits of which 32-bit word hold code (n, k) of an
// N × K matrix. It composes the three parts of a layout:
//
//   outside   tiles of Tn × Tk codes (powers of two) in row-major order, padded
//             with a pad code at the ragged edges: integer strides;
//   inside    a linear layout (code, unit, lane) -> (row, col): which row and
//             column of the tile is code `code` of decode unit `unit` of lane
//             `lane`, a bijection;
//   unit      a bit order: where the bits of the unit's V codes sit in R words.
//
// The words of a lane, w = unit·R + r, are stored in groups of `wordsPerLoad`
// that one load of a lane brings in, and the same load of all lanes is
// contiguous. With U units per lane and P words per load, the packed array is
//
//     i32 [⌈N/Tn⌉][⌈K/Tk⌉][U·R/P][lanes][P]      (without the last if P = 1)
//
// Instances:
//
//   cpu(sequential(4))     16 lanes are 16 rows, U = 1, P = 1, Tn×Tk = 16×V: a
//                          vector of 16 words serves 16 output channels, and
//                          word r of codes kc·V.. of row n is word
//                          ((n/16·⌈K/V⌉ + kc)·R + r)·16 + n%16.
//   canonical(4)           one row, one lane: canonical storage whose rows are
//                          padded to whole words instead of bytes.
//   deriveWeightLayout(A operand of mma.sync, 16 bytes, order)
//                          32 lanes, P = 4: one 16-byte load per lane brings in
//                          whole A fragments.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LAYOUT_PACKEDLAYOUT_H
#define RUNG_LAYOUT_PACKEDLAYOUT_H

#include "rung/Layout/BitOrder.h"
#include "rung/Layout/LinearLayout.h"
#include <vector>

namespace rung {

/// A matrix of codes in packed words.
class PackedLayout {
public:
  /// A part of a code: code[bit .. bit+width) = words[word][shift ..
  /// shift+width).
  struct Field {
    int64_t word;
    unsigned shift, bit, width;
    bool operator==(const Field &other) const {
      return word == other.word && shift == other.shift && bit == other.bit &&
             width == other.width;
    }
  };

  /// An error unless `map` is a bijection (code, unit, lane) -> (row, col) with
  /// as many codes as `order`, and wordsPerLoad is 1, 2 or 4 and divides the
  /// words of a lane.
  static llvm::Expected<PackedLayout>
  get(const LinearLayout &map, const BitOrder &order, unsigned wordsPerLoad);

  /// The weight order of a CPU whose vectors have `lanes` (a power of two)
  /// 32-bit lanes, shown above.
  static PackedLayout cpu(const BitOrder &order, unsigned lanes = 16);
  /// Canonical storage, as 32-bit words, of matrices whose K·bits is a multiple
  /// of 32 (only then do its rows, padded to bytes, equal ours).
  static PackedLayout canonical(unsigned bits);

  const LinearLayout &map() const { return tile; }
  const BitOrder &order() const { return unitOrder; }
  unsigned bits() const { return unitOrder.bits(); }
  unsigned lanes() const { return 1u << tile.inBits("lane"); }
  unsigned unitsPerLane() const { return 1u << tile.inBits("unit"); }
  unsigned wordsPerLoad() const { return loadWords; }
  int64_t tileRows() const { return int64_t(1) << tile.outBits("row"); }
  int64_t tileColumns() const { return int64_t(1) << tile.outBits("col"); }
  int64_t wordsPerTile() const {
    return int64_t(lanes()) * unitsPerLane() * unitOrder.words();
  }

  /// Sizes of the packed i32 array of a rows × columns matrix, as above.
  llvm::SmallVector<int64_t> packedShape(int64_t rows, int64_t columns) const;
  /// Their product.
  int64_t wordCount(int64_t rows, int64_t columns) const;

  /// Offset in its tile of word `word` of unit `unit` of lane `lane`.
  int64_t wordInTile(unsigned lane, unsigned unit, unsigned word) const;
  /// Where code (row, column) of a matrix of `columns` columns sits.
  llvm::SmallVector<Field, 2> fields(int64_t row, int64_t column,
                                     int64_t columns) const;
  /// The bits of code (row, column) that are stored inverted in its fields.
  uint64_t flips(int64_t row, int64_t column) const;

  /// The packed words of a rows × columns matrix in canonical storage. An error
  /// if `storage` is not rows · canonicalRowBytes(columns, bits()) bytes, or
  /// `padCode` has more than bits() bits.
  llvm::Expected<std::vector<uint32_t>> pack(llvm::ArrayRef<uint8_t> storage,
                                             int64_t rows, int64_t columns,
                                             uint64_t padCode) const;
  /// The canonical storage of a rows × columns matrix in packed words. An error
  /// if there are not wordCount(rows, columns) words.
  llvm::Expected<std::vector<uint8_t>>
  unpack(llvm::ArrayRef<uint32_t> words, int64_t rows, int64_t columns) const;

  /// `MAP, order = ORDER, load = P`, e.g. for cpu(sequential(4)):
  /// `(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2],
  /// lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1`.
  std::string str() const;
  static llvm::Expected<PackedLayout> parse(llvm::StringRef text);

  bool operator==(const PackedLayout &other) const {
    return tile == other.tile && unitOrder == other.unitOrder &&
           loadWords == other.loadWords;
  }
  bool operator!=(const PackedLayout &other) const { return !(*this == other); }
  friend llvm::hash_code hash_value(const PackedLayout &layout) {
    return llvm::hash_combine(layout.tile, layout.unitOrder, layout.loadWords);
  }

private:
  PackedLayout(LinearLayout map, BitOrder order, unsigned wordsPerLoad)
      : tile(std::move(map)), unitOrder(std::move(order)),
        loadWords(wordsPerLoad) {}

  LinearLayout tile;
  BitOrder unitOrder;
  unsigned loadWords;
};

/// The weight layout for a matrix instruction that takes weights as an operand
/// with this fragment map, (register, lane) -> (row, col): rows of the operand
/// are output channels, columns are K, `register` counts the elements that a
/// lane holds. Each lane loads `bytesPerLoad` (4, 8 or 16) bytes at a time; the
/// tile has as many fragments, side by side along K, as it takes to fill whole
/// loads and whole units, and the codes of a lane are those of fragment 0 in
/// register order, then of fragment 1, …. An error if the fragment is not a
/// bijection of these dimensions or bytesPerLoad is another number.
///
/// 16-byte loads of m16n8k16 hold 2 fragments of int8, 4 of int4, 8 of int2; of
/// int3 three loads hold 16.
llvm::Expected<PackedLayout> deriveWeightLayout(const LinearLayout &fragment,
                                                const BitOrder &order,
                                                unsigned bytesPerLoad);

/// 2^fragmentBits fragments of a matrix instruction's operand A side by side
/// along K, with the columns in another order. K is summed over, so any
/// order does that operand B has, too: here each lane holds runs of 2^runBits
/// neighbouring columns, which one vector load of activations brings in.
/// Fragments are the high bits of `register`. An error unless every bit of the
/// fragment maps to one bit, and a run holds at least the columns that a lane
/// has in one fragment and at most those it has in all.
///
/// Of m16n8k16 with 2^2 fragments and runs of 2^3, lane 4g + t holds columns
/// 8t .. 8t+7 and 32 + 8t .. 32 + 8t+7 of rows g and g + 8.
llvm::Expected<LinearLayout> placeFragments(const LinearLayout &fragment,
                                            unsigned fragmentBits,
                                            unsigned runBits);

/// Scales or zero points of the rows of a weight in CPU order: an [⌈N/B⌉, G]
/// matrix of elements, B rows of the weight to a block, becomes
/// [⌈N/lanes⌉][G][lanes] elements with the element of row n in lane n % lanes
/// of tile n / lanes, repeated for each row of its block, 0 beyond row N.
class BlockLayout {
public:
  /// Codes of `bits` bits; those narrower than a byte are stored in one byte
  /// each. `lanes` is a power of two, at least 4.
  BlockLayout(unsigned bits, int64_t rowsPerBlock, unsigned lanes = 16);

  /// Bits of a stored element: 8, 16, 32 or 64.
  unsigned elementBits() const { return layout.bits(); }
  /// {⌈N/lanes⌉, G, lanes}.
  llvm::SmallVector<int64_t> packedShape(int64_t rows, int64_t groups) const;

  /// The packed elements, little endian, for a weight of `rows` rows, from the
  /// canonical storage of the [⌈rows/B⌉, groups] matrix. An error if `storage`
  /// has another size.
  llvm::Expected<std::vector<uint8_t>> pack(llvm::ArrayRef<uint8_t> storage,
                                            int64_t rows, int64_t groups) const;

  /// The same as GF(2) map and strides: tiles of lanes × 1 elements, where the
  /// elements of one word are neighbouring rows.
  const PackedLayout &packed() const { return layout; }

private:
  unsigned sourceBits;
  int64_t rowsPerBlock;
  PackedLayout layout;
};

} // namespace rung

#endif // RUNG_LAYOUT_PACKEDLAYOUT_H
