//===- DecodeCandidates.cpp - sequences to choose from -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "DecodeCandidates.h"
#include "BuiltinFloats.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Tile/IR/Tile.h"

#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace rung;
using namespace rung::tile;

uint32_t tile::replicate(uint32_t lane, unsigned laneBits) {
  uint32_t result = 0;
  for (unsigned at = 0; at < 32; at += laneBits)
    result |= lane << at;
  return result;
}

//===----------------------------------------------------------------------===//
// DecodeProblem
//===----------------------------------------------------------------------===//

DecodeProblem::DecodeProblem(const NumberFormat &from, Type to,
                             const DecodeDevice &device, bool freeScale)
    : from(from), to(to), target(*numberFormatOf(to)), device(device),
      freeScale(freeScale), affine(from.affineCode()),
      view(from.minifloatView()), laneBits(to.getIntOrFloatBitWidth()),
      lanes(32 / std::min(laneBits, 32u)) {
  if (auto floating = dyn_cast<mlir::FloatType>(to)) {
    const llvm::fltSemantics &semantics = floating.getFloatSemantics();
    mantissaBits = llvm::APFloat::semanticsPrecision(semantics) - 1;
    maxExponent = llvm::APFloat::semanticsMaxExponent(semantics);
    bias = 1 - llvm::APFloat::semanticsMinExponent(semantics);
  }
}

FieldRequest DecodeProblem::fields(SmallVector<Placement> placements,
                                   unsigned inLaneBits, bool masked) const {
  FieldRequest request;
  request.codeBits = from.bits();
  request.laneBits = inLaneBits;
  request.words = 1;
  while (request.words * inLaneBits % from.bits())
    ++request.words;
  request.wholes = request.composites = std::move(placements);
  request.masked = masked;
  request.bytePairs = !device.bytePermute.empty();
  return request;
}

BitOrder DecodeProblem::flipped(const BitOrder &order,
                                uint64_t codeBits) const {
  SmallVector<uint64_t> codes(order.codes(), codeBits);
  return order.withFlips(order.pack(codes));
}

std::optional<Placement> DecodeProblem::floatPlacement(unsigned mantissa,
                                                       unsigned sign) const {
  unsigned magnitude = view->exponentBits + view->mantissaBits;
  if (view->mantissaBits > mantissa || mantissa + view->exponentBits > sign ||
      from.bits() != magnitude + (view->isSigned ? 1 : 0))
    return std::nullopt;
  Placement placement;
  for (unsigned bit = 0; bit != magnitude; ++bit)
    placement.push_back(mantissa - view->mantissaBits + bit);
  if (view->isSigned)
    placement.push_back(sign);
  return placement;
}

DecodeCandidate &DecodeProblem::add(llvm::StringLiteral method,
                                    const FieldRequest &request,
                                    const FieldAssignment &places,
                                    EmitCode emitCode) {
  DecodeCandidate &candidate =
      candidates.emplace_back(method, orderOf(request, places));
  candidate.emit = [this, codes = places.codes, emitCode = std::move(emitCode)](
                       OpBuilder &builder, Location loc, ValueRange words) {
    DecodeEmitter emitter(builder, loc, *this, words);
    SmallVector<Value> registers;
    for (const FieldCode &code : codes)
      llvm::append_range(registers, emitCode(emitter, code));
    return emitter.elements(registers);
  };
  return candidate;
}

//===----------------------------------------------------------------------===//
// DecodeEmitter
//===----------------------------------------------------------------------===//

Value DecodeEmitter::shifted(unsigned word, int shift) {
  return shift >= 0 ? ops.shrUnsigned(words[word], static_cast<unsigned>(shift))
                    : ops.shl(words[word], static_cast<unsigned>(-shift));
}

