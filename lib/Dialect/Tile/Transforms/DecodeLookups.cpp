//===- DecodeLookups.cpp - values by tables in vector registers -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeCandidates.h"
#include "rung/Dialect/Tile/IR/Tile.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

static Value emitLookup(DecodeEmitter &emitter, Value index,
                        ArrayRef<float> entries) {
  auto table = DenseElementsAttr::get(
      RankedTensorType::get({static_cast<int64_t>(entries.size())},
                            emitter.builder.getF32Type()),
      entries);
  return LookupOp::create(emitter.builder, emitter.loc,
                          emitter.builder.getF32Type(), index, table);
}

/// -x where the top bit of `word` is set.
static Value flipSign(DecodeEmitter &emitter, Value x, Value word) {
  EmitOps &ops = emitter.ops;
  return ops.asFloat(
      ops.bitXor(ops.asInt(x), ops.bitAnd(word, uint32_t(1) << 31)));
}

/// The f32 of a code; 0 where there is none.
static float valueOf(const NumberFormat &format, uint64_t code) {
  return format.isValid(code) ? static_cast<float>(format.valueAsDouble(code))
                              : 0.0f;
}

//===----------------------------------------------------------------------===//
// lookup
//===----------------------------------------------------------------------===//

/// All increasing placements of `bits` bits below `window`.
static SmallVector<Placement> subsets(unsigned bits, unsigned window) {
  SmallVector<Placement> result;
  for (uint32_t set = 0; set != uint32_t(1) << window; ++set) {
    if (static_cast<unsigned>(llvm::popcount(set)) != bits)
      continue;
    Placement &placement = result.emplace_back();
    for (unsigned at = 0; at != window; ++at)
      if (set >> at & 1)
        placement.push_back(at);
  }
  return result;
}

/// In the smallest table of registers that has the codes: a larger one only
/// widens the window that they are placed in, and is dearer. The index has
/// 2^window entries, of which those bits count that the code is placed at.
static void addLookup(DecodeProblem &problem) {
  unsigned bits = problem.from.bits();
  SmallVector<float> values;
  for (uint64_t code = 0; code != problem.from.numCodes(); ++code)
    values.push_back(valueOf(problem.from, code));
  bool upperHalves = llvm::all_of(values, [](float value) {
    return (llvm::bit_cast<uint32_t>(value) & 0xffff) == 0;
  });
  const LookupCost *row =
      findLookup(problem.device, int64_t(1) << bits, 32, upperHalves);
  if (!row || row->mostEntries == std::numeric_limits<int64_t>::max())
    return;
  unsigned window = llvm::Log2_64(row->mostEntries);
  FieldRequest request = problem.fields(
      contiguousPlacements(bits, 0, window - bits), 32, /*masked=*/false);
  request.composites = subsets(bits, window);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=](DecodeEmitter &emitter,
                      const FieldCode &code) -> SmallVector<Value> {
    SmallVector<float> entries;
    for (uint32_t index = 0; index != uint32_t(1) << window; ++index) {
      uint64_t at = 0;
      for (auto [bit, place] : llvm::enumerate(code.placement))
        at |= uint64_t(index >> place & 1) << bit;
      entries.push_back(values[at]);
    }
    return {emitLookup(emitter, emitter.gather(code, 32), entries)};
  };
  problem.add("lookup", request, *places, emitCode);
}

//===----------------------------------------------------------------------===//
// signed lookup
//===----------------------------------------------------------------------===//

/// The magnitude by a lookup in registers of the bits below the sign.
static void addSignedLookup(DecodeProblem &problem) {
  unsigned bits = problem.from.bits();
  if (!problem.view || !problem.view->isSigned || bits < 2)
    return;
  const LookupCost *lookup = findLookup(
      problem.device, int64_t(1) << (bits - 1), 32, /*upperHalves=*/true);
  if (!lookup || lookup->mostEntries == std::numeric_limits<int64_t>::max())
    return;
  uint64_t half = uint64_t(1) << (bits - 1);
  SmallVector<float> entries;
  for (uint64_t code = 0; code != half; ++code) {
    float value = valueOf(problem.from, code);
    float opposite = valueOf(problem.from, code | half);
    if (!(std::isnan(value) && std::isnan(opposite)) && opposite != -value)
      return;
    entries.push_back(value);
  }
  FieldRequest request = problem.fields(contiguousPlacements(bits, 0, 0), 32,
                                        /*masked=*/false);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=](DecodeEmitter &emitter,
                      const FieldCode &code) -> SmallVector<Value> {
    EmitOps &ops = emitter.ops;
    Value index = emitter.gather(code, 32);
    Value sign;
    const FieldPart &part = code.parts[0];
    if (code.parts.size() == 1 && !code.shift && part.shift >= 0)
      sign = ops.shl(emitter.words[part.word], // from the word itself
                     32 - bits - static_cast<unsigned>(part.shift));
    else
      sign = ops.shl(index, 32 - bits);
    return {flipSign(emitter, emitLookup(emitter, index, entries), sign)};
  };
  problem.add("signed lookup", request, *places, emitCode);
}

