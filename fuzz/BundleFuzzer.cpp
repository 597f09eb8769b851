//===- BundleFuzzer.cpp - rung_bundle_open on any bytes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A bundle is opened and asked everything that can be asked before its code is
// loaded. Every byte of a bundle is under a checksum, so most mutations are
// sealed again: else nothing behind the checksums would be reached.
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Checksum.h"
#include "MemoryFile.h"
#include "Require.h"
#include "TextMutator.h"
#include "rung/Runtime/BundleReader.h"

#include <algorithm>
#include <cstring>

using namespace rung;
using fuzz::require;

//===----------------------------------------------------------------------===//
// What is asked
//===----------------------------------------------------------------------===//

/// The text of an error, which is freed; a failed call has one.
static std::string takeError(int failed, char *error) {
  require((failed != 0) == (error != nullptr), "an error has a text");
  std::string text = error ? error : "";
  rung_string_free(error);
  return text;
}

/// A size for every dynamic dimension.
static std::vector<int64_t> sizesOf(const Shape &storage, int64_t dynamic) {
  std::vector<int64_t> sizes;
  for (const Dimension &dimension : storage)
    sizes.push_back(dimension.isDynamic() ? dynamic : dimension.size);
  return sizes;
}

/// What a call does with its tensors before the entry runs.
static void checkTensors(const Entry &entry, std::vector<rung_tensor> tensors) {
  Arguments arguments(entry);
  if (!arguments.bind(tensors.data()).empty())
    return;
  // Data for what is small, in one block, so that some of it overlaps.
  constexpr uint64_t most = 1 << 12;
  alignas(64) static uint8_t block[2 * most];
  std::vector<std::vector<int64_t>> outputs(tensors.size());
  for (size_t i = 0; i != tensors.size(); ++i) {
    const Argument &argument = entry.arguments[i];
    if (argument.kind == ArgumentKind::Output) {
      outputs[i] = arguments.outputSizes(argument);
      tensors[i].sizes = outputs[i].data();
      tensors[i].rank = static_cast<uint32_t>(outputs[i].size());
      if (!arguments.checkOutput(argument, tensors[i]).empty())
        return;
    }
    uint64_t bytes = bytesOf(argument, tensors[i]);
    tensors[i].data = bytes <= most ? block + 64 * (i % 8) : nullptr;
    if (!arguments.checkData(argument, tensors[i]).empty())
      return;
  }
  (void)arguments.checkOverlap(tensors.data());
}

static void askEntry(rung_bundle *bundle, const Entry &entry, size_t index) {
  for (int64_t dynamic : {int64_t(3), INT64_MAX / 2}) {
    std::vector<std::vector<int64_t>> sizes;
    std::vector<rung_tensor> tensors;
    for (const Argument &argument : entry.arguments) {
      sizes.push_back(sizesOf(argument.storage, dynamic));
      tensors.push_back({nullptr, static_cast<uint32_t>(sizes.back().size()),
                         sizes.back().data(), nullptr, RUNG_HOST});
    }
    size_t inputs = Arguments::inputCount(entry);
    for (size_t i = 0; i <= entry.arguments.size(); ++i) {
      std::vector<int64_t> found(
          i < entry.arguments.size() ? entry.arguments[i].storage.size() : 0);
      char *error = nullptr;
      int failed = rung_output_sizes(bundle, index, tensors.data(), inputs, i,
                                     found.data(), &error);
      takeError(failed, error);
      rung_packed *packed = nullptr;
      error = nullptr;
      failed = rung_pack(bundle, index, i, tensors.data(), &packed, &error);
      require(failed && !takeError(failed, error).empty(),
              "code that was not loaded does not run");
    }
    char *error = nullptr;
    int failed =
        rung_call(bundle, index, tensors.data(), tensors.size(), &error);
    require(failed && !takeError(failed, error).empty(),
            "code that was not loaded does not run");
    checkTensors(entry, std::move(tensors));
  }
}

static void touch(const void *data, uint64_t bytes) {
  const auto *at = static_cast<const uint8_t *>(data);
  volatile uint8_t sum = 0;
  for (uint64_t i = 0; i != bytes; ++i)
    sum = sum ^ at[i];
}

