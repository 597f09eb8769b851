//===- Buffers.cpp - tile.alloc, copy and read on vectors -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a CPU a buffer is an array on the stack and a copy is done when it is
// asked for: waiting and barriers mean nothing.
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace rung;

/// The widest vector of a copy, in elements.
static constexpr int64_t copyLanes = 16;

LogicalResult KernelLowering::lowerAlloc(tile::AllocOp op) {
  VectorBuilder b(op.getLoc(), op);
  tile::BufferType type = op.getType();
  auto memory = MemRefType::get(
      {int64_t(op.getStages()), type.getRows(), type.getColumns()},
      type.getElementType());
  Value stack = memref::AllocaOp::create(b, memory, b.getI64IntegerAttr(64));
  set(op.getResult(),
      memref::CastOp::create(b, expand(op.getType()).front(), stack)
          .getResult());
  return success();
}

LogicalResult KernelLowering::lowerCopy(tile::CopyOp op) {
  VectorBuilder b(op.getLoc(), op);
  tile::BufferType type = op.getBuffer().getType();
  Value buffer = get(op.getBuffer()).front();
  Type element = type.getElementType();
  size_t rank = op.getIndices().size();
  if (rank < 1)
    return op.emitOpError("copies a memref without dimensions");

  auto loop =
      scf::ForOp::create(b, b.index(0), b.index(type.getRows()), b.index(1));
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  SmallVector<Value> from(op.getIndices());
  if (rank > 1)
    from[rank - 2] = b.add(from[rank - 2], row);
  // Nothing of a row outside the bounds is read.
  Value inside;
  if (!op.getBounds().empty())
    for (size_t dim = 0; dim + 1 < rank; ++dim) {
      Value within = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                           from[dim], op.getBounds()[dim]);
      inside = inside ? b.bitAnd(inside, within) : within;
    }
  for (int64_t column = 0; column < type.getColumns();) {
    int64_t lanes = copyLanes;
    while (column + lanes > type.getColumns())
      lanes /= 2;
    auto vector = VectorType::get({lanes}, element);
    SmallVector<Value> source(from);
    source.back() = b.add(source.back(), column);
    Value values;
    if (op.getBounds().empty()) {
      values = vector::LoadOp::create(b, vector, op.getSource(), source);
    } else {
      Value count = b.subtract(op.getBounds().back(), source.back());
      if (inside)
        count = arith::SelectOp::create(b, inside, count, b.index(0));
      count = arith::MaxSIOp::create(b, count, b.index(0));
      count = b.minimum(count, b.index(lanes));
      Value mask = vector::CreateMaskOp::create(
          b, VectorType::get({lanes}, b.getI1Type()), ValueRange(count));
      values = vector::MaskedLoadOp::create(b, vector, op.getSource(), source,
                                            mask, b.zero(vector));
    }
    vector::StoreOp::create(b, values, buffer,
                            ValueRange{op.getStage(), row, b.index(column)});
    column += lanes;
  }
  if (op.getToken())
    set(op.getToken(), {});
  return success();
}

LogicalResult KernelLowering::lowerRead(tile::ReadOp op) {
  VectorBuilder b(op.getLoc(), op);
  // The same as a load from the buffer's array.
  Value buffer = get(op.getBuffer()).front();
  auto load = tile::LoadOp::create(
      b, op.getType(), buffer,
      ValueRange{op.getStage(), b.index(0), b.index(0)}, ValueRange(),
      StorageAttr(), DenseI64ArrayAttr(), /*transposed=*/false);
  if (failed(lowerLoad(load)))
    return failure();
  SmallVector<Value> values(get(load.getResult()));
  set(op.getResult(), values);
  parts.erase(load.getResult());
  load.erase();
  return success();
}
