//===- RungOps.cpp - operations on tensors in number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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
// Shapes of block scaling
//===----------------------------------------------------------------------===//

static std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "[";
  llvm::interleaveComma(shape, os, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      os << "?";
    else
      os << size;
  });
  os << "]";
  return text;
}

FailureOr<SmallVector<int64_t>>
rung::blockShape(ArrayRef<int64_t> shape, ArrayRef<int64_t> scaleShape,
                 std::optional<ArrayRef<int64_t>> block, std::string &error) {
  if (scaleShape.empty())
    return SmallVector<int64_t>(shape);
  if (scaleShape.size() != shape.size()) {
    error = "has the shape " + shapeText(scaleShape) + ", expected rank " +
            std::to_string(shape.size()) + ", that of the input, or 0";
    return failure();
  }
  SmallVector<int64_t> result;
  if (block) {
    if (block->size() != shape.size()) {
      error = "has the block " + shapeText(*block) +
              ", expected one extent for each of the input's " +
              std::to_string(shape.size()) + " dimensions";
      return failure();
    }
    result.assign(block->begin(), block->end());
  } else {
    for (auto [size, scaleSize] : llvm::zip_equal(shape, scaleShape))
      result.push_back(scaleSize == 1 ? size : 1);
  }
  SmallVector<int64_t> expected;
  bool agrees = true;
  for (auto [size, scaleSize, extent] :
       llvm::zip_equal(shape, scaleShape, result)) {
    if (!ShapedType::isDynamic(extent) && extent < 1) {
      error = "has the block " + shapeText(result) +
              ", expected extents of at least 1";
      return failure();
    }
    bool known = !ShapedType::isDynamic(size) && !ShapedType::isDynamic(extent);
    expected.push_back(known            ? llvm::divideCeil(size, extent)
                       : size == extent ? 1
                                        : size);
    if (known && !ShapedType::isDynamic(scaleSize))
      agrees &= expected.back() == scaleSize;
  }
  if (!agrees) {
    error = "has the shape " + shapeText(scaleShape) + ", expected " +
            shapeText(expected) + " for blocks of " + shapeText(result) +
            " in " + shapeText(shape);
    return failure();
  }
  return result;
}

/// Checks scale, second scale and zero point of an operation against an input
/// of the type `input`. Types are logical; absent ones are null.
static LogicalResult
verifyScaling(Operation *op, RankedTensorType input, RankedTensorType scale,
              RankedTensorType second, RankedTensorType zero,
              std::optional<ZeroPointMode> mode,
              std::optional<ArrayRef<int64_t>> block,
              std::optional<ArrayRef<int64_t>> secondBlock) {
  std::string error;
  auto check = [&](StringRef what, RankedTensorType type,
                   std::optional<ArrayRef<int64_t>> extents) -> LogicalResult {
    if (!type || succeeded(blockShape(input.getShape(), type.getShape(),
                                      extents, error)))
      return success();
    return op->emitOpError() << what << " " << error;
  };
  if (failed(check("scale", scale, block)) ||
      failed(check("second scale", second, secondBlock)) ||
      failed(check("zero point", zero, block)))
    return failure();
  if (second && !scale)
    return op->emitOpError(
        "has a second scale but no scale; make it the scale");
  if (block && !scale && !zero)
    return op->emitOpError("has a block but neither scales nor zero points; "
                           "give it one, or leave out the block");
  if (zero && !mode)
    return op->emitOpError(
        "has a zero point without a mode; say integer, float or rescale");
  if (zero && *mode == ZeroPointMode::Integer &&
      (!numberFormatOf(zero.getElementType())->isIntegerValued() ||
       !numberFormatOf(input.getElementType())->isIntegerValued()))
    return op->emitOpError()
           << "has an integer zero point of " << zero.getElementType() << " on "
           << input.getElementType()
           << "; both must be integer formats (use float or rescale)";
  return success();
}

/// The type of a tensor or memref as a tensor; null of a null value.
static RankedTensorType tensorTypeOf(Value value) {
  if (!value)
    return {};
  auto shaped = cast<ShapedType>(value.getType());
  return RankedTensorType::get(shaped.getShape(), shaped.getElementType());
}

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
  if (!getWhole() && !getOffsets() && !getSizes())
    return success();
  if (!getWhole() || !getOffsets() || !getSizes())
    return emitOpError("is a slice without whole, offsets or sizes; give all "
                       "three");
  auto whole = cast<RankedTensorType>(*getWhole());
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

//===----------------------------------------------------------------------===//
// Operations with destinations: matmul, elementwise, gather
//===----------------------------------------------------------------------===//