static void ask(rung_bundle *bundle, const Manifest &manifest) {
  require(rung_bundle_producer(bundle) == manifest.producer, "same producer");
  for (size_t i = 0, e = rung_bundle_target_count(bundle); i != e; ++i)
    require(manifest.binaries[i].target == rung_bundle_target(bundle, i),
            "same targets");
  for (const Constant &asset : manifest.assets) {
    const void *data = nullptr;
    uint64_t bytes = 0;
    char *error = nullptr;
    int failed =
        rung_bundle_asset(bundle, asset.name.c_str(), &data, &bytes, &error);
    require(takeError(failed, error).empty(), "an asset of the manifest");
    touch(data, bytes);
  }
  require(rung_bundle_entry_count(bundle) == manifest.entries.size() &&
              !rung_bundle_entry(bundle, manifest.entries.size()),
          "as many entries as the manifest has");
  for (size_t i = 0; i != manifest.entries.size(); ++i) {
    const Entry &entry = manifest.entries[i];
    const rung_entry_info *info = rung_bundle_entry(bundle, i);
    require(info && info->name == entry.name &&
                info->argument_count == entry.arguments.size(),
            "the entry of the manifest");
    for (size_t j = 0; j != info->argument_count; ++j) {
      const rung_argument &argument = info->arguments[j];
      require(argument.name == entry.arguments[j].name &&
                  argument.rank == entry.arguments[j].shape.size() &&
                  argument.element_bytes == (argument.bits + 7) / 8,
              "the argument of the manifest");
      for (uint32_t k = 0; k != argument.rank; ++k)
        require((argument.shape[k].size > 0) == !argument.shape[k].name,
                "a size or the name of one");
    }
    size_t index = 0;
    char *error = nullptr;
    int failed = rung_bundle_find_entry(bundle, info->name, &index, &error);
    require(takeError(failed, error).empty() && index == i,
            "an entry is found by its name");
    askEntry(bundle, entry, i);
  }
  // Never "cpu": that would load the code.
  char *error = nullptr;
  int failed = rung_bundle_load(bundle, "cuda:0", &error);
  require(failed && !takeError(failed, error).empty() &&
              !rung_bundle_loaded_target(bundle),
          "no code for cuda is loaded");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::MemoryFile file(data, size);
  rung_bundle *bundle = nullptr;
  char *message = nullptr;
  int failed = rung_bundle_open(file.path().c_str(), &bundle, &message);
  std::string text = takeError(failed, message);
  std::string error;
  std::unique_ptr<BundleReader> reader = BundleReader::open(file.path(), error);
  require(text == error && (reader != nullptr) == !failed,
          "both interfaces see the same");
  if (failed)
    return 0;
  const Manifest &manifest = reader->manifest();
  for (const auto *list : {&manifest.constants, &manifest.assets})
    for (const Constant &constant : *list)
      touch(reader->constant(constant).data, reader->constant(constant).size);
  for (const Binary &binary : manifest.binaries) {
    touch(reader->code(binary).data, reader->code(binary).size);
    for (const DeviceCode &code : binary.device)
      touch(reader->code(code).data, reader->code(code).size);
  }
  ask(bundle, manifest);
  rung_bundle_close(bundle);
  return 0;
}

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {

/// The parts of a bundle, however damaged.
struct Parts {
  BundleHeader header;
  std::vector<std::string> sections;

  static bool read(const uint8_t *data, size_t size, Parts &parts) {
    if (size < sizeof(BundleHeader))
      return false;
    std::memcpy(&parts.header, data, sizeof(BundleHeader));
    if (parts.header.sectionCount > kMaxSections)
      return false;
    for (uint32_t i = 0; i != parts.header.sectionCount; ++i) {
      const BundleSection &section = parts.header.sections[i];
      if (section.offset > size || section.bytes > size - section.offset)
        return false;
      const auto *begin = reinterpret_cast<const char *>(data);
      parts.sections.emplace_back(begin + section.offset, section.bytes);
    }
    return true;
  }

  /// A file whose sections lie where they belong, under their checksums.
  std::string write() {
    std::string bytes(kBundlePage, '\0');
    for (size_t i = 0; i != sections.size(); ++i) {
      BundleSection &section = header.sections[i];
      section.offset = bytes.size();
      section.bytes = sections[i].size();
      bytes += sections[i];
      bytes.resize((bytes.size() + kBundlePage - 1) & ~(kBundlePage - 1));
      section.checksum = checksumOf(bytes.data() + section.offset,
                                    bytes.size() - section.offset);
    }
    header.fileBytes = bytes.size();
    seal();
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
  }

  void seal() { header.checksum = checksumOf(header); }
};

} // namespace

static std::string mutateBytes(std::string bytes) {
  size_t size = bytes.size();
  bytes.resize(2 * size + 64);
  bytes.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t *>(bytes.data()), size,
                                bytes.size()));
  return bytes;
}

/// What a manifest may say.
static const fuzz::TextMutator &manifestMutator() {
  static const fuzz::TextMutator mutator({"\"name\"",    "\"kind\"",
                                          "\"input\"",   "\"inout\"",
                                          "\"output\"",  "\"format\"",
                                          "\"bits\"",    "\"dtype\"",
                                          "\"shape\"",   "\"storage_shape\"",
                                          "\"codes\"",   "\"packed\"",
                                          "\"entry\"",   "\"bytes\"",
                                          "\"offset\"",  "\"section\"",
                                          "\"target\"",  "\"features\"",
                                          "\"kernels\"", "\"device\"",
                                          "\"float16\"", "\"uint8\"",
                                          "\"int64\"",   "\"float64\"",
                                          "\"M\"",       "\"\"",
                                          "\"\\u0000\"", "null",
                                          "true",        "1e3",
                                          "-0",          "18446744073709551616",
                                          "{}",          "[]"});
  return mutator;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  Parts parts;
  unsigned choice = seed % 16;
  seed /= 16;
  if (choice == 0 || !Parts::read(data, size, parts) || parts.sections.empty())
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string bytes;
  if (choice < 4) {
    // The header alone, with its checksum: the sections stay where they are.
    auto *table = reinterpret_cast<uint8_t *>(&parts.header);
    constexpr size_t used =
        offsetof(BundleHeader, sections) + 4 * sizeof(BundleSection);
    LLVMFuzzerMutate(table, used, used);
    parts.seal();
    bytes.assign(reinterpret_cast<const char *>(data), size);
    std::memcpy(bytes.data(), &parts.header, sizeof(parts.header));
  } else {
    size_t index = seed % parts.sections.size();
    for (size_t i = 0; choice > 5 && i != parts.sections.size(); ++i)
      if (parts.header.sections[i].kind ==
          static_cast<uint32_t>(SectionKind::Manifest))
        index = i;
    std::string &section = parts.sections[index];
    section = choice < 9 ? mutateBytes(section)
                         : manifestMutator().mutate(section, seed);
    bytes = parts.write();
  }
  if (bytes.size() > maxSize)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::memcpy(data, bytes.data(), bytes.size());
  return bytes.size();
}
