//===- CAPI.cpp - C interface to bundles ------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "CallContext.h"
#include "LoadedBinary.h"

#include <atomic>
#include <cstring>
#include <deque>
#include <sys/mman.h>

using namespace rung;

namespace {

/// A memref descriptor of any rank, as EntryABI.h lays it out.
class Descriptor {
public:
  Descriptor(void *data, const int64_t *sizes, uint32_t rank)
      : words_(3 + 2 * size_t(rank)) {
    words_[0] = words_[1] = reinterpret_cast<intptr_t>(data);
    int64_t stride = 1;
    for (uint32_t i = rank; i-- > 0; stride *= sizes[i]) {
      words_[3 + i] = sizes[i];
      words_[3 + rank + i] = stride;
    }
  }
  void *get() { return words_.data(); }

private:
  std::vector<int64_t> words_;
};

} // namespace

struct rung_packed {
  uint64_t bundle; // number of the bundle that it serves
  Packing packing;
  void *data;
};

struct rung_bundle {
  explicit rung_bundle(std::unique_ptr<BundleReader> reader);

  std::string load(const std::string &device);
  /// Shows the sizes of this binary's packed weights.
  void showPacked(const Binary &of);
  std::string pack(const Packing &packing, const rung_tensor &tensor,
                   void *memory);
  std::string call(size_t entry, const rung_tensor *tensors);
  /// How the loaded binary takes an argument; null if as it is.
  const Packing *packing(size_t entry, size_t argument) const {
    return binary->binary().packing(entry, argument);
  }
  const Entry &entry(size_t index) const {
    return reader->manifest().entries[index];
  }

  std::unique_ptr<BundleReader> reader;
  uint64_t number;
  std::vector<const void *> constants;
  std::unique_ptr<LoadedBinary> binary;
  CallContext context;
  bool threadsChosen = false;
  mutable std::mutex mutex;

  // What the C interface shows of the manifest.
  std::deque<std::vector<rung_dimension>> shapes;
  std::deque<std::vector<rung_argument>> arguments;
  std::vector<rung_entry_info> entries;
};

static std::vector<rung_dimension> describe(const Shape &shape) {
  std::vector<rung_dimension> dimensions;
  for (const Dimension &dimension : shape)
    dimensions.push_back({dimension.size, dimension.isDynamic()
                                              ? dimension.name.c_str()
                                              : nullptr});
  return dimensions;
}

rung_bundle::rung_bundle(std::unique_ptr<BundleReader> opened)
    : reader(std::move(opened)) {
  static std::atomic<uint64_t> count{0};
  number = count.fetch_add(1);
  const Manifest &manifest = reader->manifest();
  for (const Entry &entry : manifest.entries) {
    std::vector<rung_argument> list;
    for (const Argument &argument : entry.arguments) {
      shapes.push_back(describe(argument.shape));
      const rung_dimension *shape = shapes.back().data();
      shapes.push_back(describe(argument.storage));
      list.push_back({argument.name.c_str(),
                      static_cast<rung_argument_kind>(argument.kind),
                      argument.format.c_str(), argument.bits,
                      argument.type->name, argument.type->bytes,
                      static_cast<uint32_t>(argument.shape.size()), shape,
                      static_cast<uint32_t>(argument.storage.size()),
                      shapes.back().data(), argument.codes, 0});
    }
    arguments.push_back(std::move(list));
    entries.push_back(
        {entry.name.c_str(), arguments.back().size(), arguments.back().data()});
  }
  if (!manifest.binaries.empty())
    showPacked(manifest.binaries.front());
}

void rung_bundle::showPacked(const Binary &of) {
  for (size_t i = 0; i < arguments.size(); ++i)
    for (size_t j = 0; j < arguments[i].size(); ++j) {
      const Packing *packing = of.packing(i, j);
      arguments[i][j].packed_bytes = packing ? packing->bytes : 0;
    }
}

std::string rung_bundle::load(const std::string &device) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string error;
  unsigned threads = defaultThreads(error);
  if (error.empty() && !binary) {
    binary = LoadedBinary::load(*reader, device, error);
    if (!binary)
      return error;
    const Binary &loaded = binary->binary();
    for (uint32_t index : loaded.constants)
      constants.push_back(
          reader->constant(reader->manifest().constants[index]).data);
    context.setConstants(constants.data());
    showPacked(loaded);
    if (!threadsChosen)
      context.setThreads(threads);
  } else if (error.empty() && device != "cpu") {
    error = "'" + reader->path() + "': loaded for cpu already, not for '" +
            device + "'";
  }
  return error;
}

