//===- Compile.cpp - One module to code for its targets -------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Compile.h"
#include "Constants.h"
#include "DumpPasses.h"
#include "Manifest.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/Pipelines.h"
#include "rung/Runtime/BundleWriter.h"
#include "rung/Target/CodeGen.h"

#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/ToolUtilities.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Path.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
namespace json = llvm::json;

namespace rung {
namespace {

constexpr const char kProducer[] = "rung 0.1.0";

/// Module attribute: names of U8 tensors that the bundle carries for its user.
constexpr llvm::StringLiteral kAssetsAttr = "rung.assets";

/// The module has said what is wrong with it.
llvm::Error diagnosed() { return llvm::createStringError(""); }

llvm::Error lower(ModuleOp module, const CPUTarget &target,
                  const CompileOptions &options) {
  std::optional<PassDump> dump;
  if (!options.dumpDirectory.empty()) {
    SmallString<128> folder(options.dumpDirectory);
    if (options.targets.size() > 1)
      llvm::sys::path::append(folder, target.str());
    dump.emplace(folder);
  }
  auto run = [&](bool verifyEachPass, auto... build) {
    PassManager pm(module.getContext());
    pm.enableVerifier(verifyEachPass);
    if (dump)
      pm.addInstrumentation(createPassDumper(*dump));
    (build(pm, target), ...);
    return pm.run(module);
  };
  // The last part has two dozen passes and the most operations: verifying each
  // of them would take a third of the time of them all.
  if (failed(run(true, buildTensorPipeline, buildLoopPipeline)) ||
      failed(run(/*verifyEachPass=*/bool(dump), buildLLVMPipeline)) ||
      failed(verify(module)))
    return diagnosed();
  if (dump && !dump->error.empty())
    return llvm::createStringError(dump->error);
  return llvm::Error::success();
}

llvm::Error writeWhole(const std::string &path, ArrayRef<char> bytes) {
  std::string problem = writeOutput(path, bytes.data(), bytes.size());
  return problem.empty() ? llvm::Error::success()
                         : llvm::createStringError(problem);
}

/// What one target contributes to a bundle.
struct TargetCode {
  json::Array entries;
  ArrayAttr constants, assets;
  llvm::SmallVector<char, 0> binary;
};

class Compiler {
public:
  Compiler(ModuleOp module, const CompileOptions &options)
      : module(module), options(options) {}

  llvm::Error run() {
    if (options.emit == Emit::Bundle)
      return writeBundle();
    return writeCode();
  }

private:
  /// The code of all targets in the form that --emit asks for, each behind a
  /// comment with its name if there are several.
  llvm::Error writeCode() {
    bool several = options.targets.size() > 1;
    if (several && options.emit == Emit::Object)
      return llvm::createStringError(
          "an object holds code for one target, found " +
          std::to_string(options.targets.size()) +
          "; compile for each by itself, or write a bundle");
    StringRef comment = options.emit == Emit::MLIR   ? "// "
                        : options.emit == Emit::LLVM ? "; "
                                                     : "# ";
    std::string text;
    llvm::raw_string_ostream stream(text);
    for (const CPUTarget &target : options.targets) {
      if (!text.empty() && options.emit == Emit::MLIR)
        stream << kDefaultSplitMarker << "\n"; // as --split-input-file reads
      if (several)
        stream << comment << "target " << target.str() << "\n";
      OwningOpRef<ModuleOp> copy = module.clone();
      if (llvm::Error error = generate(*copy, target, stream))
        return error;
    }
    return writeWhole(options.output, text);
  }

  llvm::Error generate(ModuleOp copy, const CPUTarget &target,
                       llvm::raw_ostream &stream) {
    if (llvm::Error error = lower(copy, target, options))
      return error;
    if (options.emit == Emit::MLIR) {
      copy.print(stream);
      return llvm::Error::success();
    }
    return withLLVM(
        copy, target,
        [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
          if (options.emit == Emit::LLVM) {
            code.print(stream, nullptr);
            return llvm::Error::success();
          }
          auto bytes =
              emitCode(code, machine,
                       options.emit == Emit::Assembly ? CodeKind::Assembly
                                                      : CodeKind::Object);
          if (!bytes)
            return bytes.takeError();
          stream << StringRef(bytes->data(), bytes->size());
          return llvm::Error::success();
        });
  }

