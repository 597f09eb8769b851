//===- Pipeline.cpp - tile-pipeline -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// for k { w = load(k); use(w) }   with tile.stages = 2
//   -> w0 = load(first)
//      for k, carrying w0 { w1 = k + step < end ? load(k + step) : w0; use(w0)
//      }
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Dialect/Tile/Transforms/Passes.h"

namespace rung::tile {
#define GEN_PASS_DEF_TILEPIPELINE
#include "rung/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace rung::tile

using namespace mlir;
using namespace rung;
using namespace rung::tile;

namespace {
/// The loads of one loop that come early, and what computes their indices.
struct EarlyLoads {
  SmallVector<LoadOp> loads;
  /// In the order of the loop.
  SmallVector<Operation *> operations;
};

struct TilePipeline final : tile::impl::TilePipelineBase<TilePipeline> {
  void runOnOperation() override;
};
} // namespace

/// True of memory that is packed for the kernel, which nothing writes
/// meanwhile.
static bool readsPackedMemory(LoadOp load) {
  return load.getStorage() &&
         load.getStorage()->getKind() != StorageKind::Canonical;
}

static EarlyLoads findEarlyLoads(scf::ForOp loop) {
  EarlyLoads early;
  llvm::SetVector<Operation *> needed;
  BackwardSliceOptions options;
  options.omitBlockArguments = true;
  options.inclusive = true;
  options.filter = [&](Operation *op) {
    return op->getBlock() == loop.getBody();
  };
  for (LoadOp load : loop.getBody()->getOps<LoadOp>()) {
    if (!readsPackedMemory(load))
      continue;
    llvm::SetVector<Operation *> slice;
    (void)getBackwardSlice(load.getOperation(), &slice, options);
    // What depends on carried values, or on memory, is not known before.
    bool isFree = llvm::all_of(slice, [&](Operation *op) {
      return (op == load || isPure(op)) &&
             llvm::none_of(op->getOperands(), [&](Value operand) {
               return llvm::is_contained(loop.getRegionIterArgs(), operand);
             });
    });
    if (!isFree)
      continue;
    early.loads.push_back(load);
    needed.insert(slice.begin(), slice.end());
  }
  for (Operation &op : *loop.getBody())
    if (needed.contains(&op))
      early.operations.push_back(&op);
  return early;
}

/// The loads for the iteration `index`.
static SmallVector<Value> cloneLoads(OpBuilder &builder, scf::ForOp loop,
                                     const EarlyLoads &early, Value index) {
  IRMapping mapping;
  mapping.map(loop.getInductionVar(), index);
  for (Operation *op : early.operations)
    builder.clone(*op, mapping);
  return llvm::map_to_vector(early.loads, [&](LoadOp load) {
    return mapping.lookup(load.getResult());
  });
}

static void pipeline(scf::ForOp loop, int64_t stages) {
  EarlyLoads early = findEarlyLoads(loop);
  if (early.loads.empty())
    return;
  ImplicitLocOpBuilder b(loop.getLoc(), loop);
  Value lower = loop.getLowerBound(), upper = loop.getUpperBound(),
        step = loop.getStep();
  auto isWithin = [&](Value index) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, upper);
  };
  auto advance = [&](Value index, int64_t steps) -> Value {
    Value distance = arith::MulIOp::create(
        b, step, arith::ConstantIndexOp::create(b, steps));
    return arith::AddIOp::create(b, index, distance);
  };
  // Stage s holds what iteration s loads; a loop that ends sooner loads what
  // the first does once more.
  SmallVector<Value> inits(loop.getInitArgs());
  for (int64_t stage = 0; stage != stages - 1; ++stage) {
    Value index = lower;
    if (stage) {
      index = advance(lower, stage);
      index = arith::SelectOp::create(b, isWithin(index), index, lower);
    }
    llvm::append_range(inits, cloneLoads(b, loop, early, index));
  }
  auto next = scf::ForOp::create(b, lower, upper, step, inits);
  size_t carried = loop.getNumRegionIterArgs(), count = early.loads.size();
  ValueRange held = next.getRegionIterArgs().drop_front(carried);

  b.setInsertionPointToStart(next.getBody());
  Value ahead = advance(next.getInductionVar(), stages - 1);
  SmallVector<Type> types = llvm::map_to_vector(
      early.loads, [](LoadOp load) -> Type { return load.getType(); });
  auto branch = scf::IfOp::create(b, types, isWithin(ahead),
                                  /*withElseRegion=*/true);
  b.setInsertionPointToStart(branch.thenBlock());
  scf::YieldOp::create(b, cloneLoads(b, loop, early, ahead));
  b.setInsertionPointToStart(branch.elseBlock());
  scf::YieldOp::create(b, held.take_back(count));

  // The body takes what was loaded first.
  for (auto [load, value] :
       llvm::zip_equal(early.loads, held.take_front(count)))
    load.replaceAllUsesWith(value);
  auto yield = cast<scf::YieldOp>(loop.getBody()->getTerminator());
  SmallVector<Value> results(yield.getOperands());
  for (LoadOp load : early.loads)
    load.erase();
  b.setInsertionPointToEnd(next.getBody());
  IRMapping mapping;
  mapping.map(loop.getBody()->getArguments(),
              next.getBody()->getArguments().take_front(1 + carried));
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  for (Value &result : results)
    result = mapping.lookupOrDefault(result);
  llvm::append_range(results, held.drop_front(count));
  llvm::append_range(results, branch.getResults());
  scf::YieldOp::create(b, results);
  loop.replaceAllUsesWith(next.getResults().take_front(carried));
  loop.erase();
}

void TilePipeline::runOnOperation() {
  StringRef name = TileDialect::kStagesAttrName;
  SmallVector<scf::ForOp> loops;
  WalkResult walked = getOperation()->walk([&](Operation *op) {
    Attribute attr = op->getAttr(name);
    if (!attr)
      return WalkResult::advance();
    auto loop = dyn_cast<scf::ForOp>(op);
    auto stages = dyn_cast<IntegerAttr>(attr);
    if (!loop || !stages || stages.getInt() < 1) {
      op->emitOpError() << "has '" << name << "' = " << attr
                        << ", expected an integer of at least 1 on an scf.for";
      return WalkResult::interrupt();
    }
    loops.push_back(loop);
    return WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return signalPassFailure();
  for (scf::ForOp loop : loops) {
    int64_t stages = cast<IntegerAttr>(loop->removeAttr(name)).getInt();
    if (stages > 1)
      pipeline(loop, stages);
  }
}
