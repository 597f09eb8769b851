//===- IRFuzzer.cpp - Modules through the parser and the passes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is the text of a module. What parses is printed and parsed again,
// in the custom and in the generic form, to the same text. Then it goes through
// the CPU pipelines, or, where the first line is
//
//   // passes: rung-fuse-dequantize,canonicalize
//
// through those passes. A pass that succeeds leaves IR that verifies, prints
// and parses again; one that fails has said why.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "TextMutator.h"
#include "UpstreamGaps.h"
#include "rung/Conversion/Passes.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Dialect/Tile/Transforms/Passes.h"
#include "rung/Pipelines/Passes.h"
#include "rung/Pipelines/Pipelines.h"

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassInstrumentation.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include <cstring>
#include <map>

using namespace mlir;
using namespace rung;
using fuzz::require;

namespace {

/// What was said during one step.
class Said {
public:
  explicit Said(MLIRContext *context)
      : handler(context, [this](Diagnostic &diagnostic) {
          if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
            errors += diagnostic.str() + "\n";
          return success();
        }) {}

  std::string errors;

private:
  ScopedDiagnosticHandler handler;
};

/// Verifies what each pass that succeeded has left.
struct Verify final : PassInstrumentation {
  void runAfterPass(Pass *pass, Operation *op) override {
    Said said(op->getContext());
    require(succeeded(verify(op)),
            "IR after " + pass->getName().str() + ": " + said.errors);
  }
};

/// Everything that lives as long as a context.
class Compiler {
public:
  Compiler() : context(registry(), MLIRContext::Threading::DISABLED) {}

  void run(const std::string &text) {
    Said said(&context);
    ParserConfig config(&context);
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, config);
    require(module || !said.errors.empty(), "a parser that fails says why");
    // Upstream lets a terminator end a module, to which passes add functions.
    if (!module ||
        (!module->getBody()->empty() &&
         module->getBody()->back().hasTrait<OpTrait::IsTerminator>()))
      return;
    printAndParse(*module, "as parsed");
    for (PassManager *passes : pipelineOf(text)) {
      said.errors.clear();
      if (failed(passes->run(*module))) {
        require(!said.errors.empty(), "a pass that fails says why");
        return;
      }
      printAndParse(*module, "after passes");
    }
  }

private:
  static const DialectRegistry &registry() {
    static const DialectRegistry registry = [] {
      DialectRegistry registry;
      registerRungDialects(registry);
      return registry;
    }();
    return registry;
  }

  static std::string print(ModuleOp module, bool generic) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module.print(stream, OpPrintingFlags().printGenericOpForm(generic));
    return text;
  }

  void printAndParse(ModuleOp module, const char *when) {
    std::string printed = print(module, false);
    for (bool generic : {false, true}) {
      std::string text = generic ? print(module, true) : printed;
      Said said(&context);
      OwningOpRef<ModuleOp> again =
          parseSourceString<ModuleOp>(text, ParserConfig(&context));
      require(bool(again), std::string("a module prints what parses, ") + when +
                               ": " + said.errors + text);
      std::string second = print(*again, false);
      require(second == printed,
              std::string("what is parsed prints the same, ") + when + ":\n" +
                  printed + "\n" + second);
    }
  }

  /// The stages of the way down, or the passes that the text asks for.
  std::vector<PassManager *> pipelineOf(const std::string &text) {
    static constexpr char prefix[] = "// passes: ";
    std::vector<PassManager *> result;
    if (text.compare(0, sizeof(prefix) - 1, prefix) == 0) {
      std::string line = text.substr(sizeof(prefix) - 1);
      line.resize(std::min(line.find('\n'), line.size()));
      std::unique_ptr<PassManager> &passes = managers[line];
      if (!passes) {
        passes = make();
        std::string ignored;
        llvm::raw_string_ostream stream(ignored);
        if (failed(parsePassPipeline(line, *passes, stream)))
          passes = make();
      }
      return {passes.get()};
    }
    static const char *targets[] = {"cpu:x86-64", "cpu:haswell", "cpu:znver4"};
    const char *target = targets[std::hash<std::string>()(text) % 3];
    for (auto [name, build] : {std::pair("tensor ", &buildTensorPipeline),
                               std::pair("loop ", &buildLoopPipeline),
                               std::pair("llvm ", &buildLLVMPipeline)}) {
      std::unique_ptr<PassManager> &passes =
          managers[name + std::string(target)];
      if (!passes) {
        passes = make();
        llvm::Expected<CPUTarget> cpu = parseCPUTarget(target);
        require(bool(cpu), "a known target");
        build(*passes, *cpu);
      }
      result.push_back(passes.get());
    }
    return result;
  }

  std::unique_ptr<PassManager> make() {
    auto passes =
        std::make_unique<PassManager>(&context, ModuleOp::getOperationName(),
                                      OpPassManager::Nesting::Implicit);
    passes->enableVerifier(false); // Verify tells it from a pass that fails
    passes->addInstrumentation(std::make_unique<Verify>());
    return passes;
  }

  MLIRContext context;
  std::map<std::string, std::unique_ptr<PassManager>> managers;
};

} // namespace

