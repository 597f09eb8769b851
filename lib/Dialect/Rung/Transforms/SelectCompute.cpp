//===- SelectCompute.cpp - rung-select-compute -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gives every rung.matmul the fastest format that its device computes in and to
// which the values of all operands convert without loss.
//
//===----------------------------------------------------------------------===//

#include "mlir/Support/DebugStringHelper.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Numerics/NamedFormats.h"
#include "rung/Target/Device.h"

namespace rung {
#define GEN_PASS_DEF_RUNGSELECTCOMPUTE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

/// True if `compute` may take the weight's values rounded: it has all values of
/// the type that they were dequantized to, none of which is out of range.
static bool mayRoundWeight(MatmulOp op, const NumberFormat &compute) {
  // A zero point would leave more of the error than of the value.
  if (!op.getDequantized() || op.getZeroPoint())
    return false;
  NumberFormat permitted = *numberFormatOf(*op.getDequantized()),
               weight = *numberFormatOf(
                   op.getLogicalType(op.getWeight()).getElementType());
  return isLossless(permitted, compute) &&
         weight.maxMagnitude() <= permitted.maxMagnitude() &&
         weight.hasInfinity() <= permitted.hasInfinity() &&
         weight.hasNaN() <= permitted.hasNaN();
}

/// The first operand of `op` with a value that `compute` lacks and may not
/// round, as text; empty if there is none.
static std::string lostValue(MatmulOp op, Type compute) {
  NumberFormat target = *numberFormatOf(compute);
  for (auto [name, operand] : {std::pair<StringRef, Value>{"x", op.getX()},
                               {"the weight", op.getWeight()}}) {
    Type element = op.getLogicalType(operand).getElementType();
    std::optional<LostCode> lost =
        firstLostCode(*numberFormatOf(element), target);
    if (!lost || (operand == op.getWeight() && mayRoundWeight(op, target)))
      continue;
    std::string text;
    llvm::raw_string_ostream(text)
        << "it lacks " << formatDecimal(lost->value) << ", a value of " << name
        << " (" << element << ")";
    return text;
  }
  return "";
}

/// ", the weight rounded to f32", or nothing.
static std::string roundingText(MatmulOp op, Type compute) {
  Type weight = op.getLogicalType(op.getWeight()).getElementType();
  return isLossless(*numberFormatOf(weight), *numberFormatOf(compute))
             ? ""
             : ", the weight rounded to " + debugString(compute);
}

/// Why sums of products in the integer type `compute`, which the device adds up
/// in `sum`, would not be exact or not be allowed; empty if they are.
static std::string integerObstacle(MatmulOp op, Type compute, IntegerType sum) {
  if (std::string lost = lostValue(op, compute); !lost.empty())
    return lost;
  if (!op.getScale() && !op.getZeroPoint())
    return "";
  if (op.getZeroPoint() && *op.getMode() == ZeroPointMode::Integer &&
      !numberFormatOf(op.getLogicalType(op.getZeroPoint()).getElementType())
           ->isIntegerValued())
    return "the zero point is no integer";
  // With scales or zero points the sum of a group must not wrap.
  auto bound = [&](Value operand) {
    return numberFormatOf(op.getLogicalType(operand).getElementType())
        ->maxMagnitude();
  };
  double zero = op.getZeroPoint() && *op.getMode() == ZeroPointMode::Integer
                    ? bound(op.getZeroPoint())
                    : 0;
  double depth = op.getLogicalType(op.getWeight()).getDimSize(1);
  if (bound(op.getX()) * (bound(op.getWeight()) + zero) * depth <
      std::ldexp(1.0, sum.getWidth() - 1))
    return "";
  return "a sum may exceed it";
}

/// Why `compute` cannot serve `op`; empty if it can.
static std::string obstacle(MatmulOp op, Type compute, DeviceAttr device) {
  if (auto sum = dyn_cast<IntegerType>(sumFormat(device, compute)))
    return integerObstacle(op, compute, sum);
  return lostValue(op, compute);
}

namespace {
struct SelectCompute final : rung::impl::RungSelectComputeBase<SelectCompute> {
  using RungSelectComputeBase::RungSelectComputeBase;

  void runOnOperation() override {
    DeviceAttr device = getDevice(getOperation());
    auto formats = device.getProperties().getAs<ArrayAttr>("compute");
    if (!formats) {
      getOperation().emitError(
          "device names no format that it computes in; give it `compute`");
      return signalPassFailure();
    }
    WalkResult result = getOperation().walk([&](MatmulOp op) {
      return succeeded(op.getCompute() ? check(op, formats, device)
                                       : select(op, formats, device))
                 ? WalkResult::advance()
                 : WalkResult::interrupt();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }

  /// A format that was there before the pass must be one that could be chosen.
  static LogicalResult check(MatmulOp op, ArrayAttr formats,
                             DeviceAttr device) {
    Type compute = *op.getCompute();
    if (!llvm::is_contained(formats.getAsValueRange<TypeAttr>(), compute))
      return op.emitOpError()
             << "computes in " << compute << ", but the device in " << formats
             << "; leave `compute` out, or use one of these";
    if (std::string reason = obstacle(op, compute, device); !reason.empty())
      return op.emitOpError() << "computes in " << compute << ", but " << reason
                              << "; leave `compute` out";
    return success();
  }

  LogicalResult select(MatmulOp op, ArrayAttr formats, DeviceAttr device) {
    std::string refused;
    for (Type compute : formats.getAsValueRange<TypeAttr>()) {
      std::string reason = obstacle(op, compute, device);
      if (reason.empty()) {
        op.setCompute(compute);
        if (remarks)
          op.emitRemark() << "computes in " << debugString(compute)
                          << roundingText(op, compute) << refused;
        return success();
      }
      llvm::raw_string_ostream(refused)
          << "; not in " << compute << ": " << reason;
    }
    return op.emitOpError()
           << "has operands that no format of the device holds" << refused;
  }
};
} // namespace