Value DecodeEmitter::gather(const FieldCode &code, unsigned laneBits) {
  if (code.isBytePair) {
    SmallVector<Value, 2> registers;
    SmallVector<unsigned, 4> bytes;
    for (const FieldPart &part : code.parts)
      registers.push_back(shifted(part.word, part.shift - 8 * part.bytes));
    for (unsigned lane : {0u, 2u})
      for (int byte : {0, 1})
        bytes.push_back(4 * byte + lane + byte + code.parts[byte].bytes);
    return permute(registers[0], registers[1], bytes);
  }
  Value result;
  for (auto [index, part] : llvm::enumerate(code.parts)) {
    bool rotatesLater = index < code.numRotated;
    int shift = part.shift;
    uint32_t mask = replicate(part.mask, laneBits);
    if (rotatesLater) {
      shift -= static_cast<int>(code.rotation);
      mask = llvm::rotl(mask, static_cast<int>(code.rotation));
    }
    bool wraps = laneBits == 32 && shift > 0 && uint64_t(mask) << shift >> 32;
    Value bits =
        wraps ? ops.rotateRight(words[part.word], static_cast<unsigned>(shift))
              : shifted(part.word, shift);
    // The bits of the mask from the new register, the others as they are:
    // written so that it is a function of three operands.
    result =
        result ? ops.bitXor(result, ops.bitAnd(ops.bitXor(result, bits), mask))
               : bits;
    if (rotatesLater && index + 1 == code.numRotated)
      result = ops.rotateRight(result, code.rotation);
  }
  return code.shift >= 0
             ? ops.shrUnsigned(result, static_cast<unsigned>(code.shift))
             : ops.shl(result, static_cast<unsigned>(-code.shift));
}

Value DecodeEmitter::field(const FieldCode &code, unsigned laneBits,
                           uint32_t flips) {
  uint32_t mask = maskOf(code.placement);
  Value result = ops.bitAnd(gather(code, laneBits), replicate(mask, laneBits));
  Value constant = ops.constant(replicate(flips, laneBits));
  if (!flips)
    return result;
  return flips & mask ? ops.bitXor(result, constant)
                      : ops.bitOr(result, constant);
}

Value DecodeEmitter::asElements(Value word, Type type) {
  int64_t count = 32 / type.getIntOrFloatBitWidth();
  if (type.isBF16()) // pairs stay bits: hosts lack more than moving them
    return word;
  if (count == 1)
    return type.isInteger() ? word : ops.asFloat(word);
  Value vector = vector::FromElementsOp::create(
      builder, loc, VectorType::get(1, word.getType()), word);
  return vector::BitCastOp::create(builder, loc, VectorType::get(count, type),
                                   vector);
}

Value DecodeEmitter::constant(Type type, double value) {
  if (problem.to.isBF16())
    return ops.constant(
        replicate(static_cast<uint32_t>(*problem.target.findCode(value)), 16));
  auto element = cast<mlir::FloatType>(getElementTypeOrSelf(type));
  TypedAttr attribute = builder.getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(type))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(builder, loc, attribute);
}

/// x * y + z of two bf16 each, as bits.
static Value multiplyAddInF32(OpBuilder &builder, Location loc,
                              ValueRange inputs) {
  EmitOps ops(builder, loc);
  Value result = ops.constant(0);
  for (unsigned shift : {0u, 16u}) {
    SmallVector<Value, 3> wide;
    for (Value input : inputs)
      wide.push_back(ops.asFloat(
          ops.bitAnd(ops.shl(input, 16 - shift), uint32_t(0xffff) << 16)));
    Value sum = ops.addFloat(ops.mul(wide[0], wide[1]), wide[2]);
    Value half = emitTruncate(builder, loc, sum, builder.getBF16Type(),
                              ConversionOptions());
    Value bits = arith::ExtUIOp::create(
        builder, loc, builder.getI32Type(),
        arith::BitcastOp::create(builder, loc, builder.getI16Type(), half));
    result = ops.bitOr(result, ops.shl(bits, shift));
  }
  return result;
}

Value DecodeEmitter::multiplyAdd(Value x, Value y, Value z) {
  Type type = x.getType();
  if (problem.to.isBF16())
    // Hosts have no arithmetic on bf16. In f32 products are exact, and so are
    // the sums here.
    return call(problem.device.bf16MultiplyAdd, type, {x, y, z},
                [&](OpBuilder &builder, ValueRange inputs) -> Value {
                  return multiplyAddInF32(builder, loc, inputs);
                });
  if (problem.device.fusedMultiplyAdd)
    return math::FmaOp::create(builder, loc, x, y, z);
  return arith::AddFOp::create(builder, loc,
                               arith::MulFOp::create(builder, loc, x, y), z);
}

