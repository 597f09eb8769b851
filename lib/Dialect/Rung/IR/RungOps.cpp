//===- RungOps.cpp - operations on tensors in number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Operands.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/TypeUtilities.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/Lossless.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Pieces of the textual form
//===----------------------------------------------------------------------===//

/// Parses a keyword that is one of an enum's names into its attribute.
template <typename AttrT, typename EnumT>
static ParseResult
parseEnumKeyword(OpAsmParser &parser, AttrT &attr,
                 std::optional<EnumT> (*symbolize)(StringRef),
                 StringRef expected) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<EnumT> value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc)
           << "found '" << keyword << "', expected " << expected;
  attr = AttrT::get(parser.getContext(), *value);
  return success();
}

static ParseResult parseZeroPointMode(OpAsmParser &parser,
                                      ZeroPointModeAttr &mode) {
  return parseEnumKeyword<ZeroPointModeAttr, ZeroPointMode>(
      parser, mode, symbolizeZeroPointMode, "integer, float or rescale");
}
static void printZeroPointMode(OpAsmPrinter &printer, Operation *,
                               ZeroPointModeAttr mode) {
  printer << stringifyZeroPointMode(mode.getValue());
}

static ParseResult parseRequiredRounding(OpAsmParser &parser,
                                         RoundingModeAttr &rounding) {
  return parseEnumKeyword<RoundingModeAttr, RoundingMode>(
      parser, rounding, symbolizeRoundingMode, "nearest_even or toward_zero");
}
static void printRequiredRounding(OpAsmPrinter &printer, Operation *,
                                  RoundingModeAttr rounding) {
  printer << stringifyRoundingMode(rounding.getValue());
}

static ParseResult parseOptionalRounding(OpAsmParser &parser,
                                         RoundingModeAttr &rounding) {
  StringRef keyword;
  if (failed(parser.parseOptionalKeyword(
          &keyword, {"nearest_even", "toward_zero", "stochastic"})))
    return success();
  rounding = RoundingModeAttr::get(parser.getContext(),
                                   *symbolizeRoundingMode(keyword));
  return success();
}
static void printOptionalRounding(OpAsmPrinter &printer, Operation *,
                                  RoundingModeAttr rounding) {
  if (rounding)
    printer << stringifyRoundingMode(rounding.getValue());
}

static ParseResult parseKeywordString(OpAsmParser &parser, StringAttr &value) {
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  value = parser.getBuilder().getStringAttr(keyword);
  return success();
}
static void printKeywordString(OpAsmPrinter &printer, Operation *,
                               StringAttr value) {
  printer << value.getValue();
}

static ParseResult parseParameterName(OpAsmParser &parser, StringAttr &name) {
  return parser.parseSymbolName(name);
}
static void printParameterName(OpAsmPrinter &printer, Operation *,
                               StringAttr name) {
  printer.printSymbolName(name.getValue());
}

#define GET_OP_CLASSES
#include "rung/Dialect/Rung/IR/RungOps.cpp.inc"

//===----------------------------------------------------------------------===//
// rung.parameter, rung.constant
//===----------------------------------------------------------------------===//

RankedTensorType ParameterOp::getLogicalType() {
  return getStorage() ? getStorage()->getLogicalType()
                      : tensorTypeOf(getResult());
}

