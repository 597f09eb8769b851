//===- CodeOps.h - one sequence, emitted and evaluated -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sequences on i32 and f32 are written once against an interface with two
// implementations: one makes operations, the other computes on numbers, which
// is how a sequence is proved on every code before it is emitted.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_CODEOPS_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_CODEOPS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/bit.h"

namespace rung::tile {

/// Makes operations. Integers are i32, floats f32 Values.
class EmitOps {
public:
  using Int = mlir::Value;
  using Float = mlir::Value;
  using Bool = mlir::Value;

  EmitOps(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  Int constant(uint32_t value) {
    return mlir::arith::ConstantOp::create(
        builder, loc, builder.getI32IntegerAttr(static_cast<int32_t>(value)));
  }
  Float constantFloat(float value) {
    return mlir::arith::ConstantOp::create(builder, loc,
                                           builder.getF32FloatAttr(value));
  }
  Int shl(Int x, unsigned n) {
    return n ? mlir::arith::ShLIOp::create(builder, loc, x, constant(n)) : x;
  }
  Int shrUnsigned(Int x, unsigned n) {
    return n ? mlir::arith::ShRUIOp::create(builder, loc, x, constant(n)) : x;
  }
  Int rotateRight(Int x, unsigned n) {
    return bitOr(shrUnsigned(x, n), shl(x, 32 - n));
  }
  Int shrSigned(Int x, unsigned n) {
    return n ? mlir::arith::ShRSIOp::create(builder, loc, x, constant(n)) : x;
  }
  Int bitAnd(Int x, uint32_t mask) {
    return mlir::arith::AndIOp::create(builder, loc, x, constant(mask));
  }
  Int bitOr(Int x, Int y) {
    return mlir::arith::OrIOp::create(builder, loc, x, y);
  }
  Int bitXor(Int x, Int y) {
    return mlir::arith::XOrIOp::create(builder, loc, x, y);
  }
  Int add(Int x, Int y) {
    return mlir::arith::AddIOp::create(builder, loc, x, y);
  }
  Float toFloat(Int x) {
    return mlir::arith::SIToFPOp::create(builder, loc, builder.getF32Type(), x);
  }
  Float asFloat(Int x) {
    return mlir::arith::BitcastOp::create(builder, loc, builder.getF32Type(),
                                          x);
  }
  Int asInt(Float x) {
    return mlir::arith::BitcastOp::create(builder, loc, builder.getI32Type(),
                                          x);
  }
  Float mul(Float x, Float y) {
    return mlir::arith::MulFOp::create(builder, loc, x, y);
  }
  Float addFloat(Float x, Float y) {
    return mlir::arith::AddFOp::create(builder, loc, x, y);
  }
  Bool isBelow(Int x, uint32_t y) {
    return mlir::arith::CmpIOp::create(
        builder, loc, mlir::arith::CmpIPredicate::ult, x, constant(y));
  }
  Bool isEqual(Int x, uint32_t y) {
    return mlir::arith::CmpIOp::create(
        builder, loc, mlir::arith::CmpIPredicate::eq, x, constant(y));
  }
  Int select(Bool which, Int x, Int y) {
    return mlir::arith::SelectOp::create(builder, loc, which, x, y);
  }

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
};

/// Computes, in the arithmetic that the operations have.
class EvaluateOps {
public:
  using Int = uint32_t;
  using Float = float;
  using Bool = bool;

  Int constant(uint32_t value) { return value; }
  Float constantFloat(float value) { return value; }
  Int shl(Int x, unsigned n) { return x << n; }
  Int shrUnsigned(Int x, unsigned n) { return x >> n; }
  Int shrSigned(Int x, unsigned n) {
    return static_cast<uint32_t>(static_cast<int32_t>(x) >> n);
  }
  Int bitAnd(Int x, uint32_t mask) { return x & mask; }
  Int bitOr(Int x, Int y) { return x | y; }
  Int bitXor(Int x, Int y) { return x ^ y; }
  Int add(Int x, Int y) { return x + y; }
  Float toFloat(Int x) { return static_cast<float>(static_cast<int32_t>(x)); }
  Float asFloat(Int x) { return llvm::bit_cast<float>(x); }
  Int asInt(Float x) { return llvm::bit_cast<uint32_t>(x); }
  Float mul(Float x, Float y) { return x * y; }
  Float addFloat(Float x, Float y) { return x + y; }
  Bool isBelow(Int x, uint32_t y) { return x < y; }
  Bool isEqual(Int x, uint32_t y) { return x == y; }
  Int select(Bool which, Int x, Int y) { return which ? x : y; }
};

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_CODEOPS_H
