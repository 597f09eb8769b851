//===- Launch.cpp - tile.launch, warp, barrier, reduce_warps -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tile.launch (%i) in (%n) attributes {warps = W}
//   -> gpu.launch blocks in (n, 1, 1) threads in (32, W, 1)
// tile.warp -> gpu.thread_id y
// tile.barrier -> gpu.barrier
// tile.reduce_warps -> every warp writes to shared memory, the first adds up
//
//===----------------------------------------------------------------------===//

#include "../Common/VectorBuilder.h"
#include "LaneMap.h"
#include "Patterns.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace rung;

namespace {

struct ConvertLaunch final : WarpPattern<tile::LaunchOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::LaunchOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    constexpr int64_t maxWarps = 32;
    ValueRange sizes = adaptor.getSizes();
    if (sizes.size() > 3)
      return refuse(op, rewriter,
                    "has " + Twine(sizes.size()) +
                        " sizes, but a grid has at most 3");
    if (int64_t(op.getWarps()) > maxWarps)
      return refuse(op, rewriter,
                    "has " + Twine(op.getWarps()) +
                        " warps, but a block has at most " + Twine(maxWarps));
    Location loc = op.getLoc();
    auto constant = [&](int64_t value) -> Value {
      return arith::ConstantIndexOp::create(rewriter, loc, value);
    };
    Value one = constant(1);
    auto size = [&](size_t dim) {
      return dim < sizes.size() ? sizes[dim] : one;
    };
    auto launch = gpu::LaunchOp::create(rewriter, loc, size(0), size(1),
                                        size(2), constant(warpLanes),
                                        constant(op.getWarps()), one);
    Block *body = &op.getBody().front();
    rewriter.setInsertionPointToEnd(&launch.getBody().front());
    auto end = gpu::TerminatorOp::create(rewriter, loc);
    gpu::KernelDim3 ids = launch.getBlockIds();
    Value indices[] = {ids.x, ids.y, ids.z};
    rewriter.eraseOp(body->getTerminator());
    rewriter.inlineBlockBefore(body, end,
                               ArrayRef(indices).take_front(sizes.size()));
    rewriter.eraseOp(op);
    return success();
  }
};

struct ConvertWarp final : WarpPattern<tile::WarpOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::WarpOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<gpu::ThreadIdOp>(op, gpu::Dimension::y);
    return success();
  }
};

struct ConvertBarrier final : WarpPattern<tile::BarrierOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::BarrierOp op, OpAdaptor,
                  ConversionPatternRewriter &rewriter) const override {
    rewriter.replaceOpWithNewOp<gpu::BarrierOp>(op);
    return success();
  }
};

struct ConvertReduceWarps final : WarpPattern<tile::ReduceWarpsOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::ReduceWarpsOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};

} // namespace

LogicalResult
ConvertReduceWarps::matchAndRewrite(tile::ReduceWarpsOp op,
                                    OneToNOpAdaptor adaptor,
                                    ConversionPatternRewriter &rewriter) const {
  auto launch = op->getParentOfType<gpu::LaunchOp>();
  std::optional<int64_t> warps =
      launch ? getConstantIntValue(launch.getBlockSizeY()) : std::nullopt;
  if (!warps)
    return refuse(op, rewriter, "is in no tile.launch");
  ValueRange own = adaptor.getInput();
  if (*warps == 1) {
    rewriter.replaceOpWithMultiple(op, {own});
    return success();
  }
  VectorBuilder b(op.getLoc(), rewriter);
  auto shared =
      gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto type = MemRefType::get({*warps - 1, int64_t(own.size()), warpLanes},
                              own.front().getType(), AffineMap(), shared);
  Value memory;
  rewriter.modifyOpInPlace(launch, [&] {
    memory = launch.addWorkgroupAttribution(type, op.getLoc());
  });
  Value lane = LaneMap::lane(b),
        warp = gpu::ThreadIdOp::create(b, gpu::Dimension::y);
  auto isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warp, b.index(0));
  auto isOther =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, warp, b.index(0));
  auto write = scf::IfOp::create(b, isOther, /*withElseRegion=*/false);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(write.thenBlock());
    Value place = b.add(warp, -1);
    for (auto [reg, value] : llvm::enumerate(own))
      memref::StoreOp::create(b, value, memory,
                              ValueRange{place, b.index(reg), lane});
  }
  gpu::BarrierOp::create(b);
  auto sum = scf::IfOp::create(b, own.getTypes(), isFirst,
                               /*withElseRegion=*/true);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(sum.thenBlock());
    SmallVector<Value> sums(own);
    for (int64_t other = 0; other != *warps - 1; ++other)
      for (auto [reg, value] : llvm::enumerate(sums)) {
        Value part = memref::LoadOp::create(
            b, memory, ValueRange{b.index(other), b.index(reg), lane});
        value = isa<mlir::FloatType>(part.getType())
                    ? arith::AddFOp::create(b, value, part).getResult()
                    : arith::AddIOp::create(b, value, part).getResult();
      }
    scf::YieldOp::create(b, sums);
    b.setInsertionPointToStart(sum.elseBlock());
    scf::YieldOp::create(b, own);
  }
  rewriter.replaceOpWithMultiple(op, {sum.getResults()});
  return success();
}

void rung::populateLaunchPatterns(WarpConversion &conversion,
                                  RewritePatternSet &patterns) {
  patterns.add<ConvertLaunch, ConvertWarp, ConvertBarrier, ConvertReduceWarps>(
      conversion, patterns.getContext());
}
