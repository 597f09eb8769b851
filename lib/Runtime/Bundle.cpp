//===- Bundle.cpp - An open bundle and its calls ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bundle.h"

#include "Arguments.h"

#include "rung/Runtime/Workspace.h"

#include <atomic>
#include <cstdlib>
#include <optional>
#include <sys/mman.h>

using namespace rung;

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

/// Shows the sizes of this binary's packed weights.
void rung_bundle::showPacked(const Binary &of) {
  for (size_t i = 0; i < arguments.size(); ++i)
    for (size_t j = 0; j < arguments[i].size(); ++j) {
      const Packing *packing = of.packing(i, j);
      arguments[i][j].packed_bytes = packing ? packing->bytes : 0;
    }
}

std::string rung_bundle::load(const std::string &deviceName) {
  std::lock_guard<std::mutex> lock(mutex);
  std::string error;
  unsigned threads = defaultThreads(error);
  if (!error.empty())
    return error;
  std::string where = "'" + reader->path() + "': ";
  if (device) {
    bool isSame =
        deviceName == device->name() || deviceName + ":0" == device->name();
    return isSame ? ""
                  : where + "loaded for " + device->name() +
                        " already, not for '" + deviceName + "'";
  }
  std::shared_ptr<Device> opened = Device::open(*reader, deviceName, error);
  if (!opened)
    return where + error;
  code = LoadedBinary::load(*reader, opened->binary(), error);
  if (!code)
    return where + error;
  device = std::move(opened);
  host =
      device->usesHostMemory() ? device : openHost(*reader, device->binary());
  showPacked(device->binary());
  if (!threadsChosen)
    context.setThreads(threads);
  return "";
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

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
  uint64_t size =
      (bytes + Workspace::kAlignment - 1) & ~(Workspace::kAlignment - 1);
  Memory memory(
      std::aligned_alloc(isLarge ? hugePage : Workspace::kAlignment, size));
  if (memory && isLarge) // a hint: without huge pages it works as well
    madvise(memory.get(), bytes, MADV_HUGEPAGE);
  if (!memory)
    error =
        "out of memory: a packed weight of " + std::to_string(bytes) + " bytes";
  return memory;
}

/// Runs a pack function; the lock is held, and the device's call has begun.
std::string rung_bundle::packOnHost(const Argument &argument,
                                    const Packing &packing,
                                    const rung_tensor &tensor, void *memory) {
  Memory copy;
  void *data = tensor.data;
  if (tensor.memory == RUNG_DEVICE) {
    uint64_t size = bytesOf(argument, tensor);
    std::string error;
    copy = allocatePacked(size, error);
    if (error.empty())
      error = device->copyToHost(copy.get(), data, size);
    if (error.empty())
      error = device->synchronize();
    // What could not be looked at before.
    Entry alone{"", {argument}};
    Arguments arguments(alone);
    rung_tensor copied = tensor;
    copied.data = data = copy.get();
    copied.memory = RUNG_HOST;
    if (error.empty())
      error = arguments.bind(&copied);
    if (error.empty())
      error = arguments.checkData(argument, copied);
    if (!error.empty())
      return error;
  }
  int64_t bytes = static_cast<int64_t>(packing.bytes);
  Descriptor from(data, tensor.sizes, tensor.rank);
  Descriptor to(memory, &bytes, 1);
  void *descriptors[] = {from.get(), to.get()};
  std::optional<DeviceCall> call;
  if (host != device) // whose call has begun
    call.emplace(*host, nullptr);
  return context.call(code->function(packing.function), descriptors, *host);
}

