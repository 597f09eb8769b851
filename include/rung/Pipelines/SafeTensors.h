//===- SafeTensors.h - Reads tensors of safetensors files -------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// A safetensors file is a little-endian u64 with the length of a JSON header,
// the header ({"name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [a,
// b]}, "__metadata__": {...}}), and the data that the offsets count from.
//
//===----------------------------------------------------------------------===//
#ifndef RUNG_PIPELINES_SAFETENSORS_H
#define RUNG_PIPELINES_SAFETENSORS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>
#include <vector>

namespace rung {

/// The tensors of some files, mapped, not read. Valid while this object lives.
class SafeTensors {
public:
  struct Tensor {
    /// As in the file: "F32", "F16", "BF16", "U8", "I32", ....
    std::string dtype;
    std::vector<int64_t> shape;
    llvm::ArrayRef<uint8_t> bytes;
    /// For messages.
    std::string file;
  };

  /// Adds a file. Every header field is checked against the file's length; the
  /// error names the file, the tensor, what was found and what was expected. A
  /// name that another file has is an error, too.
  llvm::Error add(llvm::StringRef path);

  /// Null if no file has it.
  const Tensor *find(llvm::StringRef name) const;

  /// The names of the files, for messages.
  const std::vector<std::string> &files() const { return paths; }

private:
  llvm::StringMap<Tensor> tensors;
  std::vector<std::unique_ptr<llvm::MemoryBuffer>> buffers;
  std::vector<std::string> paths;
};

/// "[2, 3]".
std::string shapeText(llvm::ArrayRef<int64_t> shape);

} // namespace rung

#endif // RUNG_PIPELINES_SAFETENSORS_H
