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
#include "mlir/Dialect/GPU/Transforms/Passes.h"
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

struct RungToNVVMOptions : PassPipelineOptions<RungToNVVMOptions> {
  Option<std::string> target{*this, "target",
                             llvm::cl::desc("'cuda:ARCHITECTURE'"),
                             llvm::cl::init("cuda:sm_80")};
};

/// Kernels become functions of the LLVM dialect in a module of their own, and
/// launches calls of the context.
void buildKernelPipeline(OpPassManager &pm) {
  // A GPU has the instructions that this would spell out.
  RungExpandMathOptions math;
  math.features = {"f16c", "fma", "sse4.1"};
  pm.addNestedPass<func::FuncOp>(createRungExpandMath(math));
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
  pm.addPass(createGpuLaunchSinkIndexComputationsPass());
  pm.addPass(createGpuKernelOutliningPass());
  pm.addPass(createRungLowerLaunches());
  OpPassManager &kernels = pm.nest<gpu::GPUModuleOp>();
  kernels.addPass(memref::createExpandStridedMetadataPass());
  kernels.addPass(createLowerAffinePass());
  kernels.addPass(createConvertNVGPUToNVVMPass());
  kernels.addPass(createSCFToControlFlowPass());
  kernels.addPass(createConvertMathToLLVMPass());
  kernels.addPass(createConvertGpuOpsToNVVMOps());
  kernels.addPass(createCanonicalizerPass());
  kernels.addPass(createCSEPass());
  kernels.addPass(createReconcileUnrealizedCastsPass());
}

} // namespace

void buildTensorPipeline(OpPassManager &pm, const Target &target) {
  RungSetDeviceOptions device;
  device.target = target.device();
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

void buildLoopPipeline(OpPassManager &pm, const Target &target) {
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
  pm.addPass(tile::createTilePipeline());
  pm.addPass(tile::createTileExpandConvert());
  if (target.isGPU()) {
    pm.addPass(createConvertTileToNVGPU());
    pm.addPass(createRungCheckHostCode());
  } else {
    pm.addPass(createConvertTileToVector());
  }
  // For a GPU, this is left to pack functions.
  pm.addNestedPass<func::FuncOp>(createRungLowerLinalg());
}

void buildLLVMPipeline(OpPassManager &pm, const Target &target) {
  if (target.isGPU())
    buildKernelPipeline(pm);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createRungOutlineParallel());
  pm.addPass(createRungLowerWorkspace());
  pm.addPass(createRungFinalizeEntries());
  arith::ArithEmulateUnsupportedFloatsOptions floats;
  floats.sourceTypeStrs = {"f16", "bf16"};
  pm.addNestedPass<func::FuncOp>(
      arith::createArithEmulateUnsupportedFloats(floats));
  RungExpandMathOptions math;
  math.features.assign(target.host.features.begin(),
                       target.host.features.end());
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

template <typename Options>
static void registerPipeline(StringRef name, StringRef summary, bool isGPU) {
  PassRegistryFunction build =
      [=](OpPassManager &pm, StringRef text,
          function_ref<LogicalResult(const Twine &)> report) -> LogicalResult {
    auto options = Options::createFromString(text);
    if (!options)
      return failure();
    llvm::Expected<Target> target = parseTarget(options->target);
    if (!target)
      return report(llvm::toString(target.takeError()));
    if (target->isGPU() != isGPU)
      return report("'" + target->str() + "' is no target of this pipeline");
    buildTensorPipeline(pm, *target);
    buildLoopPipeline(pm, *target);
    buildLLVMPipeline(pm, *target);
    return success();
  };
  registerPassPipeline(
      name, summary, build,
      [](function_ref<void(const mlir::detail::PassOptions &)> visit) {
        visit(Options());
      });
}

void registerRungPipelines() {
  registerPipeline<RungToCPUOptions>(
      "rung-to-cpu", "From a front end's module to the LLVM dialect for a CPU",
      /*isGPU=*/false);
  registerPipeline<RungToNVVMOptions>(
      "rung-to-nvvm",
      "From a front end's module to the LLVM dialect for an NVIDIA GPU and its "
      "host",
      /*isGPU=*/true);
}

} // namespace rung
