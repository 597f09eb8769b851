//===- DecodeBytes.cpp - values by permuting bytes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeCandidates.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"

#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

static bool hasHalves(const DecodeProblem &problem) {
  return problem.to.isF16() || problem.to.isBF16();
}

//===----------------------------------------------------------------------===//
// bytes
//===----------------------------------------------------------------------===//

/// Codes in bytes, then under the upper byte of 2^E: the value 2^E plus the
/// byte times the ulp.
static void addByteMantissa(DecodeProblem &problem, unsigned at) {
  unsigned bits = problem.from.bits(), width = problem.mantissaBits;
  if (!hasHalves(problem) || !problem.affine || width < 8 ||
      problem.device.bytePermute.empty() || bits + at > 8)
    return;
  AffineCode affine = *problem.affine;
  uint32_t half = affine.isSigned ? uint32_t(1) << (bits - 1) : 0;
  double base = std::ldexp(1.0, static_cast<int>(width)),
         step = affine.scale / std::ldexp(1.0, static_cast<int>(at)),
         addend = affine.offset - affine.scale * half - step * base;
  if (!problem.freeScale && !(problem.holds(addend) && problem.holds(step)))
    return;
  FieldRequest request =
      problem.fields(contiguousPlacements(bits, at, at), 8, bits != 8);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    uint32_t top = *problem.target.findCode(base) >> 8; // the exponent's byte
    Value bytes =
        request.masked ? emitter.field(code, 8, 0) : emitter.gather(code, 8);
    Value exponent = emitter.ops.constant(top);
    SmallVector<Value> registers;
    for (unsigned pair : {0u, 2u}) {
      Value x = emitter.asElements(
          emitter.permute(bytes, exponent, {pair, 4, pair + 1, 4}), problem.to);
      registers.push_back(problem.freeScale ? x
                                            : emitter.scale(x, step, addend));
    }
    return registers;
  };
  DecodeCandidate &candidate = problem.add("bytes", request, *places, emitCode);
  if (half)
    candidate.order = problem.flipped(candidate.order, half);
  if (problem.freeScale) {
    candidate.factors.assign(candidate.order.codes(), step);
    candidate.offset = 0 - addend;
  }
}

//===----------------------------------------------------------------------===//
// top byte
//===----------------------------------------------------------------------===//

static void addTopByte(DecodeProblem &problem) {
  const std::optional<MinifloatView> &view = problem.view;
  if (!problem.to.isF16() || problem.device.bytePermute.empty() || !view ||
      view->specials == Specials::FNUZ)
    return;
  std::optional<Placement> placement =
      problem.floatPlacement(problem.mantissaBits - 8, 7);
  if (!placement)
    return;
  int distance = problem.bias - view->bias;
  double factor = std::ldexp(1.0, distance);
  bool scales = !problem.freeScale && distance != 0;
  if (scales && !problem.holds(factor))
    return;
  FieldRequest request =
      problem.fields({*placement}, 8, problem.from.bits() != 8);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    Value bytes =
        request.masked ? emitter.field(code, 8, 0) : emitter.gather(code, 8);
    Value zero = emitter.ops.constant(0);
    SmallVector<Value> halves;
    for (unsigned pair : {0u, 2u}) {
      Value x = emitter.asElements(
          emitter.permute(bytes, zero, {4, pair, 4, pair + 1}), problem.to);
      halves.push_back(scales ? emitter.scale(x, factor, 0) : x);
    }
    return halves;
  };
  DecodeCandidate &candidate =
      problem.add("top byte", request, *places, emitCode);
  if (problem.freeScale)
    candidate.factors.assign(candidate.order.codes(), factor);
}

//===----------------------------------------------------------------------===//
// pair
//===----------------------------------------------------------------------===//

