//===- SimDevice.cpp - The virtual GPU as a device --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Memory of the device is memory of the host, each array by itself and of
// exactly its size, so that the virtual GPU sees every access beyond it. What
// outlives calls (packed weights, constants) is read by kernels only; workspace
// has no contents until it is written.
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "LoadedObject.h"

#include "rung/Runtime/CpuFeatures.h"
#include "rung/Runtime/Workspace.h"
#include "rung/Sim/VirtualGPU.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

using namespace rung;

static constexpr char kSeedVariable[] = "RUNG_SIM_SEED";

/// The seed of the order in which blocks and lanes run.
static uint64_t seedFromEnvironment(std::string &error) {
  const char *text = std::getenv(kSeedVariable);
  if (!text || !*text)
    return 0;
  char *end;
  uint64_t seed = std::strtoull(text, &end, 10);
  if (*end || *text < '0' || *text > '9')
    error = std::string(kSeedVariable) + "='" + text +
            "' is no seed; expected a number such as 1";
  return seed;
}

namespace {

class SimDevice final : public Device {
public:
  SimDevice(const BundleReader &bundle, const Binary &binary,
            const std::string &name, uint64_t seed)
      : Device(name, binary), bundle_(bundle), gpu_(seed) {}
  ~SimDevice() override { end(); }

  /// Loads kernels and constants.
  std::string load();

  bool usesHostMemory() const override { return false; }
  void *allocate(uint64_t bytes, std::string &error) override {
    return addMemory(bytes, "weights", /*writable=*/false, error);
  }
  void free(void *memory) override { dropMemory(memory); }
  std::string checkArray(const void *, uint64_t) override {
    return "is said to lie on a GPU, but the bundle is loaded for the virtual "
           "GPU; pass memory of the host";
  }

  std::string begin(void *stream) override {
    return stream ? "a stream is given, but the virtual GPU has none" : "";
  }
  void *allocateWorkspace(int64_t bytes, std::string &error) override;
  void releaseWorkspace(void *memory) override;
  std::string copyToDevice(void *to, const void *from,
                           uint64_t bytes) override {
    std::memcpy(to, from, bytes);
    gpu_.setInitialised(to, bytes);
    return "";
  }
  std::string copyToHost(void *to, const void *from, uint64_t bytes) override {
    std::memcpy(to, from, bytes);
    return gpu_.checkInitialised(from, bytes);
  }
  std::string launch(uint32_t kernel, const uint32_t grid[3],
                     const uint32_t block[3], uint32_t sharedBytes,
                     void *const *arguments, uint32_t count) override;
  std::string synchronize() override { return ""; }
  void end() override;

private:
  void *addMemory(uint64_t bytes, const std::string &name, bool writable,
                  std::string &error);
  void dropMemory(void *memory) {
    gpu_.remove(memory);
    std::free(memory);
  }

  const BundleReader &bundle_;
  sim::VirtualGPU gpu_;
  LoadedObject code_;
  std::optional<sim::Program> program_;
  std::vector<uint32_t> kernels_; ///< the program's, in the binary's order
  std::vector<void *> workspace_; ///< of the call, in the order of allocation
};

} // namespace

std::string SimDevice::load() {
  const Manifest &manifest = bundle_.manifest();
  for (uint32_t index : binary_->constants) {
    BundleReader::Bytes data = bundle_.constant(manifest.constants[index]);
    constants_.push_back(data.data);
    // Kernels only read them.
    std::string problem = gpu_.add({const_cast<char *>(data.data), data.size,
                                    manifest.constants[index].name,
                                    /*writable=*/false, /*initialised=*/true});
    if (!problem.empty())
      return problem;
  }
  if (binary_->device.empty())
    return "";
  std::string error = code_.load(bundle_.code(binary_->device.front()),
                                 "rung:" + binary_->target + ":kernels");
  if (error.empty())
    program_ = sim::Program::get(code_.handle(), error);
  if (!program_)
    return "cannot load the kernels for " + binary_->target + ": " + error;
  for (const std::string &name : binary_->kernels) {
    std::optional<uint32_t> number = program_->find(name);
    if (!number)
      return "the kernels for " + binary_->target + " lack '" + name + "'";
    kernels_.push_back(*number);
  }
  return "";
}

void *SimDevice::addMemory(uint64_t bytes, const std::string &name,
                           bool writable, std::string &error) {
  uint64_t size = (std::max<uint64_t>(bytes, 1) + Workspace::kAlignment - 1) &
                  ~(Workspace::kAlignment - 1);
  void *memory =
      size < bytes ? nullptr : std::aligned_alloc(Workspace::kAlignment, size);
  if (!memory) {
    error = "out of memory: " + std::to_string(bytes) + " bytes";
    return nullptr;
  }
  error = gpu_.add({memory, bytes, name, writable, /*initialised=*/false});
  if (error.empty())
    return memory;
  std::free(memory);
  return nullptr;
}

void *SimDevice::allocateWorkspace(int64_t bytes, std::string &error) {
  if (bytes < 0) {
    error = "out of memory: a workspace of " + std::to_string(bytes) + " bytes";
    return nullptr;
  }
  void *memory = addMemory(bytes,
                           "array " + std::to_string(workspace_.size()) +
                               " of the "
                               "call",
                           /*writable=*/true, error);
  if (memory)
    workspace_.push_back(memory);
  return memory;
}

void SimDevice::releaseWorkspace(void *memory) {
  auto place = std::find(workspace_.begin(), workspace_.end(), memory);
  if (place == workspace_.end())
    return;
  dropMemory(memory);
  *place = nullptr; // the others keep their numbers
}

void SimDevice::end() {
  for (void *memory : workspace_)
    if (memory)
      dropMemory(memory);
  workspace_.clear();
}

std::string SimDevice::launch(uint32_t number, const uint32_t grid[3],
                              const uint32_t block[3], uint32_t sharedBytes,
                              void *const *arguments, uint32_t count) {
  if (number >= kernels_.size())
    return "kernel " + std::to_string(number) +
           " is launched, but the bundle has " +
           std::to_string(kernels_.size());
  for (int i = 0; i != 3; ++i)
    if (grid[i] == 0 || block[i] == 0)
      return "";
  return gpu_.launch(*program_, kernels_[number], grid, block, sharedBytes,
                     arguments, count);
}

std::shared_ptr<Device> rung::openSim(const BundleReader &bundle,
                                      const Candidates &candidates,
                                      const std::string &name,
                                      std::string &error) {
  auto chosen = std::find_if(candidates.begin(), candidates.end(),
                             [&](const Binary *binary) {
                               return name == "sim" || name == binary->target;
                             });
  if (chosen == candidates.end()) {
    error = "no binary for device '" + name + "'; the bundle holds " +
            targetsOf(bundle.manifest());
    return nullptr;
  }
  std::string missing;
  for (const std::string &feature : missingCpuFeatures((*chosen)->features))
    missing += (missing.empty() ? "" : ", ") + feature;
  if (!missing.empty()) {
    error = "this processor cannot run " + (*chosen)->target + ": it lacks " +
            missing;
    return nullptr;
  }
  uint64_t seed = seedFromEnvironment(error);
  if (!error.empty())
    return nullptr;
  auto device = std::make_shared<SimDevice>(bundle, **chosen, name, seed);
  error = device->load();
  return error.empty() ? device : nullptr;
}