/// Runs a pack function; the lock is held.
std::string rung_bundle::pack(const Packing &packing, const rung_tensor &tensor,
                              void *memory) {
  int64_t bytes = static_cast<int64_t>(packing.bytes);
  Descriptor from(tensor.data, tensor.sizes, tensor.rank);
  Descriptor to(memory, &bytes, 1);
  void *descriptors[] = {from.get(), to.get()};
  return context.call(binary->function(packing.function), descriptors);
}

static uint64_t alignedSize(uint64_t bytes) {
  return (bytes + Workspace::kAlignment - 1) & ~(Workspace::kAlignment - 1);
}

namespace {
struct Free {
  void operator()(void *memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, Free>;
} // namespace

/// Weights are read from end to end: in huge pages that costs few address
/// translations.
static Memory allocatePacked(uint64_t bytes, std::string &error) {
  constexpr uint64_t hugePage = 2 << 20;
  bool isLarge = bytes >= hugePage;
  Memory memory(std::aligned_alloc(isLarge ? hugePage : Workspace::kAlignment,
                                   alignedSize(bytes)));
  if (memory && isLarge) // a hint: without huge pages it works as well
    madvise(memory.get(), bytes, MADV_HUGEPAGE);
  if (!memory)
    error =
        "out of memory: a packed weight of " + std::to_string(bytes) + " bytes";
  return memory;
}

/// The tensors were checked.
std::string rung_bundle::call(size_t index, const rung_tensor *tensors) {
  const Entry &entry = this->entry(index);
  std::lock_guard<std::mutex> lock(mutex);
  std::vector<Memory> temporaries;
  std::vector<Descriptor> storage;
  std::vector<void *> descriptors;
  storage.reserve(entry.arguments.size());
  for (size_t i = 0; i < entry.arguments.size(); ++i) {
    const Packing *packing = this->packing(index, i);
    int64_t bytes = packing ? static_cast<int64_t>(packing->bytes) : 0;
    if (tensors[i].packed) {
      storage.emplace_back(tensors[i].packed->data, &bytes, 1);
    } else if (packing) {
      std::string error;
      Memory memory = allocatePacked(packing->bytes, error);
      if (error.empty())
        error = pack(*packing, tensors[i], memory.get());
      if (!error.empty())
        return error;
      storage.emplace_back(memory.get(), &bytes, 1);
      temporaries.push_back(std::move(memory));
    } else {
      storage.emplace_back(tensors[i].data, tensors[i].sizes, tensors[i].rank);
    }
    descriptors.push_back(storage.back().get());
  }
  return context.call(binary->function(entry.name), descriptors.data());
}

/// Runs `body`, which returns an error text, and hands that to the caller. No
/// exception leaves it.
template <typename Fn>
static int guarded(char **error, Fn &&body) {
  std::string text;
  try {
    text = body();
    if (text.empty())
      return 0;
  } catch (const std::exception &problem) {
    text = problem.what();
  }
  if (error)
    *error = strdup(text.c_str());
  return 1;
}

static std::string missing(const char *what) {
  return std::string("no ") + what + " given: it is null";
}

/// The entry of an index, with an error when there is none.
static const Entry *findEntry(const rung_bundle *bundle, size_t index,
                              std::string &error) {
  if (!bundle) {
    error = missing("bundle");
    return nullptr;
  }
  const std::vector<Entry> &entries = bundle->reader->manifest().entries;
  if (index < entries.size())
    return &entries[index];
  error = "entry " + std::to_string(index) + ", but the bundle has " +
          std::to_string(entries.size());
  return nullptr;
}

static std::string needLoaded(const rung_bundle *bundle) {
  std::lock_guard<std::mutex> lock(bundle->mutex);
  return bundle->binary ? "" : "the bundle is not loaded for a device yet";
}

/// A packed weight may stand where its own bundle packs with the same function.
static std::string checkPacked(const rung_bundle *bundle, size_t entry,
                               size_t argument, const rung_tensor &tensor) {
  if (!tensor.packed)
    return "";
  // Only a bundle that is loaded has packed a weight.
  if (tensor.packed->bundle == bundle->number)
    if (const Packing *packing = bundle->packing(entry, argument);
        packing && packing->function == tensor.packed->packing.function)
      return "";
  return "entry '" + bundle->entry(entry).name + "': argument '" +
         bundle->entry(entry).arguments[argument].name +
         "' is a packed weight for " +
         (tensor.packed->bundle != bundle->number ? "another bundle"
                                                  : "another argument") +
         "; pack it for this one";
}

/// Binds the first `count` tensors of a call of the entry.
static std::string bindAll(const rung_bundle *bundle, size_t entry,
                           const rung_tensor *tensors, size_t count,
                           Arguments &arguments) {
  for (size_t i = 0; i < count; ++i)
    if (std::string problem = checkPacked(bundle, entry, i, tensors[i]);
        !problem.empty())
      return problem;
  return arguments.bind(tensors);
}

void rung_string_free(char *string) { std::free(string); }

int rung_bundle_open(const char *path, rung_bundle **bundle, char **error) {
  return guarded(error, [&]() -> std::string {
    if (!path || !bundle)
      return missing(path ? "place for the bundle" : "path");
    std::string problem;
    std::unique_ptr<BundleReader> reader = BundleReader::open(path, problem);
    if (reader)
      *bundle = new rung_bundle(std::move(reader));
    return problem;
  });
}

void rung_bundle_close(rung_bundle *bundle) { delete bundle; }

const char *rung_bundle_producer(const rung_bundle *bundle) {
  return bundle->reader->manifest().producer.c_str();
}

size_t rung_bundle_target_count(const rung_bundle *bundle) {
  return bundle->reader->manifest().binaries.size();
}

const char *rung_bundle_target(const rung_bundle *bundle, size_t index) {
  const std::vector<Binary> &binaries = bundle->reader->manifest().binaries;
  return index < binaries.size() ? binaries[index].target.c_str() : nullptr;
}

size_t rung_bundle_entry_count(const rung_bundle *bundle) {
  return bundle->entries.size();
}

const rung_entry_info *rung_bundle_entry(const rung_bundle *bundle,
                                         size_t index) {
  return index < bundle->entries.size() ? &bundle->entries[index] : nullptr;
}

int rung_bundle_find_entry(const rung_bundle *bundle, const char *name,
                           size_t *index, char **error) {
  return guarded(error, [&]() -> std::string {
    if (!bundle || !name || !index)
      return missing("bundle, name or place for the index");
    std::string names;
    const std::vector<Entry> &entries = bundle->reader->manifest().entries;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].name == name) {
        *index = i;
        return "";
      }
      names += (i ? ", " : "") + entries[i].name;
    }
    return "'" + bundle->reader->path() + "' has no entry '" + name +
           "'; it has " + (names.empty() ? "none" : names);
  });
}

