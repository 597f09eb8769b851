//===- VirtualGPU.h - Runs kernels on this CPU, and checks them -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every GPU thread is a fiber of the calling thread. Blocks run one after the
// other in a random order, the lanes of a block in a random order, both by a
// seed; barriers and warp-wide instructions are meeting points. What is checked
// is in docs/virtual-gpu.md. Needs no LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_VIRTUALGPU_H
#define RUNG_SIM_VIRTUALGPU_H

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace rung::sim {

struct ModuleInfo;
class Machine;

/// Kernels of one shared object (Sim/KernelABI.h), which stays loaded.
class Program {
public:
  /// `handle` is dlopen's. Nullopt with an error if the object holds no
  /// kernels, or such of another version.
  static std::optional<Program> get(void *handle, std::string &error);

  /// The number of a kernel, nullopt if there is none of this name.
  std::optional<uint32_t> find(const std::string &kernel) const;
  const ModuleInfo &info() const { return *module; }

private:
  explicit Program(const ModuleInfo *module) : module(module) {}
  const ModuleInfo *module;
};

/// Memory that kernels may use.
struct Buffer {
  void *data = nullptr;
  uint64_t bytes = 0;
  /// In messages.
  std::string name;
  bool writable = true;
  /// Otherwise the bytes are read only after kernels have written them.
  bool initialised = true;
};

/// A device. Not for several threads at once; two devices share nothing.
class VirtualGPU {
public:
  explicit VirtualGPU(uint64_t seed = 0);
  ~VirtualGPU();
  VirtualGPU(const VirtualGPU &) = delete;
  VirtualGPU &operator=(const VirtualGPU &) = delete;

  /// Makes memory known; an error if it overlaps a buffer that is known.
  [[nodiscard]] std::string add(const Buffer &buffer);
  /// Forgets the buffer that begins here.
  void remove(const void *data);
  /// These bytes of a buffer are written by the host.
  void setInitialised(const void *data, uint64_t bytes);
  /// "" if all of these bytes of a buffer have been written; else which one has
  /// not.
  [[nodiscard]] std::string checkInitialised(const void *data,
                                             uint64_t bytes) const;

  /// Runs a kernel for each thread of `grid` × `block`; `arguments[i]` points
  /// at the value of parameter i. Returns what is wrong with the launch or with
  /// the kernel, "" if nothing is. Outputs hold anything after an error.
  [[nodiscard]] std::string launch(const Program &program, uint32_t kernel,
                                   const uint32_t grid[3],
                                   const uint32_t block[3],
                                   uint32_t dynamicSharedBytes,
                                   void *const *arguments, uint32_t count);

private:
  std::unique_ptr<Machine> machine;
};

} // namespace rung::sim

#endif // RUNG_SIM_VIRTUALGPU_H