Value DecodeEmitter::scale(Value x, double factor, double addend) {
  Type type = x.getType();
  if (factor == 1 && addend == 0)
    return x;
  if (problem.to.isBF16())
    return multiplyAdd(x, constant(type, factor),
                       constant(type, addend == 0 ? -0.0 : addend));
  if (factor != 1 && addend != 0)
    return multiplyAdd(x, constant(type, factor), constant(type, addend));
  if (factor != 1)
    return arith::MulFOp::create(builder, loc, x, constant(type, factor));
  return arith::AddFOp::create(builder, loc, x, constant(type, addend));
}

Value DecodeEmitter::makeNaN(Value x, double special, double below) {
  // A factor that takes only the special value beyond the greatest finite one;
  // then 0 times it is NaN for the special value and 0 for all others.
  Type type = x.getType();
  auto element = cast<mlir::FloatType>(problem.to);
  llvm::APFloat largest =
      llvm::APFloat::getLargest(element.getFloatSemantics());
  double limit = largest.convertToDouble();
  // The same mantissa times a power of two: midway, it has few digits.
  double factor = limit / ((special + below) / 2);
  bool losesInfo;
  llvm::APFloat rounded(factor);
  rounded.convert(element.getFloatSemantics(), llvm::APFloat::rmTowardZero,
                  &losesInfo);
  Value beyond = scale(x, rounded.convertToDouble(), 0);
  return multiplyAdd(beyond, constant(type, 0), x);
}

SmallVector<Value> DecodeEmitter::elements(ArrayRef<Value> registers) {
  SmallVector<Value> values;
  for (Value reg : registers) {
    if (problem.to.isBF16())
      reg = vector::BitCastOp::create(
          builder, loc, VectorType::get(2, problem.to),
          vector::FromElementsOp::create(
              builder, loc, VectorType::get(1, reg.getType()), reg));
    auto vector = dyn_cast<VectorType>(reg.getType());
    if (!vector) {
      values.push_back(reg);
      continue;
    }
    for (int64_t i = 0; i != vector.getNumElements(); ++i)
      values.push_back(vector::ExtractOp::create(builder, loc, reg, i));
  }
  return values;
}

//===----------------------------------------------------------------------===//
// Instructions that only the device has
//===----------------------------------------------------------------------===//

/// `value` as another type of as many bits, or as a narrower integer.
static Value reinterpret(OpBuilder &builder, Location loc, Value value,
                         Type type) {
  if (value.getType() == type)
    return value;
  if (value.getType().isInteger() && type.isInteger())
    return arith::TruncIOp::create(builder, loc, type, value);
  return LLVM::BitcastOp::create(builder, loc, type, value);
}

static Value callIntrinsic(OpBuilder &builder, Location loc,
                           const InstructionCost &row, Type result,
                           ValueRange inputs) {
  Type operand = parseType(row.operand, builder.getContext());
  auto operands = llvm::map_to_vector(inputs, [&](Value input) {
    return reinterpret(builder, loc, input, operand);
  });
  Value value = LLVM::CallIntrinsicOp::create(
                    builder, loc, parseType(row.result, builder.getContext()),
                    builder.getStringAttr(row.intrinsic), operands)
                    .getResult(0);
  return reinterpret(builder, loc, value, result);
}

Value DecodeEmitter::call(StringRef instruction, Type result, ValueRange inputs,
                          function_ref<Value(OpBuilder &, ValueRange)> body) {
  const auto *row = llvm::find_if(
      problem.device.instructions, [&](const InstructionCost &row) {
        return row.instruction == instruction && !row.intrinsic.empty();
      });
  if (row != problem.device.instructions.end() &&
      isa<MapOp>(builder.getInsertionBlock()->getParentOp()))
    return callIntrinsic(builder, loc, *row, result, inputs);
  auto module =
      builder.getInsertionBlock()->getParentOp()->getParentOfType<ModuleOp>();
  std::string name = "instruction_";
  for (char c : instruction)
    name.push_back(llvm::isAlnum(c) ? c : '_');
  auto function = module.lookupSymbol<func::FuncOp>(name);
  if (!function) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToEnd(module.getBody());
    function = func::FuncOp::create(
        builder, loc, name,
        builder.getFunctionType(inputs.getTypes(), {result}));
    function.setPrivate();
    function->setAttr(kInstructionAttrName, builder.getStringAttr(instruction));
    builder.setInsertionPointToStart(function.addEntryBlock());
    Value value = body(builder, function.getArguments());
    func::ReturnOp::create(builder, loc, value);
  }
  return func::CallOp::create(builder, loc, function, inputs).getResult(0);
}

