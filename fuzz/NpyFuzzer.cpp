//===- NpyFuzzer.cpp - readNpy on any bytes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file is read as rung-run reads its --input. One that is taken holds as many
// bytes as its shape says, and says the same after writeNpy.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "Require.h"
#include "rung/Runtime/Npy.h"

#include <cstring>
#include <fcntl.h>
#include <numeric>

using namespace rung;
using fuzz::require;

/// Through a pipe, whose end the reader has to find by itself.
static bool readPiped(const uint8_t *data, size_t size, NpyArray &array,
                      std::string &error) {
  int ends[2];
  require(pipe(ends) == 0, "there is a pipe");
  require(write(ends[1], data, size) == static_cast<ssize_t>(size),
          "a small file fits into a pipe");
  close(ends[1]);
  bool done = readNpy("/proc/self/fd/" + std::to_string(ends[0]), array, error);
  close(ends[0]);
  return done;
}

static bool sameBytes(const NpyArray &a, const NpyArray &b) {
  return a.bytes == b.bytes &&
         (a.bytes == 0 || !std::memcmp(a.data.get(), b.data.get(), a.bytes));
}

static void checkWritten(const NpyArray &array) {
  static const std::string path =
      "/tmp/rung-npy-fuzzer-" + std::to_string(getpid()) + ".npy";
  AtomicFile file(path);
  require(
      writeNpy(file, array.type, array.shape, array.data.get(), array.bytes) &&
          file.commit(),
      "an array is written: " + file.error());
  NpyArray again;
  std::string error;
  require(readNpy(path, again, error), "what was written is read: " + error);
  require(again.type == array.type && again.shape == array.shape &&
              sameBytes(again, array),
          "what was written is what is read");
  unlink(path.c_str());
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::MemoryFile file(data, size);
  NpyArray array;
  std::string error;
  bool done = readNpy(file.path(), array, error);
  require(done == error.empty(), "an error has a text");
  constexpr size_t pipeBytes = 1 << 15;
  if (size <= pipeBytes) {
    NpyArray piped;
    error.clear();
    require(readPiped(data, size, piped, error) == done &&
                (!done || sameBytes(array, piped)),
            "a pipe reads as the file does");
  }
  if (!done)
    return 0;
  uint64_t bytes =
      std::accumulate(array.shape.begin(), array.shape.end(),
                      uint64_t(array.elementBytes), std::multiplies<>());
  require(array.bytes == bytes, "there are as many bytes as the shape says");
  const auto *first = static_cast<const uint8_t *>(array.data.get());
  require(reinterpret_cast<uintptr_t>(first) % 64 == 0, "data is aligned");
  volatile uint64_t sum = std::accumulate(first, first + bytes, uint64_t(0));
  (void)sum;
  // Its writer knows numbers only.
  if (array.type.compare(0, 4, "void") && array.type != "bool" &&
      array.type != "float8")
    checkWritten(array);
  return 0;
}