static void addPairs(DecodeProblem &problem) {
  for (const PairConversion &pair : problem.device.pairs) {
    llvm::Expected<NumberFormat> source = NumberFormat::minifloat(
        pair.exponentBits, 7 - pair.exponentBits,
        NumberFormat::defaultBias(pair.exponentBits), pair.specials);
    if (!problem.to.isF16() ||
        llvm::cantFail(std::move(source)) != problem.from)
      continue;
    DecodeCandidate candidate("pair", BitOrder::sequential(8));
    candidate.emit = [&pair, &problem](OpBuilder &builder, Location loc,
                                       ValueRange words) {
      DecodeEmitter emitter(builder, loc, problem, words);
      Type halves = VectorType::get(2, problem.to);
      auto makeBody = [&](OpBuilder &builder, ValueRange inputs) -> Value {
        EmitOps ops(builder, loc);
        SmallVector<Value> values;
        for (unsigned shift : {0u, 8u})
          values.push_back(emitDecodeCode(
              builder, loc, problem.from, problem.to,
              ops.shrUnsigned(inputs[0], shift), ConversionOptions()));
        return vector::FromElementsOp::create(builder, loc, halves, values);
      };
      SmallVector<Value> registers;
      for (unsigned shift : {0u, 16u})
        registers.push_back(
            emitter.call(pair.instruction, halves,
                         emitter.ops.shrUnsigned(words[0], shift), makeBody));
      return emitter.elements(registers);
    };
    problem.candidates.push_back(std::move(candidate));
  }
}

//===----------------------------------------------------------------------===//
// byte tables
//===----------------------------------------------------------------------===//

namespace {
/// A table of at most 16 codes, split into the bytes of the results.
class ByteTables {
public:
  ByteTables(const DecodeProblem &problem) : problem(problem) {
    for (uint64_t code = 0; code != problem.from.numCodes(); ++code) {
      std::optional<llvm::APFloat> value = problem.from.value(code);
      std::optional<uint64_t> entry = value ? problem.target.encode(*value) : 0;
      entries.push_back(entry.value_or(0));
    }
    hasSign = problem.from.bits() == 4 && problem.isFloat();
    uint64_t signBit = uint64_t(1) << (problem.laneBits - 1);
    for (unsigned code = 0; hasSign && code != 8; ++code)
      hasSign = (entries[code] ^ signBit) == entries[code + 8] ||
                !problem.from.isValid(code + 8);
  }

  unsigned indexBits() const { return std::min(problem.from.bits(), 3u); }
  /// The top bit of the code chooses between tables of eight.
  bool hasHalves() const { return problem.from.bits() == 4 && !hasSign; }

  std::optional<uint8_t> constantByte(unsigned byte) const {
    unsigned count = hasSign ? 8 : entries.size();
    for (unsigned code = 0; code != count; ++code)
      if (at(code, byte) != at(0, byte))
        return std::nullopt;
    return at(0, byte);
  }
  /// Four entries, from `first` up, in a register.
  uint32_t entriesOf(unsigned byte, unsigned first) const {
    uint32_t word = 0;
    for (unsigned i = 0; i != 4; ++i)
      word |= uint32_t(at((first + i) % entries.size(), byte)) << (8 * i);
    return word;
  }

  bool hasSign = false;

private:
  uint8_t at(unsigned code, unsigned byte) const {
    return static_cast<uint8_t>(entries[code] >> (8 * byte));
  }
  const DecodeProblem &problem;
  SmallVector<uint64_t> entries;
};
} // namespace

/// One register of selectors gives four results; `top` chooses the half of the
/// table, `signs` has the four sign bits at the tops of its bytes.
static Value lookupBytes(DecodeEmitter &emitter, const ByteTables &tables,
                         unsigned byte, Value selector, Value top,
                         Value signs) {
  EmitOps &ops = emitter.ops;
  auto lookup = [&](unsigned first) {
    return emitter.permute(ops.constant(tables.entriesOf(byte, first)),
                           ops.constant(tables.entriesOf(byte, first + 4)),
                           selector);
  };
  Value result = lookup(0);
  if (top)
    result = emitter.permute(result, lookup(8), top);
  if (signs)
    result = ops.bitOr(ops.bitAnd(signs, 0x80808080), result);
  return result;
}

