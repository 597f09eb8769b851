//===- LoadedObject.cpp - A shared object from memory -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LoadedObject.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC // Linux 6.3: say that the file is to be executed
#define MFD_EXEC 0x0010U
#endif

using namespace rung;

LoadedObject::~LoadedObject() {
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

std::string LoadedObject::load(BundleReader::Bytes code,
                               const std::string &name) {
  int file = file_ = createFile(name);
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
