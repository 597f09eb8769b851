//===- ExpandConvert.cpp - pass tile-expand-convert -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/BuiltinOps.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"
#include "rung/Dialect/Tile/Transforms/Passes.h"

namespace rung::tile {
#define GEN_PASS_DEF_TILEEXPANDCONVERT
#include "rung/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace rung::tile

using namespace mlir;
using namespace rung;
using namespace rung::tile;

/// The device of the nearest operation around `op` that names one.
static int64_t lookupEntries(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto device =
            op->getAttrOfType<DeviceAttr>(RungDialect::kDeviceAttrName))
      return device.getInt("lookup_entries", 0);
  return 0;
}

static Rounding roundingOf(tile::ConvertOp op) {
  return op.getRounding() == RoundingMode::TowardZero ? Rounding::towardZero()
                                                      : Rounding::nearestEven();
}

static LogicalResult expand(tile::ConvertOp op) {
  FragmentType from = op.getInput().getType(), to = op.getResult().getType();
  LayoutAttr layout = from.getLayout();
  Type source = from.getElementType(), target = to.getElementType();
  OpBuilder builder(op);
  ConversionOptions options;
  options.lookupEntries = lookupEntries(op);
  options.rounding = roundingOf(op);
  options.saturate = op.getSaturate();

  SmallVector<Type> arguments(1, registerType(source));
  if (layout.isPacked())
    arguments.assign(layout.getOrder()->words(), builder.getI32Type());
  auto map = MapOp::create(builder, op.getLoc(), to, op.getInput());
  Block *body =
      builder.createBlock(&map.getBody(), {}, arguments,
                          SmallVector<Location>(arguments.size(), op.getLoc()));
  SmallVector<Value> values;
  if (layout.isPacked())
    values = emitDecode(builder, op.getLoc(), source, *layout.getOrder(),
                        target, body->getArguments(), options);
  else if (Value value = emitConvert(builder, op.getLoc(), source, target,
                                     body->getArgument(0), options))
    values.push_back(value);
  if (values.empty()) {
    map.erase();
    return op.emitOpError()
           << "has no sequence from " << source << " to " << target
           << "; convert between formats of up to 8 bits, f16, bf16, f32, f64, "
              "i16 and i32";
  }
  YieldOp::create(builder, op.getLoc(), values);
  op.replaceAllUsesWith(map.getResult());
  op.erase();
  return success();
}

namespace {
struct ExpandConvert final : tile::impl::TileExpandConvertBase<ExpandConvert> {
  void runOnOperation() override {
    SmallVector<tile::ConvertOp> ops;
    getOperation()->walk([&](tile::ConvertOp op) { ops.push_back(op); });
    for (tile::ConvertOp op : ops)
      if (failed(expand(op)))
        return signalPassFailure();
  }
};
} // namespace
