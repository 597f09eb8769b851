//===- BundleFormat.h - Bytes of a bundle file ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle is one header page followed by sections, each from one page boundary
// to the next. docs/bundles.md describes it. Integers are little endian.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_BUNDLEFORMAT_H
#define RUNG_RUNTIME_BUNDLEFORMAT_H

#include <cstdint>

namespace rung {

/// First bytes of a bundle. A first byte that is no text and both kinds of line
/// end show damage done by a transfer as text.
inline constexpr unsigned char kBundleMagic[8] = {0x8b, 'r',  'u',  'n',
                                                  'g',  '\r', '\n', 0x1a};

/// Changes with the file format, the manifest and EntryABI.h.
inline constexpr uint32_t kBundleVersion = 2;

/// Sections begin at multiples of this many bytes; the header is one of them.
inline constexpr uint64_t kBundlePage = 4096;

/// Alignment of a constant inside the weights section.
inline constexpr uint64_t kConstantAlignment = 64;

/// A checksum covers pieces of this many bytes, so that they can be computed
/// side by side (see Checksum.h).
inline constexpr uint64_t kChecksumPiece = uint64_t(8) << 20;

enum class SectionKind : uint32_t {
  /// The manifest, JSON text in UTF-8. Exactly one.
  Manifest = 1,
  /// Code for one target, of the host or of a device. Any number.
  Code = 2,
  /// Constants. At most one.
  Weights = 3,
};

/// One row of the section table.
struct BundleSection {
  uint32_t kind;
  uint32_t reserved; // 0
  uint64_t offset;   // in the file; a multiple of kBundlePage
  uint64_t bytes;    // without the zeros up to the next page
  uint64_t checksum; // of the section and the zeros after it
};
static_assert(sizeof(BundleSection) == 32);

inline constexpr uint32_t kMaxSections = 126;

/// The first page of the file; rows behind sectionCount are zero.
struct BundleHeader {
  unsigned char magic[8];
  uint32_t version;
  uint32_t sectionCount;
  uint64_t fileBytes;
  uint64_t checksum; // of this page with this field 0
  uint64_t reserved[4];
  BundleSection sections[kMaxSections];
};
static_assert(sizeof(BundleHeader) == kBundlePage);

} // namespace rung

#endif // RUNG_RUNTIME_BUNDLEFORMAT_H
