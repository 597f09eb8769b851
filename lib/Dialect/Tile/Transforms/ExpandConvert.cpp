//===- ExpandConvert.cpp - pass tile-expand-convert -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "rung/Dialect/Tile/Transforms/Passes.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Target/Device.h"

#include <map>

namespace rung::tile {
#define GEN_PASS_DEF_TILEEXPANDCONVERT
#include "rung/Dialect/Tile/Transforms/Passes.h.inc"
} // namespace rung::tile

using namespace mlir;
using namespace rung;
using namespace rung::tile;

namespace {
/// The cheapest sequences, searched for once in a run of the pass.
class Sequences {
public:
  /// Null where the search knows nothing of the device, or of the formats.
  const DecodeProgram *find(DeviceAttr device, Type from, Type to,
                            const BitOrder &order, int64_t lookupEntries,
                            bool roundsToNearest) {
    const DecodeDevice *row = findDecodeDevice(device);
    std::optional<NumberFormat> source = numberFormatOf(from),
                                target = numberFormatOf(to);
    if (!row || !source || !source->hasTable() || !target ||
        !(isLossless(*source, *target) || roundsToNearest))
      return nullptr;
    auto [it, isNew] = programs.try_emplace(std::make_tuple(
        from.getAsOpaquePointer(), to.getAsOpaquePointer(), row, order.str()));
    if (isNew) {
      DecodeRequest request;
      request.from = from;
      request.to = to;
      request.device = row;
      request.lookupEntries = lookupEntries;
      request.order = order;
      llvm::Expected<DecodeProgram> program = makeDecodeProgram(request);
      if (program)
        it->second = std::make_unique<DecodeProgram>(std::move(*program));
      else
        llvm::consumeError(program.takeError());
    }
    return it->second.get();
  }

private:
  std::map<
      std::tuple<const void *, const void *, const DecodeDevice *, std::string>,
      std::unique_ptr<DecodeProgram>>
      programs;
};
} // namespace

/// An i16 or i32 as i32.
static Value asInt32(OpBuilder &builder, Location loc, Value value) {
  Type i32 = builder.getI32Type();
  return value.getType() == i32
             ? value
             : arith::ExtUIOp::create(builder, loc, i32, value).getResult();
}

/// A result of a sequence as an element of a tile: bytes are codes, in i32.
static Value asElement(OpBuilder &builder, Location loc, Value value,
                       Type target) {
  Type type = registerType(target);
  if (value.getType() == type)
    return value;
  Type byte = builder.getI8Type();
  if (value.getType() != byte)
    value = arith::BitcastOp::create(builder, loc, byte, value);
  return arith::ExtUIOp::create(builder, loc, type, value);
}

static LogicalResult expand(tile::ConvertOp op, Sequences &sequences) {
  FragmentType from = op.getInput().getType(), to = op.getResult().getType();
  LayoutAttr layout = from.getLayout();
  Type source = from.getElementType(), target = to.getElementType();
  OpBuilder builder(op);
  ConversionOptions options;
  DeviceAttr device = findDevice(op);
  auto row = device ? device.getProperties().getAs<StringAttr>(kDecodeProperty)
                    : StringAttr();
  if (row && !findGPUDecodeDevice(row))
    return op.emitOpError() << "is for a device that decodes as " << row
                            << ", of which there is no cost table; expected "
                            << listGPUDecodeDevices();
  options.lookupEntries = device ? device.getInt("lookup_entries", 0) : 0;
  options.saturate = op.getSaturate();
  unsigned randomBits = 0;
  Type randomFormat;
  if (op.getRandom()) {
    randomFormat = op.getRandom().getType().getElementType();
    randomBits = numberFormatOf(randomFormat)->bits();
    unsigned most = maxRandomBits(*numberFormatOf(target), options.saturate);
    if (randomBits > most)
      return op.emitOpError()
             << "rounds by " << randomBits << " random bits, but to " << target
             << " kernels round exactly by up to " << most
             << "; use a narrower format of random bits";
    options.rounding = Rounding::stochastic(0, randomBits);
  } else {
    options.rounding = roundingOf(op.getRounding());
  }

  SmallVector<Type> arguments(1, registerType(source));
  if (layout.isPacked())
    arguments.assign(layout.getOrder()->words(), builder.getI32Type());
  auto map = MapOp::create(builder, op.getLoc(), to, op->getOperands());
  if (randomBits)
    arguments.push_back(registerType(randomFormat));
  Block *body =
      builder.createBlock(&map.getBody(), {}, arguments,
                          SmallVector<Location>(arguments.size(), op.getLoc()));
  if (randomBits)
    options.randomBits =
        asInt32(builder, op.getLoc(), body->getArguments().back());
  SmallVector<Value> values;
  const DecodeProgram *program =
      layout.isPacked()
          ? sequences.find(device, source, target, *layout.getOrder(),
                           options.lookupEntries,
                           op.getRounding() == RoundingMode::NearestEven &&
                               !op.getSaturate())
          : nullptr;
  if (program)
    for (Value value :
         program->emit(builder, op.getLoc(), body->getArguments()))
      values.push_back(asElement(builder, op.getLoc(), value, target));
  else if (layout.isPacked())
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
    Sequences sequences;
    for (tile::ConvertOp op : ops)
      if (failed(expand(op, sequences)))
        return signalPassFailure();
  }
};
} // namespace
