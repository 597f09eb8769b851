//===- MatmulToWarps.cpp - rung.matmul on matrix instructions -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One kernel for each schedule. Weights are operand A, so that 16 of their rows
// take all rows of x that an instruction has columns for:
//
//   x' = x in the compute format, rows padded with zeros to whole steps of K;
//   for each tile of weight rows, for each tile of rows of x:
//     warp w takes the steps w, w + W, w + 2W, ... along K:
//       the weights of a step are loaded, and decoded in registers;
//       sum = weights * x', t = ones * x' if there are zero points, over what
//       shares a scale;
//       acc += s * (sum - z * t)
//     y = activation(acc of all warps + bias) + residual
//
// Every layout follows from that of the packed weight and the maps of the
// instruction.
//
//===----------------------------------------------------------------------===//

#include "MatmulKernel.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "rung/Layout/Fragments.h"

using namespace mlir;
using namespace rung;
using tile::LayoutAttr;

namespace {
/// Bits of one side of a layout by where they go.
class LayoutBuilder {
public:
  LayoutBuilder(int64_t rows, int64_t columns)
      : rowBits(llvm::Log2_64(rows)), columnBits(llvm::Log2_64(columns)) {}
  uint64_t column(uint64_t value) const { return value << rowBits; }
  LayoutAttr get(MLIRContext *context, ArrayRef<uint64_t> registers,
                 ArrayRef<uint64_t> lanes) const {
    SmallVector<uint64_t> bases(registers);
    llvm::append_range(bases, lanes);
    return LayoutAttr::get(
        context, cantFail(LinearLayout::get(
                     {{"register", unsigned(registers.size())},
                      {"lane", unsigned(lanes.size())}},
                     {{"row", rowBits}, {"col", columnBits}}, bases)));
  }

private:
  unsigned rowBits, columnBits;
};

class WarpsMatmul final : public MatmulKernel {
public:
  WarpsMatmul(MatmulOp op, KernelBuilder &b, MatrixInstructionAttr instruction);
  LogicalResult verifySchedules() override;

private:
  void prepare() override;
  void buildSchedule(ScheduleAttr schedule) override;
  void buildTile(ScheduleAttr schedule, Value row, Value firstX);
  /// The sums (acc, or sum and t) with those of one step added.
  SmallVector<Value> addStep(ScheduleAttr schedule, Value row, Value firstX,
                             Value k, ValueRange sums);

  /// Columns that one scale and zero point serve in a step.
  int64_t sharing(ScheduleAttr schedule) const {
    return group == K ? schedule.getDepth()
                      : std::gcd(group, schedule.getDepth());
  }
  bool isScaledAtEnd() const { return group == K; }

  // Layouts of operands, of tiles as wide as given.
  LayoutAttr codes(int64_t columns);
  LayoutAttr weights(int64_t columns);
  LayoutAttr activations(int64_t rows, int64_t columns);
  LayoutAttr sumsOf(int64_t rows);
  LayoutAttr oneColumn();

  LinearLayout map(StringRef operand) const {
    return *lookupFragment((instruction.getFragments() + operand).str());
  }
  unsigned registerBits(const LinearLayout &map) const {
    return map.inBits("register");
  }

  MatrixInstructionAttr instruction;
  LinearLayout aMap, bMap, cMap;
  LinearLayout tile; ///< (register, lane) -> (row, col) of the packed tile
  /// Columns in which each lane has one run of neighbours.
  int64_t piece;
  KernelOperand prepared;
};
} // namespace

