//===- Compile.cpp - One module to code for its targets -------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Compile.h"
#include "Constants.h"
#include "DumpPasses.h"
#include "Manifest.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Pipelines.h"
#include "rung/Runtime/BundleWriter.h"
#include "rung/Sim/Compile.h"
#include "rung/Target/CodeGen.h"
#include "rung/Target/Device.h"
#include "rung/Target/PTX.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/ToolUtilities.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/ADT/SetVector.h"
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

llvm::Error lower(ModuleOp module, const Target &target,
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

using Bytes = llvm::SmallVector<char, 0>;

/// What one target contributes to a bundle.
struct TargetCode {
  EntryDescriptions descriptions;
  ArrayAttr constants, assets, kernels;
  Bytes host;
  /// Code of the kernels in each form ("cubin", "ptx"), the best first.
  std::vector<std::pair<const char *, Bytes>> device;
};

/// The comment that a line of some kind of text begins with.
const char *commentOf(Emit emit, const Target &target) {
  switch (emit) {
  case Emit::MLIR:
    return "// ";
  case Emit::LLVM:
    return "; ";
  default:
    return target.isGPU() && !target.simulated ? "// " : "# ";
  }
}

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
    std::string text;
    llvm::raw_string_ostream stream(text);
    for (const Target &target : options.targets) {
      if (!text.empty() && options.emit == Emit::MLIR)
        stream << kDefaultSplitMarker << "\n"; // as --split-input-file reads
      if (several)
        stream << commentOf(options.emit, target) << "target " << target.str()
               << "\n";
      OwningOpRef<ModuleOp> copy = module.clone();
      if (llvm::Error error = generate(*copy, target, stream))
        return error;
    }
    return writeWhole(options.output, text);
  }

  /// For a GPU, the code is that of its kernels.
  llvm::Error generate(ModuleOp copy, const Target &target,
                       llvm::raw_ostream &stream) {
    if (llvm::Error error = lower(copy, target, options))
      return error;
    if (options.emit == Emit::MLIR) {
      copy.print(stream);
      return llvm::Error::success();
    }
    if (target.isGPU())
      return generateKernels(copy, target, stream);
    return withLLVM(copy, target.host,
                    [&](llvm::Module &code, llvm::TargetMachine &machine) {
                      return emitHost(code, machine, stream);
                    });
  }

  llvm::Error generateKernels(ModuleOp lowered, const Target &target,
                              llvm::raw_ostream &stream) {
    bool needsPtxas = options.emit == Emit::Object && !target.simulated;
    std::string ptxas = needsPtxas ? findPtxas() : "";
    if (needsPtxas && ptxas.empty())
      return llvm::createStringError(
          "an object for " + target.str() +
          " is made by ptxas, which is neither on PATH nor in $CUDA_HOME/bin "
          "(by default /usr/local/cuda/bin); install NVIDIA's CUDA toolkit, or "
          "write PTX with --emit=asm");
    OwningOpRef<gpu::GPUModuleOp> kernels = takeKernels(lowered);
    if (!kernels)
      return llvm::createStringError("the module has no kernel for " +
                                     target.str());
    DeviceAttr device = getDevice(lowered);
    return withKernels(
        *kernels, target,
        [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
          if (target.simulated)
            return emitSimulated(code, device, target.host, stream);
          if (options.emit == Emit::LLVM) {
            code.print(stream, nullptr);
            return llvm::Error::success();
          }
          auto bytes = emitPTX(code, machine);
          if (bytes && options.emit == Emit::Object)
            bytes = assemblePTX(ptxas, *bytes, target.architecture);
          if (!bytes)
            return bytes.takeError();
          stream << StringRef(bytes->data(), bytes->size());
          return llvm::Error::success();
        });
  }

  llvm::Error emitSimulated(llvm::Module &code, DeviceAttr device,
                            const CPUTarget &host, llvm::raw_ostream &stream) {
    if (llvm::Error error = sim::retargetKernels(code, device, host))
      return error;
    auto machine = createTargetMachine(host);
    if (!machine)
      return machine.takeError();
    return emitHost(code, **machine, stream);
  }

  /// LLVM IR, assembly or an object of x86-64 code.
  llvm::Error emitHost(llvm::Module &code, llvm::TargetMachine &machine,
                       llvm::raw_ostream &stream) {
    if (options.emit == Emit::LLVM) {
      code.print(stream, nullptr);
      return llvm::Error::success();
    }
    auto bytes = emitCode(code, machine,
                          options.emit == Emit::Assembly ? CodeKind::Assembly
                                                         : CodeKind::Object);
    if (!bytes)
      return bytes.takeError();
    stream << StringRef(bytes->data(), bytes->size());
    return llvm::Error::success();
  }

  /// Takes the kernels out of a module that is lowered; null if it has none.
  static OwningOpRef<gpu::GPUModuleOp> takeKernels(ModuleOp lowered) {
    auto modules = lowered.getOps<gpu::GPUModuleOp>();
    if (modules.empty())
      return {};
    gpu::GPUModuleOp kernels = *modules.begin();
    kernels->remove();
    return kernels;
  }

  using UseLLVM =
      function_ref<llvm::Error(llvm::Module &, llvm::TargetMachine &)>;

  /// Calls `use` with the optimised LLVM IR of kernels that are lowered.
  static llvm::Error withKernels(gpu::GPUModuleOp kernels, const Target &target,
                                 UseLLVM use) {
    auto machine = createPTXMachine(target.architecture);
    if (!machine)
      return machine.takeError();
    llvm::LLVMContext context;
    std::unique_ptr<llvm::Module> code =
        translateModuleToLLVMIR(kernels, context, "rung");
    if (!code)
      return diagnosed();
    optimizeKernels(*code, **machine);
    return use(*code, **machine);
  }

  /// Calls `use` with the optimised LLVM IR of a module that is lowered.
  static llvm::Error withLLVM(ModuleOp lowered, const CPUTarget &target,
                              UseLLVM use) {
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

  /// The kernels in every form that can be made here.
  static llvm::Error compileKernels(gpu::GPUModuleOp kernels, DeviceAttr device,
                                    const Target &target, TargetCode &result) {
    return withKernels(
        kernels, target,
        [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
          if (target.simulated) {
            auto object = sim::compileKernels(code, device, target.host);
            if (!object)
              return object.takeError();
            result.device.emplace_back("sim", std::move(*object));
            return llvm::Error::success();
          }
          auto ptx = emitPTX(code, machine);
          if (!ptx)
            return ptx.takeError();
          if (std::string ptxas = findPtxas(); !ptxas.empty()) {
            auto cubin = assemblePTX(ptxas, *ptx, target.architecture);
            if (!cubin)
              return cubin.takeError();
            result.device.emplace_back("cubin", std::move(*cubin));
          }
          result.device.emplace_back("ptx", std::move(*ptx));
          return llvm::Error::success();
        });
  }

  llvm::Expected<TargetCode> compileTarget(ModuleOp copy,
                                           const Target &target) {
    if (llvm::Error error = lower(copy, target, options))
      return error;
    TargetCode result;
    FailureOr<EntryDescriptions> descriptions = describeEntries(copy);
    if (failed(descriptions))
      return diagnosed();
    result.descriptions = std::move(*descriptions);
    result.constants = arrayOf(copy, RungDialect::kConstantsAttrName);
    result.assets = arrayOf(copy, kAssetsAttr);
    result.kernels = arrayOf(copy, kKernelsAttr);
    if (OwningOpRef<gpu::GPUModuleOp> kernels = takeKernels(copy))
      if (llvm::Error error =
              compileKernels(*kernels, getDevice(copy), target, result))
        return std::move(error);
    llvm::Error error = withLLVM(
        copy, target.host,
        [&](llvm::Module &code, llvm::TargetMachine &machine) -> llvm::Error {
          auto object = emitCode(code, machine, CodeKind::Object);
          if (!object)
            return object.takeError();
          auto binary = linkSharedObject(*object);
          if (!binary)
            return binary.takeError();
          result.host = std::move(*binary);
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

  /// One of the manifest's binaries. Its constants join those of the others in
  /// `constants`.
  json::Object writeBinary(const Target &target, TargetCode &code,
                           llvm::SetVector<Attribute> &constants,
                           BundleWriter &writer) {
    auto write = [&](const Bytes &bytes) {
      return writer.append(SectionKind::Code, bytes.data(), bytes.size());
    };
    json::Array indices;
    for (Attribute constant : code.constants) {
      constants.insert(constant);
      indices.push_back(llvm::find(constants, constant) - constants.begin());
    }
    json::Object binary{{"target", target.str()},
                        {"features", json::Array(target.host.features)},
                        {"section", write(code.host)},
                        {"constants", std::move(indices)},
                        {"packed", std::move(code.descriptions.packed)}};
    if (!target.isGPU())
      return binary;
    json::Array kernels, device;
    for (auto name : code.kernels.getAsRange<StringAttr>())
      kernels.push_back(name.getValue());
    for (auto &[kind, bytes] : code.device)
      device.push_back(json::Object{{"kind", kind}, {"section", write(bytes)}});
    binary["kernels"] = std::move(kernels);
    binary["device"] = std::move(device);
    return binary;
  }

  llvm::Error writeBundle() {
    SafeTensors parameters;
    for (const std::string &path : options.parameters)
      if (llvm::Error error = parameters.add(path))
        return error;
    BundleWriter writer(options.output);
    json::Array binaries, entries;
    llvm::SetVector<Attribute> constantSet;
    ArrayAttr assetList;
    for (const Target &target : options.targets) {
      OwningOpRef<ModuleOp> copy = module.clone();
      llvm::Expected<TargetCode> code = compileTarget(*copy, target);
      if (!code)
        return code.takeError();
      binaries.push_back(writeBinary(target, *code, constantSet, writer));
      entries = std::move(code->descriptions.entries);
      assetList = code->assets;
    }
    ArrayAttr constantList =
        ArrayAttr::get(module.getContext(), constantSet.getArrayRef());
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
