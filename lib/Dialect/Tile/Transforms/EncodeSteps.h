//===- EncodeSteps.h - the steps of an encoding -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The code of a number is a step function of the number, and so of its bits
// read in the order of the numbers.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_ENCODESTEPS_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_ENCODESTEPS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"
#include "llvm/ADT/bit.h"

#include <limits>

namespace rung::tile {

/// From `key` on, up to the next step's, the code is `code`. A key is a float's
/// bits as a signed integer in the float's order: -NaN, -inf, ..., -0, 0, ...,
/// inf, NaN.
struct Step {
  int64_t key;
  uint64_t code;
};

/// f32 (Bits = uint32_t) or f64 (uint64_t) as keys.
template <typename Bits>
struct KeySpace {
  using Signed = std::make_signed_t<Bits>;
  using Float = std::conditional_t<sizeof(Bits) == 4, float, double>;
  static constexpr Bits magnitudeMask = ~Bits(0) >> 1;

  static double valueOf(int64_t key) {
    Signed bits = static_cast<Signed>(key);
    bits ^= (bits >> (8 * sizeof(Bits) - 1)) & magnitudeMask;
    return llvm::bit_cast<Float>(bits);
  }
  static int64_t infinity() {
    return llvm::bit_cast<Signed>(std::numeric_limits<Float>::infinity());
  }
  static int64_t least() { return std::numeric_limits<Signed>::min(); }
  static int64_t greatest() { return std::numeric_limits<Signed>::max(); }
};

/// The steps of NumberFormat::encode.
template <typename Keys>
class StepFinder {
public:
  StepFinder(const NumberFormat &format, const ConversionOptions &options)
      : format(format), options(options) {}

  llvm::SmallVector<Step> find() {
    int64_t infinity = Keys::infinity();
    append(Keys::least(), codeOf(Keys::least()));
    // Between -inf and -0 and between 0 and inf the codes are in order, so
    // that equal codes at two places are equal between them.
    half(-infinity - 1, -1);
    half(0, infinity);
    append(infinity + 1, codeOf(infinity + 1));
    return std::move(steps);
  }

private:
  uint64_t codeOf(int64_t key) const {
    std::optional<uint64_t> code =
        format.encode(Keys::valueOf(key), options.rounding, options.saturate);
    return code ? *code : *format.encode(0.0, {}, /*saturate=*/true);
  }
  void append(int64_t key, uint64_t code) {
    if (steps.empty() || steps.back().code != code)
      steps.push_back({key, code});
  }
  void half(int64_t low, int64_t high) {
    append(low, codeOf(low));
    between(low, codeOf(low), high, codeOf(high));
  }
  void between(int64_t low, uint64_t lowCode, int64_t high, uint64_t highCode) {
    if (lowCode == highCode)
      return;
    if (high == low + 1)
      return append(high, highCode);
    int64_t middle = low + (high - low) / 2;
    uint64_t code = codeOf(middle);
    between(low, lowCode, middle, code);
    between(middle, code, high, highCode);
  }

  const NumberFormat &format;
  const ConversionOptions &options;
  llvm::SmallVector<Step> steps;
};

/// The number of the step that `key` is on, as i32: a branch-free binary
/// search. Level d compares with the middle of the 2^d ranges that are left.
mlir::Value emitSearch(mlir::OpBuilder &builder, mlir::Location loc,
                       mlir::Value key, llvm::ArrayRef<Step> steps);

/// Entry `place` (from emitSearch) of a table with one entry for each step.
mlir::Value emitStepTable(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value place,
                          llvm::SmallVector<uint64_t> entries, mlir::Type type);

/// The bits of `value`, an f32 or f64, as a key.
template <typename Keys>
mlir::Value emitKey(mlir::OpBuilder &builder, mlir::Location loc,
                    mlir::Value value) {
  unsigned width = value.getType().getIntOrFloatBitWidth();
  auto type = builder.getIntegerType(width);
  auto constant = [&](int64_t x) -> mlir::Value {
    return mlir::arith::ConstantOp::create(builder, loc,
                                           builder.getIntegerAttr(type, x));
  };
  mlir::Value bits = mlir::arith::BitcastOp::create(builder, loc, type, value);
  mlir::Value sign =
      mlir::arith::ShRSIOp::create(builder, loc, bits, constant(width - 1));
  mlir::Value flip = mlir::arith::AndIOp::create(builder, loc, sign,
                                                 constant(Keys::greatest()));
  return mlir::arith::XOrIOp::create(builder, loc, bits, flip);
}

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_ENCODESTEPS_H
