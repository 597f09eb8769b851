//===- LookupTables.cpp - tables in registers and in memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace rung;

Value KernelLowering::globalTable(VectorBuilder &b, DenseElementsAttr table) {
  auto type = MemRefType::get({table.getNumElements()}, table.getElementType());
  memref::GlobalOp &global = tables[table];
  if (!global) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(module.getBody());
    global = memref::GlobalOp::create(
        b, "rung_table", b.getStringAttr("private"), type,
        DenseElementsAttr(table.reshape(
            RankedTensorType::get(type.getShape(), type.getElementType()))),
        /*constant=*/true, b.getI64IntegerAttr(64));
    symbols.insert(global);
  }
  return memref::GetGlobalOp::create(b, type, global.getName());
}

/// The entries, repeated up to `count`: a device that reads more bits of the
/// index than the table has finds the same.
static Value tableVector(VectorBuilder &b, DenseElementsAttr table,
                         int64_t first, int64_t count) {
  SmallVector<Attribute> entries;
  auto values = table.getValues<Attribute>();
  for (int64_t i = first; i != first + count; ++i)
    entries.push_back(values[i % table.getNumElements()]);
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(
             VectorType::get({count}, table.getElementType()), entries));
}

static Value intrinsic(VectorBuilder &b, StringRef name, ValueRange operands,
                       Type result) {
  return LLVM::CallIntrinsicOp::create(b, result, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

/// The `count` lanes of `vector` from `first` on.
static Value lanesFrom(VectorBuilder &b, Value vector, int64_t first,
                       int64_t count) {
  return vector::ExtractStridedSliceOp::create(
      b, vector, ArrayRef(first), ArrayRef(count), ArrayRef<int64_t>(1));
}

/// Both halves of a select between two lookups, by bit `bit` of the index.
static Value selectByBit(VectorBuilder &b, Value index, unsigned bit, Value set,
                         Value clear) {
  // The bit moved to the sign.
  auto type = cast<VectorType>(index.getType());
  Value moved = b.shiftLeft(index, b.constantI32(31 - bit));
  Value isSet =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, moved, b.zero(type));
  return arith::SelectOp::create(b, isSet, set, clear);
}

/// 16 lanes of up to 64 entries of 32 bits: AVX-512.
static Value lookupPermvar512(VectorBuilder &b, Value index,
                              DenseElementsAttr table, int64_t first = 0) {
  bool isFloat = isa<mlir::FloatType>(table.getElementType());
  auto type = VectorType::get({16}, table.getElementType());
  int64_t count = table.getNumElements() - first;
  if (table.getNumElements() <= 16)
    return intrinsic(b,
                     isFloat ? "llvm.x86.avx512.permvar.sf.512"
                             : "llvm.x86.avx512.permvar.si.512",
                     {tableVector(b, table, 0, 16), index}, type);
  auto pair = [&](int64_t from) {
    return intrinsic(b,
                     isFloat ? "llvm.x86.avx512.vpermi2var.ps.512"
                             : "llvm.x86.avx512.vpermi2var.d.512",
                     {tableVector(b, table, from, 16), index,
                      tableVector(b, table, from + 16, 16)},
                     type);
  };
  if (count <= 32)
    return pair(first);
  Value low = pair(first), high = pair(first + 32);
  return selectByBit(b, index, 5, high, low);
}

/// 8 lanes of up to 16 entries of 32 bits: AVX2.
static Value lookupPermps(VectorBuilder &b, Value index,
                          DenseElementsAttr table) {
  bool isFloat = isa<mlir::FloatType>(table.getElementType());
  auto type = VectorType::get({8}, table.getElementType());
  auto permute = [&](int64_t first) {
    return intrinsic(b,
                     isFloat ? "llvm.x86.avx2.permps" : "llvm.x86.avx2.permd",
                     {tableVector(b, table, first, 8), index}, type);
  };
  Value low = permute(0);
  if (table.getNumElements() <= 8)
    return low;
  return selectByBit(b, index, 3, permute(8), low);
}

static Value gather(VectorBuilder &b, Value memory, Value index,
                    DenseElementsAttr table) {
  int64_t lanes = cast<VectorType>(index.getType()).getNumElements();
  auto type = VectorType::get({lanes}, table.getElementType());
  auto maskType = VectorType::get({lanes}, b.getI1Type());
  Value masked = b.bitAnd(index, b.constantI32(table.getNumElements() - 1));
  Value all =
      arith::ConstantOp::create(b, DenseElementsAttr::get(maskType, true));
  return vector::GatherOp::create(b, type, memory, b.index(0), masked, all,
                                  b.zero(type));
}

Value KernelLowering::lookup(VectorBuilder &b, Value index,
                             DenseElementsAttr table) {
  int64_t lanes = cast<VectorType>(index.getType()).getNumElements();
  StringRef kind = "gather";
  if (device)
    if (auto name = device.getProperties().getAs<StringAttr>("lookup"))
      kind = name.getValue();
  bool is32 = table.getElementType().getIntOrFloatBitWidth() == 32;
  // How many lanes and entries the device's instruction has.
  int64_t width = kind == "permvar512" ? 16 : 8;
  int64_t most = kind == "permvar512" ? 64 : kind == "permps" ? 16 : 0;
  if (table.getNumElements() == 1 || !is32 || table.getNumElements() > most ||
      lanes % width)
    return gather(b, globalTable(b, table), index, table);
  auto permute = [&](Value part) {
    return width == 16 ? lookupPermvar512(b, part, table)
                       : lookupPermps(b, part, table);
  };
  if (lanes == width)
    return permute(index);
  auto type = VectorType::get({lanes}, table.getElementType());
  Value result = b.zero(type);
  for (int64_t first = 0; first != lanes; first += width) {
    Value part = permute(lanesFrom(b, index, first, width));
    result = vector::InsertStridedSliceOp::create(
        b, part, result, ArrayRef(first), ArrayRef<int64_t>(1));
  }
  return result;
}
