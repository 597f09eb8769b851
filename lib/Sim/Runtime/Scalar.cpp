//===- Scalar.cpp - Instructions of one lane on its registers ---*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Source: the PTX ISA manual. What it calls approximate is computed here within
// half an ulp or so; the hardware's error is its own.
//
//===----------------------------------------------------------------------===//

#include "Scalar.h"

#include <cmath>

using namespace rung::sim;

//===----------------------------------------------------------------------===//
// Formats
//===----------------------------------------------------------------------===//

namespace {
/// A float of at most 16 bits, sign first.
struct Format {
  int mantissaBits, minExponent;
  double max;        ///< finite
  unsigned infinity; ///< the code of what is beyond: infinity or `max`
  unsigned nan;
};
} // namespace

static constexpr Format kF16 = {10, -14, 65504, 0x7c00, 0x7fff};
static constexpr Format kBF16 = {7, -126, 0x1.fep127, 0x7f80, 0x7fff};
static constexpr Format kE4M3 = {3, -6, 448, 0x7e, 0x7f};
static constexpr Format kE5M2 = {2, -14, 57344, 0x7b, 0x7f};

/// Nearest, ties to even. NaN becomes the format's.
static unsigned encode(double value, const Format &format) {
  unsigned sign =
      std::signbit(value) ? (format.nan > 0xff ? 0x8000u : 0x80u) : 0u;
  double magnitude = std::fabs(value);
  if (std::isnan(magnitude))
    return format.nan;
  if (magnitude == 0)
    return sign;
  int exponent = std::isinf(magnitude) ? 1024 : std::ilogb(magnitude);
  if (exponent < format.minExponent)
    exponent = format.minExponent;
  // In units of the last place: the mantissa with its leading bit.
  auto mantissa = exponent > 200
                      ? 0
                      : unsigned(std::nearbyint(std::ldexp(
                            magnitude, format.mantissaBits - exponent)));
  unsigned code =
      ((exponent - format.minExponent) << format.mantissaBits) + mantissa;
  if (exponent > 200 ||
      std::ldexp(double(mantissa), exponent - format.mantissaBits) > format.max)
    code = format.infinity;
  return sign | code;
}

static double decode(unsigned code, const Format &format) {
  bool wide = format.nan > 0xff;
  unsigned magnitude = code & (wide ? 0x7fff : 0x7f);
  double sign = code >> (wide ? 15 : 7) & 1 ? -1 : 1;
  unsigned field = magnitude >> format.mantissaBits;
  unsigned mantissa = magnitude & ((1u << format.mantissaBits) - 1);
  if (magnitude > format.infinity)
    // Of e5m2 0x7c is infinity: one above the greatest number.
    return !wide && format.mantissaBits == 2 && mantissa == 0 ? sign * INFINITY
                                                              : NAN;
  if (wide && magnitude == format.infinity)
    return sign * INFINITY;
  if (field)
    mantissa |= 1u << format.mantissaBits;
  else
    field = 1;
  return sign *
         std::ldexp(double(mantissa),
                    int(field) - 1 + format.minExponent - format.mantissaBits);
}

float rung::sim::halfToFloat(uint16_t code) { return decode(code, kF16); }

