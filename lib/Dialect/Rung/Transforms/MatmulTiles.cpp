//===- MatmulTiles.cpp - Tiles that a device multiplies -------------------===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatmulTiles.h"
#include "rung/Layout/BitOrder.h"
#include "rung/Layout/Fragments.h"
#include "rung/Layout/PackedLayout.h"
#include "rung/Target/Device.h"

#include <numeric>

using namespace mlir;
using namespace rung;

int64_t rung::groupSize(MatmulOp op) {
  if (!op.getScale() && !op.getZeroPoint())
    return 0;
  RankedTensorType weight = op.getLogicalType(op.getWeight());
  int64_t columns = weight.getDimSize(1), group = 0;
  std::string error;
  auto narrow = [&](Value tensor, std::optional<ArrayRef<int64_t>> block) {
    if (!tensor)
      return;
    RankedTensorType type = op.getLogicalType(tensor);
    if (type.getRank() != 2)
      return;
    int64_t extent =
        (*blockShape(weight.getShape(), type.getShape(), block, error))[1];
    // A block that reaches the end of a row divides nothing.
    if (extent < columns)
      group = std::gcd(group, extent);
  };
  narrow(op.getScale(), op.getBlock());
  narrow(op.getZeroPoint(), op.getBlock());
  narrow(op.getSecondScale(), op.getSecondBlock());
  return group ? group : columns;
}

int64_t MatrixTile::rowsOfX() const {
  return int64_t(1) << lookupFragment((instruction.getFragments() + ".c").str())
                           ->outBits("col");
}

std::optional<MatrixTile> rung::chooseMatrixTile(MatmulOp op,
                                                 DeviceAttr device) {
  constexpr unsigned loadBits = 128;
  Type compute = *op.getCompute();
  MatrixInstructionAttr instruction =
      findMatrixInstruction(device, compute, compute);
  if (!instruction)
    return std::nullopt;
  LinearLayout operand =
      *lookupFragment((instruction.getFragments() + ".a").str());
  // Bits of a lane's part of one operand, of x's elements beside each other.
  unsigned codeBits =
      numberFormatOf(op.getLogicalType(op.getWeight()).getElementType())
          ->bits();
  unsigned registers = operand.inBits("register"), own = 0;
  for (uint64_t basis : ArrayRef(operand.bases()).take_front(registers))
    own += basis >> operand.outBits("row") != 0;
  unsigned lanes = operand.outBits("col") - own;
  unsigned run = llvm::Log2_32(loadBits / numberFormatOf(compute)->bits());
  int64_t group = groupSize(op),
          columns = op.getLogicalType(op.getWeight()).getDimSize(1);
  if (group && group != columns) {
    unsigned together = llvm::countr_zero(uint64_t(group));
    if (together < own + lanes)
      return std::nullopt;
    run = std::min(run, together - lanes);
  }
  run = std::max(run, own);
  // Whole loads, whole decode units, whole runs.
  uint64_t bits = uint64_t(codeBits) << registers;
  uint64_t toFillLoads = loadBits / std::gcd<uint64_t>(loadBits, bits),
           toFillUnits =
               std::max(BitOrder::minimalCodes(codeBits) >> registers, 1u);
  unsigned fragments = std::max(
      {llvm::Log2_64(toFillLoads), llvm::Log2_64(toFillUnits), run - own});
  return MatrixTile{instruction,
                    cantFail(placeFragments(operand, fragments, run))};
}