int rung_bundle_asset(const rung_bundle *bundle, const char *name,
                      const void **data, uint64_t *bytes, char **error) {
  return guarded(error, [&]() -> std::string {
    if (!bundle || !name || !data || !bytes)
      return missing("bundle, name or place for the asset");
    std::string names;
    for (const Constant &asset : bundle->reader->manifest().assets) {
      if (asset.name == name) {
        *data = bundle->reader->constant(asset).data;
        *bytes = asset.bytes;
        return "";
      }
      names += (names.empty() ? "" : ", ") + asset.name;
    }
    return "'" + bundle->reader->path() + "' has no asset '" + name +
           "'; it has " + (names.empty() ? "none" : names);
  });
}

int rung_bundle_load(rung_bundle *bundle, const char *device, char **error) {
  return guarded(error, [&] {
    return bundle && device ? bundle->load(device)
                            : missing("bundle or device");
  });
}

const char *rung_bundle_loaded_target(const rung_bundle *bundle) {
  std::lock_guard<std::mutex> lock(bundle->mutex);
  return bundle->binary ? bundle->binary->binary().target.c_str() : nullptr;
}

int rung_bundle_set_threads(rung_bundle *bundle, uint32_t threads,
                            char **error) {
  return guarded(error, [&]() -> std::string {
    if (!bundle)
      return missing("bundle");
    if (threads < 1 || threads > ThreadPool::kMaxThreads)
      return std::to_string(threads) + " threads, expected 1 to " +
             std::to_string(ThreadPool::kMaxThreads);
    std::lock_guard<std::mutex> lock(bundle->mutex);
    bundle->context.setThreads(threads);
    bundle->threadsChosen = true;
    return "";
  });
}

