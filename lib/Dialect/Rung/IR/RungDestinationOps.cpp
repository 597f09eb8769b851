//===- RungDestinationOps.cpp - matmul, elementwise, gather -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Operands.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace rung;

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
