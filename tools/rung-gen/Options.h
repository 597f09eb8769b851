//===- Options.h - Command line of rung-gen -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TOOLS_RUNG_GEN_OPTIONS_H
#define RUNG_TOOLS_RUNG_GEN_OPTIONS_H

#include "Matmul.h"

namespace rung {

struct GenOptions {
  MatmulOptions matmul;
  std::string output = "-"; ///< "-" is standard output
  bool help = false;
};

/// What --help prints.
extern const char *const kGenHelp;

/// Reads the command line; formats are parsed in `context`. Returns an error
/// text, empty when it is fine: then the options agree with each other.
std::string parseOptions(int argc, const char *const *argv,
                         mlir::MLIRContext *context, GenOptions &options);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_GEN_OPTIONS_H
