//===- BundleReader.cpp - Maps and checks a bundle --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/BundleReader.h"

#include "Checksum.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace rung;

static std::string decimal(uint64_t value) { return std::to_string(value); }

std::unique_ptr<BundleReader> BundleReader::open(const std::string &path,
                                                 std::string &error) {
  std::unique_ptr<BundleReader> reader(new BundleReader);
  reader->path_ = path;
  std::string problem = reader->map();
  if (problem.empty())
    problem = reader->check();
  if (problem.empty())
    problem = reader->readManifest();
  if (problem.empty())
    return reader;
  error = "'" + path + "': " + problem;
  return nullptr;
}

BundleReader::~BundleReader() {
  if (data_)
    munmap(const_cast<char *>(data_), size_);
}

std::string BundleReader::map() {
  int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return std::string("cannot open: ") + std::strerror(errno);
  struct stat status;
  std::string problem;
  if (fstat(file, &status) != 0)
    problem = std::string("cannot read: ") + std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    problem = "not a bundle: no regular file";
  else if (status.st_size == 0)
    problem = "not a bundle: the file is empty";
  else {
    size_ = static_cast<uint64_t>(status.st_size);
    void *memory = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED)
      problem = std::string("cannot map: ") + std::strerror(errno);
    else
      data_ = static_cast<const char *>(memory);
  }
  close(file);
  return problem;
}

const BundleHeader &BundleReader::header() const {
  return *reinterpret_cast<const BundleHeader *>(data_);
}

BundleReader::Bytes BundleReader::section(uint32_t index) const {
  const BundleSection &section = header().sections[index];
  return {data_ + section.offset, section.bytes};
}

/// A section with the zeros after it.
uint64_t BundleReader::extentOf(uint32_t index) const {
  uint64_t bytes = header().sections[index].bytes;
  return (bytes + kBundlePage - 1) & ~(kBundlePage - 1);
}

/// Refuses all but what BundleWriter writes, from the outside in: nothing is
/// used before the checksum that covers it has been compared.
std::string BundleReader::check() {
  if (size_ < sizeof(kBundleMagic) ||
      std::memcmp(data_, kBundleMagic, sizeof(kBundleMagic)) != 0)
    return "not a bundle: it does not begin as one; expected a file that "
           "rung-compile --emit=bundle made";
  if (size_ >= offsetof(BundleHeader, sectionCount) &&
      header().version != kBundleVersion)
    return "bundle version " + decimal(header().version) +
           ", expected version " + decimal(kBundleVersion) +
           "; compile it again with this rung";
  if (size_ < sizeof(BundleHeader))
    return "truncated: " + decimal(size_) + " bytes, expected at least " +
           decimal(sizeof(BundleHeader));
  if (checksumOf(header()) != header().checksum)
    return "corrupt: the header does not match its checksum";
  if (size_ != header().fileBytes)
    return std::string(size_ < header().fileBytes ? "truncated: "
                                                  : "corrupt: ") +
           decimal(size_) + " bytes, expected " + decimal(header().fileBytes);

  if (header().sectionCount > kMaxSections)
    return "corrupt: " + decimal(header().sectionCount) +
           " sections, expected at most " + decimal(kMaxSections);
  // The sections fill the file without a gap, so that every byte is covered.
  uint64_t end = kBundlePage;
  for (uint32_t i = 0; i < header().sectionCount; ++i) {
    const BundleSection &section = header().sections[i];
    if (section.offset != end || section.bytes > size_ ||
        extentOf(i) > size_ - end)
      return "corrupt: section " + decimal(i) + " is at " +
             decimal(section.offset) + " with " + decimal(section.bytes) +
             " bytes, expected one at " + decimal(end);
    end += extentOf(i);
  }
  if (end != size_)
    return "corrupt: the sections end at " + decimal(end) + ", expected " +
           decimal(size_);
  // Everything is read now: have the kernel read ahead.
  madvise(const_cast<char *>(data_), size_, MADV_WILLNEED);
  for (uint32_t i = 0; i < header().sectionCount; ++i)
    if (checksumOf(section(i).data, extentOf(i)) !=
        header().sections[i].checksum)
      return "corrupt: section " + decimal(i) + " of " + decimal(extentOf(i)) +
             " bytes at " + decimal(header().sections[i].offset) +
             " does not match its checksum";
  return "";
}

std::string BundleReader::readManifest() {
  uint32_t manifests = 0, weights = 0, manifest = 0;
  for (uint32_t i = 0; i < header().sectionCount; ++i) {
    switch (static_cast<SectionKind>(header().sections[i].kind)) {
    case SectionKind::Manifest:
      ++manifests;
      manifest = i;
      break;
    case SectionKind::Weights:
      ++weights;
      weights_ = i;
      break;
    case SectionKind::Code:
      break;
    default:
      return "corrupt: section " + decimal(i) + " is of kind " +
             decimal(header().sections[i].kind);
    }
  }
  if (manifests != 1 || weights > 1)
    return "corrupt: " + decimal(manifests) + " manifests and " +
           decimal(weights) + " sections of weights, expected 1 and at most 1";

  std::string problem;
  Bytes text = section(manifest);
  std::optional<Manifest> parsed = parseManifest(text.data, text.size, problem);
  if (!parsed)
    return problem;
  manifest_ = std::move(*parsed);

  for (const Binary &binary : manifest_.binaries) {
    std::vector<uint32_t> sections = {binary.section};
    for (const DeviceCode &code : binary.device)
      sections.push_back(code.section);
    for (uint32_t index : sections)
      if (index >= header().sectionCount ||
          header().sections[index].kind !=
              static_cast<uint32_t>(SectionKind::Code))
        return "manifest: the binary for " + binary.target + " is section " +
               decimal(index) + ", which is no code";
  }
  uint64_t available = weights ? section(weights_).size : 0;
  for (const auto *list : {&manifest_.constants, &manifest_.assets})
    for (const Constant &constant : *list)
      if (constant.offset % kConstantAlignment || constant.offset > available ||
          constant.bytes > available - constant.offset)
        return "manifest: constant '" + constant.name + "' is at " +
               decimal(constant.offset) + " with " + decimal(constant.bytes) +
               " bytes, expected a multiple of " + decimal(kConstantAlignment) +
               " within " + decimal(available) + " bytes of weights";
  return "";
}

BundleReader::Bytes BundleReader::code(const Binary &binary) const {
  return section(binary.section);
}

BundleReader::Bytes BundleReader::code(const DeviceCode &code) const {
  return section(code.section);
}

BundleReader::Bytes BundleReader::constant(const Constant &constant) const {
  if (weights_ == kMaxSections) // only constants of 0 bytes are without
    return {data_, 0};
  return {section(weights_).data + constant.offset, constant.bytes};
}
