//===- Input.cpp - The text of a module -----------------------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Input.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"

using namespace llvm;

namespace rung {

/// Weights are not in a module, so that the largest have some MiB.
constexpr size_t kMostBytes = size_t(1) << 30;

Expected<std::unique_ptr<MemoryBuffer>> readModule(const std::string &path) {
  auto refuse = [&](const Twine &why) {
    return createStringError("cannot read a module from '" + path +
                             "': " + why);
  };
  bool isStandard = path == "-";
  Expected<sys::fs::file_t> file = isStandard
                                       ? sys::fs::getStdinHandle()
                                       : sys::fs::openNativeFileForRead(path);
  if (!file)
    return refuse(toString(file.takeError()));
  scope_exit close([&] {
    if (!isStandard)
      sys::fs::closeFile(*file);
  });
  constexpr size_t chunk = size_t(1) << 20;
  SmallString<0> bytes;
  while (true) {
    size_t size = bytes.size();
    bytes.resize_for_overwrite(size + chunk);
    Expected<size_t> count = sys::fs::readNativeFile(
        *file, MutableArrayRef(bytes.data() + size, chunk));
    if (!count)
      return refuse(toString(count.takeError()));
    bytes.truncate(size + *count);
    if (*count == 0)
      break;
    if (bytes.size() > kMostBytes)
      return refuse("it goes on behind 1 GiB, the most that is read");
    size_t zero = bytes.str().find('\0', size);
    if (zero != StringRef::npos &&
        !mlir::isBytecode(MemoryBufferRef(bytes, path)))
      return refuse("byte " + Twine(zero) + " is 0, expected text");
  }
  return std::make_unique<SmallVectorMemoryBuffer>(
      std::move(bytes), isStandard ? "<stdin>" : path);
}

} // namespace rung
