//===- Matrix.h - Matrix instructions ---------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_RUNTIME_MATRIX_H
#define RUNG_SIM_RUNTIME_MATRIX_H

namespace rung::sim {

struct Lane;

/// What matrix instructions need of this processor: "", or what it lacks.
const char *missingForMatrices();

/// Performs Op::Mma for a whole warp. Products of integers are added modulo
/// 2^32. Others are exact (but for results below f32's range), and added to c
/// one after the other in the order of k, each sum rounded to f32.
void multiplyMatrices(Lane *lanes);

} // namespace rung::sim

#endif // RUNG_SIM_RUNTIME_MATRIX_H
