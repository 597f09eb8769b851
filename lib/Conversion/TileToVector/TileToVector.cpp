//===- TileToVector.cpp - convert-tile-to-vector: regions and the pass -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Conversion/TileToVector/TileToVector.h"
#include "KernelLowering.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Target/Device.h"
#include "llvm/ADT/TypeSwitch.h"

namespace rung {
#define GEN_PASS_DEF_CONVERTTILETOVECTOR
#include "rung/Conversion/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;
using tile::FragmentType;

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static bool isTileType(Type type) {
  return isa<FragmentType, tile::BufferType, tile::TokenType>(type);
}

KernelLowering::KernelLowering(ModuleOp module)
    : module(module), tables(module), device(findDevice(module)) {}

ArrayRef<Value> KernelLowering::get(Value value) const {
  auto found = parts.find(value);
  assert(found != parts.end() && "used before it is converted");
  return found->second;
}

void KernelLowering::set(Value value, ArrayRef<Value> replacement) {
  parts[value].assign(replacement.begin(), replacement.end());
}

SmallVector<Type> KernelLowering::expand(Type type) const {
  if (isa<tile::TokenType>(type))
    return {};
  if (auto buffer = dyn_cast<tile::BufferType>(type))
    return {MemRefType::get(
        {ShapedType::kDynamic, buffer.getRows(), buffer.getColumns()},
        buffer.getElementType())};
  auto fragment = dyn_cast<FragmentType>(type);
  if (!fragment)
    return {type};
  tile::LayoutAttr layout = fragment.getLayout();
  Type element = tile::registerType(fragment.getElementType());
  int64_t count = layout.getRegisters();
  if (layout.isPacked()) {
    element = IntegerType::get(type.getContext(), 32);
    count *= layout.getOrder()->words();
  }
  return SmallVector<Type>(count,
                           VectorType::get({layout.getLanes()}, element));
}

//===----------------------------------------------------------------------===//
// Regions
//===----------------------------------------------------------------------===//

/// Appends what `values` became.
static void appendParts(const KernelLowering &lowering, ValueRange values,
                        SmallVectorImpl<Value> &result) {
  for (Value value : values) {
    if (isTileType(value.getType()))
      llvm::append_range(result, lowering.get(value));
    else
      result.push_back(value);
  }
}

/// Gives each of `values` its share of `replacements`.
static void replaceAll(KernelLowering &lowering, ValueRange values,
                       ValueRange replacements) {
  for (Value value : values) {
    size_t count = lowering.expand(value.getType()).size();
    SmallVector<Value> share(replacements.take_front(count));
    if (isTileType(value.getType()))
      lowering.set(value, share);
    else
      value.replaceAllUsesWith(share.front());
    replacements = replacements.drop_front(count);
  }
}

static bool hasTileValues(Operation *op) {
  return llvm::any_of(op->getOperandTypes(), isTileType) ||
         llvm::any_of(op->getResultTypes(), isTileType);
}

static void moveBody(Block *from, Block *to) {
  to->getOperations().splice(to->end(), from->getOperations());
}

LogicalResult KernelLowering::lowerFor(Operation *op) {
  auto loop = cast<scf::ForOp>(op);
  if (!hasTileValues(op))
    return lower(*loop.getBody());
  SmallVector<Value> inits, yields;
  appendParts(*this, loop.getInitArgs(), inits);
  OpBuilder builder(op);
  auto wide = scf::ForOp::create(builder, op->getLoc(), loop.getLowerBound(),
                                 loop.getUpperBound(), loop.getStep(), inits);
  wide->setAttrs(op->getAttrs());
  // Without iter_args the builder has made the terminator.
  if (inits.empty())
    wide.getBody()->getTerminator()->erase();
  loop.getInductionVar().replaceAllUsesWith(wide.getInductionVar());
  replaceAll(*this, loop.getRegionIterArgs(), wide.getRegionIterArgs());
  moveBody(loop.getBody(), wide.getBody());
  if (failed(lower(*wide.getBody())))
    return failure();
  Operation *yield = wide.getBody()->getTerminator();
  appendParts(*this, yield->getOperands(), yields);
  yield->setOperands(yields);
  replaceAll(*this, loop.getResults(), wide.getResults());
  converted.push_back(op);
  return success();
}

LogicalResult KernelLowering::lowerIf(Operation *op) {
  auto branch = cast<scf::IfOp>(op);
  SmallVector<Type> types;
  for (Type type : branch.getResultTypes())
    llvm::append_range(types, expand(type));
  OpBuilder builder(op);
  auto wide = scf::IfOp::create(builder, op->getLoc(), types,
                                branch.getCondition(), /*addThenBlock=*/false,
                                /*addElseBlock=*/false);
  for (auto [from, to] :
       llvm::zip_equal(op->getRegions(), wide->getRegions())) {
    to.takeBody(from);
    if (to.empty())
      continue;
    if (failed(lower(to.front())))
      return failure();
    SmallVector<Value> yields;
    Operation *yield = to.front().getTerminator();
    appendParts(*this, yield->getOperands(), yields);
    yield->setOperands(yields);
  }
  replaceAll(*this, branch.getResults(), wide.getResults());
  converted.push_back(op);
  return success();
}

/// The operations of a body of one block take the place of its operation.
static void replaceByBody(Operation *op) {
  Block &body = op->getRegion(0).front();
  body.getTerminator()->erase();
  op->getBlock()->getOperations().splice(op->getIterator(),
                                         body.getOperations());
}

LogicalResult KernelLowering::lowerLaunch(tile::LaunchOp op) {
  ImplicitLocOpBuilder builder(op.getLoc(), op);
  Block *body = &op.getBody().front();
  size_t rank = op.getSizes().size();
  SmallVector<Value> zeros(rank, arith::ConstantIndexOp::create(builder, 0)),
      ones(rank, arith::ConstantIndexOp::create(builder, 1));
  if (rank == 0) {
    // One block.
    if (failed(lower(*body)))
      return failure();
    replaceByBody(op);
    converted.push_back(op);
    return success();
  }
  auto loop = scf::ParallelOp::create(builder, zeros, op.getSizes(), ones);
  for (auto [from, to] :
       llvm::zip_equal(body->getArguments(), loop.getInductionVars()))
    from.replaceAllUsesWith(to);
  body->getTerminator()->erase();
  Block *target = loop.getBody();
  target->getOperations().splice(target->getTerminator()->getIterator(),
                                 body->getOperations());
  converted.push_back(op);
  return lower(*target);
}

LogicalResult KernelLowering::lowerRole(tile::RoleOp op) {
  if (failed(lower(op.getBody().front())))
    return failure();
  replaceByBody(op);
  converted.push_back(op);
  return success();
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lower(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block))
    if (failed(lower(&op)))
      return failure();
  return success();
}

