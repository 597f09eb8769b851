//===- DecodeArithmetic.cpp - values by moving bits -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeCandidates.h"

#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

/// Codes counted from 0: value = scale * u + offset where u is the code with
/// the bits `flips` flipped.
namespace {
struct Counted {
  double scale, offset;
  uint32_t flips;
};
} // namespace

static std::optional<Counted> counted(const DecodeProblem &problem) {
  if (!problem.affine || problem.affine->scale == 0)
    return std::nullopt;
  const AffineCode &affine = *problem.affine;
  if (!affine.isSigned)
    return Counted{affine.scale, affine.offset, 0};
  uint32_t half = uint32_t(1) << (problem.from.bits() - 1);
  return Counted{affine.scale, affine.offset - affine.scale * half, half};
}

/// The bits of a code moved to a placement.
static uint32_t moved(uint32_t code, const Placement &placement) {
  uint32_t bits = 0;
  for (auto [bit, at] : llvm::enumerate(placement))
    bits |= (code >> bit & 1) << at;
  return bits;
}

static bool isPowerOfTwo(double x) {
  int exponent;
  return x > 0 && std::frexp(x, &exponent) == 0.5;
}

/// Flips while packing save an operation where OR fuses with AND and XOR does
/// not.
static bool flipsWhenPacking(const DecodeDevice &device) {
  return !device.ternaryLogic && !device.isVector;
}

//===----------------------------------------------------------------------===//
// mantissa, subnormal
//===----------------------------------------------------------------------===//

/// The register is 2^exponent + u * 2^at * ulp.
static void addMantissa(DecodeProblem &problem, bool isUnitScale) {
  std::optional<Counted> count = counted(problem);
  unsigned bits = problem.from.bits(), width = problem.mantissaBits;
  if (!count || bits > width)
    return;
  // Taken out by the consumer, all codes have to have the same offset.
  unsigned last = problem.freeScale ? 0 : width - bits;
  FieldRequest request =
      problem.fields(contiguousPlacements(bits, 0, last), problem.laneBits);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  // The exponent that makes u count by `scale`, or by 1.
  int unit =
      isUnitScale || !isPowerOfTwo(count->scale) ? 0 : std::ilogb(count->scale);
  double rest = count->scale / std::ldexp(1.0, unit);
  int top = static_cast<int>(width);
  for (const FieldCode &code : places->codes) {
    int exponent = top - static_cast<int>(code.placement[0]) + unit;
    double addend = count->offset - rest * std::ldexp(1.0, exponent);
    if (exponent > problem.maxExponent || exponent <= -problem.bias ||
        (!problem.freeScale &&
         (!problem.holds(addend) || !problem.holds(rest))))
      return;
  }
  bool atPacking = flipsWhenPacking(problem.device);
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    int exponent = top - static_cast<int>(code.placement[0]) + unit;
    uint32_t fixed = static_cast<uint32_t>(exponent + problem.bias) << width;
    if (!atPacking)
      fixed |= moved(count->flips, code.placement);
    Value x = emitter.asElements(emitter.field(code, problem.laneBits, fixed),
                                 problem.to);
    if (!problem.freeScale)
      x = emitter.scale(x, rest,
                        count->offset - rest * std::ldexp(1.0, exponent));
    return {x};
  };
  DecodeCandidate &candidate =
      problem.add("mantissa", request, *places, emitCode);
  if (atPacking && count->flips)
    candidate.order = problem.flipped(candidate.order, count->flips);
  if (problem.freeScale) {
    candidate.factors.assign(candidate.order.codes(), rest);
    candidate.offset = rest * std::ldexp(1.0, top + unit) - count->offset;
  }
}

