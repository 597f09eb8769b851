//===- BundleReader.h - Maps and checks a bundle ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_BUNDLEREADER_H
#define RUNG_RUNTIME_BUNDLEREADER_H

#include "rung/Runtime/BundleFormat.h"
#include "rung/Runtime/Manifest.h"

#include <memory>
#include <string>

namespace rung {

/// A bundle file in memory: mapped, every byte checked, its manifest read. No
/// code of it has run. The file must not be changed in place while it is
/// mapped; replacing it by another (as BundleWriter does) is fine.
class BundleReader {
public:
  struct Bytes {
    const char *data = nullptr;
    uint64_t size = 0;
  };

  /// Null on failure; the error then names the file, what was found, and what
  /// was expected.
  static std::unique_ptr<BundleReader> open(const std::string &path,
                                            std::string &error);
  ~BundleReader();
  BundleReader(const BundleReader &) = delete;
  BundleReader &operator=(const BundleReader &) = delete;

  const std::string &path() const { return path_; }
  const Manifest &manifest() const { return manifest_; }

  /// The ELF file of the host's part of a binary of the manifest.
  Bytes code(const Binary &binary) const;
  /// The kernels of a binary of the manifest.
  Bytes code(const DeviceCode &code) const;
  /// A constant or asset of the manifest, in the mapped file.
  Bytes constant(const Constant &constant) const;

private:
  BundleReader() = default;
  std::string map();
  std::string check();
  std::string readManifest();
  const BundleHeader &header() const;
  Bytes section(uint32_t index) const;
  uint64_t extentOf(uint32_t index) const;

  std::string path_;
  const char *data_ = nullptr;
  uint64_t size_ = 0;
  uint32_t weights_ = kMaxSections;
  Manifest manifest_;
};

} // namespace rung

#endif // RUNG_RUNTIME_BUNDLEREADER_H