rung_packed *rung_bundle::pack(const Argument &argument, const Packing &packing,
                               const rung_tensor &tensor, std::string &error) {
  Memory memory = allocatePacked(packing.bytes, error);
  if (!memory)
    return nullptr;
  std::lock_guard<std::mutex> lock(mutex);
  DeviceCall call(*device, nullptr);
  error = call.error();
  if (!error.empty())
    return nullptr;
  error = packOnHost(argument, packing, tensor, memory.get());
  std::unique_ptr<rung_packed> packed;
  if (error.empty())
    packed.reset(new rung_packed{number, packing, device, nullptr});
  if (packed && device->usesHostMemory()) {
    packed->data = memory.release();
  } else if (packed) {
    packed->data = device->allocate(packing.bytes, error);
    if (error.empty())
      error = device->copyToDevice(packed->data, memory.get(), packing.bytes);
    if (error.empty())
      error = device->synchronize();
  }
  return error.empty() ? packed.release() : nullptr;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

/// Descriptors of a call's arguments, and what they need.
struct rung_bundle::Call {
  struct Result {
    void *host;
    const void *device;
    uint64_t bytes;
  };

  explicit Call(Device &device) : device(device) {}

  void add(void *data, const int64_t *sizes, uint32_t rank) {
    storage.emplace_back(data, sizes, rank);
    descriptors.push_back(storage.back().get());
  }

  /// The place on the device of an array of the host. The first error counts.
  void *copy(const Argument &argument, const rung_tensor &tensor,
             std::string &error) {
    uint64_t bytes = bytesOf(argument, tensor);
    void *place = device.allocateWorkspace(static_cast<int64_t>(bytes), error);
    if (place && argument.kind != ArgumentKind::Output)
      error = copy(place, tensor.data, bytes);
    if (argument.kind != ArgumentKind::Input)
      results.push_back({tensor.data, place, bytes});
    return place;
  }
  std::string copy(void *to, const void *from, uint64_t bytes) {
    std::string error = device.copyToDevice(to, from, bytes);
    isCopying |= error.empty();
    return error;
  }

  /// Brings results back, unless there is an error already, and waits until
  /// nothing touches arrays of the host any more.
  std::string finish(std::string error) {
    for (const Result &result : results) {
      if (!error.empty())
        break;
      error = device.copyToHost(result.host, result.device, result.bytes);
      isCopying |= error.empty();
    }
    std::string late = isCopying ? device.synchronize() : "";
    return error.empty() ? late : error;
  }

  Device &device;
  std::deque<Descriptor> storage;
  std::vector<void *> descriptors;
  std::vector<Memory> temporaries;
  std::vector<Result> results;
  bool isCopying = false;
};

/// Between begin() and end() of the device.
std::string rung_bundle::run(const Entry &entry, size_t index,
                             const rung_tensor *tensors) {
  Call call(*device);
  bool isHost = device->usesHostMemory();
  std::string error;
  for (size_t i = 0; i < entry.arguments.size() && error.empty(); ++i) {
    const Argument &argument = entry.arguments[i];
    const rung_tensor &tensor = tensors[i];
    const Packing *packing = this->packing(index, i);
    int64_t bytes = packing ? static_cast<int64_t>(packing->bytes) : 0;
    if (tensor.packed) {
      call.add(tensor.packed->data, &bytes, 1);
    } else if (packing) {
      call.temporaries.push_back(allocatePacked(packing->bytes, error));
      void *memory = call.temporaries.back().get();
      if (error.empty())
        error = packOnHost(argument, *packing, tensor, memory);
      if (error.empty() && !isHost) {
        void *place = device->allocateWorkspace(bytes, error);
        if (place)
          error = call.copy(place, memory, packing->bytes);
        memory = place;
      }
      call.add(memory, &bytes, 1);
    } else if (isHost || tensor.memory == RUNG_DEVICE) {
      call.add(tensor.data, tensor.sizes, tensor.rank);
    } else {
      call.add(call.copy(argument, tensor, error), tensor.sizes, tensor.rank);
    }
  }
  if (error.empty())
    error = context.call(code->function(entry.name), call.descriptors.data(),
                         *device);
  return call.finish(error);
}

std::string rung_bundle::call(size_t index, const rung_tensor *tensors,
                              void *stream) {
  std::lock_guard<std::mutex> lock(mutex);
  DeviceCall call(*device, stream);
  return call.error().empty() ? run(entry(index), index, tensors)
                              : call.error();
}