static void addSubnormal(DecodeProblem &problem) {
  std::optional<Counted> count = counted(problem);
  unsigned bits = problem.from.bits();
  // Up to twice the least normal number the steps are those of subnormals.
  unsigned width = problem.mantissaBits + 1;
  if (!count || !problem.freeScale || !problem.to.isF16() ||
      problem.device.isVector || bits > width)
    return;
  FieldRequest request = problem.fields(
      contiguousPlacements(bits, 0, width - bits), problem.laneBits);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    uint32_t flips = moved(count->flips, code.placement);
    return {emitter.asElements(emitter.field(code, problem.laneBits, flips),
                               problem.to)};
  };
  DecodeCandidate &candidate =
      problem.add("subnormal", request, *places, emitCode);
  candidate.offset = 0 - count->offset;
  int least = 1 - problem.bias - static_cast<int>(problem.mantissaBits);
  for (const FieldCode &code : places->codes)
    candidate.factors.append(
        problem.lanes,
        count->scale *
            std::ldexp(1.0, -least - static_cast<int>(code.placement[0])));
}

/// Codes wider than the mantissa: the low bits and the high bits each in one,
/// and their difference.
static void addSplitMantissa(DecodeProblem &problem) {
  unsigned bits = problem.from.bits(), width = problem.mantissaBits;
  if (!problem.affine || bits != width + 1 || problem.freeScale)
    return;
  const AffineCode &affine = *problem.affine;
  if (affine.scale != 1 || !problem.holds(affine.offset))
    return;
  FieldRequest request =
      problem.fields(contiguousPlacements(bits, 0, 0), problem.laneBits);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    uint32_t one = static_cast<uint32_t>(static_cast<int>(width) + problem.bias)
                   << width;
    uint32_t topBit = uint32_t(1) << width;
    auto part = [&](Value word, uint32_t mask) {
      Value kept = emitter.ops.bitAnd(word, replicate(mask, problem.laneBits));
      return emitter.asElements(
          emitter.ops.bitOr(
              kept, emitter.ops.constant(replicate(one, problem.laneBits))),
          problem.to);
    };
    Value word = emitter.gather(code, problem.laneBits);
    Value low = part(word, topBit - 1), high = part(word, topBit), x;
    // 2^E with the top bit is 2^(E + 1): more by the bit itself.
    x = emitter.multiplyAdd(
        high, emitter.constant(high.getType(), affine.isSigned ? -1 : 1), low);
    if (!affine.isSigned)
      x = emitter.scale(x, 1, -2 * std::ldexp(1.0, static_cast<int>(width)));
    return {emitter.scale(x, 1, affine.offset)};
  };
  problem.add("mantissa", request, *places, emitCode);
}

//===----------------------------------------------------------------------===//
// minifloat
//===----------------------------------------------------------------------===//

static void addMinifloat(DecodeProblem &problem) {
  const std::optional<MinifloatView> &view = problem.view;
  if (!view || view->specials == Specials::FNUZ)
    return;
  // Subnormal operands of x86 trap into microcode on many processors.
  if (problem.device.isVector)
    return;
  int distance = problem.bias - view->bias;
  if (problem.freeScale && !problem.to.isF16() && distance != 0)
    return; // products in f32 would underflow
  std::optional<Placement> placement =
      problem.floatPlacement(problem.mantissaBits, problem.laneBits - 1);
  if (!placement)
    return;
  FieldRequest request = problem.fields({*placement}, problem.laneBits);
  if (view->specials == Specials::FN) // two words give more places
    request.words *= 2;
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  double factor = std::ldexp(1.0, distance), second = 1;
  bool scales = !problem.freeScale && distance != 0;
  if (scales && !problem.holds(factor)) {
    second = std::ldexp(1.0, distance / 2);
    factor /= second;
    if (!problem.holds(factor) || !problem.holds(second))
      return;
  }
  double special = 0, below = 0;
  if (view->specials == Specials::FN) {
    unsigned magnitude = view->exponentBits + view->mantissaBits;
    uint64_t top = (uint64_t(1) << magnitude) - 1;
    below = problem.from.valueAsDouble(top - 1);
    special = below + std::ldexp(1.0, std::ilogb(below) -
                                          static_cast<int>(view->mantissaBits));
  }
  double remaining = scales ? 1 : std::ldexp(1.0, distance);
  auto emitCode = [=, &problem](DecodeEmitter &emitter,
                                const FieldCode &code) -> SmallVector<Value> {
    Value x = emitter.asElements(emitter.field(code, problem.laneBits, 0),
                                 problem.to);
    if (scales)
      x = emitter.scale(emitter.scale(x, factor, 0), second, 0);
    if (special != 0)
      x = emitter.makeNaN(x, special / remaining, below / remaining);
    return {x};
  };
  DecodeCandidate &candidate =
      problem.add("minifloat", request, *places, emitCode);
  if (problem.freeScale)
    candidate.factors.assign(candidate.order.codes(), remaining);
}

