//===- Scalar.h - Instructions of one lane on its registers -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_RUNTIME_SCALAR_H
#define RUNG_SIM_RUNTIME_SCALAR_H

#include "rung/Sim/KernelABI.h"

#include <cstring>

namespace rung::sim {

/// A value with the bits of another of its size.
template <typename To, typename From>
To bitCast(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

/// Operand or result `word` as what it is.
inline float toFloat(uint64_t word) { return bitCast<float>(uint32_t(word)); }
inline uint64_t fromFloat(float value) { return bitCast<uint32_t>(value); }

float halfToFloat(uint16_t code);
inline float bfloatToFloat(uint16_t code) {
  return bitCast<float>(uint32_t(code) << 16);
}

/// Performs an instruction that only computes; false if `op` is not one.
bool compute(Op op, uint64_t *slots);

} // namespace rung::sim

#endif // RUNG_SIM_RUNTIME_SCALAR_H
