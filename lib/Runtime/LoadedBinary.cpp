//===- LoadedBinary.cpp - The code of a bundle, loaded ----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadedBinary.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC // Linux 6.3: say that the file is to be executed
#define MFD_EXEC 0x0010U
#endif

using namespace rung;

LoadedBinary::~LoadedBinary() {
  if (handle_)
    dlclose(handle_);
  if (file_ >= 0)
    close(file_);
}

/// An executable file that exists in memory only.
static int createFile(const std::string &name) {
  int file = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_EXEC);
  if (file < 0 && errno == EINVAL)
    file = memfd_create(name.c_str(), MFD_CLOEXEC);
  return file;
}

std::string LoadedBinary::loadObject(BundleReader::Bytes code) {
  int file = file_ = createFile("rung:" + binary_->target);
  if (file < 0)
    return std::string("memfd_create: ") + std::strerror(errno);
  std::string problem;
  for (uint64_t done = 0; problem.empty() && done < code.size;) {
    ssize_t count = write(file, code.data + done, code.size - done);
    if (count > 0)
      done += static_cast<uint64_t>(count);
    else if (errno != EINTR)
      problem = std::string("write: ") + std::strerror(errno);
  }
  if (problem.empty()) {
    std::string path = "/proc/self/fd/" + std::to_string(file);
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle_)
      problem = dlerror();
  }
  return problem;
}

std::string LoadedBinary::find(const std::string &name) {
  std::string symbol = RUNG_ENTRY_PREFIX + name;
  void *address = dlsym(handle_, symbol.c_str());
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
  error = loaded->loadObject(bundle.code(binary));
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
