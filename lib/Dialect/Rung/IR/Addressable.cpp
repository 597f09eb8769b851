//===- Addressable.cpp - what memory can hold -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace rung;

bool rung::isAddressable(ArrayRef<int64_t> shape, int64_t bits) {
  constexpr int64_t mostBits = int64_t(8) << 47;
  int64_t total = bits;
  for (int64_t size : shape)
    // A tensor of no elements must not have huge dimensions, either.
    if (!ShapedType::isDynamic(size) &&
        (llvm::MulOverflow(total, std::max<int64_t>(size, 1), total) ||
         total >= mostBits))
      return false;
  return true;
}

/// Bits of one element: 64 for what has no width of its own (an index).
static int64_t bitsOf(Type element) {
  if (element.isIntOrFloat())
    return element.getIntOrFloatBitWidth();
  if (std::optional<NumberFormat> format = numberFormatOf(element))
    return format->bits();
  if (auto complex = dyn_cast<ComplexType>(element))
    return 2 * bitsOf(complex.getElementType());
  return 64;
}

bool rung::isAddressable(Type type) {
  auto shaped = dyn_cast<ShapedType>(type);
  if (!shaped || !shaped.hasRank())
    return true;
  SmallVector<int64_t> shape(shaped.getShape());
  Type element = shaped.getElementType();
  if (auto vector = dyn_cast<VectorType>(element)) {
    llvm::append_range(shape, vector.getShape());
    element = vector.getElementType();
  }
  return isAddressable(shape, bitsOf(element));
}

LogicalResult rung::verifyAddressable(Operation *op) {
  auto check = [&](StringRef what, TypeRange types) -> LogicalResult {
    for (Type type : types)
      if (!isAddressable(type))
        return op->emitOpError()
               << "has the " << what << " " << type
               << ", which no memory holds; expected less than 2^47 bytes";
    return success();
  };
  if (failed(check("operand", op->getOperandTypes())) ||
      failed(check("result", op->getResultTypes())))
    return failure();
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (failed(check("block argument", block.getArgumentTypes())))
        return failure();
  if (auto function = dyn_cast<FunctionOpInterface>(op))
    if (failed(check("argument", function.getArgumentTypes())) ||
        failed(check("result", function.getResultTypes())))
      return failure();
  return success();
}

LogicalResult rung::verifyAllAddressable(Operation *root) {
  // Arguments before what uses them.
  return failure(root->walk<WalkOrder::PreOrder>([](Operation *op) {
                       return WalkResult(verifyAddressable(op));
                     })
                     .wasInterrupted());
}
