//===- CAPI.cpp - C interface to bundles ------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"
#include "Bundle.h"

#include <cstring>

using namespace rung;

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
  return bundle->device ? "" : "the bundle is not loaded for a device yet";
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

/// Checks the data of a tensor whose sizes were checked.
static std::string checkArray(const rung_bundle *bundle,
                              const Arguments &arguments,
                              const Argument &argument,
                              const rung_tensor &tensor) {
  bool isHost = bundle->device->usesHostMemory();
  std::string problem = arguments.checkData(argument, tensor);
  if (problem.empty() && !isHost)
    problem = arguments.checkSizes32(argument, tensor);
  if (problem.empty() && tensor.memory == RUNG_DEVICE) {
    problem =
        bundle->device->checkArray(tensor.data, bytesOf(argument, tensor));
    if (!problem.empty())
      problem = arguments.where(argument) + " " + problem;
  }
  return problem;
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
  return bundle->device ? bundle->device->binary().target.c_str() : nullptr;
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
    if (problem = checkArray(bundle, arguments, argument, *tensor);
        !problem.empty())
      return problem;
    if (rung_packed *made = bundle->pack(argument, *packing, *tensor, problem))
      *packed = made;
    return problem.empty() ? "" : "entry '" + entry->name + "': " + problem;
  });
}

void rung_packed_free(rung_packed *packed) { delete packed; }

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

int rung_call(rung_bundle *bundle, size_t entry, const rung_tensor *tensors,
              size_t count, char **error) {
  return rung_call_on_stream(bundle, entry, tensors, count, nullptr, error);
}

int rung_call_on_stream(rung_bundle *bundle, size_t entryIndex,
                        const rung_tensor *tensors, size_t count, void *stream,
                        char **error) {
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
        problem = checkArray(bundle, arguments, argument, tensors[i]);
      if (!problem.empty())
        return problem;
    }
    if (problem = arguments.checkOverlap(tensors); !problem.empty())
      return problem;
    problem = bundle->call(entryIndex, tensors, stream);
    return problem.empty() ? "" : "entry '" + entry->name + "': " + problem;
  });
}

//===----------------------------------------------------------------------===//
// Memory of the device
//===----------------------------------------------------------------------===//

/// Runs `body` with the bundle's device, which is there.
template <typename Fn>
static int withDevice(rung_bundle *bundle, char **error, Fn &&body) {
  return guarded(error, [&]() -> std::string {
    if (!bundle)
      return missing("bundle");
    if (std::string problem = needLoaded(bundle); !problem.empty())
      return problem;
    return body(*bundle->device);
  });
}

/// The same between begin() and end(), and waits.
template <typename Fn>
static int inCall(rung_bundle *bundle, void *stream, char **error, Fn &&body) {
  return withDevice(bundle, error, [&](Device &device) -> std::string {
    std::lock_guard<std::mutex> lock(bundle->mutex);
    DeviceCall call(device, stream);
    if (!call.error().empty())
      return call.error();
    std::string problem = body(device);
    std::string late = device.synchronize();
    return problem.empty() ? late : problem;
  });
}

rung_memory rung_bundle_memory(const rung_bundle *bundle) {
  std::lock_guard<std::mutex> lock(bundle->mutex);
  return !bundle->device || bundle->device->usesHostMemory() ? RUNG_HOST
                                                             : RUNG_DEVICE;
}

int rung_device_allocate(rung_bundle *bundle, uint64_t bytes, void **memory,
                         char **error) {
  return withDevice(bundle, error, [&](Device &device) -> std::string {
    if (!memory)
      return missing("place for the memory");
    std::string problem;
    if (void *allocated = device.allocate(bytes, problem))
      *memory = allocated;
    return problem;
  });
}

void rung_device_free(rung_bundle *bundle, void *memory) {
  withDevice(bundle, nullptr, [&](Device &device) -> std::string {
    device.free(memory);
    return "";
  });
}

int rung_device_write(rung_bundle *bundle, void *to, const void *from,
                      uint64_t bytes, char **error) {
  return inCall(bundle, nullptr, error, [&](Device &device) {
    return device.copyToDevice(to, from, bytes);
  });
}

int rung_device_read(rung_bundle *bundle, void *to, const void *from,
                     uint64_t bytes, char **error) {
  return inCall(bundle, nullptr, error, [&](Device &device) {
    return device.copyToHost(to, from, bytes);
  });
}

int rung_device_synchronize(rung_bundle *bundle, void *stream, char **error) {
  return inCall(bundle, stream, error, [](Device &) { return std::string(); });
}
