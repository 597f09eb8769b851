//===- Device.cpp - Where the entries of a bundle compute -------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Device.h"

#include "rung/Runtime/CpuFeatures.h"
#include "rung/Runtime/Workspace.h"

#include <cstdlib>
#include <cstring>

using namespace rung;

//===----------------------------------------------------------------------===//
// The host
//===----------------------------------------------------------------------===//

namespace {

class Host final : public Device {
public:
  Host(const BundleReader &bundle, const Binary &binary)
      : Device("cpu", binary) {
    for (uint32_t index : binary.constants)
      constants_.push_back(
          bundle.constant(bundle.manifest().constants[index]).data);
  }

  bool usesHostMemory() const override { return true; }
  void *allocate(uint64_t bytes, std::string &error) override;
  void free(void *memory) override { std::free(memory); }
  std::string checkArray(const void *, uint64_t) override {
    return "is said to lie on a GPU, but the bundle is loaded for cpu; pass "
           "memory of the host";
  }
  std::string begin(void *stream) override {
    return stream ? "a stream is given, but a CPU has none" : "";
  }
  void *allocateWorkspace(int64_t bytes, std::string &error) override {
    void *memory = workspace_.allocate(bytes);
    if (!memory)
      error =
          "out of memory: a workspace of " + std::to_string(bytes) + " bytes";
    return memory;
  }
  void releaseWorkspace(void *memory) override { workspace_.release(memory); }
  std::string copyToDevice(void *to, const void *from,
                           uint64_t bytes) override {
    std::memcpy(to, from, bytes);
    return "";
  }
  std::string copyToHost(void *to, const void *from, uint64_t bytes) override {
    std::memcpy(to, from, bytes);
    return "";
  }
  std::string launch(uint32_t kernel, const uint32_t[3], const uint32_t[3],
                     uint32_t, void *const *, uint32_t) override {
    return "kernel " + std::to_string(kernel) +
           " is launched, but a CPU has none";
  }
  std::string synchronize() override { return ""; }
  void end() override { workspace_.endCall(); }

private:
  Workspace workspace_;
};

} // namespace

void *Host::allocate(uint64_t bytes, std::string &error) {
  uint64_t size =
      (bytes + Workspace::kAlignment - 1) & ~(Workspace::kAlignment - 1);
  void *memory =
      size < bytes ? nullptr : std::aligned_alloc(Workspace::kAlignment, size);
  if (!memory)
    error = "out of memory: " + std::to_string(bytes) + " bytes";
  return memory;
}

std::shared_ptr<Device> rung::openHost(const BundleReader &bundle,
                                       const Binary &binary) {
  return std::make_shared<Host>(bundle, binary);
}

//===----------------------------------------------------------------------===//
// Any device
//===----------------------------------------------------------------------===//

static std::string join(const std::vector<std::string> &items) {
  std::string text;
  for (const std::string &item : items)
    text += (text.empty() ? "" : ", ") + item;
  return text.empty() ? "nothing" : text;
}

std::string rung::targetsOf(const Manifest &manifest) {
  std::vector<std::string> targets;
  for (const Binary &binary : manifest.binaries)
    targets.push_back(binary.target);
  return join(targets);
}

/// The first binary that this processor runs.
static std::shared_ptr<Device> openCpu(const BundleReader &bundle,
                                       const Candidates &candidates,
                                       std::string &error) {
  std::vector<std::string> refused;
  for (const Binary *binary : candidates) {
    std::vector<std::string> missing = missingCpuFeatures(binary->features);
    if (missing.empty())
      return openHost(bundle, *binary);
    refused.push_back(binary->target + " needs " + join(missing));
  }
  error = "no binary for this processor: " + join(refused) +
          "; compile it here with --target=cpu, or with --target=cpu:x86-64";
  return nullptr;
}

/// The number behind "cuda:", 0 without one. False if it is none.
static bool parseIndex(const std::string &text, unsigned &index) {
  index = 0;
  if (text.empty())
    return true;
  if (text.size() < 2 || text.size() > 5)
    return false;
  for (char digit : text.substr(1)) {
    if (digit < '0' || digit > '9')
      return false;
    index = 10 * index + static_cast<unsigned>(digit - '0');
  }
  return true;
}

/// "cuda:1" names a device of the kind "cuda"; targets are "cuda:sm_80".
static std::string kindOf(const std::string &text) {
  return text.substr(0, text.find(':'));
}

std::shared_ptr<Device> Device::open(const BundleReader &bundle,
                                     const std::string &name,
                                     std::string &error) {
  const Manifest &manifest = bundle.manifest();
  std::string kind = kindOf(name);
  bool isCpu = kind == "cpu";
  Candidates candidates;
  for (const Binary &binary : manifest.binaries)
    if (kindOf(binary.target) == kind)
      candidates.push_back(&binary);
  unsigned index = 0;
  if (candidates.empty()) {
    error = "no binary for device '" + name + "'; the bundle holds " +
            targetsOf(manifest) + "; compile it with --target=" + kind +
            (isCpu ? "" : ":ARCH");
  } else if (kind == "sim") {
    return openSim(bundle, candidates, name, error);
  } else if (!parseIndex(name.substr(kind.size()), index) ||
             (isCpu && name != kind)) {
    error = "'" + name + "' names no device; expected " + kind +
            (isCpu ? "" : " or " + kind + ":0");
  } else if (isCpu) {
    return openCpu(bundle, candidates, error);
  } else if (kind == "cuda") {
    return openCuda(bundle, candidates, index, error);
  } else {
    error = "this runtime cannot run on device '" + name +
            "', only on cpu, cuda and sim; the bundle holds " +
            targetsOf(manifest);
  }
  return nullptr;
}
