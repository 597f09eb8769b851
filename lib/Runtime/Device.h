//===- Device.h - Where the entries of a bundle compute ---------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A device has memory, runs kernels, and keeps the order of both. What an entry
// asks its context for (EntryABI.h: allocate, release, launch) goes to the
// device of its call; CallContext stands between them and keeps the first
// error.
//
// Each kind of device is a class with a function that opens it:
//
//   cpu   Device.cpp: arrays are used where they are, there are no kernels
//   cuda  CudaDevice.cpp: the GPU of NVIDIA's driver
//   sim   SimDevice.cpp: the virtual GPU
//
// Functions that can fail return an error text, empty on success; none throws.
// Every function is called under the lock of the device's bundle, but
// `allocate` and `free`, which any thread may call at any time.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_DEVICE_H
#define RUNG_LIB_RUNTIME_DEVICE_H

#include "rung/Runtime/BundleReader.h"

#include <memory>
#include <string>
#include <vector>

namespace rung {

class Device {
public:
  /// Opens the device called `name` ("cpu", "cuda", "cuda:1", "sim"), chooses
  /// the best of the bundle's binaries for it, and loads its kernels and
  /// constants. Null on failure. The bundle must outlive the device's last
  /// call.
  static std::shared_ptr<Device>
  open(const BundleReader &bundle, const std::string &name, std::string &error);
  virtual ~Device() = default;
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  /// "cpu", "cuda:0", for messages.
  const std::string &name() const { return name_; }
  /// The binary that was chosen.
  const Binary &binary() const { return *binary_; }
  /// One pointer to memory of the device for each of the binary's constants.
  const void *const *constants() const { return constants_.data(); }

  /// Whether entries use the user's arrays on the host where they are. If not,
  /// a call copies them to workspace of the device and back.
  virtual bool usesHostMemory() const = 0;

  // Memory that outlives calls, at least 64-byte aligned. `free` takes null.

  /// Null, with an error, if there is none left.
  virtual void *allocate(uint64_t bytes, std::string &error) = 0;
  virtual void free(void *memory) = 0;

  /// Checks an array that the user says lies on this device.
  virtual std::string checkArray(const void *data, uint64_t bytes) = 0;

  // A call: everything from begin() to end() is done in order. What is still
  // to be done on the device when end() is called is done after that, unless
  // synchronize() has waited for it.

  /// `stream` is the user's queue of work, null for the default one.
  virtual std::string begin(void *stream) = 0;
  /// Uninitialised memory of the device for this call, 64-byte aligned; null,
  /// with an error, if there is none left or `bytes` is negative. From any
  /// thread if the device has parallel loops (a CPU).
  virtual void *allocateWorkspace(int64_t bytes, std::string &error) = 0;
  virtual void releaseWorkspace(void *memory) = 0;
  /// Copies between the host and the device, after what was begun before. The
  /// host's memory must stay as it is until synchronize().
  virtual std::string copyToDevice(void *to, const void *from,
                                   uint64_t bytes) = 0;
  virtual std::string copyToHost(void *to, const void *from,
                                 uint64_t bytes) = 0;
  /// The context's `launch`.
  virtual std::string launch(uint32_t kernel, const uint32_t grid[3],
                             const uint32_t block[3], uint32_t sharedBytes,
                             void *const *arguments, uint32_t count) = 0;
  /// Waits for all that this call has begun.
  virtual std::string synchronize() = 0;
  /// Takes back all workspace.
  virtual void end() = 0;

protected:
  Device(std::string name, const Binary &binary)
      : name_(std::move(name)), binary_(&binary) {}

  std::string name_;
  const Binary *binary_;
  std::vector<const void *> constants_;
};

/// begin() and end() of a device around what uses it.
class DeviceCall {
public:
  DeviceCall(Device &device, void *stream)
      : device_(device), error_(device.begin(stream)) {}
  ~DeviceCall() {
    if (error_.empty())
      device_.end();
  }
  DeviceCall(const DeviceCall &) = delete;
  DeviceCall &operator=(const DeviceCall &) = delete;

  /// Not empty if the call could not begin.
  const std::string &error() const { return error_; }

private:
  Device &device_;
  std::string error_;
};

/// The host, for code that takes and gives its memory: entries of a CPU, and
/// the pack functions of every target. It has no kernels.
std::shared_ptr<Device> openHost(const BundleReader &bundle,
                                 const Binary &binary);

/// The binaries for one kind of device, in the manifest's order.
using Candidates = std::vector<const Binary *>;

/// GPU number `index` of NVIDIA's driver.
std::shared_ptr<Device> openCuda(const BundleReader &bundle,
                                 const Candidates &candidates, unsigned index,
                                 std::string &error);

/// The virtual GPU: "sim", or of several binaries the one for a target,
/// "sim:cuda:sm_80".
std::shared_ptr<Device> openSim(const BundleReader &bundle,
                                const Candidates &candidates,
                                const std::string &name, std::string &error);

/// The targets of a bundle, for messages: "cpu:znver4, cuda:sm_80".
std::string targetsOf(const Manifest &manifest);

} // namespace rung

#endif // RUNG_LIB_RUNTIME_DEVICE_H
