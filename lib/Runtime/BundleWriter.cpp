//===- BundleWriter.cpp - Writes a bundle -----------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/BundleWriter.h"

#include "Checksum.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

using namespace rung;

static uint64_t alignTo(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

BundleWriter::BundleWriter(std::string path) : file_(std::move(path)) {
  std::memset(&header_, 0, sizeof(header_));
  std::memcpy(header_.magic, kBundleMagic, sizeof(kBundleMagic));
  header_.version = kBundleVersion;
}

BundleWriter::~BundleWriter() { unmapAll(); }

const std::string &BundleWriter::error() const {
  return error_.empty() ? file_.error() : error_;
}

bool BundleWriter::fail(const std::string &message) {
  if (!failed())
    error_ = "cannot write '" + file_.path() + "': " + message;
  return false;
}

void BundleWriter::end() {
  if (!open_)
    return;
  BundleSection &section = header_.sections[header_.sectionCount - 1];
  section.bytes = cursor_ - section.offset;
  cursor_ = alignTo(cursor_, kBundlePage);
  open_ = false;
}

uint32_t BundleWriter::begin(SectionKind kind) {
  end();
  if (failed())
    return 0;
  if (header_.sectionCount == kMaxSections) {
    fail("a bundle has at most " + std::to_string(kMaxSections) + " sections");
    return 0;
  }
  for (uint32_t i = 0; i < header_.sectionCount; ++i)
    if (kind == SectionKind::Weights &&
        header_.sections[i].kind == static_cast<uint32_t>(kind))
      fail("a bundle has at most one section of weights");
  BundleSection &section = header_.sections[header_.sectionCount];
  section.kind = static_cast<uint32_t>(kind);
  section.offset = cursor_;
  open_ = true;
  return header_.sectionCount++;
}

/// Moves the cursor behind `bytes` bytes at the next multiple of `alignment`.
bool BundleWriter::advance(uint64_t bytes, uint64_t alignment,
                           uint64_t &start) {
  if (failed())
    return false;
  if (!open_)
    return fail("no section was begun");
  if (alignment == 0 || (alignment & (alignment - 1)) ||
      alignment > kBundlePage)
    return fail("alignment " + std::to_string(alignment) +
                " is no power of two up to " + std::to_string(kBundlePage));
  start = alignTo(cursor_, alignment);
  if (bytes > uint64_t(INT64_MAX) - kBundlePage - start)
    return fail("a section of " + std::to_string(bytes) +
                " bytes is too large");
  cursor_ = start + bytes;
  return true;
}

uint64_t BundleWriter::write(const void *data, uint64_t bytes,
                             uint64_t alignment) {
  uint64_t start = 0;
  if (!advance(bytes, alignment, start) || !file_.write(start, data, bytes))
    return 0;
  return start - header_.sections[header_.sectionCount - 1].offset;
}

char *BundleWriter::map(uint64_t bytes, uint64_t alignment, uint64_t &offset) {
  uint64_t start = 0;
  if (!advance(bytes, alignment, start) ||
      !file_.resize(alignTo(cursor_, kBundlePage)))
    return nullptr;
  offset = start - header_.sections[header_.sectionCount - 1].offset;
  uint64_t inPage = start % kBundlePage;
  // A piece of no bytes has an address, too.
  uint64_t length = inPage + (bytes ? bytes : 1);
  if (start - inPage + length > alignTo(cursor_, kBundlePage) &&
      !file_.resize(start - inPage + kBundlePage))
    return nullptr;
  void *memory = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED,
                      file_.descriptor(), static_cast<off_t>(start - inPage));
  if (memory == MAP_FAILED) {
    fail(std::string("mmap: ") + std::strerror(errno));
    return nullptr;
  }
  mappings_.push_back({memory, length});
  return static_cast<char *>(memory) + inPage;
}

uint32_t BundleWriter::append(SectionKind kind, const void *data,
                              uint64_t bytes) {
  uint32_t index = begin(kind);
  write(data, bytes);
  end();
  return index;
}

void BundleWriter::unmapAll() {
  for (Mapping &mapping : mappings_)
    munmap(mapping.start, mapping.bytes);
  mappings_.clear();
}

/// Where the zeros after a section end.
uint64_t BundleWriter::endOf(const BundleSection &section) const {
  return alignTo(section.offset + section.bytes, kBundlePage);
}

bool BundleWriter::finish(const std::string &manifest) {
  append(SectionKind::Manifest, manifest.data(), manifest.size());
  unmapAll();
  if (failed() || !file_.resize(cursor_))
    return false;
  header_.fileBytes = cursor_;
  void *content =
      mmap(nullptr, cursor_, PROT_READ, MAP_SHARED, file_.descriptor(), 0);
  if (content == MAP_FAILED)
    return fail(std::string("mmap: ") + std::strerror(errno));
  for (uint32_t i = 0; i < header_.sectionCount; ++i) {
    BundleSection &section = header_.sections[i];
    section.checksum =
        checksumOf(static_cast<const char *>(content) + section.offset,
                   endOf(section) - section.offset);
  }
  munmap(content, cursor_);
  header_.checksum = checksumOf(header_);
  return file_.write(0, &header_, sizeof(header_)) && file_.commit();
}
