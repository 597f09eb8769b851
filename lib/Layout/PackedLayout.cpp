//===- PackedLayout.cpp - Whole matrices of codes in packed words --------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/PackedLayout.h"
#include "TextParser.h"
#include "rung/Numerics/Storage.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace llvm;

namespace rung {

/// Bounds the tables of a tile; a real one has a few thousand codes.
static constexpr unsigned maxTileBits = 24;

//===----------------------------------------------------------------------===//
// Instances
//===----------------------------------------------------------------------===//

Expected<PackedLayout> PackedLayout::get(const LinearLayout &map,
                                         const BitOrder &order,
                                         unsigned wordsPerLoad) {
  auto named = [](ArrayRef<LinearLayout::Dim> dims, ArrayRef<StringRef> names) {
    return dims.size() == names.size() &&
           all_of_zip(dims, names,
                      [](const LinearLayout::Dim &dim, StringRef name) {
                        return dim.name == name;
                      });
  };
  if (!named(map.ins(), {"code", "unit", "lane"}) ||
      !named(map.outs(), {"row", "col"}) || !map.isBijective())
    return createStringError("packed layout: expected a bijection (code, unit, "
                             "lane) -> (row, col), found " +
                             map.str());
  if (map.inBits() > maxTileBits)
    return createStringError(
        "packed layout: a tile of 2^" + Twine(map.inBits()) +
        " codes, expected at most 2^" + Twine(maxTileBits));
  if (map.inBits("code") != Log2_32(order.codes()))
    return createStringError("packed layout: 2^" + Twine(map.inBits("code")) +
                             " codes in a unit whose bit order has " +
                             Twine(order.codes()));
  uint64_t laneWords = uint64_t(order.words()) << map.inBits("unit");
  if ((wordsPerLoad != 1 && wordsPerLoad != 2 && wordsPerLoad != 4) ||
      laneWords % wordsPerLoad != 0)
    return createStringError("packed layout: loads of " + Twine(wordsPerLoad) +
                             " words, expected 1, 2 or 4 that divide the " +
                             Twine(laneWords) + " words of a lane");
  return PackedLayout(map, order, wordsPerLoad);
}

PackedLayout PackedLayout::cpu(const BitOrder &order, unsigned lanes) {
  assert(isPowerOf2_32(lanes));
  LinearLayout map =
      LinearLayout::identity1D(Log2_32(order.codes()), "code", "col") *
      LinearLayout::zeros1D(0, "unit", "col") *
      LinearLayout::identity1D(Log2_32(lanes), "lane", "row");
  return PackedLayout(map.reorderOuts({"row", "col"}), order,
                      /*wordsPerLoad=*/1);
}

PackedLayout PackedLayout::canonical(unsigned bits) {
  return cpu(BitOrder::sequential(bits), /*lanes=*/1);
}

Expected<PackedLayout> deriveWeightLayout(const LinearLayout &fragment,
                                          const BitOrder &order,
                                          unsigned bytesPerLoad) {
  if (bytesPerLoad != 4 && bytesPerLoad != 8 && bytesPerLoad != 16)
    return createStringError("weight layout: loads of " + Twine(bytesPerLoad) +
                             " bytes, expected 4, 8 or 16");
  unsigned registerBits = fragment.inBits("register");
  unsigned laneBits = fragment.inBits("lane");
  if (fragment.ins().size() != 2 || fragment.outs().size() != 2 ||
      registerBits + laneBits != fragment.inBits() ||
      fragment.outBits("row") + fragment.outBits("col") != fragment.outBits() ||
      !fragment.isBijective())
    return createStringError("weight layout: expected a bijection (register, "
                             "lane) -> (row, col), found " +
                             fragment.str());
  // Both are powers of two, so the larger is a multiple of the other.
  uint64_t loadBits = 8 * bytesPerLoad;
  uint64_t fragmentBits = uint64_t(order.bits()) << registerBits;
  uint64_t toFillLoads = loadBits / std::gcd(loadBits, fragmentBits);
  uint64_t toFillUnits = std::max<uint64_t>(order.codes() >> registerBits, 1);
  unsigned countBits = Log2_64(std::max(toFillLoads, toFillUnits));

  unsigned codeBits = Log2_32(order.codes());
  LinearLayout map =
      (fragment * LinearLayout::identity1D(countBits, "fragment", "col"))
          .reorderIns({"register", "fragment", "lane"})
          .reshapeIns({{"code", codeBits},
                       {"unit", registerBits + countBits - codeBits},
                       {"lane", laneBits}})
          .reorderOuts({"row", "col"});
  return PackedLayout::get(map, order, bytesPerLoad / 4);
}

Expected<LinearLayout> placeFragments(const LinearLayout &fragment,
                                      unsigned fragmentBits, unsigned runBits) {
  unsigned registerBits = fragment.inBits("register"),
           laneBits = fragment.inBits("lane"),
           rowBits = fragment.outBits("row"),
           columnBits = fragment.outBits("col");
  if (registerBits + laneBits != fragment.inBits() ||
      rowBits + columnBits != fragment.outBits() || !fragment.isBijective() ||
      !llvm::all_of(fragment.bases(), llvm::isPowerOf2_64))
    return createStringError("matrix tile: expected one bit of (row, col) for "
                             "each of (register, lane), found " +
                             fragment.str());
  LinearLayout ordered =
      fragment.reorderIns({"register", "lane"}).reorderOuts({"row", "col"});
  auto isColumn = [&](uint64_t basis) { return basis >> rowBits != 0; };
  unsigned own = llvm::count_if(
      ArrayRef(ordered.bases()).take_front(registerBits), isColumn);
  if (runBits < own || runBits > own + fragmentBits)
    return createStringError("matrix tile: runs of 2^" + Twine(runBits) +
                             " columns, expected 2^" + Twine(own) + " to 2^" +
                             Twine(own + fragmentBits) +
                             ", those that a lane holds");
  // Lowest first: a run, the lanes beside each other, runs of other fragments.
  unsigned inRun = runBits - own, lanes = columnBits - own, column = 0;
  auto next = [&](uint64_t basis) {
    return isColumn(basis) ? uint64_t(1) << (rowBits + column++) : basis;
  };
  SmallVector<uint64_t> bases;
  for (uint64_t basis : ArrayRef(ordered.bases()).take_front(registerBits))
    bases.push_back(next(basis));
  for (unsigned bit = 0; bit != fragmentBits; ++bit)
    bases.push_back(uint64_t(1)
                    << (rowBits + own + bit + (bit < inRun ? 0 : lanes)));
  column = runBits;
  for (uint64_t basis : ArrayRef(ordered.bases()).drop_front(registerBits))
    bases.push_back(next(basis));
  return LinearLayout::get(
      {{"register", registerBits + fragmentBits}, {"lane", laneBits}},
      {{"row", rowBits}, {"col", columnBits + fragmentBits}}, bases);
}

//===----------------------------------------------------------------------===//
// Addresses
//===----------------------------------------------------------------------===//

SmallVector<int64_t> PackedLayout::packedShape(int64_t rows,
                                               int64_t columns) const {
  SmallVector<int64_t> shape = {llvm::divideCeilSigned(rows, tileRows()),
                                llvm::divideCeilSigned(columns, tileColumns()),
                                unitsPerLane() * unitOrder.words() / loadWords,
                                lanes()};
  if (loadWords > 1)
    shape.push_back(loadWords);
  return shape;
}

int64_t PackedLayout::wordCount(int64_t rows, int64_t columns) const {
  int64_t count = 1;
  for (int64_t size : packedShape(rows, columns))
    count *= size;
  return count;
}

int64_t PackedLayout::wordInTile(unsigned lane, unsigned unit,
                                 unsigned word) const {
  int64_t laneWord = int64_t(unit) * unitOrder.words() + word;
  return (laneWord / loadWords * lanes() + lane) * loadWords +
         laneWord % loadWords;
}

SmallVector<PackedLayout::Field, 2>
PackedLayout::fields(int64_t row, int64_t column, int64_t columns) const {
  int64_t tileIndex =
      row / tileRows() * llvm::divideCeilSigned(columns, tileColumns()) +
      column / tileColumns();
  SmallVector<uint64_t> place = tile.pseudoInverse().apply(
      {uint64_t(row % tileRows()), uint64_t(column % tileColumns())});
  SmallVector<Field, 2> result;
  for (const BitOrder::Field &f : unitOrder.fields(place[0]))
    result.push_back(
        {tileIndex * wordsPerTile() + wordInTile(place[2], place[1], f.word),
         f.shift, f.bit, f.width});
  return result;
}

uint64_t PackedLayout::flips(int64_t row, int64_t column) const {
  SmallVector<uint64_t> place = tile.pseudoInverse().apply(
      {uint64_t(row % tileRows()), uint64_t(column % tileColumns())});
  SmallVector<uint32_t> zeros(unitOrder.words(), 0);
  return unitOrder.unpack(zeros)[place[0]];
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

namespace {

/// What packing and unpacking know of a tile. A strip is Tn rows of unpacked
/// codes, `stride` apart, that reach over all tiles of a row of tiles.
struct TileTable {
  struct Field {
    unsigned code, bit, word, shift;
    uint32_t mask;
  };

  TileTable(const PackedLayout &layout, int64_t stride)
      : unitWords(layout.order().words()), unitCodes(layout.order().codes()),
        flips(layout.order().flips()) {
    for (unsigned code = 0; code < unitCodes; ++code)
      for (const BitOrder::Field &f : layout.order().fields(code))
        fields.push_back({code, f.bit, f.word, f.shift,
                          maskTrailingOnes<uint32_t>(f.width)});
    for (unsigned lane = 0; lane < layout.lanes(); ++lane)
      for (unsigned unit = 0; unit < layout.unitsPerLane(); ++unit) {
        for (unsigned word = 0; word < unitWords; ++word)
          wordOffsets.push_back(layout.wordInTile(lane, unit, word));
        for (unsigned code = 0; code < unitCodes; ++code) {
          SmallVector<uint64_t> at = layout.map().apply({code, unit, lane});
          codeOffsets.push_back(at[0] * stride + at[1]);
        }
      }
  }

  unsigned units() const { return wordOffsets.size() / unitWords; }

  template <typename Code>
  void pack(const Code *strip, uint32_t *tileWords) const {
    const int64_t *codeOffset = codeOffsets.data();
    const int64_t *wordOffset = wordOffsets.data();
    SmallVector<uint32_t, 8> words(unitWords);
    for (unsigned unit = 0; unit < units(); ++unit) {
      llvm::copy(flips, words.begin());
      for (const Field &f : fields)
        words[f.word] ^= (uint32_t(strip[codeOffset[f.code]] >> f.bit) & f.mask)
                         << f.shift;
      for (unsigned word = 0; word < unitWords; ++word)
        tileWords[wordOffset[word]] = words[word];
      codeOffset += unitCodes;
      wordOffset += unitWords;
    }
  }

  template <typename Code>
  void unpack(const uint32_t *tileWords, Code *strip) const {
    const int64_t *codeOffset = codeOffsets.data();
    const int64_t *wordOffset = wordOffsets.data();
    for (unsigned unit = 0; unit < units(); ++unit) {
      for (unsigned code = 0; code < unitCodes; ++code)
        strip[codeOffset[code]] = 0;
      for (const Field &f : fields)
        strip[codeOffset[f.code]] |=
            Code(((tileWords[wordOffset[f.word]] ^ flips[f.word]) >> f.shift) &
                 f.mask)
            << f.bit;
      codeOffset += unitCodes;
      wordOffset += unitWords;
    }
  }

private:
  unsigned unitWords, unitCodes;
  SmallVector<uint32_t> flips;
  SmallVector<Field> fields;
  /// Of each unit, lane by lane: its words in the tile, its codes in the strip.
  std::vector<int64_t> wordOffsets, codeOffsets;
};

/// A matrix of codes in canonical storage.
struct Canonical {
  ArrayRef<uint8_t> storage;
  unsigned bits;
  int64_t rows, columns;

  Error check() const {
    int64_t expected = rows * packedRowBytes(columns, bits);
    if (rows < 0 || columns < 0 || int64_t(storage.size()) != expected)
      return createStringError(
          "packing: " + Twine(storage.size()) + " bytes for " + Twine(rows) +
          " x " + Twine(columns) + " codes of " + Twine(bits) +
          " bits in canonical storage, expected " + Twine(expected));
    return Error::success();
  }
};

} // namespace

/// The columns of a strip, all tiles of a row. Some more keep rows out of each
/// other's cache sets.
static int64_t stripStride(const PackedLayout &layout, int64_t columns) {
  return llvm::alignTo(columns, layout.tileColumns()) + 64;
}

/// Packs a matrix whose row n is row n / rowsPerBlock of `source`.
template <typename Code>
static std::vector<uint32_t> packStrips(const PackedLayout &layout,
                                        const Canonical &source, int64_t rows,
                                        int64_t rowsPerBlock, Code padCode) {
  int64_t stride = stripStride(layout, source.columns);
  int64_t rowBytes = packedRowBytes(source.columns, source.bits);
  int64_t tileRows = layout.tileRows(), tileColumns = layout.tileColumns();
  TileTable table(layout, stride);
  std::vector<Code> strip(tileRows * stride, padCode);
  std::vector<uint32_t> words(layout.wordCount(rows, source.columns));
  uint32_t *next = words.data();
  for (int64_t first = 0; first < rows; first += tileRows) {
    for (int64_t i = 0; i < tileRows; ++i) {
      MutableArrayRef<Code> row(&strip[i * stride], source.columns);
      if (first + i < rows)
        readCanonicalRow(source.storage.slice(
                             (first + i) / rowsPerBlock * rowBytes, rowBytes),
                         source.bits, row);
      else
        std::fill(row.begin(), row.end(), padCode);
    }
    for (int64_t column = 0; column < source.columns; column += tileColumns) {
      table.pack(&strip[column], next);
      next += layout.wordsPerTile();
    }
  }
  return words;
}

/// A strip of bytes where the codes fit into them, else of 64-bit codes.
static std::vector<uint32_t> packMatrix(const PackedLayout &layout,
                                        const Canonical &source, int64_t rows,
                                        int64_t rowsPerBlock,
                                        uint64_t padCode) {
  if (layout.bits() <= 8)
    return packStrips<uint8_t>(layout, source, rows, rowsPerBlock, padCode);
  return packStrips<uint64_t>(layout, source, rows, rowsPerBlock, padCode);
}

Expected<std::vector<uint32_t>> PackedLayout::pack(ArrayRef<uint8_t> storage,
                                                   int64_t rows,
                                                   int64_t columns,
                                                   uint64_t padCode) const {
  Canonical source{storage, bits(), rows, columns};
  if (Error error = source.check())
    return error;
  if (padCode > maskTrailingOnes<uint64_t>(bits()))
    return createStringError("packing: pad code " + Twine(padCode) +
                             " has more than " + Twine(bits()) + " bits");
  return packMatrix(*this, source, rows, /*rowsPerBlock=*/1, padCode);
}

template <typename Code>
static std::vector<uint8_t> unpackStrips(const PackedLayout &layout,
                                         ArrayRef<uint32_t> words, int64_t rows,
                                         int64_t columns) {
  int64_t stride = stripStride(layout, columns);
  int64_t rowBytes = packedRowBytes(columns, layout.bits());
  TileTable table(layout, stride);
  std::vector<Code> strip(layout.tileRows() * stride);
  std::vector<uint8_t> storage(rows * rowBytes);
  const uint32_t *next = words.data();
  for (int64_t first = 0; first < rows; first += layout.tileRows()) {
    for (int64_t column = 0; column < columns; column += layout.tileColumns()) {
      table.unpack(next, &strip[column]);
      next += layout.wordsPerTile();
    }
    for (int64_t i = 0; i < layout.tileRows() && first + i < rows; ++i)
      writeCanonicalRow(ArrayRef<Code>(&strip[i * stride], columns),
                        layout.bits(),
                        MutableArrayRef<uint8_t>(storage).slice(
                            (first + i) * rowBytes, rowBytes));
  }
  return storage;
}

Expected<std::vector<uint8_t>> PackedLayout::unpack(ArrayRef<uint32_t> words,
                                                    int64_t rows,
                                                    int64_t columns) const {
  if (rows < 0 || columns < 0 ||
      int64_t(words.size()) != wordCount(rows, columns))
    return createStringError("unpacking: " + Twine(words.size()) +
                             " words for " + Twine(rows) + " x " +
                             Twine(columns) + " codes, expected " +
                             Twine(wordCount(rows, columns)));
  if (bits() <= 8)
    return unpackStrips<uint8_t>(*this, words, rows, columns);
  return unpackStrips<uint64_t>(*this, words, rows, columns);
}

//===----------------------------------------------------------------------===//
// Text form
//===----------------------------------------------------------------------===//

std::string PackedLayout::str() const {
  return (tile.str() + ", order = " + Twine(unitOrder.str()) +
          ", load = " + Twine(loadWords))
      .str();
}

Expected<PackedLayout> PackedLayout::parse(StringRef text) {
  TextParser parser(text);
  std::optional<StringRef> mapText = parser.takeUntil(", order =");
  if (!mapText)
    return createStringError("packed layout: expected 'MAP, order = ORDER, "
                             "load = WORDS', found '" +
                             text + "'");
  std::optional<StringRef> orderText = parser.takeUntil(", load =");
  if (!orderText)
    return parser.expected("a bit order and ', load = WORDS'");
  std::optional<unsigned> words = parser.integer();
  if (!words || !parser.atEnd())
    return parser.expected("the number of words of a load, then the end");
  Expected<LinearLayout> map = LinearLayout::parse(*mapText);
  if (!map)
    return map.takeError();
  Expected<BitOrder> order = BitOrder::parse(*orderText);
  if (!order)
    return order.takeError();
  return get(*map, *order, *words);
}

//===----------------------------------------------------------------------===//
// Scales and zero points
//===----------------------------------------------------------------------===//

/// Tiles of `lanes` × 1 elements of 8, 16, 32 or 64 bits, in row order.
static PackedLayout columnLayout(unsigned elementBits, unsigned lanes) {
  BitOrder order = BitOrder::sequential(elementBits);
  assert(isPowerOf2_32(lanes) && lanes >= order.codes());
  LinearLayout map =
      LinearLayout::identity1D(Log2_32(order.codes()), "code", "row") *
      LinearLayout::zeros1D(0, "unit", "col") *
      LinearLayout::identity1D(Log2_32(lanes / order.codes()), "lane", "row");
  return cantFail(PackedLayout::get(map, order, order.words()));
}

BlockLayout::BlockLayout(unsigned bits, int64_t rowsPerBlock, unsigned lanes)
    : sourceBits(bits), rowsPerBlock(rowsPerBlock),
      layout(columnLayout(std::max(bits, 8u), lanes)) {
  assert(rowsPerBlock >= 1);
}

SmallVector<int64_t> BlockLayout::packedShape(int64_t rows,
                                              int64_t groups) const {
  return {llvm::divideCeilSigned(rows, layout.tileRows()), groups,
          layout.tileRows()};
}

Expected<std::vector<uint8_t>> BlockLayout::pack(ArrayRef<uint8_t> storage,
                                                 int64_t rows,
                                                 int64_t groups) const {
  Canonical source{storage, sourceBits,
                   llvm::divideCeilSigned(rows, rowsPerBlock), groups};
  if (Error error = source.check())
    return error;
  std::vector<uint32_t> words =
      packMatrix(layout, source, rows, rowsPerBlock, /*padCode=*/0);
  std::vector<uint8_t> bytes;
  bytes.reserve(words.size() * 4);
  for (uint32_t word : words)
    for (unsigned byte = 0; byte < 4; ++byte)
      bytes.push_back(uint8_t(word >> (8 * byte)));
  return bytes;
}

} // namespace rung