uint32_t rung_bundle_threads(const rung_bundle *bundle) {
  std::lock_guard<std::mutex> lock(bundle->mutex);
  return bundle->context.threads();
}

int rung_pack(rung_bundle *bundle, size_t entryIndex, size_t index,
              const rung_tensor *tensor, rung_packed **packed, char **error) {
  return guarded(error, [&]() -> std::string {
    std::string problem;
    const Entry *entry = findEntry(bundle, entryIndex, problem);
    if (!entry)
      return problem;
    if (index >= entry->arguments.size() || !tensor || !packed)
      return "entry '" + entry->name + "' has no argument " +
             std::to_string(index) + ", or no tensor was given";
    if (problem = needLoaded(bundle); !problem.empty())
      return problem;
    const Argument &argument = entry->arguments[index];
    const Packing *packing = bundle->packing(entryIndex, index);
    if (!packing)
      return "entry '" + entry->name + "': argument '" + argument.name +
             "' has no packed order; pass the array itself";
    if (tensor->packed)
      return "argument '" + argument.name + "' is packed already";
    // The argument alone: the sizes of the others do not matter here.
    Entry alone{entry->name, {argument}};
    Arguments arguments(alone);
    if (problem = arguments.bind(tensor); !problem.empty())
      return problem;
    if (problem = arguments.checkData(argument, *tensor); !problem.empty())
      return problem;
    Memory memory = allocatePacked(packing->bytes, problem);
    if (!problem.empty())
      return problem;
    {
      std::lock_guard<std::mutex> lock(bundle->mutex);
      problem = bundle->pack(*packing, *tensor, memory.get());
    }
    if (problem.empty()) {
      *packed = new rung_packed{bundle->number, *packing, memory.get()};
      memory.release();
    }
    return problem;
  });
}

void rung_packed_free(rung_packed *packed) {
  if (packed)
    std::free(packed->data);
  delete packed;
}

int rung_output_sizes(const rung_bundle *bundle, size_t entryIndex,
                      const rung_tensor *tensors, size_t count, size_t output,
                      int64_t *sizes, char **error) {
  return guarded(error, [&]() -> std::string {
    std::string problem;
    const Entry *entry = findEntry(bundle, entryIndex, problem);
    if (!entry)
      return problem;
    size_t inputs = Arguments::inputCount(*entry);
    if (count != inputs || (count && !tensors))
      return "entry '" + entry->name + "' takes " + std::to_string(inputs) +
             " inputs, got " + std::to_string(count);
    if (output < inputs || output >= entry->arguments.size())
      return "entry '" + entry->name + "': argument " + std::to_string(output) +
             " is no output";
    Arguments arguments(*entry);
    if (problem = bindAll(bundle, entryIndex, tensors, inputs, arguments);
        !problem.empty())
      return problem;
    std::vector<int64_t> wanted =
        arguments.outputSizes(entry->arguments[output]);
    std::copy(wanted.begin(), wanted.end(), sizes);
    return "";
  });
}

int rung_call(rung_bundle *bundle, size_t entryIndex,
              const rung_tensor *tensors, size_t count, char **error) {
  return guarded(error, [&]() -> std::string {
    std::string problem;
    const Entry *entry = findEntry(bundle, entryIndex, problem);
    if (!entry)
      return problem;
    if (count != entry->arguments.size() || (count && !tensors))
      return "entry '" + entry->name + "' takes " +
             std::to_string(entry->arguments.size()) + " tensors, got " +
             std::to_string(count);
    if (problem = needLoaded(bundle); !problem.empty())
      return problem;
    Arguments arguments(*entry);
    if (problem = bindAll(bundle, entryIndex, tensors, count, arguments);
        !problem.empty())
      return problem;
    for (size_t i = 0; i < count; ++i) {
      const Argument &argument = entry->arguments[i];
      if (tensors[i].packed)
        continue;
      if (argument.kind == ArgumentKind::Output)
        problem = arguments.checkOutput(argument, tensors[i]);
      if (problem.empty())
        problem = arguments.checkData(argument, tensors[i]);
      if (!problem.empty())
        return problem;
    }
    if (problem = arguments.checkOverlap(tensors); !problem.empty())
      return problem;
    problem = bundle->call(entryIndex, tensors);
    return problem.empty() ? "" : "entry '" + entry->name + "': " + problem;
  });
}
