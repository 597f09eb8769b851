//===- Input.h - The text of a module -----------------------------*- C++
//-*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_INPUT_H
#define RUNG_TOOLS_RUNG_COMPILE_INPUT_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"

namespace rung {

/// What the file, pipe or device at `path` (`-`: standard input) holds, if it
/// can be a module: text, or MLIR's bytecode, of at most 1 GiB. An error says
/// what it is instead, without reading on: a device has no end.
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
readModule(const std::string &path);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_INPUT_H