//===----------------------------------------------------------------------===//
// Codes that are no numbers
//===----------------------------------------------------------------------===//

namespace {
/// What is done to a float in which special codes look like further finite
/// values, or like -0.
class SpecialCodes {
public:
  explicit SpecialCodes(const MinifloatView &view) : view(view) {
    mantissas = uint64_t(1) << view.mantissaBits;
    top = std::ldexp(1.0, static_cast<int>((1u << view.exponentBits) - 1) -
                              view.bias);
  }

  /// The value of a code if all were finite.
  double finite(uint64_t code) const {
    uint64_t exponent = code / mantissas % (uint64_t(1) << view.exponentBits);
    double fraction =
        static_cast<double>(code % mantissas) / static_cast<double>(mantissas);
    double magnitude =
        std::ldexp(exponent ? 1 + fraction : fraction,
                   static_cast<int>(exponent ? exponent : 1) - view.bias);
    bool isNegative =
        view.isSigned && code >> (view.exponentBits + view.mantissaBits);
    return isNegative ? -magnitude : magnitude;
  }

  Value correct(DecodeEmitter &emitter, Value x) const {
    EmitOps &ops = emitter.ops;
    uint32_t sign = uint32_t(1) << 31;
    switch (view.specials) {
    case Specials::None:
      return x;
    case Specials::FN: {
      double step = 1 / static_cast<double>(mantissas);
      return emitter.makeNaN(x, top * (2 - step), top * (2 - 2 * step));
    }
    case Specials::IEEE: { // its exponent becomes that of f32's own
      Value magnitude = ops.bitAnd(ops.asInt(x), ~sign);
      Value isFinite =
          ops.isBelow(magnitude, llvm::bit_cast<uint32_t>(float(top)));
      Value special =
          ops.bitOr(ops.asInt(x), ops.constant(uint32_t(0xff) << 23));
      return ops.asFloat(ops.select(isFinite, ops.asInt(x), special));
    }
    case Specials::FNUZ:
      return ops.select(ops.isEqual(ops.asInt(x), sign),
                        emitter.constant(x.getType(), std::nan("")), x);
    }
    llvm_unreachable("all rules are listed");
  }

private:
  MinifloatView view;
  uint64_t mantissas;
  double top; ///< of the greatest exponent, mantissa 0
};
} // namespace

//===----------------------------------------------------------------------===//
// lines
//===----------------------------------------------------------------------===//

namespace {
/// value(high, low) = (1 + low * step) * scales[high] + offsets[high], where
/// the low bits of a code, at bit `at` of a float's mantissa, count step. Or,
/// with the sum first, (1 + low * step + offsets[high]) * scales[high]: -0 is a
/// negative scale times 0.
struct Lines {
  SmallVector<float> scales, offsets;
};
} // namespace

/// Null if the values of some `high` are on no line that f32 says exactly.
static std::optional<Lines>
findLines(unsigned lowBits, unsigned highBits, unsigned at, bool sumFirst,
          llvm::function_ref<double(uint64_t)> valueOf) {
  Lines lines;
  double step = std::ldexp(1.0, static_cast<int>(at) - 23);
  for (uint64_t high = 0; high != uint64_t(1) << highBits; ++high) {
    double first = valueOf(high << lowBits);
    double slope = valueOf(high << lowBits | 1) - first;
    for (uint64_t low = 0; low != uint64_t(1) << lowBits; ++low)
      if (valueOf(high << lowBits | low) !=
          first + slope * static_cast<double>(low))
        return std::nullopt;
    double scale = slope / step;
    double offset = sumFirst ? first / scale - 1 : first - scale;
    lines.scales.push_back(static_cast<float>(scale));
    lines.offsets.push_back(static_cast<float>(offset));
    if (double(lines.scales.back()) != scale ||
        double(lines.offsets.back()) != offset)
      return std::nullopt;
  }
  return lines;
}

/// Not a number where the scale is infinite and the low bits are not 0.
static Value emitInfinityOrNaN(DecodeEmitter &emitter, Value x,
                               Value mantissa) {
  EmitOps &ops = emitter.ops;
  Value nan = emitter.multiplyAdd(x, emitter.constant(x.getType(), 0), x);
  return ops.select(ops.isEqual(ops.asInt(mantissa), uint32_t(127) << 23), x,
                    nan);
}

/// Four codes of 8 bits, one in each byte but for its top bit, which is in the
/// byte below: the rotation that brings a code down takes that to the top.
static FieldAssignment rotatedBytes(const Placement &placement) {
  FieldAssignment places;
  for (int shift : {0, 8, 16, 24})
    places.codes.push_back({placement, {{0, shift, maskOf(placement)}}});
  return places;
}

