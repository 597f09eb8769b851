//===- DecodeCandidates.h - sequences to choose from -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The space that the search for a decode sequence looks through. A method says
// which bits of a register make a value of which code, and what arithmetic is
// left; the places of the codes in the packed words follow (FieldPlacement.h).
//
//   mantissa     code u in the mantissa of 2^E is 2^E + u·ulp: one addition.
//                (1024 + u in f16 is 0x6400 | u.)
//   subnormal    code u alone in the low bits of a half is u·2^-24 (times the
//                power of its place): nothing is left but a power of two.
//   bytes        codes in bytes, then under the exponent by byte permutes.
//   minifloat    sign, exponent and mantissa at their places in a wider float:
//                a multiplication by the power of two between the biases.
//   top byte     a minifloat that fits the upper byte of a half, four at once,
//                then spread by byte permutes.
//   pair         the device's instruction from two 8-bit floats to halves.
//   byte tables  entries by byte permutes, byte by byte.
//   integers     codes in bytes, an offset subtracted in all four at once.
//   lookup       the device's table in registers.
//   signed lookup  the same of the magnitude, the sign put on.
//   lines        scale and offset of the low bits by a lookup of the high bits.
//   half         a minifloat as f16, widened by the device.
//
// Nothing here is trusted: every candidate's operations are counted and folded
// on every code before one is used (DecodeProgram.h).
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODECANDIDATES_H
#define RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODECANDIDATES_H

#include "CodeOps.h"
#include "FieldPlacement.h"
#include "rung/Dialect/Tile/Transforms/DecodeCost.h"
#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"

#include <functional>

namespace rung::tile {

class DecodeEmitter;

/// One sequence. The values come in the order's order.
struct DecodeCandidate {
  DecodeCandidate(llvm::StringLiteral method, BitOrder order)
      : method(method), order(std::move(order)) {}

  llvm::StringLiteral method;
  BitOrder order;
  /// value[i] = factors[i] * result[i] - offset; empty: 1.
  llvm::SmallVector<double> factors;
  double offset = 0;
  std::function<llvm::SmallVector<mlir::Value>(
      mlir::OpBuilder &, mlir::Location, mlir::ValueRange words)>
      emit;
};

/// The question, and what the methods ask of it.
class DecodeProblem {
public:
  DecodeProblem(const NumberFormat &from, mlir::Type to,
                const DecodeDevice &device, bool freeScale);

  const NumberFormat from;
  const mlir::Type to; ///< builtin
  const NumberFormat target;
  const DecodeDevice &device;
  const bool freeScale;
  const std::optional<AffineCode> affine;
  const std::optional<MinifloatView> view;

  /// Values in a 32-bit register.
  unsigned laneBits, lanes;
  /// Of a float target.
  unsigned mantissaBits = 0;
  int bias = 0, maxExponent = 0;

  bool isFloat() const { return llvm::isa<mlir::FloatType>(to); }
  /// The result type holds the number exactly.
  bool holds(double value) const { return target.findCode(value).has_value(); }

  /// A request for codes at these placements of lanes of this many bits.
  FieldRequest fields(llvm::SmallVector<Placement> placements,
                      unsigned inLaneBits, bool masked = true) const;

  /// The order with these bits of each code stored inverted.
  BitOrder flipped(const BitOrder &order, uint64_t codeBits) const;

  /// Sign, exponent and mantissa of a code where a float of `mantissa` mantissa
  /// bits below the bit `sign` has them: a multiple of its value. None if there
  /// is no room.
  std::optional<Placement> floatPlacement(unsigned mantissa,
                                          unsigned sign) const;

  /// The registers, each of neighbouring values, that come of one code of every
  /// lane.
  using EmitCode = std::function<llvm::SmallVector<mlir::Value>(
      DecodeEmitter &, const FieldCode &)>;
  /// Adds the sequence that does `emitCode` to the codes one after the other.
  DecodeCandidate &add(llvm::StringLiteral method, const FieldRequest &request,
                       const FieldAssignment &places, EmitCode emitCode);

  llvm::SmallVector<DecodeCandidate> candidates;
};

void addArithmetic(DecodeProblem &problem); ///< mantissa .. minifloat, integers
void addBytes(DecodeProblem &problem);      ///< bytes, top byte, pair, tables
void addLookups(DecodeProblem &problem);    ///< lookup, lines, half

/// Emits the operations of one candidate.
class DecodeEmitter {
public:
  DecodeEmitter(mlir::OpBuilder &builder, mlir::Location loc,
                const DecodeProblem &problem, mlir::ValueRange words)
      : ops(builder, loc), builder(builder), loc(loc),
        words(words.begin(), words.end()), problem(problem) {}

  EmitOps ops;

  /// The register, selected and shifted, that has the code at its placement.
  mlir::Value gather(const FieldCode &code, unsigned laneBits);
  /// The same with the other bits cleared, then `flips` flipped.
  mlir::Value field(const FieldCode &code, unsigned laneBits, uint32_t flips);

  /// An i32 as its elements of `type`; one element is a scalar.
  mlir::Value asElements(mlir::Value word, mlir::Type type);
  /// x * factor + addend in each element.
  mlir::Value scale(mlir::Value x, double factor, double addend);
  mlir::Value multiplyAdd(mlir::Value x, mlir::Value y, mlir::Value z);
  mlir::Value constant(mlir::Type type, double value);
  /// `x`, but NaN where |x| is `special`, which is above all others.
  mlir::Value makeNaN(mlir::Value x, double special, double below);
  /// The elements of all registers.
  llvm::SmallVector<mlir::Value> elements(llvm::ArrayRef<mlir::Value> lanes);

  /// Byte i of the result is byte number selector(i) of `low` (0..3) and `high`
  /// (4..7), where selectors are `selectorBits` of the device apart.
  mlir::Value permute(mlir::Value low, mlir::Value high, mlir::Value selector);
  mlir::Value permute(mlir::Value low, mlir::Value high,
                      llvm::ArrayRef<unsigned> bytes);
  /// The device's instruction in a kernel; elsewhere, and where LLVM has no
  /// intrinsic for it, a call of a function whose body `body` makes.
  mlir::Value
  call(llvm::StringRef instruction, mlir::Type result, mlir::ValueRange inputs,
       llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::ValueRange)>
           body);

  mlir::OpBuilder &builder;
  mlir::Location loc;
  const llvm::SmallVector<mlir::Value> words;

private:
  mlir::Value shifted(unsigned word, int shift);

  const DecodeProblem &problem;
};

/// `lane` in each lane of a register.
uint32_t replicate(uint32_t lane, unsigned laneBits);

} // namespace rung::tile

#endif // RUNG_LIB_DIALECT_TILE_TRANSFORMS_DECODECANDIDATES_H