//===----------------------------------------------------------------------===//
// integers
//===----------------------------------------------------------------------===//

/// Codes at these places of bytes, then an integer added to each byte.
static void addIntegers(DecodeProblem &problem,
                        SmallVector<Placement> placements, Counted count) {
  unsigned bits = problem.from.bits();
  FieldRequest request = problem.fields(std::move(placements), 8, bits != 8);
  std::optional<FieldAssignment> places = placeFields(request);
  if (!places)
    return;
  double offset = count.offset;
  bool adds = !problem.freeScale && offset != 0;
  if (!problem.freeScale && (count.scale != 1 || offset != std::trunc(offset) ||
                             std::fabs(offset) > 127))
    return;
  bool atPacking =
      count.flips && (bits == 8 || flipsWhenPacking(problem.device));
  auto emitCode = [=](DecodeEmitter &emitter,
                      const FieldCode &code) -> SmallVector<Value> {
    EmitOps &ops = emitter.ops;
    uint32_t flips = atPacking ? 0 : moved(count.flips, code.placement);
    // With the top bit set nothing is borrowed from the next byte.
    bool guards = adds && offset < 0;
    Value x = request.masked
                  ? emitter.field(code, 8, flips | (guards ? 0x80 : 0))
                  : emitter.gather(code, 8);
    if (adds) {
      uint32_t addend = replicate(static_cast<uint32_t>(std::fabs(offset)), 8);
      x = ops.add(x, ops.constant(guards ? 0 - addend : addend));
    }
    if (guards)
      x = ops.bitXor(x, ops.constant(replicate(0x80, 8)));
    return {emitter.asElements(x, emitter.builder.getI8Type())};
  };
  DecodeCandidate &candidate =
      problem.add("integers", request, *places, emitCode);
  if (atPacking)
    candidate.order = problem.flipped(candidate.order, count.flips);
  if (problem.freeScale) {
    candidate.offset = 0 - offset;
    for (const FieldCode &code : places->codes)
      candidate.factors.append(
          4,
          count.scale * std::ldexp(1.0, -static_cast<int>(code.placement[0])));
  }
}

static void addIntegers(DecodeProblem &problem) {
  unsigned bits = problem.from.bits();
  std::optional<Counted> count = counted(problem);
  if (!problem.to.isSignlessInteger(8) || problem.device.isVector || !count)
    return;
  unsigned last = problem.freeScale && bits < 8 ? 7 - bits : 0;
  if (bits < 8)
    addIntegers(problem, contiguousPlacements(bits, 0, last), *count);
  // At the top of a byte two's complement is itself.
  if (problem.affine->isSigned && (problem.freeScale || bits == 8))
    addIntegers(problem, contiguousPlacements(bits, 8 - bits, 8 - bits),
                {problem.affine->scale, problem.affine->offset, 0});
  // A byte counts from -128 once its top bit is flipped.
  if (!problem.affine->isSigned && problem.freeScale && bits == 8)
    addIntegers(problem, contiguousPlacements(bits, 0, 0),
                {count->scale, count->offset + 128 * count->scale, 0x80});
}

void tile::addArithmetic(DecodeProblem &problem) {
  if (!problem.isFloat()) {
    addIntegers(problem);
    return;
  }
  if (!problem.to.isF16() && !problem.to.isBF16() && !problem.to.isF32())
    return;
  if (problem.device.isVector && !problem.to.isF32())
    return;
  if (problem.to.isBF16() && problem.device.bf16MultiplyAdd.empty())
    return;
  addMantissa(problem, /*isUnitScale=*/false);
  addMantissa(problem, /*isUnitScale=*/true);
  addSubnormal(problem);
  addSplitMantissa(problem);
  addMinifloat(problem);
}