/// The logical type of `operand`: what its entry of `storage` stands for, or
/// its own type.
static RankedTensorType
logicalType(Operation *op, std::optional<ArrayAttr> storage, Value operand) {
  if (!operand)
    return {};
  if (storage)
    for (auto [value, attr] :
         llvm::zip_equal(op->getOperands(), storage->getAsRange<StorageAttr>()))
      if (value == operand)
        return attr.getLogicalType();
  return tensorTypeOf(operand);
}

/// One storage for each operand, with the operand's type; results as tensors.
static LogicalResult verifyDestinationOp(Operation *op,
                                         std::optional<ArrayAttr> storage,
                                         Value init, ResultRange results) {
  bool isTensor = isa<RankedTensorType>(init.getType());
  if (results.size() != size_t(isTensor) ||
      (isTensor && results[0].getType() != init.getType()))
    return op->emitOpError("needs one result of the destination's type for a "
                           "tensor destination, none for a memref");
  if (!storage)
    return success();
  if (storage->size() != op->getNumOperands())
    return op->emitOpError()
           << "has " << storage->size()
           << " storage entries, expected one for each of its "
           << op->getNumOperands() << " operands";
  for (auto [index, value, attr] :
       llvm::enumerate(op->getOperands(), storage->getAsRange<StorageAttr>())) {
    auto type = cast<ShapedType>(value.getType());
    RankedTensorType expected = attr.getStorageType();
    if (type.getElementType() != expected.getElementType() ||
        failed(verifyCompatibleShape(type.getShape(), expected.getShape())))
      return op->emitOpError() << "operand " << index << " has the type "
                               << type << ", but its storage is " << expected;
  }
  return success();
}

/// Every operand holds elements of a number format.
static LogicalResult verifyFormats(Operation *op,
                                   std::optional<ArrayAttr> storage) {
  for (auto [index, operand] : llvm::enumerate(op->getOperands())) {
    RankedTensorType type = logicalType(op, storage, operand);
    if (!numberFormatOf(type.getElementType()))
      return op->emitOpError()
             << "operand " << index << " has the type " << type
             << ", expected elements in a number format";
  }
  return success();
}

static void destinationEffects(
    Operation *op, MutableOperandRange init,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isInit =
        operand.getOperandNumber() >=
            init.getAsOperandRange().getBeginOperandIndex() &&
        operand.getOperandNumber() <
            init.getAsOperandRange().getBeginOperandIndex() + init.size();
    if (isInit)
      effects.emplace_back(MemoryEffects::Write::get(), &operand);
    else
      effects.emplace_back(MemoryEffects::Read::get(), &operand);
  }
}

#define RUNG_DESTINATION_OP(OP)                                                \
  RankedTensorType OP::getLogicalType(Value operand) {                         \
    return logicalType(*this, getStorage(), operand);                          \
  }                                                                            \
  void OP::getEffects(                                                         \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>      \
          &effects) {                                                          \
    destinationEffects(*this, getInitMutable(), effects);                      \
  }                                                                            \
  LogicalResult OP::reifyResultShapes(OpBuilder &builder,                      \
                                      ReifiedRankedShapedTypeDims &shapes) {   \
    shapes.push_back(tensor::getMixedSizes(builder, getLoc(), getInit()));     \
    return success();                                                          \
  }
RUNG_DESTINATION_OP(MatmulOp)
RUNG_DESTINATION_OP(ElementwiseOp)
RUNG_DESTINATION_OP(GatherOp)
#undef RUNG_DESTINATION_OP

/// Every schedule of a matmul with `rows` rows must be within reach, and every
/// call have one.
static LogicalResult verifySchedules(MatmulOp op, int64_t rows) {
  if (!op.getSchedules())
    return success();
  int64_t served = 0;
  bool servesAll = false;
  for (auto schedule : op.getSchedules()->getAsRange<ScheduleAttr>()) {
    int64_t upTo = schedule.getUpTo();
    if (servesAll || (upTo && upTo <= served))
      return op.emitOpError()
             << "has the schedule " << schedule << " after one that serves "
             << (servesAll ? "any number of" : "as many")
             << " rows; order them by up_to, which is 0 in the last";
    served = upTo;
    servesAll = upTo == 0;
  }
  bool enough = !ShapedType::isDynamic(rows) && served >= rows;
  if (servesAll || enough)
    return success();
  return op.emitOpError() << "has schedules for up to " << served
                          << " rows; give the last one up_to = 0";
}