/// Each half of a word by itself.
template <typename Function>
static uint64_t mapHalves(uint64_t word, Function function) {
  return uint64_t(function(word & 0xffff)) |
         uint64_t(function(word >> 16 & 0xffff)) << 16;
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

/// Byte i of the result is byte sel[i] of b:a, or eight copies of its sign.
static uint32_t permute(uint32_t a, uint32_t b, uint32_t selector) {
  uint64_t bytes = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (unsigned i = 0; i != 4; ++i) {
    unsigned select = selector >> 4 * i & 15;
    uint32_t byte = bytes >> 8 * (select & 7) & 0xff;
    if (select & 8)
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << 8 * i;
  }
  return result;
}

template <typename A, typename B>
static uint32_t dotBytes(uint32_t a, uint32_t b, uint32_t sum) {
  for (unsigned i = 0; i != 4; ++i)
    sum += uint32_t(int32_t(A(a >> 8 * i)) * int32_t(B(b >> 8 * i)));
  return sum;
}

//===----------------------------------------------------------------------===//
// Functions of f32
//===----------------------------------------------------------------------===//

static float flushed(float value, bool flush) {
  return flush && std::fabs(value) < 0x1p-126f ? std::copysign(0.0f, value)
                                               : value;
}

static bool computeFloat(Op op, bool flush, uint64_t *slots) {
  float x = flushed(toFloat(slots[0]), flush), y;
  switch (op) {
  case Op::Ex2:
    y = std::exp2(x);
    break;
  case Op::Lg2:
    y = std::log2(x);
    break;
  case Op::Rcp:
    y = 1 / x;
    break;
  case Op::Rsqrt:
    y = float(1 / std::sqrt(double(x)));
    break;
  case Op::Sqrt:
    y = std::sqrt(x);
    break;
  case Op::Sin:
    y = std::sin(x);
    break;
  case Op::Cos:
    y = std::cos(x);
    break;
  case Op::Tanh:
    y = std::tanh(x);
    break;
  default:
    return false;
  }
  slots[0] = fromFloat(flushed(y, flush));
  return true;
}

bool rung::sim::compute(Op op, uint64_t *slots) {
  bool flush = uint32_t(op) & kFlushSubnormals;
  op = Op(uint32_t(op) & ~kFlushSubnormals);
  auto toEight = [&](double high, double low, const Format &format) {
    slots[0] = encode(high, format) << 8 | encode(low, format);
  };
  auto fromEight = [&](const Format &format) {
    slots[0] = encode(decode(slots[0] & 0xff, format), kF16) |
               encode(decode(slots[0] >> 8 & 0xff, format), kF16) << 16;
  };
  auto half = [&](unsigned index) {
    return decode(slots[0] >> 16 * index & 0xffff, kF16);
  };
  switch (op) {
  case Op::Prmt:
    slots[0] = permute(slots[0], slots[1], slots[2]);
    return true;
  case Op::Dp4aSS:
    slots[0] = dotBytes<int8_t, int8_t>(slots[0], slots[1], slots[2]);
    return true;
  case Op::Dp4aSU:
    slots[0] = dotBytes<int8_t, uint8_t>(slots[0], slots[1], slots[2]);
    return true;
  case Op::Dp4aUS:
    slots[0] = dotBytes<uint8_t, int8_t>(slots[0], slots[1], slots[2]);
    return true;
  case Op::Dp4aUU:
    slots[0] = dotBytes<uint8_t, uint8_t>(slots[0], slots[1], slots[2]);
    return true;
  case Op::Ex2F16:
    slots[0] = mapHalves(slots[0], [](unsigned code) {
      return encode(std::exp2(decode(code, kF16)), kF16);
    });
    return true;
  case Op::Ex2BF16:
    slots[0] = mapHalves(slots[0], [](unsigned code) {
      return encode(std::exp2(double(bfloatToFloat(code))), kBF16);
    });
    return true;
  case Op::TanhF16:
    slots[0] = mapHalves(slots[0], [](unsigned code) {
      return encode(std::tanh(decode(code, kF16)), kF16);
    });
    return true;
  case Op::TanhBF16:
    slots[0] = mapHalves(slots[0], [](unsigned code) {
      return encode(std::tanh(double(bfloatToFloat(code))), kBF16);
    });
    return true;
  case Op::E4M3x2ToF16x2:
    fromEight(kE4M3);
    return true;
  case Op::E5M2x2ToF16x2:
    fromEight(kE5M2);
    return true;
  case Op::F16x2ToE4M3x2:
    toEight(half(1), half(0), kE4M3);
    return true;
  case Op::F16x2ToE5M2x2:
    toEight(half(1), half(0), kE5M2);
    return true;
  case Op::F32x2ToE4M3x2:
    toEight(toFloat(slots[0]), toFloat(slots[1]), kE4M3);
    return true;
  case Op::F32x2ToE5M2x2:
    toEight(toFloat(slots[0]), toFloat(slots[1]), kE5M2);
    return true;
  default:
    return computeFloat(op, flush, slots);
  }
}
