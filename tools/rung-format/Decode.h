//===- Decode.h - rung-format --decode -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TOOLS_RUNG_FORMAT_DECODE_H
#define RUNG_TOOLS_RUNG_FORMAT_DECODE_H

#include "mlir/IR/Types.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

/// As they were written on the command line.
struct DecodeOptions {
  std::string from, to, target;
  bool freeScale = false, json = false;
};

/// Writes the decode sequence from `from` to `to`, its cost and its proof. An
/// error, and nothing written, if a code would be lost, the target is unknown,
/// or there is no sequence.
llvm::Error printDecode(llvm::raw_ostream &os, mlir::Type from, mlir::Type to,
                        const DecodeOptions &options);

#endif // RUNG_TOOLS_RUNG_FORMAT_DECODE_H
