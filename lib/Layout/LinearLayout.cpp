//===- LinearLayout.cpp - The algebra of linear layouts ------------------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/LinearLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace rung {

using Dim = LinearLayout::Dim;

//===----------------------------------------------------------------------===//
// Dimensions
//===----------------------------------------------------------------------===//

static unsigned totalBits(ArrayRef<Dim> dims) {
  unsigned bits = 0;
  for (const Dim &dim : dims)
    bits += dim.bits;
  return bits;
}

namespace {
/// Where a dimension sits in a flattened point.
struct Span {
  unsigned first, bits;
};
} // namespace

/// A dimension that is not there has no bits.
static Span spanOf(ArrayRef<Dim> dims, StringRef name) {
  unsigned first = 0;
  for (const Dim &dim : dims) {
    if (dim.name == name)
      return {first, dim.bits};
    first += dim.bits;
  }
  return {first, 0};
}

static uint64_t extract(uint64_t point, Span span) {
  return (point >> span.first) & maskTrailingOnes<uint64_t>(span.bits);
}

/// The flattened point `point` of `from` as one of `to`, by names; dimensions
/// that `to` lacks are dropped.
static uint64_t rearrange(uint64_t point, ArrayRef<Dim> from,
                          ArrayRef<Dim> to) {
  uint64_t result = 0;
  unsigned first = 0;
  for (const Dim &dim : to) {
    result |= extract(point, spanOf(from, dim.name)) << first;
    first += dim.bits;
  }
  return result;
}

/// The dimensions of these names. It is the caller's error if one is missing.
static SmallVector<Dim> select(ArrayRef<Dim> dims, ArrayRef<StringRef> names) {
  SmallVector<Dim> selected;
  for (StringRef name : names) {
    const Dim *dim =
        find_if(dims, [&](const Dim &dim) { return dim.name == name; });
    if (dim == dims.end())
      reportFatalInternalError("linear layout: no dimension '" + Twine(name) +
                               "'");
    selected.push_back(*dim);
  }
  return selected;
}

static SmallVector<StringRef> namesOf(ArrayRef<Dim> dims) {
  return map_to_vector(dims,
                       [](const Dim &dim) { return StringRef(dim.name); });
}

static Error checkDims(ArrayRef<Dim> dims) {
  unsigned bits = 0;
  for (const auto &[i, dim] : enumerate(dims)) {
    auto isSame = [&name = dim.name](const Dim &other) {
      return other.name == name;
    };
    if (any_of(dims.take_front(i), isSame))
      return createStringError("linear layout: dimension '" + dim.name +
                               "' is given twice");
    if (dim.bits > LinearLayout::maxBits ||
        (bits += dim.bits) > LinearLayout::maxBits)
      return createStringError("linear layout: more than " +
                               Twine(LinearLayout::maxBits) + " bits");
  }
  return Error::success();
}

//===----------------------------------------------------------------------===//
// Making layouts
//===----------------------------------------------------------------------===//

Expected<LinearLayout> LinearLayout::get(ArrayRef<Dim> ins, ArrayRef<Dim> outs,
                                         ArrayRef<uint64_t> bases) {
  if (Error error = checkDims(ins))
    return error;
  if (Error error = checkDims(outs))
    return error;
  if (bases.size() != totalBits(ins))
    return createStringError("linear layout: " + Twine(bases.size()) +
                             " basis vectors for " + Twine(totalBits(ins)) +
                             " input bits");
  for (uint64_t basis : bases)
    if (basis >> totalBits(outs))
      return createStringError("linear layout: basis vector " + Twine(basis) +
                               " lies outside the " + Twine(totalBits(outs)) +
                               " output bits");
  return LinearLayout(ins, outs, bases);
}

LinearLayout LinearLayout::identity1D(unsigned bits, StringRef in,
                                      StringRef out) {
  return strided1D(bits, 0, in, out);
}

LinearLayout LinearLayout::strided1D(unsigned bits, unsigned shift,
                                     StringRef in, StringRef out) {
  SmallVector<uint64_t> bases;
  for (unsigned bit = 0; bit < bits; ++bit)
    bases.push_back(uint64_t(1) << (bit + shift));
  return LinearLayout(Dim{in.str(), bits},
                      Dim{out.str(), bits ? bits + shift : 0}, bases);
}

LinearLayout LinearLayout::zeros1D(unsigned bits, StringRef in, StringRef out) {
  return LinearLayout(Dim{in.str(), bits}, Dim{out.str(), 0},
                      SmallVector<uint64_t>(bits, 0));
}

