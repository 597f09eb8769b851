//===- Npy.h - Arrays in numpy's file format --------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_NPY_H
#define RUNG_RUNTIME_NPY_H

#include "rung/Runtime/AtomicFile.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace rung {

/// The content of a .npy file: row-major, little endian.
struct NpyArray {
  /// "float16", …, "uint64", "bool"; numpy writes element types that it does
  /// not know itself as "void1" or "void2", after their size (and float8 of
  /// ml_dtypes as "float8").
  std::string type;
  uint32_t elementBytes = 0;
  std::vector<int64_t> shape;
  /// 64-byte aligned.
  std::shared_ptr<void> data;
  uint64_t bytes = 0;
};

/// Reads a .npy file of version 1.0, 2.0 or 3.0 with numbers in it. Fortran
/// order and big-endian numbers are converted. On failure returns false with an
/// error that names the file, what was found, and what was expected.
bool readNpy(const std::string &path, NpyArray &array, std::string &error);

/// Writes a header of version 1.0 and the data; the caller commits the file.
/// `type` is one of numpy's names for numbers.
bool writeNpy(AtomicFile &file, const std::string &type,
              const std::vector<int64_t> &shape, const void *data,
              uint64_t bytes);

/// Uninitialised memory, 64-byte aligned; null when there is none.
std::shared_ptr<void> allocateAligned(uint64_t bytes);

} // namespace rung

#endif // RUNG_RUNTIME_NPY_H