WarpsMatmul::WarpsMatmul(MatmulOp op, KernelBuilder &b,
                         MatrixInstructionAttr instruction)
    : MatmulKernel(op, b), instruction(instruction), aMap(map(".a")),
      bMap(map(".b")), cMap(map(".c")),
      tile(packed.map()
               .reorderIns({"code", "unit", "lane"})
               .reorderOuts({"row", "col"})
               .reshapeIns({{"register", packed.map().inBits("code") +
                                             packed.map().inBits("unit")},
                            {"lane", packed.map().inBits("lane")}})) {
  // Lanes beside each other are the highest bits of a piece.
  uint64_t highest = uint64_t(1) << aMap.outBits("col");
  for (uint64_t basis : ArrayRef(tile.bases()).drop_front(registerBits(tile)))
    highest = std::max(highest, (basis >> tile.outBits("row")) * 2);
  piece = highest;
}

LogicalResult WarpsMatmul::verifySchedules() {
  auto depthOf = [&] { return int64_t(1) << aMap.outBits("col"); };
  int64_t tileRows = packed.tileRows(), tileColumns = packed.tileColumns(),
          rowsOfX = int64_t(1) << cMap.outBits("col");
  if (tileRows != int64_t(1) << aMap.outBits("row") ||
      packed.lanes() != unsigned(1) << aMap.inBits("lane"))
    return op.emitOpError()
           << "has weights packed for " << packed.lanes() << " lanes and "
           << tileRows << " rows, but its instruction "
           << instruction.getFragments() << " takes them otherwise";
  for (auto schedule : op.getSchedules()->getAsRange<ScheduleAttr>()) {
    auto refuse = [&]() -> InFlightDiagnostic {
      return op.emitOpError() << "has the schedule " << schedule << ", ";
    };
    if (schedule.getSplitK() != 1 ||
        schedule.getScale() != ScalePlace::Accumulator)
      return refuse() << "expected 1 for split_k, and scale = accumulator";
    if (schedule.getWarps() > int64_t(llvm::divideCeil(K, schedule.getDepth())))
      return refuse() << "but its " << K << " columns are fewer steps of "
                      << schedule.getDepth() << " than it has warps";
    if (schedule.getColumns() != tileRows || schedule.getRows() % rowsOfX != 0)
      return refuse() << "but its weights are packed for columns = " << tileRows
                      << " and its instruction takes whole " << rowsOfX
                      << " rows";
    if (schedule.getDepth() % tileColumns != 0)
      return refuse() << "but its weights are packed for depth = "
                      << tileColumns;
    if (sharing(schedule) % depthOf() != 0 || sharing(schedule) < piece)
      return refuse() << "but groups of " << group
                      << " columns do not hold whole instructions of "
                      << std::max(piece, depthOf());
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Layouts
//===----------------------------------------------------------------------===//

LayoutAttr WarpsMatmul::codes(int64_t columns) {
  LinearLayout wide =
      packed.map()
          .reorderIns({"code", "unit", "lane"})
          .reshapeIns({{"code", packed.map().inBits("code")},
                       {"register", packed.map().inBits("unit")},
                       {"lane", packed.map().inBits("lane")}}) *
      LinearLayout::identity1D(llvm::Log2_64(columns / packed.tileColumns()),
                               "register", "col");
  return LayoutAttr::get(
      b.getContext(),
      wide.reorderIns({"code", "register", "lane"}).reorderOuts({"row", "col"}),
      packed.order());
}

LayoutAttr WarpsMatmul::weights(int64_t columns) {
  LayoutBuilder layout(packed.tileRows(), columns);
  // Registers of other columns are left out, those of further tiles added.
  SmallVector<uint64_t> registers;
  for (uint64_t basis : ArrayRef(tile.bases()).take_front(registerBits(tile)))
    if (basis < layout.column(columns))
      registers.push_back(basis);
  for (int64_t c = packed.tileColumns(); c < columns; c *= 2)
    registers.push_back(layout.column(c));
  return layout.get(b.getContext(), registers,
                    ArrayRef(tile.bases()).drop_front(registerBits(tile)));
}

LayoutAttr WarpsMatmul::activations(int64_t rows, int64_t columns) {
  LayoutBuilder layout(rows, columns);
  unsigned tileRowBits = tile.outBits("row"),
           fragmentRowBits = aMap.outBits("row"), kBits = bMap.outBits("row");
  // The column in the tile of each bit of the instruction's k.
  SmallVector<uint64_t> columnOf(kBits);
  unsigned lanesFrom = registerBits(tile) - registerBits(aMap);
  for (auto [bit, basis] : llvm::enumerate(aMap.bases()))
    if (uint64_t k = basis >> fragmentRowBits)
      columnOf[llvm::Log2_64(k)] =
          tile.bases()[bit < registerBits(aMap) ? bit : bit + lanesFrom] >>
          tileRowBits;
  auto place = [&](uint64_t basis) {
    uint64_t k = basis & ((uint64_t(1) << kBits) - 1);
    return k ? layout.column(columnOf[llvm::Log2_64(k)]) : basis >> kBits;
  };
  SmallVector<uint64_t> lanes, along;
  for (auto [bit, basis] : llvm::enumerate(bMap.bases()))
    (bit < registerBits(bMap) ? along : lanes).push_back(place(basis));
  // The other fragments of the tile, and other tiles.
  for (uint64_t basis : ArrayRef(tile.bases())
                            .take_front(registerBits(tile))
                            .drop_front(registerBits(aMap)))
    along.push_back(layout.column(basis >> tileRowBits));
  for (int64_t c = packed.tileColumns(); c < columns; c *= 2)
    along.push_back(layout.column(c));
  llvm::erase_if(
      along, [&](uint64_t basis) { return basis >= layout.column(columns); });
  // Neighbours in memory are neighbouring registers.
  llvm::sort(along);
  for (int64_t row = int64_t(1) << bMap.outBits("col"); row < rows; row *= 2)
    along.push_back(row);
  return layout.get(b.getContext(), along, lanes);
}

LayoutAttr WarpsMatmul::sumsOf(int64_t rows) {
  LinearLayout wide =
      cMap * LinearLayout::identity1D(llvm::Log2_64(rows) - cMap.outBits("col"),
                                      "register", "col");
  return LayoutAttr::get(
      b.getContext(),
      wide.reorderIns({"register", "lane"}).reorderOuts({"row", "col"}));
}

LayoutAttr WarpsMatmul::oneColumn() {
  LayoutBuilder layout(packed.tileRows(), 1);
  SmallVector<uint64_t> registers, lanes;
  for (auto [bit, basis] : llvm::enumerate(cMap.bases())) {
    bool isRow = basis < layout.column(1);
    if (bit >= registerBits(cMap))
      lanes.push_back(isRow ? basis : 0);
    else if (isRow)
      registers.push_back(basis);
  }
  return layout.get(b.getContext(), registers, lanes);
}

//===----------------------------------------------------------------------===//
// The kernel
//===----------------------------------------------------------------------===//

void WarpsMatmul::prepare() {
  int64_t depth = 1;
  for (auto schedule : op.getSchedules()->getAsRange<ScheduleAttr>())
    depth = std::max(depth, schedule.getDepth());
  prepared = prepareActivations(depth);
}

void WarpsMatmul::buildSchedule(ScheduleAttr schedule) {
  int64_t tileRows = packed.tileRows();
  Value tilesOfX =
      arith::CeilDivUIOp::create(b, M, b.index(schedule.getRows()));
  b.launch(
      {b.index(llvm::divideCeil(N, tileRows)), tilesOfX},
      [&](ValueRange position) {
        buildTile(schedule, b.multiply(position[0], tileRows),
                  b.multiply(position[1], schedule.getRows()));
      },
      schedule.getWarps());
}

void WarpsMatmul::buildTile(ScheduleAttr schedule, Value row, Value firstX) {
  LayoutAttr layout = sumsOf(schedule.getRows());
  Value warp = b.index(0);
  if (schedule.getWarps() != 1)
    warp = tile::WarpOp::create(b, b.getIndexType());
  int64_t depth = schedule.getDepth();
  // One sum that is scaled already, or sums that are scaled at the end.
  SmallVector<Value> sums;
  if (!isScaledAtEnd())
    sums.push_back(b.splat(0, real, layout));
  else
    sums.append(zero ? 2 : 1, b.splat(0, sum, layout));
  auto loop = scf::ForOp::create(b, b.multiply(warp, depth),
                                 b.index(llvm::alignTo(K, depth)),
                                 b.index(depth * schedule.getWarps()), sums);
  loop->setAttr(tile::TileDialect::kStagesAttrName,
                b.getI64IntegerAttr(schedule.getStages()));
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    scf::YieldOp::create(b,
                         addStep(schedule, row, firstX, loop.getInductionVar(),
                                 loop.getRegionIterArgs()));
  }
  sums = loop.getResults();
  auto store = [&] {
    Value acc = sums.front();
    if (isScaledAtEnd())
      acc = isScaled() ? addScaled(b.splat(0, real, layout), acc, sums.back(),
                                   row, b.index(0), oneColumn())
                       : b.convert(acc, real);
    finish(acc, row, firstX, oneColumn());
  };
  if (schedule.getWarps() == 1)
    return store();
  for (Value &part : sums)
    part = tile::ReduceWarpsOp::create(b, part.getType(), part);
  Value isFirst =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, warp, b.index(0));
  auto branch = scf::IfOp::create(b, isFirst, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  store();
}

SmallVector<Value> WarpsMatmul::addStep(ScheduleAttr schedule, Value row,
                                        Value firstX, Value k,
                                        ValueRange sums) {
  int64_t depth = schedule.getDepth(), rows = schedule.getRows(),
          shared = sharing(schedule);
  LayoutAttr layout = sumsOf(rows);
  // The last step may have tiles that the weight has not.
  int64_t packedK = llvm::alignTo(K, packed.tileColumns());
  SmallVector<Value> bounds;
  if (packedK % depth != 0)
    bounds = {b.index(llvm::alignTo(N, packed.tileRows())), b.index(packedK)};
  Value all = b.load(weight, {row, k}, codes(depth), bounds);
  all = b.decode(all, compute, weights(depth));
  auto columns = [&](Value from, int64_t first, LayoutAttr layout) -> Value {
    if (layout.getColumns() == depth)
      return from;
    return tile::SliceOp::create(b, tile::FragmentType::get(compute, layout),
                                 from, ArrayRef<int64_t>{0, first});
  };
  auto multiply = [&](Value a, Value x, Value c) -> Value {
    return tile::MmaOp::create(b, c.getType(), Type(), a, x, c).getResult();
  };
  Value none = b.splat(0, sum, layout), ones;
  if (zero)
    ones = b.splat(1, compute, weights(piece));
  SmallVector<Value> results(sums);
  for (int64_t first = 0; first != depth; first += shared) {
    Value part = isScaledAtEnd() ? results[0] : none,
          total = isScaledAtEnd() ? results.back() : none;
    for (int64_t c = first; c != first + shared; c += piece) {
      Value xs = b.load(prepared, {firstX, b.add(k, b.index(c))},
                        activations(rows, piece), {M, b.size(prepared, 1)});
      part = multiply(columns(all, c, weights(piece)), xs, part);
      if (zero)
        total = multiply(ones, xs, total);
    }
    if (isScaledAtEnd()) {
      results[0] = part;
      if (zero)
        results[1] = total;
      continue;
    }
    // K may end before the step does: there x' is 0, and there are no scales.
    Value at = b.add(k, b.index(first));
    if (K % depth != 0)
      at = arith::MinUIOp::create(b, at, b.index(K - 1));
    results[0] = addScaled(results[0], part, total, row, at, oneColumn());
  }
  return results;
}

std::unique_ptr<MatmulKernel>
rung::makeWarpsMatmul(MatmulOp op, KernelBuilder &b,
                      MatrixInstructionAttr instruction) {
  return std::make_unique<WarpsMatmul>(op, b, instruction);
}