/// The sign among the bits that choose the line, or apart, if the others leave
/// no room.
static void addLines(DecodeProblem &problem, bool signApart) {
  const std::optional<MinifloatView> &view = problem.view;
  unsigned bits = problem.from.bits();
  if (!view || view->mantissaBits == 0 ||
      (signApart && (!view->isSigned || bits != 8)))
    return;
  unsigned lowBits = view->mantissaBits;
  unsigned highBits = bits - lowBits - (signApart ? 1 : 0);
  SpecialCodes specials(*view);
  if (highBits > 6 || !findLookup(problem.device, int64_t(1) << highBits, 32))
    return;
  bool keepsZeroSign = view->isSigned && !signApart;
  std::optional<Lines> lines =
      findLines(lowBits, highBits, highBits, keepsZeroSign,
                [&](uint64_t code) { return specials.finite(code); });
  if (!lines)
    return;
  bool isIEEE = view->specials == Specials::IEEE;
  for (uint64_t high = 0; isIEEE && high != lines->scales.size(); ++high)
    if (view->isSpecial(high << lowBits)) {
      lines->scales[high] = std::copysign(
          std::numeric_limits<float>::infinity(), lines->scales[high]);
      lines->offsets[high] = 0;
    }
  // The high bits at the bottom, for they are the index.
  Placement placement;
  for (unsigned bit = 0; bit != lowBits; ++bit)
    placement.push_back(highBits + bit);
  for (unsigned bit = 0; bit != highBits; ++bit)
    placement.push_back(bit);
  if (signApart)
    placement.push_back(31);
  FieldRequest request = problem.fields({placement}, 32, /*masked=*/false);
  std::optional<FieldAssignment> places =
      signApart ? rotatedBytes(placement) : placeFields(request);
  if (!places)
    return;
  auto emitCode = [=](DecodeEmitter &emitter,
                      const FieldCode &code) -> SmallVector<Value> {
    EmitOps &ops = emitter.ops;
    Value bits = emitter.gather(code, 32);
    uint32_t lowMask = llvm::maskTrailingOnes<uint32_t>(lowBits) << highBits;
    Value mantissa = ops.asFloat(ops.bitOr(ops.bitAnd(bits, lowMask),
                                           ops.constant(uint32_t(127) << 23)));
    Value scale = emitLookup(emitter, bits, lines->scales);
    Value offset = emitLookup(emitter, bits, lines->offsets);
    Value x = keepsZeroSign
                  ? arith::MulFOp::create(
                        emitter.builder, emitter.loc,
                        arith::AddFOp::create(emitter.builder, emitter.loc,
                                              mantissa, offset),
                        scale)
                        .getResult()
                  : emitter.multiplyAdd(mantissa, scale, offset);
    if (isIEEE)
      x = emitInfinityOrNaN(emitter, x, mantissa);
    if (signApart)
      x = flipSign(emitter, x, bits);
    return {isIEEE ? x : specials.correct(emitter, x)};
  };
  problem.add("lines", request, *places, emitCode);
}

//===----------------------------------------------------------------------===//
// half
//===----------------------------------------------------------------------===//

static void addHalf(DecodeProblem &problem) {
  constexpr unsigned mantissa = 10, exponent = 5;
  constexpr int bias = 15;
  const std::optional<MinifloatView> &view = problem.view;
  if (!view)
    return;
  // Its infinities and NaNs have the greatest exponent.
  bool isOwn = view->exponentBits == exponent;
  if (isOwn && view->specials != Specials::IEEE)
    return;
  std::optional<Placement> placement = problem.floatPlacement(mantissa, 15);
  if (!placement)
    return;
  FieldRequest request = problem.fields({*placement}, 32);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  // Special codes are told apart where all magnitudes are a half's.
  MinifloatView asHalf = *view;
  asHalf.bias = bias;
  SpecialCodes specials(asHalf);
  double factor = std::ldexp(1.0, bias - view->bias);
  if (factor > 0x1p127 || factor < 0x1p-126)
    return;
  auto emitCode = [=](DecodeEmitter &emitter,
                      const FieldCode &code) -> SmallVector<Value> {
    OpBuilder &builder = emitter.builder;
    Location loc = emitter.loc;
    Value half = arith::TruncIOp::create(builder, loc, builder.getI16Type(),
                                         emitter.field(code, 32, 0));
    half = arith::BitcastOp::create(builder, loc, builder.getF16Type(), half);
    Value x = arith::ExtFOp::create(builder, loc, builder.getF32Type(), half);
    return {emitter.scale(isOwn ? x : specials.correct(emitter, x), factor, 0)};
  };
  problem.add("half", request, *places, emitCode);
}

void tile::addLookups(DecodeProblem &problem) {
  if (!problem.to.isF32() || problem.freeScale)
    return;
  addLookup(problem);
  if (!problem.device.isVector)
    return;
  addSignedLookup(problem);
  addLines(problem, /*signApart=*/false);
  addLines(problem, /*signApart=*/true);
  addHalf(problem);
}
