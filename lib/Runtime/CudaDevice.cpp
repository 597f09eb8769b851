//===- CudaDevice.cpp - A GPU of NVIDIA's driver ----------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Works in the device's primary context, which PyTorch and the CUDA runtime
// share. What a call does goes to the user's stream; its workspace comes from a
// pool of that stream, which keeps its blocks, so that a call like one before
// it allocates nothing and may be captured in a CUDA graph.
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"
#include "Device.h"
#include "SizeClass.h"

#include <algorithm>
#include <map>
#include <mutex>

using namespace rung;
using cuda::Address;
using cuda::Driver;

static std::string decimal(uint64_t value) { return std::to_string(value); }

static Address addressOf(const void *memory) {
  return reinterpret_cast<uintptr_t>(memory);
}

//===----------------------------------------------------------------------===//
// Which binary
//===----------------------------------------------------------------------===//

namespace {

/// A compute capability; `exact` ("sm_90a"): code for it runs on no other.
struct Capability {
  int number = 0; // 10 * major + minor
  bool exact = false;

  /// Of "cuda:sm_90a"; 0 for a name of another form.
  static Capability of(const std::string &target);
  bool runsCubinOn(int device) const {
    return exact ? number == device
                 : number / 10 == device / 10 && number <= device;
  }
  bool runsPTXOn(int device) const {
    return exact ? number == device : number <= device;
  }
};

/// A binary and the form of its kernels that a device runs.
struct Choice {
  const Binary *binary = nullptr;
  const DeviceCode *code = nullptr; // null for a binary without kernels
};

} // namespace

Capability Capability::of(const std::string &target) {
  const std::string prefix = "cuda:sm_";
  Capability result;
  if (target.compare(0, prefix.size(), prefix) != 0)
    return result;
  for (char c : target.substr(prefix.size())) {
    if (c >= '0' && c <= '9' && !result.exact && result.number < 1000)
      result.number = 10 * result.number + (c - '0');
    else if (c == 'a' && !result.exact)
      result.exact = true;
    else
      return Capability();
  }
  return result;
}