//===----------------------------------------------------------------------===//
// Points
//===----------------------------------------------------------------------===//

unsigned LinearLayout::outBits() const { return totalBits(outDims); }
unsigned LinearLayout::inBits(StringRef name) const {
  return spanOf(inDims, name).bits;
}
unsigned LinearLayout::outBits(StringRef name) const {
  return spanOf(outDims, name).bits;
}

uint64_t LinearLayout::apply(uint64_t in) const {
  uint64_t out = 0;
  for (; in; in &= in - 1)
    out ^= vectors[llvm::countr_zero(in)];
  return out;
}

SmallVector<uint64_t> LinearLayout::apply(ArrayRef<uint64_t> in) const {
  assert(in.size() == inDims.size());
  uint64_t point = 0;
  unsigned first = 0;
  for (const auto &[value, dim] : zip_equal(in, inDims)) {
    assert(value >> dim.bits == 0 && "coordinate outside its dimension");
    point |= value << first;
    first += dim.bits;
  }
  point = apply(point);
  SmallVector<uint64_t> out;
  for (const Dim &dim : outDims) {
    out.push_back(extract(point, {0, dim.bits}));
    point >>= dim.bits;
  }
  return out;
}

//===----------------------------------------------------------------------===//
// Algebra
//===----------------------------------------------------------------------===//

LinearLayout LinearLayout::compose(const LinearLayout &next) const {
  bool matches = outDims.size() == next.inDims.size() &&
                 all_of(outDims, [&](const Dim &dim) {
                   return is_contained(next.inDims, dim);
                 });
  if (!matches)
    reportFatalInternalError("linear layout: cannot compose " + Twine(str()) +
                             " with " + next.str());
  SmallVector<uint64_t> bases;
  for (uint64_t basis : vectors)
    bases.push_back(next.apply(rearrange(basis, outDims, next.inDims)));
  return LinearLayout(inDims, next.outDims, bases);
}

namespace {
/// A basis of the span of the vectors added so far, in echelon form, with the
/// set of inputs that makes each of its members.
class Echelon {
public:
  /// `vector` minus what the basis can make of it; XORs the inputs that it took
  /// into `inputs`. 0 if `vector` is in the span.
  uint64_t reduce(uint64_t vector, uint64_t &inputs) const {
    for (const auto &[member, memberInputs] : members)
      if (vector & bit_floor(member)) {
        vector ^= member;
        inputs ^= memberInputs;
      }
    return vector;
  }
  /// Adds a vector made by `inputs`, false if it was in the span already.
  bool add(uint64_t vector, uint64_t inputs) {
    vector = reduce(vector, inputs);
    if (vector)
      members.push_back({vector, inputs});
    return vector != 0;
  }

private:
  SmallVector<std::pair<uint64_t, uint64_t>> members;
};
} // namespace

unsigned LinearLayout::rank() const {
  Echelon echelon;
  return count_if(vectors, [&](uint64_t v) { return echelon.add(v, 0); });
}

LinearLayout LinearLayout::pseudoInverse() const {
  Echelon echelon;
  for (const auto &[i, basis] : enumerate(vectors))
    echelon.add(basis, uint64_t(1) << i);
  // Output bits that complete the image to the whole space are made by input 0.
  for (unsigned bit = 0; bit < outBits(); ++bit)
    echelon.add(uint64_t(1) << bit, 0);
  SmallVector<uint64_t> bases(outBits(), 0);
  for (unsigned bit = 0; bit < outBits(); ++bit)
    echelon.reduce(uint64_t(1) << bit, bases[bit]);
  return LinearLayout(outDims, inDims, bases);
}

std::optional<LinearLayout> LinearLayout::invert() const {
  if (!isBijective())
    return std::nullopt;
  return pseudoInverse();
}

/// Dimensions of a product: sizes add up by name.
static SmallVector<Dim> concatenate(ArrayRef<Dim> inner, ArrayRef<Dim> outer) {
  SmallVector<Dim> dims(inner);
  for (const Dim &dim : outer) {
    Dim *same =
        find_if(dims, [&](const Dim &other) { return other.name == dim.name; });
    if (same == dims.end())
      dims.push_back(dim);
    else
      same->bits += dim.bits;
  }
  return dims;
}