static void addByteTables(DecodeProblem &problem) {
  unsigned bits = problem.from.bits(), step = problem.device.selectorBits;
  unsigned bytes = problem.laneBits / 8;
  if (problem.device.bytePermute.empty() || bits > 4 || bytes > 2)
    return;
  ByteTables tables(problem);
  // Selectors lie `step` bits apart; their codes' top bits anywhere above.
  Placement placement;
  for (unsigned bit = 0; bit != tables.indexBits(); ++bit)
    placement.push_back(bit);
  FieldRequest request =
      problem.fields(contiguousPlacements(tables.indexBits(), 0, 0), step);
  request.codeBits = tables.indexBits();
  std::optional<FieldAssignment> places;
  SmallVector<unsigned> positions;
  unsigned perRegister = 32 / step;
  if (bits < 4) {
    request.words = 1;
    while (request.words * step % bits)
      ++request.words;
    places = placeFields(request);
  } else {
    // A nibble for each code: its top bit stays free for the choice of half,
    // or for the sign of another code.
    places.emplace();
    for (unsigned c = 0; c != step / 4; ++c)
      places->codes.push_back(
          {placement, {{0, static_cast<int>(4 * c), 7}}, 0});
  }
  if (!places)
    return;

  // Code v = 4 * group + byte: the groups of a register of selectors follow
  // each other.
  unsigned groups = perRegister / 4;
  for (auto [c, code] : llvm::enumerate(places->codes))
    for (unsigned lane = 0; lane != perRegister; ++lane) {
      for (unsigned at : code.placement)
        positions.push_back(positionOf(code, at, lane, step));
      if (bits < 4)
        continue;
      unsigned nibble = step / 4 * lane + static_cast<unsigned>(c);
      if (tables.hasSign) // of four codes at the tops of the bytes
        nibble = 2 * (lane % 4) +
                 (step == 4 ? 1 - lane / 4 : 1 - static_cast<unsigned>(c));
      positions.push_back(4 * nibble + 3);
    }
  llvm::Expected<BitOrder> order = BitOrder::get(bits, positions);
  if (!order) {
    llvm::consumeError(order.takeError());
    return;
  }
  DecodeCandidate candidate("byte tables", *order);
  candidate.emit = [=, &problem](OpBuilder &builder, Location loc,
                                 ValueRange words) {
    DecodeEmitter emitter(builder, loc, problem, words);
    EmitOps &ops = emitter.ops;
    SmallVector<Value> registers;
    uint32_t identity = 0;
    for (unsigned i = 0; i != 4; ++i)
      identity |= i << (step * i);
    for (auto [c, code] : llvm::enumerate(places->codes)) {
      Value selectors = emitter.field(code, step, 0), tops;
      if (tables.hasHalves()) {
        // Byte i, or byte 4 + i of the second table's.
        int down = code.parts[0].shift + 1;
        tops = ops.bitOr(
            ops.bitAnd(ops.shrUnsigned(words[0], static_cast<unsigned>(down)),
                       replicate(4, step)),
            ops.constant(step == 4 ? identity | identity << 16 : identity));
      }
      for (unsigned group = 0; group != groups; ++group) {
        Value selector = ops.shrUnsigned(selectors, 16 * group), top, signs;
        if (tops)
          top = ops.shrUnsigned(tops, 16 * group);
        if (tables.hasSign)
          signs = (group || c) ? ops.shl(words[0], 4) : words[0];
        SmallVector<Value, 2> planes;
        for (unsigned byte = 0; byte != bytes; ++byte) {
          bool isTop = byte + 1 == bytes;
          if (!(isTop && tables.hasSign) && tables.constantByte(byte))
            planes.push_back(
                ops.constant(replicate(*tables.constantByte(byte), 8)));
          else
            planes.push_back(lookupBytes(emitter, tables, byte, selector, top,
                                         isTop ? signs : Value()));
        }
        if (bytes == 1) {
          registers.push_back(emitter.asElements(planes[0], problem.to));
          continue;
        }
        for (unsigned pair : {0u, 2u})
          registers.push_back(emitter.asElements(
              emitter.permute(planes[0], planes[1],
                              {pair, pair + 4, pair + 1, pair + 5}),
              problem.to));
      }
    }
    return emitter.elements(registers);
  };
  problem.candidates.push_back(std::move(candidate));
}

void tile::addBytes(DecodeProblem &problem) {
  addByteMantissa(problem, 0);
  addTopByte(problem);
  addPairs(problem);
  addByteTables(problem);
}
