//===- DumpPasses.cpp - Writes the IR after each pass ---------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "DumpPasses.h"

#include "mlir/IR/Operation.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace rung {
namespace {

class PassDumper final : public PassInstrumentation {
public:
  explicit PassDumper(PassDump &dump) : dump(dump) {}

  void runAfterPass(Pass *pass, Operation *op) override {
    std::string name = pass->getArgument().str();
    if (op->getParentOp()) { // of one function; shown when all are done
      if (!name.empty() && !llvm::is_contained(nested, name))
        nested.push_back(name);
      return;
    }
    if (name.empty()) // the pass that ran the nested ones
      name = llvm::join(nested, "+");
    nested.clear();
    if (!name.empty() && dump.error.empty())
      write(name, op);
  }

private:
  void write(StringRef name, Operation *module) {
    std::string text;
    llvm::raw_string_ostream(text) << *module << "\n";
    if (text == dump.last)
      return;
    SmallString<128> path(dump.directory);
    llvm::sys::path::append(
        path, llvm::formatv("{0,0+3}-{1}.mlir", dump.number++, name).str());
    std::error_code code;
    llvm::raw_fd_ostream file(path, code);
    if (!code) {
      file << text;
      file.close();
      code = file.error();
      file.clear_error();
    }
    if (code)
      dump.error = "cannot write '" + path.str().str() + "': " + code.message();
    dump.last = std::move(text);
  }

  PassDump &dump;
  std::vector<std::string> nested;
};

} // namespace

PassDump::PassDump(StringRef directory) : directory(directory) {
  if (std::error_code code = llvm::sys::fs::create_directories(directory))
    error =
        "cannot create directory '" + directory.str() + "': " + code.message();
}

std::unique_ptr<PassInstrumentation> createPassDumper(PassDump &dump) {
  return std::make_unique<PassDumper>(dump);
}

} // namespace rung
