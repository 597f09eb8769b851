//===- BlockScaling.cpp - shapes of block scaling -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Operands.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace rung;

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

LogicalResult
rung::verifyScaling(Operation *op, RankedTensorType input,
                    RankedTensorType scale, RankedTensorType second,
                    RankedTensorType zero, std::optional<ZeroPointMode> mode,
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

RankedTensorType rung::tensorTypeOf(Value value) {
  if (!value)
    return {};
  auto shaped = cast<ShapedType>(value.getType());
  return RankedTensorType::get(shaped.getShape(), shaped.getElementType());
}
