//===- Matrix.cpp - Matrix instructions -------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Shapes, formats and which lane holds what come with the code (MatrixInfo).
//
//===----------------------------------------------------------------------===//

#include "Matrix.h"
#include "Machine.h"
#include "Scalar.h"

#include <cmath>
#include <immintrin.h>

using namespace rung::sim;

/// The rest of the runtime is for any x86-64.
#define RUNG_SIM_VECTOR __attribute__((target("avx2,fma,f16c")))

const char *rung::sim::missingForMatrices() {
  return !__builtin_cpu_supports("avx2")  ? "avx2"
         : !__builtin_cpu_supports("fma") ? "fma"
                                          : "";
}

/// Elements of the largest operand, of any instruction of a warp.
static constexpr uint64_t kMostElements = 32 * 64;

/// An operand of all lanes, from slot `first` on, as a matrix.
template <typename T, typename Decode>
RUNG_SIM_VECTOR static void gather(const MatrixOperand &operand,
                                   const Lane *lanes, uint64_t first, T *matrix,
                                   Decode decode) {
  const uint16_t *places = operand.places;
  uint64_t perWord = 32 / operand.bits;
  for (unsigned lane = 0; lane != kWarpLanes; ++lane) {
    const uint64_t *slots = lanes[lane].slots + first;
    for (uint64_t element = 0; element != operand.elements;
         element += perWord, ++slots) {
      auto word = uint32_t(*slots);
      for (uint64_t i = 0; i != perWord; ++i)
        matrix[*places++] = decode(word >> operand.bits * i);
    }
  }
}

template <typename T>
RUNG_SIM_VECTOR static void scatter(const MatrixOperand &operand, Lane *lanes,
                                    const T *matrix) {
  const uint16_t *places = operand.places;
  for (unsigned lane = 0; lane != kWarpLanes; ++lane)
    for (uint64_t element = 0; element != operand.elements; ++element)
      lanes[lane].slots[element] = bitCast<uint32_t>(matrix[*places++]);
}

static uint64_t words(const MatrixOperand &operand) {
  return operand.elements * operand.bits / 32;
}

/// The same of f16: both halves of a word at once.
RUNG_SIM_VECTOR static void gatherHalves(const MatrixOperand &operand,
                                         const Lane *lanes, uint64_t first,
                                         float *matrix) {
  const uint16_t *places = operand.places;
  for (unsigned lane = 0; lane != kWarpLanes; ++lane) {
    const uint64_t *slots = lanes[lane].slots + first;
    for (uint64_t element = 0; element != operand.elements; element += 2) {
      __m128 pair = _mm_cvtph_ps(_mm_cvtsi32_si128(int(*slots++)));
      matrix[*places++] = _mm_cvtss_f32(pair);
      matrix[*places++] = _mm_cvtss_f32(_mm_movehdup_ps(pair));
    }
  }
}

RUNG_SIM_VECTOR static void gatherFloats(const MatrixOperand &operand,
                                         const Lane *lanes, uint64_t first,
                                         float *matrix) {
  auto *values = static_cast<const float *>(operand.values);
  if (operand.kind == MatrixOperand::F16)
    return gatherHalves(operand, lanes, first, matrix);
  if (operand.kind == MatrixOperand::BF16)
    return gather(operand, lanes, first, matrix,
                  [](uint32_t word) { return bfloatToFloat(word); });
  if (operand.kind == MatrixOperand::FloatTable)
    return gather(operand, lanes, first, matrix,
                  [=](uint32_t word) { return values[word & 0xff]; });
  gather(operand, lanes, first, matrix,
         [](uint32_t word) { return bitCast<float>(word); });
}

/// c += a · b, in the order of the depth.
RUNG_SIM_VECTOR static void multiplyFloats(const MatrixInfo &info,
                                           const float *a, const float *b,
                                           float *c) {
  uint64_t columns = info.columns;
  for (uint64_t row = 0; row != info.rows; ++row)
    for (uint64_t first = 0; first != columns; first += 8) {
      __m256 sum = _mm256_loadu_ps(c + row * columns + first);
      for (uint64_t k = 0; k != info.depth; ++k)
        sum = _mm256_fmadd_ps(_mm256_set1_ps(a[row * info.depth + k]),
                              _mm256_loadu_ps(b + k * columns + first), sum);
      _mm256_storeu_ps(c + row * columns + first, sum);
    }
}

RUNG_SIM_VECTOR static void multiplyIntegers(const MatrixInfo &info,
                                             const int32_t *a, const int32_t *b,
                                             int32_t *c) {
  uint64_t columns = info.columns;
  for (uint64_t row = 0; row != info.rows; ++row)
    for (uint64_t first = 0; first != columns; first += 8) {
      auto at = [&](auto *matrix, uint64_t place) {
        return const_cast<__m256i *>(
            reinterpret_cast<const __m256i *>(matrix + place));
      };
      __m256i sum = _mm256_loadu_si256(at(c, row * columns + first));
      for (uint64_t k = 0; k != info.depth; ++k)
        sum = _mm256_add_epi32(
            sum,
            _mm256_mullo_epi32(_mm256_set1_epi32(a[row * info.depth + k]),
                               _mm256_loadu_si256(at(b, k * columns + first))));
      _mm256_storeu_si256(at(c, row * columns + first), sum);
    }
}

void rung::sim::multiplyMatrices(Lane *lanes) {
  const auto &info = *reinterpret_cast<const MatrixInfo *>(lanes[0].slots[0]);
  uint64_t a = 1, b = a + words(info.a), c = b + words(info.b);
  if (info.c.kind == MatrixOperand::I32) {
    alignas(32) int32_t x[kMostElements], y[kMostElements], z[kMostElements];
    auto lookUp = [](const MatrixOperand &operand) {
      return [values = static_cast<const int32_t *>(operand.values)](
                 uint32_t word) { return values[word & 0xff]; };
    };
    gather(info.a, lanes, a, x, lookUp(info.a));
    gather(info.b, lanes, b, y, lookUp(info.b));
    gather(info.c, lanes, c, z, [](uint32_t word) { return int32_t(word); });
    multiplyIntegers(info, x, y, z);
    return scatter(info.c, lanes, z);
  }
  alignas(32) float x[kMostElements], y[kMostElements], z[kMostElements];
  gatherFloats(info.a, lanes, a, x);
  gatherFloats(info.b, lanes, b, y);
  gatherFloats(info.c, lanes, c, z);
  multiplyFloats(info, x, y, z);
  scatter(info.c, lanes, z);
}