LinearLayout LinearLayout::operator*(const LinearLayout &outer) const {
  SmallVector<Dim> ins = concatenate(inDims, outer.inDims);
  SmallVector<Dim> outs = concatenate(outDims, outer.outDims);
  if (totalBits(ins) > maxBits || totalBits(outs) > maxBits)
    reportFatalInternalError("linear layout: the product of " + Twine(str()) +
                             " and " + outer.str() + " has too many bits");
  // An output point of `outer` as one of the product.
  auto raise = [&](uint64_t point) {
    uint64_t result = 0;
    unsigned first = 0;
    for (const Dim &dim : outs) {
      result |= extract(point, spanOf(outer.outDims, dim.name))
                << (first + outBits(dim.name));
      first += dim.bits;
    }
    return result;
  };
  SmallVector<uint64_t> bases;
  for (const Dim &dim : ins) {
    Span low = spanOf(inDims, dim.name), high = spanOf(outer.inDims, dim.name);
    for (unsigned bit = 0; bit < low.bits; ++bit)
      bases.push_back(rearrange(vectors[low.first + bit], outDims, outs));
    for (unsigned bit = 0; bit < high.bits; ++bit)
      bases.push_back(raise(outer.vectors[high.first + bit]));
  }
  return LinearLayout(ins, outs, bases);
}

std::optional<LinearLayout>
LinearLayout::divideLeft(const LinearLayout &inner) const {
  // Q is what is left of each dimension; it is the quotient if its product with
  // `inner` gives this back.
  auto remainder = [](ArrayRef<Dim> dims, ArrayRef<Dim> divisor,
                      SmallVectorImpl<Dim> &result) {
    for (const Dim &dim : divisor)
      if (dim.bits > spanOf(dims, dim.name).bits)
        return false;
    for (const Dim &dim : dims)
      result.push_back({dim.name, dim.bits - spanOf(divisor, dim.name).bits});
    return true;
  };
  SmallVector<Dim> ins, outs;
  if (!remainder(inDims, inner.inDims, ins) ||
      !remainder(outDims, inner.outDims, outs))
    return std::nullopt;
  auto lower = [&](uint64_t point) {
    uint64_t result = 0;
    unsigned first = 0;
    for (const Dim &dim : outs) {
      uint64_t value = extract(point, spanOf(outDims, dim.name));
      result |= (value >> inner.outBits(dim.name)) << first;
      first += dim.bits;
    }
    return result;
  };
  SmallVector<uint64_t> bases;
  for (const Dim &dim : ins) {
    Span whole = spanOf(inDims, dim.name);
    for (unsigned bit = whole.bits - dim.bits; bit < whole.bits; ++bit)
      bases.push_back(lower(vectors[whole.first + bit]));
  }
  LinearLayout quotient(ins, outs, bases);
  LinearLayout product = inner * quotient;
  // A dimension of 0 bits that only `inner` has is not one of this.
  if (product.inDims.size() != inDims.size() ||
      product.outDims.size() != outDims.size() ||
      product.reorderIns(namesOf(inDims)).reorderOuts(namesOf(outDims)) !=
          *this)
    return std::nullopt;
  return quotient;
}

LinearLayout LinearLayout::sublayout(ArrayRef<StringRef> inNames,
                                     ArrayRef<StringRef> outNames) const {
  SmallVector<Dim> ins = select(inDims, inNames);
  SmallVector<Dim> outs = select(outDims, outNames);
  SmallVector<uint64_t> bases;
  for (const Dim &dim : ins) {
    Span span = spanOf(inDims, dim.name);
    for (unsigned bit = 0; bit < span.bits; ++bit)
      bases.push_back(rearrange(vectors[span.first + bit], outDims, outs));
  }
  return LinearLayout(ins, outs, bases);
}

LinearLayout LinearLayout::reorderIns(ArrayRef<StringRef> names) const {
  assert(names.size() == inDims.size());
  return sublayout(names, namesOf(outDims));
}

LinearLayout LinearLayout::reorderOuts(ArrayRef<StringRef> names) const {
  assert(names.size() == outDims.size());
  return sublayout(
      map_to_vector(inDims, [](const Dim &dim) { return StringRef(dim.name); }),
      names);
}

LinearLayout LinearLayout::reshapeIns(ArrayRef<Dim> dims) const {
  assert(totalBits(dims) == inBits());
  return LinearLayout(dims, outDims, vectors);
}

LinearLayout LinearLayout::reshapeOuts(ArrayRef<Dim> dims) const {
  assert(totalBits(dims) == outBits());
  return LinearLayout(inDims, dims, vectors);
}

} // namespace rung
