//===- rung-gen.cpp - Writes the MLIR of a kernel from flags -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "rung/Runtime/AtomicFile.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace rung;

static int fail(const Twine &message) {
  llvm::errs() << "rung-gen: error: " << message << "\n";
  return 1;
}

/// Writes to standard output and looks whether it arrived.
static int print(StringRef text) {
  llvm::raw_fd_ostream &out = llvm::outs();
  out << text;
  out.flush();
  if (!out.has_error())
    return 0;
  std::string reason = out.error().message();
  out.clear_error();
  return fail("cannot write to standard output: " + reason);
}

static int write(const std::string &path, const std::string &text) {
  AtomicFile file(path);
  file.write(0, text.data(), text.size());
  if (!file.commit())
    return fail(file.error());
  return 0;
}

int main(int argc, char **argv) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  GenOptions options;
  std::string problem = parseOptions(argc, argv, &context, options);
  if (!problem.empty())
    return fail(problem);
  if (options.help)
    return print(kGenHelp);

  OwningOpRef<ModuleOp> module = buildMatmul(options.matmul, &context);
  if (failed(verify(*module)))
    return fail("the module does not verify");
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  stream << "\n";
  return options.output == "-" ? print(text) : write(options.output, text);
}
