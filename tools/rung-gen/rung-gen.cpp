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

static int write(const std::string &path, StringRef text) {
  std::string problem = writeOutput(path, text.data(), text.size());
  return problem.empty() ? 0 : fail(problem);
}

int main(int argc, char **argv) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  GenOptions options;
  std::string problem = parseOptions(argc, argv, &context, options);
  if (!problem.empty())
    return fail(problem);
  if (options.help)
    return write("-", kGenHelp);

  OwningOpRef<ModuleOp> module = buildMatmul(options.matmul, &context);
  if (failed(verify(*module)))
    return fail("the module does not verify");
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  stream << "\n";
  return write(options.output, text);
}
