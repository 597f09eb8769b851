//===- RungFolders.cpp - constants through Numerics -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Conversions of small constants happen at compile time, by the code that
// defines the formats.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/TypeUtilities.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/BlockScaling.h"

using namespace mlir;
using namespace rung;

/// Constants of more elements are left to kernels: a module shall stay small.
static constexpr int64_t kMaxFoldedElements = 4096;

//===----------------------------------------------------------------------===//
// Attributes as codes and back
//===----------------------------------------------------------------------===//

/// The codes of a constant tensor, row-major; nothing if it is too large, not
/// constant, or in no number format.
static std::optional<std::vector<uint64_t>> readCodes(Attribute value) {
  auto typed = dyn_cast_if_present<TypedAttr>(value);
  auto type = typed ? dyn_cast<RankedTensorType>(typed.getType()) : nullptr;
  if (!type || !type.hasStaticShape() ||
      type.getNumElements() > kMaxFoldedElements ||
      !numberFormatOf(type.getElementType()))
    return std::nullopt;
  std::vector<uint64_t> codes;
  codes.reserve(type.getNumElements());
  if (auto constant = dyn_cast<CodesAttr>(value)) {
    for (int64_t position = 0; position < type.getNumElements(); ++position)
      codes.push_back(constant.getCode(position));
    return codes;
  }
  auto elements = dyn_cast<DenseElementsAttr>(value);
  if (!elements)
    return std::nullopt;
  if (isa<IntegerType>(type.getElementType())) {
    for (const APInt &element : elements.getValues<APInt>())
      codes.push_back(element.getZExtValue());
    return codes;
  }
  for (const APFloat &element : elements.getValues<APFloat>())
    codes.push_back(element.bitcastToAPInt().getZExtValue());
  return codes;
}

/// The constant of the given codes: `dense` for types that upstream operations
/// compute with, else `#rung.codes`. Null for ui16 and the like, which no
/// constant operation takes.
static Attribute writeCodes(RankedTensorType type, ArrayRef<uint64_t> codes) {
  Type element = type.getElementType();
  unsigned bits = numberFormatOf(element)->bits();
  auto real = dyn_cast<mlir::FloatType>(element);
  if (real && bits > 8) {
    SmallVector<APFloat> values;
    for (uint64_t code : codes)
      values.emplace_back(real.getFloatSemantics(), APInt(bits, code));
    return DenseElementsAttr::get(type, values);
  }
  if (element.isSignlessInteger() && bits >= 8) {
    SmallVector<APInt> values;
    for (uint64_t code : codes)
      values.emplace_back(bits, code);
    return DenseElementsAttr::get(type, values);
  }
  if (bits > 8)
    return {};
  SmallVector<uint8_t> bytes(codes.begin(), codes.end());
  if (bytes.size() > 1 && llvm::all_equal(bytes))
    bytes.resize(1);
  return CodesAttr::get(type.getContext(), type, bytes);
}

/// `codes` as an operand of block scaling. The references live as long as
/// `codes` and `value` do.
static CodesRef refer(Value value, const std::vector<uint64_t> &codes) {
  auto type = cast<RankedTensorType>(value.getType());
  return {*numberFormatOf(type.getElementType()), type.getShape(), codes};
}

/// The attribute of `codes`, or nothing after an error: an operation whose
/// values cannot be computed is left for the kernel, which has to say so.
static OpFoldResult writeResult(Type type,
                                llvm::Expected<std::vector<uint64_t>> codes) {
  if (!codes) {
    llvm::consumeError(codes.takeError());
    return {};
  }
  return writeCodes(cast<RankedTensorType>(type), *codes);
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

namespace {
/// The scales and zero points of an operation, all constant.
struct ConstantScaling {
  std::vector<uint64_t> storage[3];
  BlockScaling scaling;

  /// False if an operand is no small constant.
  template <typename Op>
  bool read(Op op, ArrayRef<Value> values, ArrayRef<Attribute> constants) {
    std::optional<CodesRef> *operands[] = {&scaling.scale, &scaling.zeroPoint,
                                           &scaling.secondScale};
    for (auto [i, value] : llvm::enumerate(values)) {
      if (!value)
        continue;
      std::optional<std::vector<uint64_t>> codes = readCodes(constants[i]);
      if (!codes)
        return false;
      storage[i] = std::move(*codes);
      *operands[i] = refer(value, storage[i]);
    }
    if (scaling.zeroPoint)
      scaling.rule = *op.getMode() == ZeroPointMode::Rescale
                         ? ZeroPointRule::Rescale
                         : ZeroPointRule::Subtract;
    if (op.getBlock())
      scaling.block = *op.getBlock();
    return true;
  }
};
} // namespace

OpFoldResult ConvertOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  if (getInput().getType() == getType() && !getSaturate())
    return getInput();
  std::optional<std::vector<uint64_t>> input = readCodes(adaptor.getInput());
  if (!input || !type || !type.hasStaticShape())
    return {};
  NumberFormat target = *numberFormatOf(type.getElementType());
  // Without scales, dequantizing is converting.
  auto convert = [&](const CodesRef &codes, Rounding rounding) {
    return dequantize(codes, {}, target, rounding, getSaturate());
  };
  if (getRounding() != RoundingMode::Stochastic)
    return writeResult(
        type, convert(refer(getInput(), *input), roundingOf(getRounding())));
  std::optional<std::vector<uint64_t>> random = readCodes(adaptor.getRandom());
  if (!random)
    return {};
  NumberFormat source = *numberFormatOf(getElementTypeOrSelf(getInput())),
               bits = *numberFormatOf(getElementTypeOrSelf(getRandom()));
  std::vector<uint64_t> result;
  for (auto [code, randomCode] : llvm::zip_equal(*input, *random)) {
    llvm::Expected<std::vector<uint64_t>> one =
        convert({source, {}, ArrayRef(code)},
                Rounding::stochastic(randomCode, bits.bits()));
    if (!one)
      return writeResult(type, std::move(one));
    result.push_back(one->front());
  }
  return writeCodes(type, result);
}

OpFoldResult DequantizeOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  std::optional<std::vector<uint64_t>> input = readCodes(adaptor.getInput());
  ConstantScaling constants;
  if (!input || !type || !type.hasStaticShape() ||
      !constants.read(*this, {getScale(), getZeroPoint(), getSecondScale()},
                      {adaptor.getScale(), adaptor.getZeroPoint(),
                       adaptor.getSecondScale()}))
    return {};
  if (getSecondBlock())
    constants.scaling.secondBlock = *getSecondBlock();
  return writeResult(type,
                     dequantize(refer(getInput(), *input), constants.scaling,
                                *numberFormatOf(type.getElementType())));
}

OpFoldResult QuantizeOp::fold(FoldAdaptor adaptor) {
  auto type = dyn_cast<RankedTensorType>(getType());
  std::optional<std::vector<uint64_t>> input = readCodes(adaptor.getInput());
  ConstantScaling constants;
  if (!input || !type || !type.hasStaticShape() ||
      !constants.read(*this, {getScale(), getZeroPoint()},
                      {adaptor.getScale(), adaptor.getZeroPoint()}))
    return {};
  return writeResult(type,
                     quantize(refer(getInput(), *input), constants.scaling,
                              *numberFormatOf(type.getElementType()),
                              roundingOf(getRounding()), getSaturate()));
}