LogicalResult KernelLowering::lower(Operation *op) {
  auto done = [&](LogicalResult result) {
    converted.push_back(op);
    return result;
  };
  // It has a device and tables of its own.
  if (auto nested = dyn_cast<ModuleOp>(op))
    return KernelLowering(nested).run();
  for (Value operand : op->getOperands())
    if (isTileType(operand.getType()) && !parts.contains(operand))
      return op->emitOpError("takes a tile that comes from outside of the "
                             "kernel; load it there");
  if (isa_and_nonnull<tile::TileDialect>(op->getDialect()))
    return TypeSwitch<Operation *, LogicalResult>(op)
        .Case([&](tile::LaunchOp launch) { return lowerLaunch(launch); })
        .Case([&](tile::RoleOp role) { return lowerRole(role); })
        .Case([&](tile::MapOp map) { return done(lowerMap(map)); })
        .Case([&](tile::MmaOp mma) { return done(lowerMma(mma)); })
        .Case([&](tile::ReduceOp reduce) { return done(lowerReduce(reduce)); })
        .Case([&](tile::RelayoutOp r) { return done(lowerRelayout(r)); })
        .Case([&](tile::SplatOp splat) { return done(lowerSplat(splat)); })
        .Case([&](tile::LoadOp load) { return done(lowerLoad(load)); })
        .Case([&](tile::StoreOp store) { return done(lowerStore(store)); })
        .Case([&](tile::AllocOp alloc) { return done(lowerAlloc(alloc)); })
        .Case([&](tile::CopyOp copy) { return done(lowerCopy(copy)); })
        .Case([&](tile::ReadOp read) { return done(lowerRead(read)); })
        .Case<tile::WaitOp, tile::BarrierOp>(
            [&](Operation *) { return done(success()); })
        .Case([&](tile::ConvertOp) -> LogicalResult {
          return op->emitOpError(
              "is left; run tile-expand-convert before convert-tile-to-vector");
        })
        .Default([&](Operation *) -> LogicalResult {
          return op->emitOpError("has no meaning on vectors here");
        });
  if (isa<scf::ForOp>(op))
    return lowerFor(op);
  if (isa<scf::IfOp>(op) && hasTileValues(op))
    return lowerIf(op);
  // The loop or branch that it ends sees to its operands.
  if (isa<scf::YieldOp>(op) && isa<scf::ForOp, scf::IfOp>(op->getParentOp()))
    return success();
  if (hasTileValues(op))
    return op->emitOpError("takes or gives tiles, expected an operation of "
                           "tile, scf.for or scf.if");
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (failed(lower(block)))
        return failure();
  return success();
}

LogicalResult KernelLowering::run() {
  for (Operation &op : llvm::make_early_inc_range(*module.getBody()))
    if (failed(lower(&op)))
      return failure();
  // They use each other, and arguments of each other's blocks.
  for (Operation *op : converted)
    op->dropAllReferences();
  for (Operation *op : converted)
    op->erase();
  return success();
}

//===----------------------------------------------------------------------===//
// The pass
//===----------------------------------------------------------------------===//

namespace {
struct ConvertTileToVector final
    : rung::impl::ConvertTileToVectorBase<ConvertTileToVector> {
  void runOnOperation() override {
    if (failed(KernelLowering(getOperation()).run()))
      return signalPassFailure();
    WalkResult left = getOperation().walk([](Operation *op) {
      if (!isa_and_nonnull<tile::TileDialect>(op->getDialect()) &&
          !hasTileValues(op))
        return WalkResult::advance();
      op->emitOpError("is left after convert-tile-to-vector");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }
};
} // namespace
