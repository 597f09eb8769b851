//===- SelectSchedule.cpp - rung-select-schedule -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gives every rung.matmul without `schedules` the tiles that the device's
// registers hold: one schedule for a single row, one for many.
//
//===----------------------------------------------------------------------===//

#include "MatmulTiles.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Layout/BitOrder.h"
#include "rung/Target/Device.h"

namespace rung {
#define GEN_PASS_DEF_RUNGSELECTSCHEDULE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

namespace {
struct SelectSchedule final
    : rung::impl::RungSelectScheduleBase<SelectSchedule> {
  void runOnOperation() override {
    DeviceAttr device = getDevice(getOperation());
    getOperation().walk([&](MatmulOp op) {
      if (!op.getSchedules())
        op.setSchedulesAttr(select(op, device));
    });
  }

  ArrayAttr select(MatmulOp op, DeviceAttr device) {
    if (std::optional<MatrixTile> tile = chooseMatrixTile(op, device))
      return selectForMatrices(op, device, *tile);
    Builder builder(op.getContext());
    int64_t lanes = device.getInt("lanes", 16),
            registers = device.getInt("registers", 4);
    RankedTensorType weight = op.getLogicalType(op.getWeight());
    // A step multiplies whole decode units.
    int64_t unit =
        BitOrder::minimalCodes(numberFormatOf(weight.getElementType())->bits());
    // Sums take half of the registers, and no more than 8: then one load of
    // weights is already shared by enough rows.
    int64_t most =
        std::clamp<int64_t>(llvm::bit_floor(uint64_t(registers)) / 2, 1, 8);
    int64_t group = groupSize(op);
    bool wholeGroups = group % unit == 0 || group == weight.getDimSize(1);
    ScalePlace scale =
        wholeGroups ? ScalePlace::Accumulator : ScalePlace::Decode;
    // Scaled weights are no integers: then sums are taken in a floating format.
    if (findMatrixInstruction(device, *op.getCompute(), *op.getCompute()))
      op.setCompute(builder.getF32Type());
    else if (scale == ScalePlace::Decode && isa<IntegerType>(*op.getCompute()))
      op.setCompute(builder.getF64Type());

    auto schedule = [&](int64_t rows, int64_t upTo) -> Attribute {
      // Few rows have few sums: deeper steps share each out to several chains,
      // as long as the codes of a step may be in registers.
      int64_t depth = unit, columns = weight.getDimSize(1);
      while (scale == ScalePlace::Accumulator && rows * depth < registers &&
             columns % (2 * depth) == 0 && group % (2 * depth) == 0)
        depth *= 2;
      return ScheduleAttr::get(op.getContext(), rows, lanes, depth, upTo, scale,
                               /*stages=*/1,
                               /*splitK=*/1, /*warps=*/1);
    };
    int64_t rows = op.getLogicalType(op.getInit()).getDimSize(0);
    if (ShapedType::isDynamic(rows))
      return most == 1
                 ? builder.getArrayAttr({schedule(1, 0)})
                 : builder.getArrayAttr({schedule(1, 1), schedule(most, 0)});
    int64_t sharing = llvm::bit_ceil(
        static_cast<uint64_t>(std::clamp<int64_t>(rows, 1, most)));
    return builder.getArrayAttr({schedule(sharing, 0)});
  }

  /// Few rows: all of a block's warps share the columns of a strip. More rows
  /// multiply with each weight that is decoded.
  static ArrayAttr selectForMatrices(MatmulOp op, DeviceAttr device,
                                     const MatrixTile &tile) {
    constexpr int64_t mostRows = 64, mostWarps = 8, mostDepth = 128, stages = 3;
    Builder builder(op.getContext());
    int64_t columns = op.getLogicalType(op.getWeight()).getDimSize(1),
            rows = op.getLogicalType(op.getInit()).getDimSize(0);
    auto schedule = [&](int64_t rows, int64_t upTo) -> Attribute {
      int64_t depth = tile.columns();
      while (depth < mostDepth && rows <= tile.rowsOfX() &&
             columns % (2 * depth) == 0)
        depth *= 2;
      int64_t steps = llvm::divideCeil(columns, depth);
      int64_t warps =
          std::min<int64_t>(llvm::bit_floor(uint64_t(steps)), mostWarps);
      return ScheduleAttr::get(op.getContext(), rows, tile.rows(), depth, upTo,
                               ScalePlace::Accumulator, stages, /*splitK=*/1,
                               warps);
    };
    SmallVector<Attribute> schedules;
    for (int64_t most = tile.rowsOfX(); most < mostRows; most *= 2) {
      if (!ShapedType::isDynamic(rows) && rows <= most)
        return builder.getArrayAttr({schedule(most, 0)});
      if (ShapedType::isDynamic(rows) && most <= 2 * tile.rowsOfX())
        schedules.push_back(schedule(most, most));
    }
    schedules.push_back(schedule(mostRows, 0));
    return ShapedType::isDynamic(rows)
               ? builder.getArrayAttr(schedules)
               : builder.getArrayAttr({schedules.back()});
  }
};
} // namespace
