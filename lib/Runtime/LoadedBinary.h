//===- LoadedBinary.h - The code of a bundle, loaded ------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_LOADEDBINARY_H
#define RUNG_LIB_RUNTIME_LOADEDBINARY_H

#include "LoadedObject.h"

#include "rung/Runtime/EntryABI.h"

#include <map>
#include <memory>
#include <string>

namespace rung {

/// The host's code of a binary, in the address space of this process.
class LoadedBinary {
public:
  /// Loads it with the functions of all entries. Null on failure.
  static std::unique_ptr<LoadedBinary>
  load(const BundleReader &bundle, const Binary &binary, std::string &error);

  /// An entry or pack function of the manifest.
  rung_entry function(const std::string &name) const {
    return functions_.at(name);
  }

private:
  LoadedBinary() = default;
  std::string find(const std::string &name);

  const Binary *binary_ = nullptr;
  LoadedObject object_;
  std::map<std::string, rung_entry> functions_;
};

} // namespace rung

#endif // RUNG_LIB_RUNTIME_LOADEDBINARY_H
