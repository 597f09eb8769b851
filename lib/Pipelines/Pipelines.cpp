//===- Pipelines.cpp - The ways down --------------------------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/Pipelines.h"
#include "rung/Conversion/Passes.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Dialect/Tile/Transforms/Passes.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Linalg/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;

namespace rung {
namespace {

struct RungToCPUOptions : PassPipelineOptions<RungToCPUOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("'cpu' or 'cpu:NAME'"),
                             llvm::cl::init("cpu")};
};

} // namespace

void buildTensorPipeline(OpPassManager &pm, const CPUTarget &target) {
  RungSetDeviceOptions device;
  device.target = target.str();
  pm.addPass(createRungSetDevice(device));
  pm.addPass(createRungCheckSizes());
  pm.addPass(createInlinerPass());
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createRungDescribeEntries());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createRungFuseDequantize());
  pm.addPass(createCanonicalizerPass());
  pm.addNestedPass<func::FuncOp>(createRungCheckIndices());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createRungSelectCompute());
  pm.addPass(createRungSelectSchedule());
  pm.addPass(createRungSeparateStorage());
  // The functions that pack arguments are described too.
  pm.addPass(createRungDescribeEntries());
  pm.addPass(createCanonicalizerPass());
}

void buildLoopPipeline(OpPassManager &pm, const CPUTarget &target) {
  pm.addNestedPass<func::FuncOp>(createRungExpandPack());
  pm.addPass(createConvertElementwiseToLinalgPass());
  pm.addNestedPass<func::FuncOp>(createRungFuseElementwise());
  pm.addNestedPass<func::FuncOp>(createRungCarryInPlace());
  pm.addPass(createRungPrepareEntries());
  pm.addPass(bufferization::createEmptyTensorEliminationPass());
  bufferization::OneShotBufferizePassOptions bufferize;
  bufferize.allowReturnAllocsFromLoops = true;
  pm.addPass(bufferization::createOneShotBufferizePass(bufferize));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createRungLowerParameters());
  pm.addPass(createRungReleaseBuffers());
  pm.addPass(createConvertRungToTile());
  pm.addPass(tile::createTileExpandConvert());
  pm.addPass(createConvertTileToVector());
  pm.addNestedPass<func::FuncOp>(createRungLowerLinalg());
}

void buildLLVMPipeline(OpPassManager &pm, const CPUTarget &target) {
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createRungOutlineParallel());
  pm.addPass(createRungLowerWorkspace());
  pm.addPass(createRungFinalizeEntries());
  arith::ArithEmulateUnsupportedFloatsOptions floats;
  floats.sourceTypeStrs = {"f16", "bf16"};
  pm.addPass(arith::createArithEmulateUnsupportedFloats(floats));
  RungExpandMathOptions math;
  math.features.assign(target.features.begin(), target.features.end());
  pm.addNestedPass<func::FuncOp>(createRungExpandMath(math));

  pm.addNestedPass<func::FuncOp>(createRungExpandReshapes());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  pm.addPass(createSCFToControlFlowPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createConvertVectorToLLVMPass());
  pm.addPass(createConvertMathToLLVMPass());
  pm.addPass(createFinalizeMemRefToLLVMConversionPass());
  pm.addPass(createConvertIndexToLLVMPass());
  pm.addPass(createArithToLLVMConversionPass());
  pm.addPass(createConvertControlFlowToLLVMPass());
  pm.addPass(createConvertFuncToLLVMPass());
  pm.addPass(createUBToLLVMConversionPass());
  pm.addPass(createReconcileUnrealizedCastsPass());
  pm.addNestedPass<LLVM::LLVMFuncOp>(createRungMoveHalves());
  pm.addNestedPass<LLVM::LLVMFuncOp>(createRungMarkParallelAccesses());
}

void buildRungToCPUPipeline(OpPassManager &pm, const CPUTarget &target) {
  buildTensorPipeline(pm, target);
  buildLoopPipeline(pm, target);
  buildLLVMPipeline(pm, target);
}

void registerRungPipelines() {
  PassRegistryFunction build =
      [](OpPassManager &pm, StringRef text,
         function_ref<LogicalResult(const Twine &)> report) -> LogicalResult {
    auto options = RungToCPUOptions::createFromString(text);
    if (!options)
      return failure();
    llvm::Expected<CPUTarget> target = parseCPUTarget(options->target);
    if (!target)
      return report(llvm::toString(target.takeError()));
    buildRungToCPUPipeline(pm, *target);
    return success();
  };
  registerPassPipeline(
      "rung-to-cpu", "From a front end's module to the LLVM dialect for a CPU",
      build, [](function_ref<void(const detail::PassOptions &)> visit) {
        visit(RungToCPUOptions());
      });
}

} // namespace rung