/// The binary for the newest architecture that the device runs.
static Choice choose(const Candidates &candidates, int device) {
  Choice best;
  std::pair<int, bool> rank(-1, false);
  for (const Binary *binary : candidates) {
    Capability capability = Capability::of(binary->target);
    if (!capability.number)
      continue;
    auto runs = [&](const DeviceCode &code) {
      return code.kind == "cubin" ? capability.runsCubinOn(device)
                                  : capability.runsPTXOn(device);
    };
    auto code =
        std::find_if(binary->device.begin(), binary->device.end(), runs);
    if (code == binary->device.end() && !binary->device.empty())
      continue;
    if (std::pair(capability.number, capability.exact) <= rank)
      continue;
    rank = {capability.number, capability.exact};
    best = {binary, binary->device.empty() ? nullptr : &*code};
  }
  return best;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

namespace {

/// The workspace of the calls on one stream: blocks by size class. Since work
/// on a stream is done in order, a block that is released is free for what
/// follows at once.
class Pool {
public:
  /// Null if no block of that class is free.
  void *take(unsigned sizeClass) {
    std::vector<void *> &list = free_[sizeClass];
    if (list.empty())
      return nullptr;
    void *memory = list.back();
    list.pop_back();
    used_[memory] = sizeClass;
    return memory;
  }
  void add(void *memory, unsigned sizeClass) { used_[memory] = sizeClass; }
  void release(void *memory) {
    auto found = used_.find(memory);
    if (found == used_.end())
      return;
    free_[found->second].push_back(memory);
    used_.erase(found);
  }
  void releaseAll() {
    while (!used_.empty())
      release(used_.begin()->first);
  }
  /// Takes the free blocks out of the pool.
  std::vector<void *> drain() {
    std::vector<void *> all;
    for (std::vector<void *> &list : free_) {
      all.insert(all.end(), list.begin(), list.end());
      list.clear();
    }
    return all;
  }

private:
  std::vector<void *> free_[kSizeClasses];
  std::map<void *, unsigned> used_;
};

/// A kernel, and how much dynamic shared memory it has been allowed so far.
struct Kernel {
  cuda::Function *function = nullptr;
  int maxThreads = 0;
  uint32_t sharedBytes = 0;
};

class CudaDevice final : public Device {
public:
  CudaDevice(const Driver &driver, unsigned index)
      : Device("cuda:" + decimal(index), kNone), driver_(driver),
        index_(static_cast<int>(index)) {}
  ~CudaDevice() override;

  std::string open(const BundleReader &bundle, const Candidates &candidates);

  bool usesHostMemory() const override { return false; }
  void *allocate(uint64_t bytes, std::string &error) override;
  void free(void *memory) override;
  std::string checkArray(const void *data, uint64_t bytes) override;
  std::string begin(void *stream) override;
  void *allocateWorkspace(int64_t bytes, std::string &error) override;
  void releaseWorkspace(void *memory) override { pool_->release(memory); }
  std::string copyToDevice(void *to, const void *from, uint64_t bytes) override;
  std::string copyToHost(void *to, const void *from, uint64_t bytes) override;
  std::string launch(uint32_t kernel, const uint32_t grid[3],
                     const uint32_t block[3], uint32_t sharedBytes,
                     void *const *arguments, uint32_t count) override;
  std::string synchronize() override;
  void end() override;

private:
  /// Makes the context current while it lives.
  class Current {
  public:
    explicit Current(const CudaDevice &device) : driver_(device.driver_) {
      driver_.ctxPush(device.context_);
    }
    ~Current() {
      cuda::Context *popped = nullptr;
      driver_.ctxPop(&popped);
    }
    Current(const Current &) = delete;
    Current &operator=(const Current &) = delete;

  private:
    const Driver &driver_;
  };

  static const Binary kNone;

  std::string loadKernels(const BundleReader &bundle, const DeviceCode &code);
  std::string loadConstants(const BundleReader &bundle);
  cuda::Result allocateDevice(void *&memory, uint64_t bytes);
  std::string outOfMemory(uint64_t bytes, cuda::Result result) const;
  std::string refuseCapture(const char *what) const;

  const Driver &driver_;
  int index_;
  cuda::DeviceNumber device_ = 0;
  cuda::Context *context_ = nullptr;
  cuda::Module *module_ = nullptr;
  std::string description_; // "NVIDIA H200, compute capability 9.0"
  std::vector<Kernel> kernels_;
  int maxGrid_[3] = {};
  void *constantMemory_ = nullptr;

  std::map<cuda::Stream *, Pool> pools_;
  /// Graphs hold the addresses of blocks, which then are never given back.
  bool captured_ = false;

  // Of the call.
  cuda::Stream *stream_ = nullptr;
  Pool *pool_ = nullptr;
  bool capturing_ = false;
};

const Binary CudaDevice::kNone;

} // namespace

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

std::shared_ptr<Device> rung::openCuda(const BundleReader &bundle,
                                       const Candidates &candidates,
                                       unsigned index, std::string &error) {
  const Driver *driver = Driver::get(error);
  if (!driver)
    return nullptr;
  auto device = std::make_shared<CudaDevice>(*driver, index);
  error = device->open(bundle, candidates);
  return error.empty() ? device : nullptr;
}

std::string CudaDevice::open(const BundleReader &bundle,
                             const Candidates &candidates) {
  int count = 0;
  if (cuda::Result result = driver_.deviceGetCount(&count))
    return driver_.explain("the GPUs cannot be counted", result);
  if (index_ >= count)
    return "there is no device " + name_ + ": the driver has " +
           std::to_string(count) + (count == 1 ? " GPU" : " GPUs");
  if (cuda::Result result = driver_.deviceGet(&device_, index_))
    return driver_.explain("cannot use " + name_, result);
  int major = 0, minor = 0;
  for (auto [attribute, value] : {std::pair(cuda::kCapabilityMajor, &major),
                                  std::pair(cuda::kCapabilityMinor, &minor),
                                  std::pair(cuda::kMaxGridX, &maxGrid_[0]),
                                  std::pair(cuda::kMaxGridY, &maxGrid_[1]),
                                  std::pair(cuda::kMaxGridZ, &maxGrid_[2])})
    if (cuda::Result result =
            driver_.deviceGetAttribute(value, attribute, device_))
      return driver_.explain("cannot use " + name_, result);
  char model[128] = "";
  driver_.deviceGetName(model, sizeof(model) - 1, device_);
  description_ = std::string(model) + " of compute capability " +
                 std::to_string(major) + "." + std::to_string(minor);

  Choice choice = choose(candidates, 10 * major + minor);
  if (!choice.binary)
    return "the bundle has no kernels for " + name_ + ", an " + description_ +
           "; it holds " + targetsOf(bundle.manifest()) +
           "; compile it with --target=cuda:sm_" + std::to_string(major) +
           std::to_string(minor) + " or an older one";
  binary_ = choice.binary;
  if (cuda::Result result = driver_.primaryRetain(&context_, device_)) {
    context_ = nullptr;
    return driver_.explain("cannot use " + name_, result);
  }
  Current current(*this);
  if (std::string problem =
          choice.code ? loadKernels(bundle, *choice.code) : "";
      !problem.empty())
    return problem;
  return loadConstants(bundle);
}

std::string CudaDevice::loadKernels(const BundleReader &bundle,
                                    const DeviceCode &code) {
  BundleReader::Bytes bytes = bundle.code(code);
  std::string text(bytes.data, bytes.size); // PTX ends with a zero
  std::string log(4096, '\0');
  const int options[] = {cuda::kErrorLog, cuda::kErrorLogBytes};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  std::string what = "the " + code.kind + " for " + binary_->target +
                     " cannot be loaded on " + name_ + ", an " + description_;
  if (cuda::Result result =
          driver_.moduleLoad(&module_, text.c_str(), 2, options, values)) {
    module_ = nullptr;
    std::string problem = driver_.explain(what, result);
    std::string messages = log.c_str();
    return messages.empty() ? problem : problem + ": " + messages;
  }
  for (const std::string &name : binary_->kernels) {
    Kernel kernel;
    cuda::Result result =
        driver_.moduleGetFunction(&kernel.function, module_, name.c_str());
    // Asking for an attribute loads a function that the driver would load at
    // its first launch, when that may be in a capture.
    if (!result)
      result = driver_.functionGetAttribute(
          &kernel.maxThreads, cuda::kMaxThreadsPerBlock, kernel.function);
    if (result)
      return driver_.explain(what + ": kernel '" + name + "'", result);
    kernels_.push_back(kernel);
  }
  return "";
}

/// One block of memory holds them all, each at a multiple of 256 bytes.
std::string CudaDevice::loadConstants(const BundleReader &bundle) {
  constexpr uint64_t alignment = 256;
  std::vector<BundleReader::Bytes> list;
  std::vector<uint64_t> offsets;
  uint64_t total = 0;
  for (uint32_t index : binary_->constants) {
    list.push_back(bundle.constant(bundle.manifest().constants[index]));
    offsets.push_back(total);
    total += (list.back().size + alignment - 1) & ~(alignment - 1);
  }
  if (list.empty())
    return "";
  std::string error;
  constantMemory_ = allocate(std::max(total, alignment), error);
  if (!error.empty())
    return error;
  for (size_t i = 0; i < list.size(); ++i) {
    char *place = static_cast<char *>(constantMemory_) + offsets[i];
    constants_.push_back(place);
    if (cuda::Result result = driver_.copyToDevice(
            addressOf(place), list[i].data, list[i].size, nullptr))
      return driver_.explain("the constants cannot be copied to " + name_,
                             result);
  }
  return driver_.explain("the constants cannot be copied to " + name_,
                         driver_.streamSynchronize(nullptr));
}

CudaDevice::~CudaDevice() {
  if (!context_)
    return;
  {
    Current current(*this);
    for (auto &[stream, pool] : pools_) {
      pool.releaseAll();
      for (void *memory : pool.drain())
        driver_.memFree(addressOf(memory));
    }
    if (constantMemory_)
      driver_.memFree(addressOf(constantMemory_));
    if (module_)
      driver_.moduleUnload(module_);
  }
  driver_.primaryRelease(device_);
}

//===----------------------------------------------------------------------===//
// Memory of a device that is open
//===----------------------------------------------------------------------===//

/// The context is current. Allocation would end a capture that any thread of
/// the process has begun, unless this thread says that it knows what it does.
cuda::Result CudaDevice::allocateDevice(void *&memory, uint64_t bytes) {
  int mode = cuda::kCaptureModeRelaxed;
  driver_.exchangeCaptureMode(&mode);
  Address address = 0;
  cuda::Result result = driver_.memAlloc(&address, bytes);
  driver_.exchangeCaptureMode(&mode);
  memory = result ? nullptr : reinterpret_cast<void *>(address);
  return result;
}

std::string CudaDevice::outOfMemory(uint64_t bytes, cuda::Result result) const {
  return driver_.explain(
      "no memory of " + decimal(bytes) + " bytes on " + name_, result);
}

void *CudaDevice::allocate(uint64_t bytes, std::string &error) {
  Current current(*this);
  void *memory = nullptr;
  if (cuda::Result result = allocateDevice(memory, bytes ? bytes : 1))
    error = outOfMemory(bytes, result);
  return memory;
}

void CudaDevice::free(void *memory) {
  if (!memory)
    return;
  Current current(*this);
  int mode = cuda::kCaptureModeRelaxed;
  driver_.exchangeCaptureMode(&mode);
  driver_.memFree(addressOf(memory));
  driver_.exchangeCaptureMode(&mode);
}

std::string CudaDevice::checkArray(const void *data, uint64_t bytes) {
  // So many bytes are read at once.
  constexpr uintptr_t vectorBytes = 16;
  unsigned type = 0, managed = 0;
  int ordinal = -1;
  Address start = 0;
  size_t size = 0;
  const int attributes[] = {cuda::kMemoryType, cuda::kIsManaged,
                            cuda::kDeviceOrdinal, cuda::kRangeStart,
                            cuda::kRangeBytes};
  void *values[] = {&type, &managed, &ordinal, &start, &size};
  Current current(*this);
  if (cuda::Result result =
          driver_.pointerGetAttributes(5, attributes, values, addressOf(data)))
    return driver_.explain("cannot be looked up by the driver", result);
  if (addressOf(data) % vectorBytes)
    return "lies at an address that is no multiple of " + decimal(vectorBytes) +
           "; pass an aligned copy";
  if (managed)
    return "";
  if (type != cuda::kMemoryTypeDevice)
    return "does not lie in memory of a GPU; expected memory of " + name_;
  if (ordinal != index_)
    return "lies on cuda:" + std::to_string(ordinal) + ", expected " + name_;
  uint64_t behind = start + size - addressOf(data);
  if (size && bytes > behind)
    return "takes " + decimal(bytes) + " bytes, but its memory ends after " +
           decimal(behind);
  return "";
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

std::string CudaDevice::begin(void *stream) {
  stream_ = static_cast<cuda::Stream *>(stream);
  if (cuda::Result result = driver_.ctxPush(context_))
    return driver_.explain("cannot use " + name_, result);
  int status = 0;
  if (cuda::Result result = driver_.streamIsCapturing(stream_, &status)) {
    cuda::Context *popped = nullptr;
    driver_.ctxPop(&popped);
    return driver_.explain("the stream cannot be used on " + name_, result);
  }
  capturing_ = status == cuda::kCaptureActive;
  captured_ |= capturing_;
  pool_ = &pools_[stream_];
  return "";
}

void CudaDevice::end() {
  pool_->releaseAll();
  cuda::Context *popped = nullptr;
  driver_.ctxPop(&popped);
}

void *CudaDevice::allocateWorkspace(int64_t bytes, std::string &error) {
  if (bytes < 0 || bytes > kMaxBlockBytes) {
    error = "out of memory: a workspace of " + std::to_string(bytes) + " bytes";
    return nullptr;
  }
  unsigned sizeClass = classOf(static_cast<uint64_t>(bytes));
  if (void *memory = pool_->take(sizeClass))
    return memory;
  void *memory = nullptr;
  uint64_t size = sizeOfClass(sizeClass);
  cuda::Result result = allocateDevice(memory, size);
  if (result && !captured_) { // with what other sizes and streams have left
    for (auto &[stream, pool] : pools_)
      for (void *unused : pool.drain())
        driver_.memFree(addressOf(unused));
    result = allocateDevice(memory, size);
  }
  if (result)
    error = outOfMemory(size, result);
  else
    pool_->add(memory, sizeClass);
  return memory;
}

std::string CudaDevice::refuseCapture(const char *what) const {
  return capturing_ ? std::string(what) +
                          " cannot be captured in a CUDA "
                          "graph; pass arrays that lie on " +
                          name_ + ", and weights that are packed"
                    : "";
}

std::string CudaDevice::copyToDevice(void *to, const void *from,
                                     uint64_t bytes) {
  std::string problem = refuseCapture("a copy of an array to the GPU");
  return problem.empty()
             ? driver_.explain(
                   "cannot copy to " + name_,
                   driver_.copyToDevice(addressOf(to), from, bytes, stream_))
             : problem;
}

std::string CudaDevice::copyToHost(void *to, const void *from, uint64_t bytes) {
  std::string problem = refuseCapture("a copy of an array to the host");
  return problem.empty()
             ? driver_.explain(
                   "cannot copy from " + name_,
                   driver_.copyToHost(to, addressOf(from), bytes, stream_))
             : problem;
}

/// "2 x 3 x 4".
template <typename T>
static std::string product(const T sizes[3]) {
  return std::to_string(sizes[0]) + " x " + std::to_string(sizes[1]) + " x " +
         std::to_string(sizes[2]);
}

std::string CudaDevice::launch(uint32_t number, const uint32_t grid[3],
                               const uint32_t block[3], uint32_t sharedBytes,
                               void *const *arguments, uint32_t) {
  if (number >= kernels_.size())
    return "kernel " + decimal(number) + " is launched, but the bundle has " +
           decimal(kernels_.size());
  Kernel &kernel = kernels_[number];
  std::string what = "kernel '" + binary_->kernels[number] + "'";
  uint64_t threads = uint64_t(1);
  for (int i = 0; i < 3; ++i) {
    if (grid[i] == 0 || block[i] == 0)
      return "";
    if (grid[i] > static_cast<uint32_t>(maxGrid_[i]))
      return what + " needs a grid of " + product(grid) + " blocks, but " +
             name_ + " has at most " + product(maxGrid_) +
             "; call it with smaller sizes";
    threads = std::min<uint64_t>(threads, UINT32_MAX) * block[i];
  }
  if (threads > static_cast<uint64_t>(kernel.maxThreads))
    return what + " needs blocks of " + product(block) + " threads, but " +
           name_ + " runs it with at most " + std::to_string(kernel.maxThreads);
  if (sharedBytes > kernel.sharedBytes) {
    if (cuda::Result result = driver_.functionSetAttribute(
            kernel.function, cuda::kMaxDynamicSharedBytes,
            static_cast<int>(std::min<uint32_t>(sharedBytes, INT32_MAX))))
      return driver_.explain(what + " needs " + decimal(sharedBytes) +
                                 " bytes of dynamic shared memory",
                             result);
    kernel.sharedBytes = sharedBytes;
  }
  return driver_.explain(what + " cannot be launched on " + name_,
                         driver_.launchKernel(kernel.function, grid[0], grid[1],
                                              grid[2], block[0], block[1],
                                              block[2], sharedBytes, stream_,
                                              arguments, nullptr));
}

std::string CudaDevice::synchronize() {
  return driver_.explain("the call failed on " + name_,
                         driver_.streamSynchronize(stream_));
}