  /// Calls `use` with the optimised LLVM IR of a module that is lowered.
  static llvm::Error withLLVM(
      ModuleOp lowered, const CPUTarget &target,
      function_ref<llvm::Error(llvm::Module &, llvm::TargetMachine &)> use) {
    auto machine = createTargetMachine(target);
    if (!machine)
      return machine.takeError();
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> code =
        translateModuleToLLVMIR(lowered, context, "rung");
    if (!code)
      return diagnosed();
    if (llvm::Error error = optimizeModule(*code, target, **machine))
      return error;
    return use(*code, **machine);
  }

  llvm::Expected<TargetCode> compileTarget(ModuleOp copy,
                                           const CPUTarget &target) {
    if (llvm::Error error = lower(copy, target, options))
      return error;
    TargetCode result;
    FailureOr<json::Array> entries = describeEntries(copy);
    if (failed(entries))
      return diagnosed();
    result.entries = std::move(*entries);
    result.constants = arrayOf(copy, RungDialect::kConstantsAttrName);
    result.assets = arrayOf(copy, kAssetsAttr);
    llvm::Error error = withLLVM(
        copy, target,
        [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
          auto object = emitCode(code, machine, CodeKind::Object);
          if (!object)
            return object.takeError();
          auto binary = linkSharedObject(*object);
          if (!binary)
            return binary.takeError();
          result.binary = std::move(*binary);
          return llvm::Error::success();
        });
    if (error)
      return std::move(error);
    return result;
  }

  /// An array of the module, empty if it has none of this name.
  static ArrayAttr arrayOf(ModuleOp module, StringRef name) {
    auto array = module->getAttrOfType<ArrayAttr>(name);
    return array ? array : ArrayAttr::get(module.getContext(), {});
  }

  llvm::Error writeBundle() {
    SafeTensors parameters;
    for (const std::string &path : options.parameters)
      if (llvm::Error error = parameters.add(path))
        return error;
    BundleWriter writer(options.output);
    json::Array binaries, entries;
    ArrayAttr constantList, assetList;
    for (const CPUTarget &target : options.targets) {
      OwningOpRef<ModuleOp> copy = module.clone();
      llvm::Expected<TargetCode> code = compileTarget(*copy, target);
      if (!code)
        return code.takeError();
      uint32_t section = writer.append(SectionKind::Code, code->binary.data(),
                                       code->binary.size());
      binaries.push_back(
          json::Object{{"target", target.str()},
                       {"features", json::Array(target.features)},
                       {"section", section}});
      if (constantList && constantList != code->constants)
        return llvm::createStringError(
            "targets '" + options.targets.front().str() + "' and '" +
            target.str() +
            "' need constants in different orders; give each its own bundle");
      entries = std::move(code->entries);
      constantList = code->constants;
      assetList = code->assets;
    }
    if (entries.empty())
      return llvm::createStringError(
          "the module has no public function, so the "
          "bundle would have no entry");
    llvm::Expected<json::Array> written =
        writeConstants(constantList, assetList, parameters, writer);
    if (!written)
      return written.takeError();
    // Assets follow the constants that code finds by their index.
    json::Array constants, assets;
    for (auto [index, place] : llvm::enumerate(*written))
      (index < constantList.size() ? constants : assets).push_back(place);
    json::Value manifest = json::Object{{"producer", kProducer},
                                        {"constants", std::move(constants)},
                                        {"assets", std::move(assets)},
                                        {"binaries", std::move(binaries)},
                                        {"entries", std::move(entries)}};
    std::string text;
    llvm::raw_string_ostream(text) << manifest;
    if (!writer.finish(text))
      return llvm::createStringError(writer.error());
    return llvm::Error::success();
  }

  ModuleOp module;
  const CompileOptions &options;
};

} // namespace

llvm::Error compile(ModuleOp module, const CompileOptions &options) {
  return Compiler(module, options).run();
}

} // namespace rung
