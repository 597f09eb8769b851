//===- VectorBuilder.cpp - building blocks of vector code -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "VectorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Constants
//===----------------------------------------------------------------------===//

Value VectorBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value VectorBuilder::constantI32(int32_t value) {
  return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
}

Value VectorBuilder::indices(ArrayRef<int64_t> values) {
  return arith::ConstantOp::create(*this, getIndexVectorAttr(values));
}

Value VectorBuilder::words(ArrayRef<int64_t> values) {
  SmallVector<int32_t> narrow(values.begin(), values.end());
  auto type =
      VectorType::get({static_cast<int64_t>(narrow.size())}, getI32Type());
  return arith::ConstantOp::create(
      *this, DenseElementsAttr::get(type, ArrayRef<int32_t>(narrow)));
}

Value VectorBuilder::broadcast(Value scalar, int64_t lanes) {
  return createOrFold<vector::BroadcastOp>(
      VectorType::get({lanes}, scalar.getType()), scalar);
}

Value VectorBuilder::zero(Type type) {
  return arith::ConstantOp::create(*this, getZeroAttr(type));
}

Value VectorBuilder::constantLike(Value like, int64_t value) {
  Type type = like.getType();
  TypedAttr attr = getIntegerAttr(getElementTypeOrSelf(type), value);
  if (auto vector = dyn_cast<VectorType>(type))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(*this, attr);
}

//===----------------------------------------------------------------------===//
// Arithmetic on scalars and vectors alike
//===----------------------------------------------------------------------===//

template <typename Op>
Value VectorBuilder::binary(Value a, Value b) {
  auto first = dyn_cast<VectorType>(a.getType()),
       second = dyn_cast<VectorType>(b.getType());
  if (first && !second)
    b = broadcast(b, first.getNumElements());
  if (second && !first)
    a = broadcast(a, second.getNumElements());
  return createOrFold<Op>(a, b);
}

Value VectorBuilder::add(Value a, Value b) {
  return binary<arith::AddIOp>(a, b);
}
Value VectorBuilder::add(Value a, int64_t b) {
  return b == 0 ? a : add(a, constantLike(a, b));
}
Value VectorBuilder::subtract(Value a, Value b) {
  return binary<arith::SubIOp>(a, b);
}
Value VectorBuilder::multiply(Value a, Value b) {
  return binary<arith::MulIOp>(a, b);
}
Value VectorBuilder::multiply(Value a, int64_t b) {
  return b == 1 ? a : multiply(a, constantLike(a, b));
}
Value VectorBuilder::divide(Value a, int64_t b) {
  if (b == 1)
    return a;
  // Tiles are numbered by indices that were multiplied just before.
  llvm::APInt factor;
  if (auto product = a.getDefiningOp<arith::MulIOp>())
    if (a.getType().isIndex() &&
        matchPattern(product.getRhs(), m_ConstantInt(&factor)) &&
        factor.getSExtValue() % b == 0)
      return multiply(product.getLhs(), factor.getSExtValue() / b);
  return binary<arith::DivUIOp>(a, constantLike(a, b));
}
Value VectorBuilder::remainder(Value a, int64_t b) {
  return binary<arith::RemUIOp>(a, constantLike(a, b));
}
Value VectorBuilder::minimum(Value a, Value b) {
  return binary<arith::MinSIOp>(a, b);
}
Value VectorBuilder::shiftLeft(Value a, Value b) {
  return binary<arith::ShLIOp>(a, b);
}
Value VectorBuilder::shiftRight(Value a, Value b) {
  return binary<arith::ShRUIOp>(a, b);
}
Value VectorBuilder::bitAnd(Value a, Value b) {
  return binary<arith::AndIOp>(a, b);
}
Value VectorBuilder::bitOr(Value a, Value b) {
  return binary<arith::OrIOp>(a, b);
}

/// `type` with this element type.
static Type withElement(Type type, Type element) {
  if (auto vector = dyn_cast<VectorType>(type))
    return vector.clone(element);
  return element;
}

Value VectorBuilder::asI32(Value value) {
  Type type = withElement(value.getType(), getI32Type());
  if (value.getType() == type)
    return value;
  if (getElementTypeOrSelf(value).isIndex())
    return createOrFold<arith::IndexCastUIOp>(type, value);
  return createOrFold<arith::ExtUIOp>(type, value);
}

Value VectorBuilder::asIndex(Value value) {
  Type type = withElement(value.getType(), getIndexType());
  if (value.getType() == type)
    return value;
  return createOrFold<arith::IndexCastUIOp>(type, value);
}
