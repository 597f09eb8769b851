//===- Access.cpp - where the lanes of a register are in memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Access.h"
#include "../Common/IndexFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace rung;

bool Coordinate::isUniform() const {
  return !lanes && llvm::all_equal(offsets);
}

bool Coordinate::isContiguous() const {
  if (lanes)
    return false;
  for (auto [lane, offset] : llvm::enumerate(offsets))
    if (offset != offsets.front() + int64_t(lane))
      return false;
  return true;
}

unsigned Access::bits() const {
  return storage ? storage.getBits() : type().getElementTypeBitWidth();
}

//===----------------------------------------------------------------------===//
// Coordinates
//===----------------------------------------------------------------------===//

SmallVector<Coordinate> AccessBuilder::coordinates(const Places &places) {
  size_t rank = access.indices.size();
  // The dimensions that the tile's rows and columns run along; a source of one
  // dimension has only the one of its columns (rows, if transposed).
  int64_t rowDim = int64_t(rank) - 2, columnDim = int64_t(rank) - 1;
  if (access.transposed)
    std::swap(rowDim, columnDim);
  SmallVector<Coordinate> result;
  for (size_t dim = 0; dim != rank; ++dim) {
    Coordinate c;
    c.base = access.indices[dim];
    for (auto [row, column] : places)
      c.offsets.push_back(int64_t(dim) == rowDim      ? row
                          : int64_t(dim) == columnDim ? column
                                                      : 0);
    if (!access.bounds.empty() &&
        !isKnownBelow(c.base, *llvm::max_element(c.offsets),
                      access.bounds[dim]))
      c.bound = access.bounds[dim];
    result.push_back(c);
  }
  return result;
}

Value AccessBuilder::scalar(const Coordinate &c, int64_t block) {
  Value index = b.add(c.base, c.offsets.front());
  if (c.bound)
    index = b.minimum(index, b.subtract(c.bound, b.index(1)));
  return b.divide(index, block);
}

Value AccessBuilder::vector(const Coordinate &c, int64_t block) {
  Value index = c.lanes;
  if (!index)
    index = b.add(b.indices(c.offsets), c.base);
  if (c.bound)
    index = b.minimum(index, b.subtract(c.bound, b.index(1)));
  return b.divide(index, block);
}

Coordinate AccessBuilder::divided(Coordinate c, int64_t block) {
  if (block == 1)
    return c;
  int64_t divisor = knownDivisor(c.base);
  if (block > std::numeric_limits<int64_t>::max() / 2) {
    // One block for any size.
    c.base = b.index(0);
    c.offsets.assign(c.offsets.size(), 0);
  } else if (c.isUniform()) {
    c.base = scalar(c, block);
    c.offsets.assign(c.offsets.size(), 0);
  } else if (!c.bound && divisor % block == 0) {
    // The base divides, so each distance does for itself.
    c.base = b.divide(c.base, block);
    for (int64_t &offset : c.offsets)
      offset /= block;
  } else if (divisor && block % divisor == 0 &&
             llvm::all_of(c.offsets, [&](int64_t offset) {
               return offset / divisor == c.offsets.front() / divisor;
             })) {
    // All lanes are between two multiples of the divisor, so in one block.
    c.base = scalar(c, block);
    c.offsets.assign(c.offsets.size(), 0);
  } else {
    c.lanes = vector(c, block);
  }
  c.bound = {};
  return c;
}

//===----------------------------------------------------------------------===//
// Bounds
//===----------------------------------------------------------------------===//

Value AccessBuilder::countWithin(const Coordinate &c, int64_t lanes) {
  if (!c.bound)
    return {};
  Value count = b.subtract(c.bound, b.add(c.base, c.offsets.front()));
  count = arith::MaxSIOp::create(b, count, b.index(0));
  return b.minimum(count, b.index(lanes));
}

Value AccessBuilder::isWithin(ArrayRef<Coordinate> coordinates) {
  Value all;
  for (const Coordinate &c : coordinates) {
    if (!c.bound)
      continue;
    Value index = c.isUniform() ? b.add(c.base, c.offsets.front())
                                : b.add(b.indices(c.offsets), c.base);
    Value bound = c.bound;
    if (!c.isUniform())
      bound = b.broadcast(bound, c.offsets.size());
    Value within =
        arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, bound);
    all = all ? b.bitAnd(all, within) : within;
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// Masked moves of 8- and 16-bit elements are slow on many CPUs: worth a branch
/// for when all lanes are there.
static bool isNarrow(VectorType type) {
  return type.getElementTypeBitWidth() < 32;
}

static Value maskOf(VectorBuilder &b, VectorType type, Value count) {
  return vector::CreateMaskOp::create(
      b, VectorType::get(type.getShape(), b.getI1Type()), ValueRange(count));
}

/// The type whose masked moves have `type`'s lanes first: at least 128 bits and
/// a power of two, as instructions have them.
static VectorType maskableType(VectorType type) {
  int64_t width = type.getElementTypeBitWidth();
  int64_t lanes =
      std::max<int64_t>(llvm::PowerOf2Ceil(type.getNumElements()), 128 / width);
  return VectorType::get({lanes}, type.getElementType());
}

/// The first lanes of `value`, or `value` and any others, as `type`.
static Value resize(VectorBuilder &b, Value value, VectorType type) {
  if (value.getType() == type)
    return value;
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane != type.getNumElements(); ++lane)
    mask.push_back(std::min(lane, lanes - 1));
  return vector::ShuffleOp::create(b, value, value, mask);
}

