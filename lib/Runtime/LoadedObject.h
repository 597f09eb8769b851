//===- LoadedObject.h - A shared object from memory -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_LOADEDOBJECT_H
#define RUNG_LIB_RUNTIME_LOADEDOBJECT_H

#include "rung/Runtime/BundleReader.h"

#include <string>

namespace rung {

/// Code in the address space of this process, for as long as this lives.
class LoadedObject {
public:
  LoadedObject() = default;
  ~LoadedObject();
  LoadedObject(const LoadedObject &) = delete;
  LoadedObject &operator=(const LoadedObject &) = delete;

  /// Loads an ELF shared object, once; `name` is for the system's lists.
  /// Returns the error, "" if there is none.
  std::string load(BundleReader::Bytes code, const std::string &name);
  /// dlopen's.
  void *handle() const { return handle_; }

private:
  void *handle_ = nullptr;
  /// Open for as long as the code is loaded: its number is in the name that
  /// dlopen knows the code by, and must not become another object's.
  int file_ = -1;
};

} // namespace rung

#endif // RUNG_LIB_RUNTIME_LOADEDOBJECT_H
