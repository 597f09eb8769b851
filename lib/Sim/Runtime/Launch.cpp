//===- Launch.cpp - Devices, their memory, launches -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Matrix.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <xmmintrin.h>

using namespace rung::sim;

//===----------------------------------------------------------------------===//
// Program, VirtualGPU
//===----------------------------------------------------------------------===//

std::optional<Program> Program::get(void *handle, std::string &error) {
  auto *module =
      static_cast<ModuleInfo *>(dlsym(handle, RUNG_SIM_MODULE_SYMBOL));
  if (!module)
    error = "the object holds no kernels for the virtual GPU: it has no "
            "symbol '" RUNG_SIM_MODULE_SYMBOL "'";
  else if (module->version != kABIVersion)
    error = "the kernels are for version " + std::to_string(module->version) +
            " of the virtual GPU, this is version " +
            std::to_string(kABIVersion) + "; compile them again";
  else if (const char *feature = missingForMatrices(); *feature)
    error = std::string("the virtual GPU needs a processor with ") + feature;
  if (!error.empty())
    return std::nullopt;
  *module->table = &Machine::table;
  return Program(module);
}

std::optional<uint32_t> Program::find(const std::string &kernel) const {
  for (uint32_t index = 0; index != module->kernelCount; ++index)
    if (kernel == module->kernels[index].name)
      return index;
  return std::nullopt;
}

VirtualGPU::VirtualGPU(uint64_t seed)
    : machine(std::make_unique<Machine>(seed)) {}
VirtualGPU::~VirtualGPU() = default;

