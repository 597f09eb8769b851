//===- TileToNVGPU.cpp - convert-tile-to-nvgpu -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Conversion/TileToNVGPU/TileToNVGPU.h"
#include "../Common/IndexFacts.h"
#include "Patterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

namespace rung {
#define GEN_PASS_DEF_CONVERTTILETONVGPU
#include "rung/Conversion/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

namespace {
struct ConvertTileToNVGPU final
    : rung::impl::ConvertTileToNVGPUBase<ConvertTileToNVGPU> {
  void runOnOperation() override;
};

} // namespace

/// What a fragment becomes: see Patterns.h.
static std::optional<LogicalResult>
convertFragment(FragmentType type, SmallVectorImpl<Type> &results) {
  LayoutAttr layout = type.getLayout();
  if (layout.isPacked())
    results.assign(layout.getRegisters() * layout.getOrder()->words(),
                   IntegerType::get(type.getContext(), 32));
  else
    results.assign(layout.getRegisters(),
                   tile::registerType(type.getElementType()));
  return success();
}

/// All fragments must be those of one warp.
static LogicalResult checkLanes(Operation *op) {
  for (Type type :
       llvm::concat<const Type>(op->getOperandTypes(), op->getResultTypes())) {
    auto fragment = dyn_cast<FragmentType>(type);
    if (fragment && fragment.getLayout().getLanes() != warpLanes)
      return op->emitOpError()
             << "has a fragment over " << fragment.getLayout().getLanes()
             << " lanes, expected the " << warpLanes << " of a warp";
  }
  return success();
}

/// Reports the operations of tile that are left; fails if there are some.
static LogicalResult reportLeft(ModuleOp module,
                                const WarpConversion &conversion) {
  Operation *first = nullptr;
  bool explained = false;
  module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (!isa_and_nonnull<tile::TileDialect>(op->getDialect()))
      return;
    first = first ? first : op;
    auto reason = conversion.reasons.find(op);
    if (reason == conversion.reasons.end())
      return;
    explained = true;
    op->emitOpError() << reason->second;
  });
  if (first && !explained) {
    if (isa<tile::ConvertOp>(first))
      first->emitOpError(
          "is left; run tile-expand-convert before convert-tile-to-nvgpu");
    else
      first->emitOpError("has no form for a warp here; expected launch, warp, "
                         "load, store, splat, map, lookup, slice, reduce, "
                         "relayout, mma or reduce_warps of tile");
  }
  return failure(first);
}

void ConvertTileToNVGPU::runOnOperation() {
  ModuleOp module = getOperation();
  WarpConversion conversion;
  WalkResult checked = module.walk([&](Operation *op) {
    if (failed(checkLanes(op)))
      return WalkResult::interrupt();
    if (auto lookup = dyn_cast<tile::LookupOp>(op))
      conversion.findTable(lookup);
    OperandRange indices(nullptr, 0);
    if (auto load = dyn_cast<tile::LoadOp>(op))
      indices = load.getIndices();
    else if (auto store = dyn_cast<tile::StoreOp>(op))
      indices = store.getIndices();
    for (Value index : indices)
      conversion.facts[op].push_back(
          {knownDivisor(index), knownMaximum(index)});
    return WalkResult::advance();
  });
  if (checked.wasInterrupted())
    return signalPassFailure();

  conversion.types.addConversion([](Type type) { return type; });
  conversion.types.addConversion(convertFragment);
  // Around what is left.
  auto cast = [](OpBuilder &builder, Type type, ValueRange inputs,
                 Location loc) -> Value {
    return UnrealizedConversionCastOp::create(builder, loc, type, inputs)
        .getResult(0);
  };
  conversion.types.addSourceMaterialization(cast);
  RewritePatternSet patterns(&getContext());
  ConversionTarget target(getContext());
  // Operations of tile are neither legal nor illegal, so that those that no
  // pattern takes are left, and are reported with the reason.
  scf::populateSCFStructuralTypeConversionsAndLegality(conversion.types,
                                                       patterns, target);
  for (Dialect *dialect : getContext().getLoadedDialects())
    if (!isa<tile::TileDialect, scf::SCFDialect>(dialect))
      target.addLegalDialect(dialect->getNamespace());
  populateLaunchPatterns(conversion, patterns);
  populateMemoryPatterns(conversion, patterns);
  populateComputePatterns(conversion, patterns);
  populateLookupPatterns(conversion, patterns);
  populateShufflePatterns(conversion, patterns);
  populateMmaPatterns(conversion, patterns);
  bool converted =
      succeeded(applyPartialConversion(module, target, std::move(patterns)));
  if (failed(reportLeft(module, conversion)) || !converted)
    signalPassFailure();
}