LogicalResult ParameterOp::verify() {
  RankedTensorType logical = getLogicalType();
  if (!logical.hasStaticShape() || !numberFormatOf(logical.getElementType()))
    return emitOpError()
           << "has the type " << logical
           << ", expected a static shape of elements in a number format";
  if (getStorage() &&
      getStorage()->getStorageType() != tensorTypeOf(getResult()))
    return emitOpError() << "has the type " << getType()
                         << ", but its storage is "
                         << getStorage()->getStorageType();
  if (auto memory = dyn_cast<MemRefType>(getType()))
    if (auto rows = MemRefType::get(memory.getShape(), memory.getElementType());
        memory != rows && !memref::CastOp::areCastCompatible(rows, memory))
      return emitOpError() << "has the type " << memory
                           << ", expected one that memory in rows, " << rows
                           << ", casts to";
  if (!getWhole() && !getOffsets() && !getSizes())
    return success();
  if (!getWhole() || !getOffsets() || !getSizes())
    return emitOpError("is a slice without whole, offsets or sizes; give all "
                       "three");
  auto whole = cast<RankedTensorType>(*getWhole());
  if (!isAddressable(whole))
    return emitOpError() << "is a slice of " << whole
                         << ", which no memory holds";
  auto isInside = [&]() {
    for (auto [size, offset, all] :
         llvm::zip_equal(*getSizes(), *getOffsets(), whole.getShape()))
      if (offset < 0 || size < 1 || offset > all - size)
        return false;
    return true;
  };
  if (!whole.hasStaticShape() ||
      whole.getElementType() != logical.getElementType() ||
      int64_t(getOffsets()->size()) != whole.getRank() ||
      int64_t(getSizes()->size()) != whole.getRank() || !isInside() ||
      logical.getRank() == 0 ||
      getSizes()->back() != logical.getShape().back() ||
      !computeRankReductionMask(*getSizes(), logical.getShape()))
    return emitOpError() << "is " << logical << ", which is no slice at ["
                         << *getOffsets() << "] of sizes [" << *getSizes()
                         << "] of " << whole;
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

//===----------------------------------------------------------------------===//
// rung.dequantize, rung.quantize
//===----------------------------------------------------------------------===//

/// Reifies the shape of a result that has the shape of the first operand.
static LogicalResult reifyAsFirstOperand(Operation *op, OpBuilder &builder,
                                         ReifiedRankedShapedTypeDims &shapes) {
  Value input = op->getOperand(0);
  if (!isa<RankedTensorType>(input.getType()))
    return failure();
  shapes.push_back(tensor::getMixedSizes(builder, op->getLoc(), input));
  return success();
}
LogicalResult
DequantizeOp::reifyResultShapes(OpBuilder &builder,
                                ReifiedRankedShapedTypeDims &shapes) {
  return reifyAsFirstOperand(*this, builder, shapes);
}
LogicalResult
QuantizeOp::reifyResultShapes(OpBuilder &builder,
                              ReifiedRankedShapedTypeDims &shapes) {
  return reifyAsFirstOperand(*this, builder, shapes);
}
LogicalResult
ConvertOp::reifyResultShapes(OpBuilder &builder,
                             ReifiedRankedShapedTypeDims &shapes) {
  return reifyAsFirstOperand(*this, builder, shapes);
}

static LogicalResult verifySameShape(Operation *op, Type input, Type result) {
  if (cast<ShapedType>(input).getShape() == cast<ShapedType>(result).getShape())
    return success();
  return op->emitOpError() << "turns " << input << " into " << result
                           << ", expected the same shape";
}

LogicalResult DequantizeOp::verify() {
  if (failed(
          verifySameShape(*this, getInput().getType(), getResult().getType())))
    return failure();
  if (!isa<mlir::FloatType>(
          cast<ShapedType>(getResult().getType()).getElementType()) &&
      getScale())
    return emitOpError() << "has the result " << getResult().getType()
                         << ", expected a floating-point type, since scaled "
                            "values are rounded to it";
  return verifyScaling(*this, tensorTypeOf(getInput()),
                       tensorTypeOf(getScale()), tensorTypeOf(getSecondScale()),
                       tensorTypeOf(getZeroPoint()), getMode(), getBlock(),
                       getSecondBlock());
}

LogicalResult QuantizeOp::verify() {
  if (getRounding() == RoundingMode::Stochastic)
    return emitOpError("rounds stochastically, expected nearest_even or "
                       "toward_zero; scale the input, then use rung.convert");
  if (failed(
          verifySameShape(*this, getInput().getType(), getResult().getType())))
    return failure();
  return verifyScaling(
      *this, tensorTypeOf(getResult()), tensorTypeOf(getScale()), {},
      tensorTypeOf(getZeroPoint()), getMode(), getBlock(), std::nullopt);
}

//===----------------------------------------------------------------------===//
// rung.convert
//===----------------------------------------------------------------------===//

Rounding rung::roundingOf(std::optional<RoundingMode> mode) {
  assert(mode != RoundingMode::Stochastic && "needs random bits");
  return mode == RoundingMode::TowardZero ? Rounding::towardZero()
                                          : Rounding::nearestEven();
}

LogicalResult rung::verifyRandomBits(Operation *op,
                                     std::optional<RoundingMode> rounding,
                                     Type random) {
  bool isStochastic = rounding == RoundingMode::Stochastic;
  if (isStochastic && !random)
    return op->emitOpError("rounds stochastically without random bits; give it "
                           "random(...), an integer code for each element");
  if (!random)
    return success();
  if (!isStochastic)
    return op->emitOpError("has random bits, but does not round by them; say "
                           "stochastic, or leave them out");
  std::optional<NumberFormat> format = numberFormatOf(random);
  if (!format || format->kind() != NumberFormat::Kind::Integer)
    return op->emitOpError()
           << "has random bits in " << random << ", expected an integer format";
  return success();
}

LogicalResult ConvertOp::verify() {
  if (failed(
          verifySameShape(*this, getInput().getType(), getResult().getType())))
    return failure();
  Type random = getRandom() ? getRandom().getType() : Type();
  if (failed(verifyRandomBits(*this, getRounding(),
                              random ? getElementTypeOrSelf(random) : Type())))
    return failure();
  if (random && failed(verifyCompatibleShape(random, getInput().getType())))
    return emitOpError() << "has random bits of " << random << " for "
                         << getInput().getType() << ", expected the same shape";
  if (getSaturate() && !getRounding())
    return emitOpError("saturates without a rounding mode; say nearest_even, "
                       "toward_zero or stochastic");
  if (getRounding())
    return success();
  Type from = cast<ShapedType>(getInput().getType()).getElementType();
  Type to = cast<ShapedType>(getResult().getType()).getElementType();
  std::optional<LostCode> lost =
      firstLostCode(*numberFormatOf(from), *numberFormatOf(to));
  if (!lost)
    return success();
  std::string value;
  llvm::raw_string_ostream(value) << llvm::format("%g", lost->value);
  return emitOpError()
         << "from " << from << " to " << to << " loses code " << lost->code
         << ", value " << value
         << "; give it a rounding mode, or a format that has all values";
}

namespace {
/// convert(convert(x : A -> B) : B -> C) is convert(x : A -> C) if the first
/// loses nothing.
struct FoldLosslessPair final : OpRewritePattern<ConvertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertOp op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().getDefiningOp<ConvertOp>();
    if (!inner || inner.getRounding())
      return rewriter.notifyMatchFailure(op, "input is no lossless conversion");
    rewriter.modifyOpInPlace(
        op, [&] { op.getInputMutable().assign(inner.getInput()); });
    return success();
  }
};

