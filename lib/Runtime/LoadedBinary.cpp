//===- LoadedBinary.cpp - The code of a bundle, loaded ----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadedBinary.h"

#include <dlfcn.h>

using namespace rung;

std::string LoadedBinary::find(const std::string &name) {
  std::string symbol = RUNG_ENTRY_PREFIX + name;
  void *address = dlsym(object_.handle(), symbol.c_str());
  if (!address)
    return "the binary for " + binary_->target + " has no symbol '" + symbol +
           "'";
  functions_[name] = reinterpret_cast<rung_entry>(address);
  return "";
}

std::unique_ptr<LoadedBinary> LoadedBinary::load(const BundleReader &bundle,
                                                 const Binary &binary,
                                                 std::string &error) {
  std::unique_ptr<LoadedBinary> loaded(new LoadedBinary);
  loaded->binary_ = &binary;
  error = loaded->object_.load(bundle.code(binary), "rung:" + binary.target);
  if (!error.empty())
    error = "cannot load the binary for " + binary.target + ": " + error;
  for (const Entry &entry : bundle.manifest().entries)
    if (error.empty())
      error = loaded->find(entry.name);
  for (const auto &[where, packing] : binary.packed)
    if (error.empty())
      error = loaded->find(packing.function);
  return error.empty() ? std::move(loaded) : nullptr;
}
