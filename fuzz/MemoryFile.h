//===- MemoryFile.h - Bytes under a path -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_FUZZ_MEMORYFILE_H
#define RUNG_FUZZ_MEMORYFILE_H

#include <cstdint>
#include <cstdlib>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace rung::fuzz {

/// A file with these bytes that exists in memory only.
class MemoryFile {
public:
  MemoryFile(const uint8_t *data, size_t size)
      : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    while (size) {
      ssize_t count = write(file_, data, size);
      if (count <= 0)
        std::abort();
      data += count;
      size -= static_cast<size_t>(count);
    }
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

private:
  int file_;
};

} // namespace rung::fuzz

#endif // RUNG_FUZZ_MEMORYFILE_H
