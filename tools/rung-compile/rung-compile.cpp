//===- rung-compile.cpp - From a module to code or a bundle ---------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Compile.h"
#include "Input.h"
#include "rung/Pipelines/Pipelines.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
namespace cl = llvm::cl;

namespace {

constexpr const char kOverview[] =
    "rung-compile: compiles a module into IR, assembly, an object or a "
    "bundle\n\n"
    "Example: rung-compile model.mlir --target=cpu,cpu:x86-64 --emit=bundle\n"
    "           --parameters=model.safetensors -o model.rung\n";

cl::OptionCategory category("rung-compile options");

cl::list<std::string> inputs(cl::Positional, cl::desc("IN.mlir"),
                             cl::cat(category));
cl::list<std::string> targets(
    "target", cl::CommaSeparated, cl::cat(category),
    cl::desc("What to compile for: cpu (this machine), cpu:NAME (an "
             "LLVM CPU name), cuda:sm_80 and the like, or sim:cuda:sm_80 "
             "for the virtual GPU; separated by commas or repeated"),
    cl::value_desc("T[,T...]"));
cl::opt<std::string>
    emitKind("emit", cl::cat(category), cl::init("bundle"),
             cl::value_desc("mlir|llvm|asm|obj|bundle"),
             cl::desc("What to write: mlir (the LLVM dialect), llvm (optimised "
                      "LLVM IR), asm, obj (a relocatable object) or bundle "
                      "(everything that rung-run needs, the default). For a "
                      "GPU, llvm is that of its kernels, asm PTX, and obj a "
                      "cubin, which ptxas makes; for the virtual GPU, x86-64 "
                      "code of its kernels. All but obj take several targets; "
                      "IR and assembly follow a "
                      "comment with the name of each"));
cl::opt<std::string> output("o", cl::cat(category), cl::value_desc("OUT"),
                            cl::desc("Where to write; - is standard output"));
cl::list<std::string>
    parameters("parameters", cl::cat(category), cl::value_desc("FILE"),
               cl::desc("A safetensors file with tensors that rung.parameter "
                        "names; may be repeated"));
cl::opt<std::string> dumpPasses("dump-passes", cl::cat(category),
                                cl::value_desc("DIR"),
                                cl::desc("Write the IR after each pass there, "
                                         "of several targets into a folder of "
                                         "each"));

int fail(const llvm::Twine &message) {
  llvm::errs() << "rung-compile: error: " << message << "\n";
  return 1;
}

std::optional<rung::Emit> parseEmit(StringRef name) {
  return llvm::StringSwitch<std::optional<rung::Emit>>(name)
      .Case("mlir", rung::Emit::MLIR)
      .Case("llvm", rung::Emit::LLVM)
      .Case("asm", rung::Emit::Assembly)
      .Case("obj", rung::Emit::Object)
      .Case("bundle", rung::Emit::Bundle)
      .Default(std::nullopt);
}

/// Targets that cli.md knows and this build does not compile for.
bool isFutureTarget(StringRef name) {
  name.consume_front("sim:");
  return name.split(':').first == "hip";
}

/// The option that a command line ends with in place of its value, or "". LLVM
/// would report it in a form of its own.
StringRef optionWithoutValue(ArrayRef<const char *> arguments) {
  StringRef last = arguments.back();
  StringRef name = last.ltrim('-');
  const auto &options = cl::getRegisteredOptions();
  auto found = options.find(name);
  bool needsValue = name != last && found != options.end() &&
                    found->second->getValueExpectedFlag() == cl::ValueRequired;
  return needsValue ? last : "";
}

/// What is missing or given twice, or "".
std::string checkOptions() {
  for (const cl::Option *option : {static_cast<cl::Option *>(&emitKind),
                                   static_cast<cl::Option *>(&output),
                                   static_cast<cl::Option *>(&dumpPasses)}) {
    std::string name = (option == &output ? "-" : "--") + option->ArgStr.str();
    if (option->getNumOccurrences() > 1)
      return name + " is given twice";
    if (option->getNumOccurrences() &&
        static_cast<const cl::opt<std::string> *>(option)->empty())
      return name + " has no value";
  }
  if (inputs.empty())
    return "expected the name of a module, as in 'rung-compile model.mlir "
           "--target=cpu -o model.rung'";
  if (inputs.size() > 1)
    return "two modules, '" + inputs[0] + "' and '" + inputs[1] +
           "', expected one";
  if (output.empty())
    return "expected -o OUT, the file to write";
  if (targets.empty())
    return "expected --target=T, as in --target=cpu";
  return "";
}

} // namespace

int main(int argc, char **argv) {
  cl::HideUnrelatedOptions(category);
  if (StringRef option = optionWithoutValue(ArrayRef(argv, argc));
      !option.empty())
    return fail(option + " has no value");
  std::string problem;
  llvm::raw_string_ostream problems(problem);
  if (!cl::ParseCommandLineOptions(argc, argv, kOverview, &problems)) {
    // The parser writes "PROGRAM: MESSAGE" lines; the first one says it all.
    StringRef message = StringRef(problem).split('\n').first;
    if (size_t colon = message.find(": "); colon != StringRef::npos)
      message = message.drop_front(colon + 2);
    return fail(message.empty() ? "rung-compile --help shows the options"
                                : message);
  }
  if (std::string wrong = checkOptions(); !wrong.empty())
    return fail(wrong);

  rung::CompileOptions options;
  std::optional<rung::Emit> emit = parseEmit(emitKind);
  if (!emit)
    return fail("--emit=" + emitKind +
                " is not known; expected mlir, llvm, asm, obj or bundle");
  options.emit = *emit;
  options.output = output;
  options.parameters.assign(parameters.begin(), parameters.end());
  options.dumpDirectory = dumpPasses;
  for (const std::string &name : targets) {
    if (isFutureTarget(name))
      return fail("target '" + name +
                  "' cannot be compiled for yet; this "
                  "build has 'cpu' (this machine), 'cpu:NAME', "
                  "'cuda:ARCHITECTURE' and 'sim:cuda:ARCHITECTURE'");
    llvm::Expected<rung::Target> target = rung::parseTarget(name);
    if (!target)
      return fail(llvm::toString(target.takeError()));
    for (const rung::Target &other : options.targets)
      if (other.str() == target->str())
        return fail("target '" + target->str() + "' is named twice");
    options.targets.push_back(std::move(*target));
  }
  if (options.emit == rung::Emit::Bundle && output == "-")
    return fail("a bundle is written to a file, not to standard output");

  DialectRegistry registry;
  rung::registerRungDialects(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  // An error shows the line of the source; what the function has become by then
  // is shown by --dump-passes.
  context.printOpOnDiagnostic(false);
  llvm::SourceMgr sources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> file =
      rung::readModule(inputs[0]);
  if (!file)
    return fail(llvm::toString(file.takeError()));
  sources.AddNewSourceBuffer(std::move(*file), llvm::SMLoc());
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return 1;
  if (llvm::Error error = rung::compile(*module, options)) {
    std::string text = llvm::toString(std::move(error));
    return text.empty() ? 1 : fail(text);
  }
  return 0;
}