extern "C" int LLVMFuzzerInitialize(int *, char ***) {
  registerRungPasses();
  registerTilePasses();
  registerConversionPasses();
  registerRungPipelinesPasses();
  registerCanonicalizerPass();
  registerCSEPass();
  bufferization::registerOneShotBufferizePass();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // Types and attributes live as long as their context.
  static std::unique_ptr<Compiler> compiler;
  static unsigned runs = 0;
  constexpr unsigned runsOfContext = 500;
  if (runs++ % runsOfContext == 0)
    compiler = std::make_unique<Compiler>();
  std::string text(reinterpret_cast<const char *>(data), size);
  if (fuzz::endsUpstreamParser(text))
    return -1; // not for the corpus
  compiler->run(text);
  return 0;
}

//===----------------------------------------------------------------------===//
// Mutations
//===----------------------------------------------------------------------===//

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

static const fuzz::TextMutator &irMutator() {
  static const fuzz::TextMutator mutator(
      {"!rung.int<1>",
       "!rung.int<3>",
       "!rung.int<4>",
       "!rung.int<8>",
       "!rung.uint<2>",
       "!rung.uint<5, offset = 16>",
       "!rung.uint<8>",
       "!rung.float<e2m3>",
       "!rung.float<e3m4, bias = 5, specials = ieee>",
       "!rung.float<e4m4, specials = fn, unsigned>",
       "!rung.codebook<2, [-1, 0, 1]>",
       "!rung.codebook<3, [-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 2.0]>",
       "i1",
       "i4",
       "i8",
       "i16",
       "i32",
       "i64",
       "index",
       "f16",
       "bf16",
       "tf32",
       "f32",
       "f64",
       "f8E4M3FN",
       "f8E5M2",
       "f4E2M1FN",
       "f8E8M0FNU",
       "none",
       "complex<f32>",
       "vector<4xf32>",
       "tensor<*xf32>",
       "integer",
       "float",
       "rescale",
       "gelu",
       "relu",
       "silu"});
  return mutator;
}

static size_t store(const std::string &text, uint8_t *data, size_t maxSize) {
  size_t size = std::min(text.size(), maxSize);
  std::memcpy(data, text.data(), size);
  return size;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size,
                                          size_t maxSize, unsigned seed) {
  if (seed % 16 == 0)
    return LLVMFuzzerMutate(data, size, maxSize);
  std::string text(reinterpret_cast<const char *>(data), size);
  return store(irMutator().mutate(text, seed / 16), data, maxSize);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size,
                                            const uint8_t *other,
                                            size_t otherSize, uint8_t *out,
                                            size_t maxSize, unsigned seed) {
  return store(
      irMutator().cross(
          std::string(reinterpret_cast<const char *>(data), size),
          std::string(reinterpret_cast<const char *>(other), otherSize), seed),
      out, maxSize);
}
