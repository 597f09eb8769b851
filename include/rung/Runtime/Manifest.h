//===- Manifest.h - What a bundle says about itself -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_MANIFEST_H
#define RUNG_RUNTIME_MANIFEST_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rung {

/// A size, or the name of one that each call chooses.
struct Dimension {
  int64_t size = -1;
  std::string name; // not empty iff the size is dynamic
  bool isDynamic() const { return !name.empty(); }
};

using Shape = std::vector<Dimension>;

/// "[M, 4096]".
std::string toString(const Shape &shape);

enum class ArgumentKind { Input, InOut, Output };

/// An element type that arrays of the user have, by numpy's name.
struct ElementType {
  const char *name;
  char kind; // 'f', 'i', 'u', as in numpy.dtype.kind
  uint32_t bytes;
};

/// Null when there is none of that name.
const ElementType *findElementType(const std::string &name);

struct Argument {
  std::string name;
  ArgumentKind kind = ArgumentKind::Input;
  /// The number format as MLIR spells it, and its width.
  std::string format;
  uint32_t bits = 0;
  const ElementType *type = nullptr;
  Shape shape;
  /// The shape of the user's array. For a format narrower than a byte the last
  /// size is ceil(size * bits / 8); a single code (rank 0) may be stored as
  /// [1].
  Shape storage;
  /// Codes 0 … codes-1 are valid; 0 means all are.
  uint64_t codes = 0;

  /// Codes lie side by side in bytes, rows padded to whole bytes.
  bool isSubByte() const { return bits < 8; }
};

struct Entry {
  std::string name;
  std::vector<Argument> arguments; // outputs last
};

struct Constant {
  std::string name;
  uint64_t offset = 0, bytes = 0; // in the weights section
};

/// How a binary takes a weight: in an order of its own.
struct Packing {
  std::string function; // that brings canonical storage into that order
  uint64_t bytes = 0;   // of the result
};

/// The kernels of a binary in one form.
struct DeviceCode {
  std::string kind; // "cubin", "ptx" or "sim"
  uint32_t section = 0;
};

struct Binary {
  std::string target; // "cpu:znver4", "cuda:sm_90a"
  /// Of the machine that runs the host's code.
  std::vector<std::string> features;
  uint32_t section = 0; // the host's code
  /// What the context's `constants` are: indices into Manifest::constants.
  std::vector<uint32_t> constants;
  /// By the indices of entry and argument.
  std::map<std::pair<size_t, size_t>, Packing> packed;
  /// Names of the kernels, by the numbers that the host's code launches them
  /// with, and their code in all forms there are; empty for a CPU.
  std::vector<std::string> kernels;
  std::vector<DeviceCode> device;

  /// Null for an argument that is taken as it is.
  const Packing *packing(size_t entry, size_t argument) const;
};

struct Manifest {
  std::string producer;
  std::vector<Constant> constants;
  /// Bytes that the bundle carries for its user, such as a tokenizer; they lie
  /// among the constants.
  std::vector<Constant> assets;
  std::vector<Binary> binaries;
  std::vector<Entry> entries;
};

/// Reads and checks a manifest. On failure the error says where, what was
/// found and what was expected. Offsets and section indices are checked by the
/// reader of the bundle, who knows the sections.
std::optional<Manifest> parseManifest(const char *text, uint64_t bytes,
                                      std::string &error);

} // namespace rung

#endif // RUNG_RUNTIME_MANIFEST_H
