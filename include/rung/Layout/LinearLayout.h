//===- LinearLayout.h - Layouts over GF(2) ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A linear layout maps a point of named input dimensions (which register of
// which lane) to a point of named output dimensions (which row, which column).
// Every dimension is a bit vector: `lane:5` counts 0..31. The map is linear
// over GF(2): f(a ^ b) = f(a) ^ f(b), hence f(0) = 0, and it is given by what
// each input bit alone maps to, its basis vector.
//
// The A operand of mma.sync m16n8k16 (f16) has lane l = 4g + t hold, in its 8
// halves r = 0..7, rows g and g + 8 and columns 2t, 2t+1, 2t+8, 2t+9 of a 16×16
// tile:
//
//     (register:3, lane:5) -> (row:4, col:4)
//     {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3],
//      lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}
//
//   where is half r = 6 of lane 9?   r = 6 = 110b    l = 9 = 01001b
//
//     input bit set   register[1]  register[2]  lane[0]  lane[3]
//     basis vector    row 8        col 8        col 2    row 2     XOR: (10,
//     10)
//
//   (t = 1, g = 2: row 2 + 8, column 2·1 + 8.)
//
// Since it is a matrix, everything asked of a layout is matrix algebra: which
// register holds element (i, j) is the inverse; "shuffle A into B" is A
// followed by the inverse of B; a tile of tiles is a product; replication over
// lanes is a basis vector of zero. Sizes that are no powers of two live
// outside, as integer strides (PackedLayout.h), or inside a decode unit, as a
// bit order (BitOrder.h).
//
// Points are flattened into one integer, the first dimension in the least
// significant bits: above, (register, lane) is register | lane << 3.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LAYOUT_LINEARLAYOUT_H
#define RUNG_LAYOUT_LINEARLAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>

namespace rung {

/// A GF(2)-linear map between named bit-vector dimensions.
class LinearLayout {
public:
  /// A dimension of 2^bits points; 0 bits is a dimension of one point.
  struct Dim {
    std::string name;
    unsigned bits;
    bool operator==(const Dim &other) const {
      return name == other.name && bits == other.bits;
    }
    friend llvm::hash_code hash_value(const Dim &dim) {
      return llvm::hash_combine(dim.name, dim.bits);
    }
  };

  /// At most this many bits on either side.
  static constexpr unsigned maxBits = 63;

  /// The layout in which flattened input bit i maps to the flattened output
  /// `bases[i]`. An error if a name repeats on one side, if a side has more
  /// than maxBits bits, if there is not one basis vector per input bit, or if
  /// one lies outside the outputs.
  static llvm::Expected<LinearLayout> get(llvm::ArrayRef<Dim> ins,
                                          llvm::ArrayRef<Dim> outs,
                                          llvm::ArrayRef<uint64_t> bases);

  /// No dimensions; the unit of `*`.
  LinearLayout() = default;
  /// in[i] -> out[i] for i < bits.
  static LinearLayout identity1D(unsigned bits, llvm::StringRef in,
                                 llvm::StringRef out);
  /// in[i] -> out[i + shift]: the points 0, 2^shift, 2·2^shift, ….
  static LinearLayout strided1D(unsigned bits, unsigned shift,
                                llvm::StringRef in, llvm::StringRef out);
  /// in[i] -> 0: 2^bits inputs that hold the same element, `out` of one point.
  static LinearLayout zeros1D(unsigned bits, llvm::StringRef in,
                              llvm::StringRef out);

  llvm::ArrayRef<Dim> ins() const { return inDims; }
  llvm::ArrayRef<Dim> outs() const { return outDims; }
  /// The flattened output of each flattened input bit.
  llvm::ArrayRef<uint64_t> bases() const { return vectors; }
  unsigned inBits() const { return vectors.size(); }
  unsigned outBits() const;
  /// Bits of a dimension, 0 if there is none of this name.
  unsigned inBits(llvm::StringRef name) const;
  unsigned outBits(llvm::StringRef name) const;

  /// The output of a flattened input.
  uint64_t apply(uint64_t in) const;
  /// The same on coordinates: one value per input dimension, in order, to one
  /// per output dimension.
  llvm::SmallVector<uint64_t> apply(llvm::ArrayRef<uint64_t> in) const;

  /// This layout, then `next`, whose input dimensions are this one's output
  /// dimensions, in any order.
  LinearLayout compose(const LinearLayout &next) const;

  /// The inverse of a bijective layout, nullopt of any other.
  std::optional<LinearLayout> invert() const;
  /// X with this ∘ X ∘ this = this: a right inverse if this is surjective, a
  /// left inverse if it is injective. Where several inputs hold one element it
  /// names the one that sets the lowest bits only; an output bit that the
  /// others do not reach maps to 0.
  LinearLayout pseudoInverse() const;

  /// A tile of tiles: this is the inner one. A dimension of both takes its low
  /// bits from this and its high bits from `outer`; dimensions are ordered as
  /// here, then those that only `outer` has.
  LinearLayout operator*(const LinearLayout &outer) const;
  /// The Q with inner * Q = this (up to the order of dimensions), if there is
  /// one. Q has all dimensions of this, some of 0 bits.
  std::optional<LinearLayout> divideLeft(const LinearLayout &inner) const;

  /// The same map with its dimensions in another order; `names` is a
  /// permutation of them.
  LinearLayout reorderIns(llvm::ArrayRef<llvm::StringRef> names) const;
  LinearLayout reorderOuts(llvm::ArrayRef<llvm::StringRef> names) const;
  /// The same flattened map under other dimensions of as many bits in total.
  LinearLayout reshapeIns(llvm::ArrayRef<Dim> dims) const;
  LinearLayout reshapeOuts(llvm::ArrayRef<Dim> dims) const;
  /// The map from these inputs (the others 0) to these outputs (the others
  /// dropped).
  LinearLayout sublayout(llvm::ArrayRef<llvm::StringRef> inNames,
                         llvm::ArrayRef<llvm::StringRef> outNames) const;

  /// Dimension of the image.
  unsigned rank() const;
  bool isInjective() const { return rank() == inBits(); }
  bool isSurjective() const { return rank() == outBits(); }
  bool isBijective() const { return isInjective() && isSurjective(); }

  /// The form shown above. Bits are given one at a time or as ranges of single
  /// bits; several output bits are joined by `^`; no output bit is `0`. Every
  /// input bit is named once. `parse` reads what `str` prints.
  std::string str() const;
  static llvm::Expected<LinearLayout> parse(llvm::StringRef text);

  /// Same dimensions in the same order, same map.
  bool operator==(const LinearLayout &other) const {
    return inDims == other.inDims && outDims == other.outDims &&
           vectors == other.vectors;
  }
  bool operator!=(const LinearLayout &other) const { return !(*this == other); }
  friend llvm::hash_code hash_value(const LinearLayout &layout) {
    using llvm::hash_combine_range;
    return llvm::hash_combine(
        hash_combine_range(layout.inDims.begin(), layout.inDims.end()),
        hash_combine_range(layout.outDims.begin(), layout.outDims.end()),
        hash_combine_range(layout.vectors.begin(), layout.vectors.end()));
  }

private:
  /// Of valid parts.
  LinearLayout(llvm::ArrayRef<Dim> ins, llvm::ArrayRef<Dim> outs,
               llvm::ArrayRef<uint64_t> bases)
      : inDims(ins), outDims(outs), vectors(bases) {}

  llvm::SmallVector<Dim, 2> inDims, outDims;
  llvm::SmallVector<uint64_t, 16> vectors;
};

} // namespace rung

#endif // RUNG_LAYOUT_LINEARLAYOUT_H