/// A rounding mode that has nothing to round goes.
struct DropIdleRounding final : OpRewritePattern<ConvertOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(ConvertOp op,
                                PatternRewriter &rewriter) const override {
    if (!op.getRounding())
      return rewriter.notifyMatchFailure(op, "has no rounding mode");
    NumberFormat
        from = *numberFormatOf(
            cast<ShapedType>(op.getInput().getType()).getElementType()),
        to = *numberFormatOf(cast<ShapedType>(op.getType()).getElementType());
    if ((op.getSaturate() && from.hasInfinity()) || !isLossless(from, to))
      return rewriter.notifyMatchFailure(op, "changes values");
    rewriter.modifyOpInPlace(op, [&] {
      op.removeRoundingAttr();
      op.setSaturate(false);
      op.getRandomMutable().clear();
    });
    return success();
  }
};
} // namespace

void ConvertOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                            MLIRContext *context) {
  patterns.add<FoldLosslessPair, DropIdleRounding>(context);
}

//===----------------------------------------------------------------------===//
// rung.pack, rung.unpack
//===----------------------------------------------------------------------===//

/// `logical` is the type of the side that is not in `storage`.
static LogicalResult verifyPacking(Operation *op, StorageAttr storage,
                                   Type logical, Type packed) {
  auto canonical = StorageAttr::get(storage.getFormat(), storage.getShape());
  if (logical != storage.getLogicalType() &&
      logical != canonical.getStorageType())
    return op->emitOpError()
           << "has the unpacked type " << logical << ", expected "
           << storage.getLogicalType() << " or its canonical storage "
           << canonical.getStorageType();
  if (packed != storage.getStorageType())
    return op->emitOpError() << "has the packed type " << packed
                             << ", expected " << storage.getStorageType();
  return success();
}
LogicalResult PackOp::verify() {
  return verifyPacking(*this, getStorage(), getInput().getType(), getType());
}
LogicalResult UnpackOp::verify() {
  return verifyPacking(*this, getStorage(), getType(), getInput().getType());
}

namespace {
/// pack(parameter) is the parameter in that order: it is packed when the bundle
/// is written.
struct PackParameter final : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(PackOp op,
                                PatternRewriter &rewriter) const override {
    auto parameter = op.getInput().getDefiningOp<ParameterOp>();
    if (!parameter ||
        (parameter.getStorage() &&
         parameter.getStorage()->getKind() != StorageKind::Canonical))
      return rewriter.notifyMatchFailure(
          op, "input is no parameter in canonical storage");
    auto packed = cast<ParameterOp>(rewriter.clone(*parameter));
    packed.setStorageAttr(op.getStorage());
    packed.getResult().setType(op.getType());
    rewriter.replaceOp(op, packed);
    return success();
  }
};

template <typename Op, typename Inverse>
struct FoldInverse final : OpRewritePattern<Op> {
  using OpRewritePattern<Op>::OpRewritePattern;
  LogicalResult matchAndRewrite(Op op,
                                PatternRewriter &rewriter) const override {
    auto inner = op.getInput().template getDefiningOp<Inverse>();
    if (!inner || inner.getStorage() != op.getStorage() ||
        inner.getInput().getType() != op.getType())
      return rewriter.notifyMatchFailure(
          op, "input is not the inverse of this operation");
    rewriter.replaceOp(op, inner.getInput());
    return success();
  }
};
} // namespace

void PackOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<PackParameter, FoldInverse<PackOp, UnpackOp>>(context);
}
void UnpackOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<FoldInverse<UnpackOp, PackOp>>(context);
}
