//===- BundleWriter.h - Writes a bundle -------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_BUNDLEWRITER_H
#define RUNG_RUNTIME_BUNDLEWRITER_H

#include "rung/Runtime/AtomicFile.h"
#include "rung/Runtime/BundleFormat.h"

#include <string>
#include <vector>

namespace rung {

/// Writes a bundle section by section; nothing of a large section has to be in
/// memory at once. The file appears under its name when finish() succeeds, else
/// not at all. The same calls give the same bytes. No exceptions are thrown.
///
///   BundleWriter writer("model.rung");
///   uint32_t code = writer.append(SectionKind::Code, elf.data(), elf.size());
///   writer.begin(SectionKind::Weights);
///   uint64_t first = writer.write(data, bytes, kConstantAlignment);
///   uint64_t second;
///   if (char *memory = writer.map(bytes2, kConstantAlignment, second))
///     pack(into memory);
///   if (!writer.finish(manifest))
///     report(writer.error());
///
/// After an error every call does nothing, map() returns null, and finish()
/// returns false.
class BundleWriter {
public:
  explicit BundleWriter(std::string path);
  ~BundleWriter();

  /// Starts a section and returns its index, which the manifest may name. The
  /// section before it ends. There is at most one Weights section; the Manifest
  /// is finish()'s.
  uint32_t begin(SectionKind kind);

  /// Appends to the section that was begun, after zeros up to a multiple of
  /// `alignment` (a power of two, at most kBundlePage), and returns the offset
  /// of the data in that section.
  uint64_t write(const void *data, uint64_t bytes, uint64_t alignment = 1);

  /// Appends zeros as write() does and maps them, to be filled in place, by
  /// several threads if need be. Valid until finish(). `offset` is what write()
  /// would have returned.
  char *map(uint64_t bytes, uint64_t alignment, uint64_t &offset);

  /// A whole section at once.
  uint32_t append(SectionKind kind, const void *data, uint64_t bytes);

  /// Appends the manifest, computes the checksums, and names the file.
  bool finish(const std::string &manifest);

  const std::string &error() const;

private:
  bool failed() const { return !error().empty(); }
  bool fail(const std::string &message);
  bool advance(uint64_t bytes, uint64_t alignment, uint64_t &start);
  void end();
  void unmapAll();
  uint64_t endOf(const BundleSection &section) const;

  struct Mapping {
    void *start;
    uint64_t bytes;
  };

  AtomicFile file_;
  std::string error_;
  BundleHeader header_;
  std::vector<Mapping> mappings_;
  uint64_t cursor_ = kBundlePage;
  bool open_ = false;
};

} // namespace rung

#endif // RUNG_RUNTIME_BUNDLEWRITER_H