std::string VirtualGPU::add(const Buffer &buffer) {
  return machine->add(buffer);
}
void VirtualGPU::remove(const void *data) { machine->remove(data); }
void VirtualGPU::setInitialised(const void *data, uint64_t bytes) {
  machine->setInitialised(data, bytes);
}
std::string VirtualGPU::checkInitialised(const void *data,
                                         uint64_t bytes) const {
  return machine->checkInitialised(data, bytes);
}
std::string VirtualGPU::launch(const Program &program, uint32_t kernel,
                               const uint32_t grid[3], const uint32_t block[3],
                               uint32_t dynamicSharedBytes,
                               void *const *arguments, uint32_t count) {
  return machine->launch(program, kernel, grid, block, dynamicSharedBytes,
                         arguments, count);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Zeroes, of which only what is touched takes memory; null if there is none.
template <typename T>
static T *mapZeroes(uint64_t count, int flags = 0) {
  void *memory = mmap(
      nullptr, std::max<uint64_t>(count, 1) * sizeof(T), PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T *>(memory);
}
template <typename T>
static void unmap(T *memory, uint64_t count) {
  if (memory)
    munmap(memory, std::max<uint64_t>(count, 1) * sizeof(T));
}

static void dropShadow(Region &region) {
  unmap(region.shadow, region.bytes);
  region.shadow = nullptr;
}

Machine::Machine(uint64_t seed)
    : randomState(seed * 2 + 0x9e3779b97f4a7c15ull) {
  for (int i = 0; i != 4; ++i)
    random();
  stackRegion.name = "local memory";
}

Machine::~Machine() {
  for (auto &region : regions)
    dropShadow(*region);
  unmap(sharedMemory, sharedMapped);
  unmap(sharedShadow, sharedMapped);
}

void Machine::ensureShadow(Region &region) {
  if (!region.shadow)
    region.shadow = mapZeroes<Shadow>(region.bytes);
}

std::string Machine::add(const Buffer &buffer) {
  auto *begin = static_cast<char *>(buffer.data);
  if (buffer.bytes == 0)
    return "";
  auto next =
      std::find_if(regions.begin(), regions.end(), [&](const auto &other) {
        return begin < other->begin + other->bytes;
      });
  if (next != regions.end() && (*next)->begin < begin + buffer.bytes)
    return "the buffers '" + buffer.name + "' and '" + (*next)->name +
           "' overlap";
  auto region = std::make_unique<Region>();
  region->begin = begin;
  region->bytes = buffer.bytes;
  region->name = buffer.name;
  region->writable = buffer.writable;
  region->validSince = buffer.initialised ? 0 : 1;
  regions.insert(next, std::move(region));
  lastRegion = nullptr;
  return "";
}

void Machine::remove(const void *data) {
  auto found =
      std::find_if(regions.begin(), regions.end(),
                   [&](const auto &region) { return region->begin == data; });
  if (found == regions.end())
    return;
  dropShadow(**found);
  regions.erase(found);
  lastRegion = nullptr;
}

/// The buffer that holds these bytes, or null.
Region *Machine::findBuffer(const void *data, uint64_t bytes) const {
  for (auto &region : regions)
    if (region->contains(data, bytes))
      return region.get();
  return nullptr;
}

void Machine::setInitialised(const void *data, uint64_t bytes) {
  Region *region = findBuffer(data, bytes);
  if (!region || region->validSince == 0)
    return;
  if (bytes == region->bytes) {
    region->validSince = 0;
    return;
  }
  ensureShadow(*region);
  uint64_t first = static_cast<const char *>(data) - region->begin;
  for (uint64_t i = first; region->shadow && i != first + bytes; ++i)
    region->shadow[i].writeTime =
        std::max<Time>(region->shadow[i].writeTime, 1);
}

std::string Machine::checkInitialised(const void *data, uint64_t bytes) const {
  const Region *region = findBuffer(data, bytes);
  if (!region || region->validSince == 0)
    return "";
  uint64_t first = static_cast<const char *>(data) - region->begin;
  for (uint64_t i = first; i != first + bytes; ++i)
    if (!region->shadow || region->shadow[i].writeTime < region->validSince)
      return "use of poison: byte " + std::to_string(i) + " of '" +
             region->name + "', which no kernel has written";
  return "";
}

/// Starts counting again, before the counter is full. What was written stays
/// written.
void Machine::forgetTime() {
  for (auto &region : regions)
    for (uint64_t i = 0; region->shadow && i != region->bytes; ++i) {
      bool valid = region->shadow[i].writeTime >= region->validSince;
      region->shadow[i] = {};
      region->shadow[i].writeTime = valid;
    }
  for (uint64_t i = 0; i != sharedMapped; ++i)
    sharedShadow[i] = {};
  now = 1;
}

//===----------------------------------------------------------------------===//
// Launch
//===----------------------------------------------------------------------===//

static std::string dims(const uint32_t size[3]) {
  return "(" + std::to_string(size[0]) + ", " + std::to_string(size[1]) + ", " +
         std::to_string(size[2]) + ")";
}

std::string Machine::checkLaunch(const KernelInfo &info, const uint32_t grid[3],
                                 const uint32_t block[3],
                                 uint32_t count) const {
  std::string of = std::string("kernel '") + info.name + "': ";
  if (count != info.parameters)
    return of + "takes " + std::to_string(info.parameters) +
           " arguments, found " + std::to_string(count);
  uint64_t size = 1, blocks = 1;
  for (int i = 0; i != 3; ++i) {
    if (grid[i] == 0 || grid[i] > (i == 0 ? 0x7fffffffu : 65535u))
      return of + "a grid of " + dims(grid) +
             " blocks; it must be 1..2147483647, 1..65535, 1..65535";
    if (block[i] == 0 || block[i] > (i == 2 ? 64 : kMaxThreads))
      return of + "a block of " + dims(block) +
             " threads; it must be 1..1024, 1..1024, 1..64";
    size *= block[i];
    blocks *= grid[i];
  }
  uint64_t most = info.maxThreads ? info.maxThreads : kMaxThreads;
  if (size > most)
    return of + "a block of " + std::to_string(size) +
           " threads; it takes at most " + std::to_string(most);
  if (blocks > uint64_t(1) << 28)
    return of + std::to_string(blocks) +
           " blocks are more than the virtual GPU runs, 2^28";
  return "";
}

/// The block's shared memory, below 4 GiB so that an address fits into the 32
/// bits of instructions that take such.
std::string Machine::prepareShared(const ModuleInfo &info,
                                   uint32_t dynamicBytes) {
  uint64_t bytes = info.sharedBytes + dynamicBytes;
  if (bytes > sharedMapped) {
    unmap(sharedMemory, sharedMapped);
    unmap(sharedShadow, sharedMapped);
    sharedMapped = bytes;
    sharedMemory = mapZeroes<char>(bytes, MAP_32BIT);
    sharedShadow = mapZeroes<Shadow>(bytes);
    if (!sharedMemory || !sharedShadow) {
      unmap(sharedMemory, bytes);
      unmap(sharedShadow, bytes);
      sharedMemory = nullptr, sharedShadow = nullptr, sharedMapped = 0;
      return std::string("cannot map shared memory: ") + std::strerror(errno);
    }
  }
  shared.clear();
  auto addVariable = [&](const char *name, uint64_t offset, uint64_t size) {
    Region region;
    region.begin = sharedMemory + offset;
    region.bytes = size;
    region.name = name;
    region.ofBlock = true;
    region.shadow = sharedShadow + offset;
    shared.push_back(std::move(region));
  };
  for (uint64_t i = 0; i != info.sharedCount; ++i)
    addVariable(info.shared[i].name, info.shared[i].offset,
                info.shared[i].bytes);
  if (dynamicBytes)
    addVariable("dynamic shared memory", info.sharedBytes, dynamicBytes);
  return "";
}

/// The buffers that arguments point into.
void Machine::findParameters(const KernelInfo &info, void *const *values) {
  parameters.assign(info.parameters, nullptr);
  for (uint64_t i = 0; i != info.parameters; ++i) {
    if (!info.isPointer[i])
      continue;
    const char *pointer;
    std::memcpy(&pointer, values[i], sizeof pointer);
    for (auto &region : regions)
      if (region->contains(pointer, 0))
        // The end of one may be the beginning of the next.
        if (!parameters[i] || region->begin == pointer)
          parameters[i] = region.get();
  }
}

std::string Machine::launch(const Program &program, uint32_t number,
                            const uint32_t grid[3], const uint32_t block[3],
                            uint32_t dynamicSharedBytes, void *const *values,
                            uint32_t count) {
  module = &program.info();
  if (number >= module->kernelCount)
    return "there is no kernel " + std::to_string(number) +
           "; the object holds " + std::to_string(module->kernelCount);
  kernel = &module->kernels[number];
  if (std::string problem = checkLaunch(*kernel, grid, block, count);
      !problem.empty())
    return problem;
  std::copy(grid, grid + 3, gridSize.begin());
  std::copy(block, block + 3, blockSize.begin());
  threads = block[0] * block[1] * block[2];
  if (std::string problem = stacks.grow(threads); !problem.empty())
    return problem;
  if (now > Shadow::kInFlight / 2)
    forgetTime();
  if (std::string problem = prepareShared(*module, dynamicSharedBytes);
      !problem.empty())
    return problem;
  arguments = values;
  findParameters(*kernel, values);

  globals.clear();
  for (uint64_t i = 0; i != module->globalCount; ++i) {
    const VariableInfo &variable = module->globals[i];
    auto region = std::make_unique<Region>();
    region->begin = static_cast<char *>(variable.address);
    region->bytes = variable.bytes;
    region->name = variable.name;
    region->writable = variable.writable;
    globals.push_back(std::move(region));
  }

  lanes.resize(threads);
  warps.resize((threads + kWarpLanes - 1) / kWarpLanes);
  known.resize(threads);
  for (uint32_t index = 0; index != threads; ++index) {
    Lane &lane = lanes[index];
    LaneRegisters &of = lane.registers;
    of.tid[0] = index % block[0];
    of.tid[1] = index / block[0] % block[1];
    of.tid[2] = index / block[0] / block[1];
    std::copy(block, block + 3, of.ntid);
    std::copy(grid, grid + 3, of.nctaid);
    of.laneid = index % kWarpLanes;
    of.warpid = index / kWarpLanes;
    of.nwarpid = warps.size();
    of.dynamicSharedBytes = dynamicSharedBytes;
    of.shared = sharedMemory;
    lane.index = index;
    lane.site = 0;
    lane.warp = &warps[of.warpid];
    lane.machine = this;
  }

  error.clear();
  releases.clear();
  blockStarts.clear();
  launchStart = ++now;
  std::vector<uint32_t> order(grid[0] * uint64_t(grid[1]) * grid[2]);
  for (size_t i = 0; i != order.size(); ++i) {
    size_t other = random() % (i + 1);
    order[i] = order[other];
    order[other] = i;
  }
  unsigned controls = _mm_getcsr();
  _mm_setcsr(0x1f80); // nearest even, subnormals as they are, no traps
  for (uint32_t block : order) {
    if (!error.empty())
      break;
    runBlock(block);
  }
  _mm_setcsr(controls);
  for (auto &global : globals)
    dropShadow(*global);
  lastRegion = nullptr;
  return error;
}
