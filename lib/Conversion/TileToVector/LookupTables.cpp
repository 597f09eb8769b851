//===- LookupTables.cpp - tables in registers and in memory -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

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

/// The upper halves of the entries, as i16, if the lower ones are all zero.
static std::optional<SmallVector<int16_t>>
upperHalves(DenseElementsAttr table) {
  SmallVector<int16_t> halves;
  for (Attribute entry : table.getValues<Attribute>()) {
    APInt bits = isa<FloatAttr>(entry)
                     ? cast<FloatAttr>(entry).getValue().bitcastToAPInt()
                     : cast<IntegerAttr>(entry).getValue();
    if (bits.getLoBits(16) != 0)
      return std::nullopt;
    halves.push_back(static_cast<int16_t>(bits.extractBitsAsZExtValue(16, 16)));
  }
  return halves;
}

/// The value and distance of a shift to the right by a constant.
static std::pair<Value, int64_t> shiftOf(Value index) {
  DenseElementsAttr distance;
  if (auto shift = index.getDefiningOp<arith::ShRUIOp>())
    if (matchPattern(shift.getRhs(), m_Constant(&distance)) &&
        distance.isSplat())
      return {shift.getLhs(), distance.getSplatValue<APInt>().getSExtValue()};
  return {index, 0};
}

/// Lanes whose upper half counts, in a form that LLVM does not know: it makes a
/// logic operation of a known one, where a mask of the lookup is free.
Value KernelLowering::upperHalvesMask(VectorBuilder &b) {
  Operation *loop = b.getInsertionBlock()->getParentOp();
  while (!isa<scf::ParallelOp>(loop) &&
         !loop->hasTrait<OpTrait::IsIsolatedFromAbove>())
    loop = loop->getParentOp();
  Value &mask = masks[loop];
  if (!mask) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&loop->getRegion(0).front());
    Value known = b.constantI32(static_cast<int32_t>(0xaaaaaaaa));
    Value word = LLVM::InlineAsmOp::create(
                     b, b.getI32Type(), ValueRange(known),
                     /*asm_string=*/"", /*constraints=*/"=r,0",
                     /*has_side_effects=*/false, /*is_align_stack=*/false,
                     LLVM::tailcallkind::TailCallKind::None,
                     /*asm_dialect=*/nullptr, /*operand_attrs=*/nullptr)
                     .getResult(0);
    mask =
        LLVM::BitcastOp::create(b, VectorType::get({32}, b.getI1Type()), word);
  }
  return mask;
}

/// 16 lanes of up to 128 entries that the upper 16 bits of a lane tell: one
/// lookup finds a code of the lower and of the upper half of each lane. Null
/// where that gains nothing.
Value KernelLowering::lookupHalves(VectorBuilder &b, Value index,
                                   DenseElementsAttr table) {
  int64_t count = table.getNumElements();
  int64_t most = device ? device.getInt("lookup_halves", 0) : 0;
  auto [word, distance] = shiftOf(index);
  bool isUpper = distance >= 16;
  if (count > 2 * most || (count <= 32 && !isUpper))
    return {};
  std::optional<SmallVector<int16_t>> halves = upperHalves(table);
  if (!halves)
    return {};
  auto type = VectorType::get({32}, b.getI16Type());
  auto entriesFrom = [&](int64_t first) -> Value {
    SmallVector<int16_t> entries;
    for (int64_t i = first; i != first + 32; ++i)
      entries.push_back((*halves)[i % count]);
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(type, ArrayRef<int16_t>(entries)));
  };
  if (isUpper)
    index = distance == 16 ? word
                           : b.shiftRight(word, b.constantI32(distance - 16));
  Value indices = vector::BitCastOp::create(b, type, index);
  auto pair = [&](int64_t first) {
    return intrinsic(b, "llvm.x86.avx512.vpermi2var.hi.512",
                     {entriesFrom(first), indices, entriesFrom(first + 32)},
                     type);
  };
  Value found;
  if (count <= 32) {
    found = intrinsic(b, "llvm.x86.avx512.permvar.hi.512",
                      {entriesFrom(0), indices}, type);
  } else {
    found = pair(0);
    if (count > 64) {
      Value bit = arith::AndIOp::create(
          b, indices,
          arith::ConstantOp::create(b,
                                    DenseElementsAttr::get(type, int16_t(64))));
      Value isClear =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bit, b.zero(type));
      found = arith::SelectOp::create(b, isClear, found, pair(64));
    }
  }
  auto words = cast<VectorType>(index.getType());
  auto asWords = [&](Value value) -> Value {
    return vector::BitCastOp::create(b, words, value);
  };
  Value result;
  if (count <= 32)
    result = asWords(
        arith::SelectOp::create(b, upperHalvesMask(b), found, b.zero(type)));
  else if (isUpper)
    result = b.bitAnd(asWords(found),
                      b.constantI32(static_cast<int32_t>(0xffff0000)));
  else
    result = b.shiftLeft(asWords(found), b.constantI32(16));
  auto element = VectorType::get({16}, table.getElementType());
  if (element == words)
    return result;
  return arith::BitcastOp::create(b, element, result);
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
  if (is32 && lanes == 16)
    if (Value found = lookupHalves(b, index, table))
      return found;
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