static Value isFull(VectorBuilder &b, VectorType type, Value count) {
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count,
                               b.index(type.getNumElements()));
}

Value AccessBuilder::loadVector(VectorType type, ValueRange position,
                                Value count) {
  auto whole = [&]() -> Value {
    return vector::LoadOp::create(b, type, access.memory, position);
  };
  auto masked = [&]() -> Value {
    VectorType wide = maskableType(type);
    Value loaded = vector::MaskedLoadOp::create(
        b, wide, access.memory, position, maskOf(b, wide, count), b.zero(wide));
    return resize(b, loaded, type);
  };
  if (!count)
    return whole();
  if (!isNarrow(type))
    return masked();
  auto branch = scf::IfOp::create(
      b, isFull(b, type, count),
      [&](OpBuilder &builder, Location loc) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(builder.saveInsertionPoint());
        scf::YieldOp::create(b, whole());
      },
      [&](OpBuilder &builder, Location loc) {
        OpBuilder::InsertionGuard guard(b);
        b.restoreInsertionPoint(builder.saveInsertionPoint());
        scf::YieldOp::create(b, masked());
      });
  return branch.getResult(0);
}

void AccessBuilder::storeVector(Value value, ValueRange position, Value count) {
  auto type = cast<VectorType>(value.getType());
  auto whole = [&] {
    vector::StoreOp::create(b, value, access.memory, position);
  };
  auto masked = [&] {
    VectorType wide = maskableType(type);
    vector::MaskedStoreOp::create(b, access.memory, position,
                                  maskOf(b, wide, count),
                                  resize(b, value, wide));
  };
  if (!count)
    return whole();
  if (!isNarrow(type) && isa<mlir::FloatType>(type.getElementType()))
    return masked();
  auto branch = scf::IfOp::create(b, isFull(b, type, count),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  whole();
  b.setInsertionPointToStart(branch.elseBlock());
  // LLVM 22 for x86 makes of a truncation, masked and stored with one lane
  // known to be on, a store of that lane before the truncation: too many bytes.
  Value isOne =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, count, b.index(1));
  auto single = scf::IfOp::create(b, isOne, /*withElseRegion=*/true);
  b.setInsertionPointToStart(single.thenBlock());
  memref::StoreOp::create(b, vector::ExtractOp::create(b, value, 0),
                          access.memory, position);
  b.setInsertionPointToStart(single.elseBlock());
  masked();
}

Value AccessBuilder::size(unsigned dim) {
  MemRefType type = access.type();
  if (!type.isDynamicDim(dim))
    return b.index(type.getDimSize(dim));
  return memref::DimOp::create(b, access.memory, dim);
}

Value AccessBuilder::flatIndex(ValueRange position) {
  Value index = position.front();
  for (unsigned dim = 1; dim != position.size(); ++dim) {
    Value extent = size(dim);
    if (!isa<VectorType>(index.getType()))
      index = b.createOrFold<arith::MulIOp>(index, extent);
    else
      index = b.multiply(index, extent);
    index = b.add(index, position[dim]);
  }
  return index;
}

Value AccessBuilder::flatMemory() {
  MemRefType type = access.type();
  if (type.getRank() == 1)
    return access.memory;
  ReassociationIndices all(llvm::to_vector(llvm::seq<int64_t>(type.getRank())));
  return memref::CollapseShapeOp::create(b, access.memory,
                                         ArrayRef<ReassociationIndices>(all));
}

LogicalResult AccessBuilder::checkGather() {
  if (access.type().getLayout().isIdentity())
    return success();
  return access.op->emitOpError() << "takes lanes apart in " << access.type()
                                  << ", expected a contiguous row-major memref";
}

Value AccessBuilder::gather(Value memory, Value index) {
  int64_t lanes = cast<VectorType>(index.getType()).getNumElements();
  auto type = VectorType::get(
      {lanes}, cast<MemRefType>(memory.getType()).getElementType());
  auto maskType = VectorType::get({lanes}, b.getI1Type());
  Value all =
      arith::ConstantOp::create(b, DenseElementsAttr::get(maskType, true));
  return vector::GatherOp::create(b, type, memory, b.index(0), index, all,
                                  b.zero(type));
}

Value AccessBuilder::loadAt(ValueRange position, int64_t lanes) {
  bool isVector = llvm::any_of(
      position, [](Value index) { return isa<VectorType>(index.getType()); });
  if (isVector)
    return gather(flatMemory(), flatIndex(position));
  return b.broadcast(memref::LoadOp::create(b, access.memory, position), lanes);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Value AccessBuilder::toRegister(Value element) {
  Type type = getElementTypeOrSelf(element);
  Type target = tile::registerType(type);
  if (type == target)
    return element;
  if (!type.isInteger())
    element = arith::BitcastOp::create(
        b,
        withElement(element.getType(),
                    b.getIntegerType(type.getIntOrFloatBitWidth())),
        element);
  return b.asI32(element);
}

Value AccessBuilder::toMemory(Value value) {
  Type type = access.type().getElementType();
  if (getElementTypeOrSelf(value) == type)
    return value;
  Type integer = b.getIntegerType(type.getIntOrFloatBitWidth());
  value =
      arith::TruncIOp::create(b, withElement(value.getType(), integer), value);
  if (type == integer)
    return value;
  return arith::BitcastOp::create(b, withElement(value.getType(), type), value);
}
