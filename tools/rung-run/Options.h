//===- Options.h - Command line of rung-run ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TOOLS_RUNG_RUN_OPTIONS_H
#define RUNG_TOOLS_RUNG_RUN_OPTIONS_H

#include <cstdint>
#include <string>
#include <vector>

namespace rung {

struct RunOptions {
  std::string bundle, entry, device = "cpu";
  std::vector<std::string> inputs, outputs;
  int64_t repeat = 0;   // 0: not asked for
  uint32_t threads = 0; // 0: the runtime's choice
  bool list = false, help = false;
};

/// What --help prints.
extern const char *const kRunHelp;

/// Reads the command line. Returns an error text, empty when it is fine.
std::string parseOptions(int argc, const char *const *argv,
                         RunOptions &options);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_RUN_OPTIONS_H
