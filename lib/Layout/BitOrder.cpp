//===- BitOrder.cpp - Where the bits of a unit's codes sit in its words --===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/BitOrder.h"
#include "TextParser.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <numeric>

using namespace llvm;

namespace rung {

static constexpr unsigned wordBits = 32;
/// Far above any decode sequence; bounds what the text form can ask for.
static constexpr unsigned maxUnitBits = 4096;

bool BitOrder::isSupportedWidth(unsigned bits) {
  return (bits >= 1 && bits <= 8) || bits == 16 || bits == 32 || bits == 64;
}

unsigned BitOrder::minimalCodes(unsigned bits) {
  return wordBits / std::gcd(bits, wordBits);
}

Expected<BitOrder> BitOrder::get(unsigned bits, ArrayRef<unsigned> positions) {
  if (!isSupportedWidth(bits))
    return createStringError("bit order: codes of " + Twine(bits) +
                             " bits, expected 1..8, 16, 32 or 64");
  size_t size = positions.size();
  if (size == 0 || size > maxUnitBits || size % wordBits != 0 ||
      size % bits != 0)
    return createStringError(
        "bit order: " + Twine(size) + " positions for codes of " + Twine(bits) +
        " bits, expected whole codes that fill whole words, " + "e.g. " +
        Twine(minimalCodes(bits)) + " codes");
  if (!isPowerOf2_64(size / bits))
    return createStringError("bit order: a unit of " + Twine(size / bits) +
                             " codes, expected a power of two");
  BitVector seen(size);
  for (unsigned position : positions) {
    if (position >= size)
      return createStringError("bit order: position " + Twine(position) +
                               " in a unit of " + Twine(size) + " bits");
    if (seen.test(position))
      return createStringError("bit order: position " + Twine(position) +
                               " is given twice, expected a permutation");
    seen.set(position);
  }
  return BitOrder(bits,
                  SmallVector<uint16_t>(positions.begin(), positions.end()));
}

BitOrder BitOrder::sequential(unsigned bits) {
  assert(isSupportedWidth(bits));
  SmallVector<uint16_t> positions(minimalCodes(bits) * bits);
  std::iota(positions.begin(), positions.end(), 0);
  return BitOrder(bits, std::move(positions));
}

BitOrder BitOrder::planes(unsigned bits) {
  assert(isSupportedWidth(bits));
  unsigned codes = minimalCodes(bits);
  SmallVector<uint16_t> positions(codes * bits);
  unsigned firstBit = 0; // of the plane, in a code
  for (unsigned plane = 64; plane; plane /= 2) {
    if (!(bits & plane))
      continue;
    // A plane of `plane` bits starts after the planes of the bits below it.
    for (unsigned code = 0; code < codes; ++code)
      for (unsigned bit = 0; bit < plane; ++bit)
        positions[code * bits + firstBit + bit] =
            codes * firstBit + code * plane + bit;
    firstBit += plane;
  }
  return BitOrder(bits, std::move(positions));
}

BitOrder BitOrder::permuteCodes(ArrayRef<unsigned> from) const {
  assert(from.size() == codes());
  SmallVector<uint16_t> permuted;
  for (unsigned code : from)
    for (unsigned bit = 0; bit < width; ++bit)
      permuted.push_back(position(code, bit));
  return BitOrder(width, std::move(permuted)).withFlips(inverted);
}

BitOrder BitOrder::withFlips(ArrayRef<uint32_t> flips) const {
  assert(flips.size() == words());
  BitOrder result = *this;
  result.inverted.assign(flips.begin(), flips.end());
  return result;
}

bool BitOrder::hasFlips() const {
  return any_of(inverted, [](uint32_t word) { return word != 0; });
}

SmallVector<BitOrder::Field, 2> BitOrder::fields(unsigned code) const {
  SmallVector<Field, 2> result;
  for (unsigned bit = 0; bit < width; ++bit) {
    unsigned word = position(code, bit) / wordBits;
    unsigned shift = position(code, bit) % wordBits;
    if (!result.empty() && result.back().word == word &&
        result.back().shift + result.back().width == shift)
      ++result.back().width;
    else
      result.push_back({word, shift, bit, 1});
  }
  return result;
}

SmallVector<uint32_t> BitOrder::pack(ArrayRef<uint64_t> values) const {
  assert(values.size() == codes());
  SmallVector<uint32_t> result(inverted);
  for (unsigned code = 0; code < codes(); ++code)
    for (const Field &f : fields(code))
      result[f.word] ^= (uint32_t(values[code] >> f.bit) &
                         maskTrailingOnes<uint32_t>(f.width))
                        << f.shift;
  return result;
}

SmallVector<uint64_t> BitOrder::unpack(ArrayRef<uint32_t> packed) const {
  assert(packed.size() == words());
  SmallVector<uint64_t> result(codes(), 0);
  for (unsigned code = 0; code < codes(); ++code)
    for (const Field &f : fields(code))
      result[code] |=
          uint64_t(((packed[f.word] ^ inverted[f.word]) >> f.shift) &
                   maskTrailingOnes<uint32_t>(f.width))
          << f.bit;
  return result;
}

std::string BitOrder::str() const {
  std::string text;
  raw_string_ostream os(text);
  if (positions == sequential(width).positions) {
    os << "sequential<" << width << ">";
  } else if (positions == planes(width).positions) {
    os << "planes<" << width << ">";
  } else {
    os << "fields<" << width << ">[";
    for (unsigned code = 0; code < codes(); ++code) {
      os << (code ? ", " : "");
      ListSeparator plus("+");
      for (const Field &f : fields(code))
        os << plus << f.word * wordBits + f.shift << ":" << f.width;
    }
    os << "]";
  }
  if (hasFlips()) {
    os << " ^ ";
    interleaveComma(inverted, os,
                    [&](uint32_t word) { os << format_hex(word, 10); });
  }
  return text;
}

/// FIELDS ::= `[` CODE (`,` CODE)* `]`, CODE ::= P `:` W (`+` P `:` W)*
static Expected<SmallVector<unsigned>> parsePositions(TextParser &parser,
                                                      unsigned bits) {
  SmallVector<unsigned> positions;
  if (!parser.consume("["))
    return parser.expected("'['");
  do {
    size_t before = positions.size();
    do {
      std::optional<unsigned> position = parser.integer();
      if (!position || *position >= maxUnitBits)
        return parser.expected("the position of a field");
      if (!parser.consume(":"))
        return parser.expected("':' and the width of the field");
      std::optional<unsigned> width = parser.integer();
      if (!width || *width > maxUnitBits)
        return parser.expected("the width of the field");
      for (unsigned bit = 0; bit < *width; ++bit)
        positions.push_back(*position + bit);
    } while (parser.consume("+"));
    if (positions.size() != before + bits)
      return createStringError("bit order: code " + Twine(before / bits) +
                               " has " + Twine(positions.size() - before) +
                               " bits, expected " + Twine(bits));
    if (positions.size() > maxUnitBits)
      return createStringError("bit order: more than " + Twine(maxUnitBits) +
                               " bits in a unit");
  } while (parser.consume(","));
  if (!parser.consume("]"))
    return parser.expected("',' or ']'");
  return positions;
}

Expected<BitOrder> BitOrder::parse(StringRef text) {
  TextParser parser(text);
  StringRef kind = parser.identifier();
  if (kind != "sequential" && kind != "planes" && kind != "fields")
    return createStringError("bit order: '" + text +
                             "', expected sequential<b>, planes<b> or "
                             "fields<b>[position:width, ...]");
  if (!parser.consume("<"))
    return parser.expected("'<'");
  std::optional<unsigned> bits = parser.integer();
  if (!bits)
    return parser.expected("the number of bits of a code");
  if (!isSupportedWidth(*bits))
    return createStringError("bit order: codes of " + Twine(*bits) +
                             " bits, expected 1..8, 16, 32 or 64");
  if (!parser.consume(">"))
    return parser.expected("'>'");
  SmallVector<unsigned> positions;
  if (kind == "fields") {
    Expected<SmallVector<unsigned>> parsed = parsePositions(parser, *bits);
    if (!parsed)
      return parsed.takeError();
    positions = std::move(*parsed);
  }
  Expected<BitOrder> order = kind == "sequential" ? sequential(*bits)
                             : kind == "planes"   ? planes(*bits)
                                                  : get(*bits, positions);
  if (order && parser.consume("^")) {
    SmallVector<uint32_t> flips;
    do {
      std::optional<uint32_t> word = parser.hexadecimal();
      if (!word)
        return parser.expected("a word of 32 bits in hexadecimal, 0x...");
      flips.push_back(*word);
    } while (flips.size() < order->words() && parser.consume(","));
    if (flips.size() != order->words())
      return createStringError("bit order: " + Twine(flips.size()) +
                               " words of flips, expected one for each of " +
                               Twine(order->words()));
    order = order->withFlips(flips);
  }
  if (order && !parser.atEnd())
    return parser.expected("the end of the bit order");
  return order;
}

} // namespace rung