LogicalResult MatmulOp::verify() {
  if (failed(
          verifyDestinationOp(*this, getStorage(), getInit(), getResults())) ||
      failed(verifyFormats(*this, getStorage())))
    return failure();
  RankedTensorType x = getLogicalType(getX()),
                   weight = getLogicalType(getWeight()),
                   result = getLogicalType(getInit());
  for (auto [name, type] :
       {std::pair{"x", x}, {"weight", weight}, {"init", result}})
    if (type.getRank() != 2)
      return emitOpError() << name << " has the type " << type
                           << ", expected two dimensions";
  auto agree = [](int64_t a, int64_t b) {
    return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
  };
  if (!agree(x.getDimSize(1), weight.getDimSize(1)))
    return emitOpError() << "x has K = " << x.getDimSize(1)
                         << ", weight has K = " << weight.getDimSize(1);
  if (!agree(result.getDimSize(0), x.getDimSize(0)) ||
      !agree(result.getDimSize(1), weight.getDimSize(0)))
    return emitOpError() << "init has the type " << result
                         << ", expected M*N for x of " << x << " and weight of "
                         << weight;
  if (getBias() &&
      (getLogicalType(getBias()).getRank() != 1 ||
       !agree(getLogicalType(getBias()).getDimSize(0), weight.getDimSize(0))))
    return emitOpError() << "bias has the type " << getLogicalType(getBias())
                         << ", expected N = " << weight.getDimSize(0)
                         << " elements";
  if (getResidual() &&
      (getLogicalType(getResidual()).getRank() != 2 ||
       failed(verifyCompatibleShape(getLogicalType(getResidual()).getShape(),
                                    result.getShape()))))
    return emitOpError() << "residual has the type "
                         << getLogicalType(getResidual())
                         << ", expected the shape of " << result;
  if (getCompute() && !numberFormatOf(*getCompute()))
    return emitOpError() << "computes in " << *getCompute()
                         << ", expected a number format";
  if (getDequantized() && !isa<mlir::FloatType>(*getDequantized()))
    return emitOpError() << "has a weight dequantized to " << *getDequantized()
                         << ", expected a float type";
  if (failed(verifySchedules(*this, result.getDimSize(0))))
    return failure();
  return verifyScaling(*this, weight, getLogicalType(getScale()),
                       getLogicalType(getSecondScale()),
                       getLogicalType(getZeroPoint()), getMode(), getBlock(),
                       getSecondBlock());
}

LogicalResult ElementwiseOp::verify() {
  if (failed(
          verifyDestinationOp(*this, getStorage(), getInit(), getResults())) ||
      failed(verifyFormats(*this, getStorage())))
    return failure();
  if (getKind() != "dequantize" && getKind() != "quantize" &&
      getKind() != "convert")
    return emitOpError() << "has the kind '" << getKind()
                         << "', expected dequantize, quantize or convert";
  RankedTensorType input = getLogicalType(getInput()),
                   result = getLogicalType(getInit()),
                   random = getLogicalType(getRandom());
  if (failed(verifyCompatibleShape(input.getShape(), result.getShape())))
    return emitOpError() << "turns " << input << " into " << result
                         << ", expected the same shape";
  if (failed(verifyRandomBits(*this, getRounding(),
                              random ? random.getElementType() : Type())))
    return failure();
  if (random &&
      (getKind() != "convert" ||
       failed(verifyCompatibleShape(random.getShape(), result.getShape()))))
    return emitOpError() << "of kind '" << getKind() << "' has random bits of "
                         << random << " for " << result
                         << ", expected the kind convert and the same shape";
  return verifyScaling(
      *this, getKind() == "quantize" ? result : input,
      getLogicalType(getScale()), getLogicalType(getSecondScale()),
      getLogicalType(getZeroPoint()), getMode(), getBlock(), getSecondBlock());
}

LogicalResult GatherOp::verify() {
  if (failed(verifyDestinationOp(*this, getStorage(), getInit(), getResults())))
    return failure();
  RankedTensorType source = getLogicalType(getSource()),
                   indices = getLogicalType(getIndices()),
                   result = getLogicalType(getInit());
  if (indices.getRank() != 1 || !isa<IntegerType>(indices.getElementType()))
    return emitOpError() << "indices have the type " << indices
                         << ", expected one dimension of integers";
  if (source.getRank() == 0 ||
      result.getElementType() != source.getElementType() ||
      result.getRank() != source.getRank() ||
      failed(verifyCompatibleShape(result.getShape().drop_front(),
                                   source.getShape().drop_front())))
    return emitOpError() << "init has the type " << result
                         << ", expected rows of " << source;
  if (failed(verifyCompatibleShape(result.getShape().take_front(),
                                   indices.getShape())))
    return emitOpError() << "init has the type " << result << ", expected "
                         << indices.getDimSize(0)
                         << " rows, one for each index";
  return success();
}
