//===- LinearLayoutText.cpp - The text form of linear layouts ------------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   LAYOUT ::= DIMS `->` DIMS `{` [MAP (`,` MAP)*] `}`
//   DIMS   ::= `(` [NAME `:` BITS (`,` NAME `:` BITS)*] `)`
//   MAP    ::= BITREF `->` ( `0` | BITREF (`^` BITREF)* )
//   BITREF ::= NAME `[` N [`..` N] `]`
//
//===----------------------------------------------------------------------===//

#include "TextParser.h"
#include "rung/Layout/LinearLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace rung {

using Dim = LinearLayout::Dim;

//===----------------------------------------------------------------------===//
// Printing
//===----------------------------------------------------------------------===//

static void printDims(raw_ostream &os, ArrayRef<Dim> dims) {
  os << "(";
  interleaveComma(dims, os,
                  [&](const Dim &dim) { os << dim.name << ":" << dim.bits; });
  os << ")";
}

static void printBits(raw_ostream &os, StringRef name, unsigned first,
                      unsigned count) {
  os << name << "[" << first;
  if (count > 1)
    os << ".." << first + count - 1;
  os << "]";
}

/// The name of the dimension of a flattened bit, the bit in it, and how many
/// bits of the dimension there are from it on.
static std::tuple<StringRef, unsigned, unsigned> locate(ArrayRef<Dim> dims,
                                                        unsigned bit) {
  for (const Dim &dim : dims) {
    if (bit < dim.bits)
      return {dim.name, bit, dim.bits - bit};
    bit -= dim.bits;
  }
  llvm_unreachable("bit outside the dimensions");
}

static void printVector(raw_ostream &os, ArrayRef<Dim> dims, uint64_t vector,
                        unsigned count) {
  if (vector == 0)
    os << "0";
  ListSeparator plus("^");
  for (; vector; vector &= vector - 1) {
    auto [name, bit, rest] = locate(dims, llvm::countr_zero(vector));
    os << plus;
    printBits(os, name, bit, count);
  }
}

std::string LinearLayout::str() const {
  std::string text;
  raw_string_ostream os(text);
  printDims(os, inDims);
  os << " -> ";
  printDims(os, outDims);
  os << " {";
  ListSeparator comma;
  for (unsigned i = 0, count; i < inBits(); i += count) {
    // A range: consecutive bits of one dimension that map to 0, or each to the
    // next bit of one output dimension.
    auto [name, bit, limit] = locate(inDims, i);
    uint64_t first = vectors[i];
    if (llvm::popcount(first) > 1)
      limit = 1;
    else if (first)
      limit = std::min(limit,
                       std::get<2>(locate(outDims, llvm::countr_zero(first))));
    for (count = 1; count < limit && vectors[i + count] == first << count;)
      ++count;
    os << comma;
    printBits(os, name, bit, count);
    os << " -> ";
    printVector(os, outDims, first, count);
  }
  os << "}";
  return text;
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {
/// `count` consecutive flattened bits.
struct BitRange {
  unsigned first, count;
};
} // namespace

static Error parseDims(TextParser &parser, SmallVectorImpl<Dim> &dims) {
  if (!parser.consume("("))
    return parser.expected("'(' and the dimensions");
  if (parser.consume(")"))
    return Error::success();
  do {
    StringRef name = parser.identifier();
    if (name.empty())
      return parser.expected("the name of a dimension");
    if (!parser.consume(":"))
      return parser.expected("':' and the number of bits");
    std::optional<unsigned> bits = parser.integer();
    if (!bits)
      return parser.expected("the number of bits");
    dims.push_back({name.str(), *bits});
  } while (parser.consume(","));
  if (!parser.consume(")"))
    return parser.expected("',' or ')'");
  return Error::success();
}

static Expected<BitRange> parseBits(TextParser &parser, ArrayRef<Dim> dims) {
  StringRef name = parser.identifier();
  unsigned start = 0;
  const Dim *dim = dims.begin();
  for (; dim != dims.end() && dim->name != name; ++dim)
    start += dim->bits;
  if (name.empty() || dim == dims.end())
    return createStringError("linear layout: no dimension '" + name + "'");
  if (!parser.consume("["))
    return parser.expected("'[' after '" + name + "'");
  std::optional<unsigned> first = parser.integer(), last = first;
  if (first && parser.consume(".."))
    last = parser.integer();
  if (!first || !last || *last < *first)
    return parser.expected("a bit or a range of bits of '" + name + "'");
  if (*last >= dim->bits)
    return createStringError("linear layout: bit " + Twine(*last) + " of '" +
                             name + "', which has " + Twine(dim->bits) +
                             " bits");
  if (!parser.consume("]"))
    return parser.expected("']'");
  return BitRange{start + *first, *last - *first + 1};
}

/// One MAP; marks the input bits that it gives in `given`.
static Error parseMap(TextParser &parser, ArrayRef<Dim> ins, ArrayRef<Dim> outs,
                      MutableArrayRef<uint64_t> bases, uint64_t &given) {
  Expected<BitRange> in = parseBits(parser, ins);
  if (!in)
    return in.takeError();
  uint64_t mask = maskTrailingOnes<uint64_t>(in->count) << in->first;
  if (given & mask)
    return createStringError("linear layout: an input bit is given twice");
  given |= mask;
  if (!parser.consume("->"))
    return parser.expected("'->'");
  if (parser.consume("0"))
    return Error::success();
  do {
    Expected<BitRange> out = parseBits(parser, outs);
    if (!out)
      return out.takeError();
    if (out->count != in->count)
      return createStringError("linear layout: a range of " + Twine(in->count) +
                               " bits maps to one of " + Twine(out->count));
    for (unsigned i = 0; i < in->count; ++i)
      bases[in->first + i] ^= uint64_t(1) << (out->first + i);
  } while (parser.consume("^"));
  return Error::success();
}

Expected<LinearLayout> LinearLayout::parse(StringRef text) {
  TextParser parser(text);
  SmallVector<Dim> ins, outs;
  if (Error error = parseDims(parser, ins))
    return error;
  if (!parser.consume("->"))
    return parser.expected("'->'");
  if (Error error = parseDims(parser, outs))
    return error;
  // Checks the dimensions, so that every flattened bit below fits.
  unsigned inputs = 0;
  for (const Dim &dim : ins)
    inputs += std::min(dim.bits, maxBits + 1);
  Expected<LinearLayout> zero = get(ins, outs, SmallVector<uint64_t>(inputs));
  if (!zero)
    return zero.takeError();

  SmallVector<uint64_t> bases(inputs, 0);
  uint64_t given = 0;
  if (!parser.consume("{"))
    return parser.expected("'{'");
  if (!parser.consume("}")) {
    do {
      if (Error error = parseMap(parser, ins, outs, bases, given))
        return error;
    } while (parser.consume(","));
    if (!parser.consume("}"))
      return parser.expected("',' or '}'");
  }
  if (!parser.atEnd())
    return parser.expected("the end of the layout");
  if (given != maskTrailingOnes<uint64_t>(inputs)) {
    auto [name, bit, rest] = locate(ins, llvm::countr_one(given));
    return createStringError("linear layout: nothing says what " + name + "[" +
                             Twine(bit) + "] maps to");
  }
  return get(ins, outs, bases);
}

} // namespace rung