/// What one selector of PRMT (4 bits: 0..7 a byte, 8..15 its sign in all bits)
/// or V_PERM_B32 (8 bits: 8..11 the sign of byte 1, 3, 5, 7, 12 zero, above all
/// ones) gives of the eight bytes `bytes`; all i64.
static Value selectByte(OpBuilder &builder, Location loc, Value bytes,
                        Value selector, unsigned selectorBits) {
  Type i64 = builder.getI64Type();
  auto constant = [&](int64_t x) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI64IntegerAttr(x));
  };
  auto bitAnd = [&](Value x, int64_t mask) -> Value {
    return arith::AndIOp::create(builder, loc, x, constant(mask));
  };
  auto shiftLeft = [&](Value x, int64_t n) -> Value {
    return arith::ShLIOp::create(builder, loc, x, constant(n));
  };
  auto above = [&](Value x, int64_t y) -> Value {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ugt, x,
                                 constant(y));
  };
  auto select = [&](Value which, Value x, Value y) -> Value {
    return arith::SelectOp::create(builder, loc, which, x, y);
  };
  auto byteAt = [&](Value index) -> Value {
    return bitAnd(
        arith::ShRUIOp::create(builder, loc, bytes, shiftLeft(index, 3)), 0xff);
  };
  auto signOf = [&](Value byte) {
    return select(above(byte, 0x7f), constant(0xff), constant(0));
  };
  selector = bitAnd(selector, (int64_t(1) << selectorBits) - 1);
  Value byte = byteAt(bitAnd(selector, 7));
  if (selectorBits == 4)
    return select(above(selector, 7), signOf(byte), byte);
  Value odd = arith::AddIOp::create(
      builder, loc, i64, shiftLeft(bitAnd(selector, 3), 1), constant(1));
  Value special = select(above(selector, 11), constant(0), signOf(byteAt(odd)));
  special = select(above(selector, 12), constant(0xff), special);
  return select(above(selector, 7), special, byte);
}

Value DecodeEmitter::permute(Value low, Value high, Value selector) {
  unsigned step = problem.device.selectorBits;
  auto makeBody = [&](OpBuilder &builder, ValueRange inputs) -> Value {
    Type i64 = builder.getI64Type();
    auto wide = [&](Value x) -> Value {
      return arith::ExtUIOp::create(builder, loc, i64, x);
    };
    auto constant = [&](int64_t x) -> Value {
      return arith::ConstantOp::create(builder, loc,
                                       builder.getI64IntegerAttr(x));
    };
    Value bytes = arith::OrIOp::create(
        builder, loc, wide(inputs[0]),
        arith::ShLIOp::create(builder, loc, wide(inputs[1]), constant(32)));
    Value selectors = wide(inputs[2]), result = constant(0);
    for (unsigned i = 0; i != 4; ++i) {
      Value selector =
          arith::ShRUIOp::create(builder, loc, selectors, constant(step * i));
      Value byte = selectByte(builder, loc, bytes, selector, step);
      result = arith::OrIOp::create(
          builder, loc, result,
          arith::ShLIOp::create(builder, loc, byte, constant(8 * i)));
    }
    return arith::TruncIOp::create(builder, loc, builder.getI32Type(), result);
  };
  return call(problem.device.bytePermute, builder.getI32Type(),
              {low, high, selector}, makeBody);
}

Value DecodeEmitter::permute(Value low, Value high, ArrayRef<unsigned> bytes) {
  uint32_t selector = 0;
  for (auto [index, byte] : llvm::enumerate(bytes))
    selector |= byte << (problem.device.selectorBits * index);
  return permute(low, high, ops.constant(selector));
}
