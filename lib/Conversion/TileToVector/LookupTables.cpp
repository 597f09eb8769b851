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
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

#include <cmath>

using namespace mlir;
using namespace rung;

Value KernelLowering::globalTable(VectorBuilder &b, DenseElementsAttr table) {
  memref::GlobalOp global = tables.get(b.getLoc(), table);
  return memref::GetGlobalOp::create(b, global.getType(), global.getName());
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

/// 16 lanes of up to 256 entries that the upper 16 bits of a lane tell: one
/// lookup finds a code of the lower and of the upper half of each lane. Null
/// where that gains nothing.
Value KernelLowering::lookupHalves(VectorBuilder &b, Value index,
                                   DenseElementsAttr table) {
  int64_t count = table.getNumElements();
  int64_t most = device ? device.getInt("lookup_halves", 0) : 0;
  auto [word, distance] = shiftOf(index);
  bool isUpper = distance >= 16;
  if (count > 4 * most || (count <= 32 && !isUpper))
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
    // A tree of selects on the bits that one instruction does not read.
    SmallVector<Value> parts;
    for (int64_t first = 0; first < count; first += 64)
      parts.push_back(pair(first));
    for (int64_t mask = 64; parts.size() > 1; mask *= 2) {
      Value bit = arith::AndIOp::create(
          b, indices,
          arith::ConstantOp::create(
              b, DenseElementsAttr::get(type, static_cast<int16_t>(mask))));
      Value isClear =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bit, b.zero(type));
      SmallVector<Value> selected;
      for (size_t i = 0; i != parts.size(); i += 2)
        selected.push_back(
            arith::SelectOp::create(b, isClear, parts[i], parts[i + 1]));
      parts = std::move(selected);
    }
    found = parts.front();
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

namespace {
/// Entry i is least + unit * k, where k is bits `low` and up of i ^ flips.
struct EqualSteps {
  unsigned low, bits;
  uint32_t flips;
  float least, unit;
};
} // namespace

/// Null unless the entries are that, exactly; unit is a power of two.
static std::optional<EqualSteps> findEqualSteps(DenseElementsAttr table) {
  SmallVector<float> entries;
  for (const APFloat &entry : table.getValues<APFloat>())
    entries.push_back(entry.convertToFloat());
  EqualSteps steps = {0, 0, 0, entries[0], 0};
  for (unsigned bit = 0; uint64_t(1) << bit != entries.size(); ++bit) {
    float step = entries[size_t(1) << bit] - entries[0];
    if (step == 0 && steps.bits == 0)
      continue; // a bit of the code beside this one
    if (step == 0)
      break;
    if (steps.bits++ == 0) {
      steps.low = bit;
      steps.unit = std::fabs(step);
    }
    if (step < 0) {
      steps.flips |= uint32_t(1) << bit;
      steps.least += step;
    }
  }
  int exponent;
  if (std::frexp(steps.unit, &exponent) != 0.5f)
    return std::nullopt;
  for (auto [index, entry] : llvm::enumerate(entries)) {
    uint32_t k = (static_cast<uint32_t>(index) ^ steps.flips) >> steps.low &
                 llvm::maskTrailingOnes<uint32_t>(steps.bits);
    float computed = steps.least + steps.unit * static_cast<float>(k);
    if (llvm::bit_cast<uint32_t>(computed) != llvm::bit_cast<uint32_t>(entry))
      return std::nullopt;
  }
  return steps;
}

/// Lanes of equally spaced entries, without a lookup: the bits of a code that
/// lies high enough in its word are the mantissa of a float, less what the
/// other bits of that float are worth. Null where the device would rather look
/// up.
Value KernelLowering::computeLookup(VectorBuilder &b, Value index,
                                    DenseElementsAttr table) {
  constexpr unsigned mantissa = 23;
  int64_t window = device ? device.getInt("computed_lookups", 0) : 0;
  if (window == 0 || !table.getElementType().isF32())
    return {};
  auto [word, distance] = shiftOf(index);
  std::optional<EqualSteps> steps = findEqualSteps(table);
  if (!steps)
    return {};
  int64_t first = distance + steps->low, last = first + steps->bits;
  if (last > mantissa || first < mantissa - window)
    return {};
  float above = std::ldexp(steps->unit, static_cast<int>(mantissa - first));
  float offset = above - steps->least;
  // Exact in doubles, which hold both.
  if (!std::isnormal(above) ||
      double(offset) != double(above) - double(steps->least))
    return {};
  uint32_t mask = llvm::maskTrailingOnes<uint32_t>(steps->bits) << first;
  uint32_t others =
      llvm::bit_cast<uint32_t>(above) ^ (steps->flips << distance & mask);
  auto constant = [&, word = word](uint32_t bits) {
    return b.constantLike(word, static_cast<int32_t>(bits));
  };
  Value bits = arith::XOrIOp::create(b, b.bitAnd(word, constant(mask)),
                                     constant(others));
  auto type = cast<VectorType>(word.getType()).clone(table.getElementType());
  Value x = arith::BitcastOp::create(b, type, bits);
  return arith::SubFOp::create(
      b, x, arith::ConstantOp::create(b, DenseElementsAttr::get(type, offset)));
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
  if (Value computed = computeLookup(b, index, table))
    return computed;
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
