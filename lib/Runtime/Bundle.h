//===- Bundle.h - An open bundle and its calls ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the C interface (CAPI.cpp) hands out. Functions that can fail return an
// error text, empty on success.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_BUNDLE_H
#define RUNG_LIB_RUNTIME_BUNDLE_H

#include "CallContext.h"
#include "Device.h"
#include "LoadedBinary.h"

#include "rung-c/Runtime.h"

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

/// A packed weight, in memory of the device of its bundle.
struct rung_packed {
  ~rung_packed() { device->free(data); }

  uint64_t bundle; // number of the bundle that it serves
  rung::Packing packing;
  std::shared_ptr<rung::Device> device;
  void *data;
};

struct rung_bundle {
  explicit rung_bundle(std::unique_ptr<rung::BundleReader> reader);

  std::string load(const std::string &deviceName);

  /// Packs a tensor that was checked; null on failure.
  rung_packed *pack(const rung::Argument &argument,
                    const rung::Packing &packing, const rung_tensor &tensor,
                    std::string &error);

  /// Calls an entry with tensors that were checked.
  std::string call(size_t entry, const rung_tensor *tensors, void *stream);

  const rung::Entry &entry(size_t index) const {
    return reader->manifest().entries[index];
  }
  /// How the loaded binary takes an argument; null if as it is.
  const rung::Packing *packing(size_t entry, size_t argument) const {
    return device->binary().packing(entry, argument);
  }

  std::unique_ptr<rung::BundleReader> reader;
  uint64_t number;
  /// Null before load().
  std::shared_ptr<rung::Device> device;
  std::unique_ptr<rung::LoadedBinary> code;
  rung::CallContext context;
  bool threadsChosen = false;
  mutable std::mutex mutex;

  // What the C interface shows of the manifest.
  std::deque<std::vector<rung_dimension>> shapes;
  std::deque<std::vector<rung_argument>> arguments;
  std::vector<rung_entry_info> entries;

private:
  struct Call;

  void showPacked(const rung::Binary &of);
  std::string packOnHost(const rung::Argument &argument,
                         const rung::Packing &packing,
                         const rung_tensor &tensor, void *memory);
  std::string run(const rung::Entry &entry, size_t index,
                  const rung_tensor *tensors);

  /// What pack functions run on.
  std::shared_ptr<rung::Device> host;
};

#endif // RUNG_LIB_RUNTIME_BUNDLE_H
