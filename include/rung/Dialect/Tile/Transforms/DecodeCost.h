//===- DecodeCost.h - what instructions of a device cost -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tables, one row a device, by which decode sequences are counted.
//
// Operations are counted as instructions of the device. A decode unit of V
// values is the work of one 32-bit lane. On x86 one instruction serves `lanes`
// lanes, thus `lanes` units at once; on GPUs the count is that of one thread,
// so `lanes` is 1. Per 8 values that is 8 * instructions / (V * lanes).
//
// Free: constants (they are loaded once, outside of the loop), bitcasts, and
// the naming of elements of vectors. On x86 operations on 64-bit elements count
// twice. A device with any function of three bits in one instruction (LOP3,
// VPTERNLOG) has neighbouring logic operations merged into it; others merge the
// pairs that their row lists.
//
// Cycles are the sum of reciprocal throughputs, as if nothing ran in parallel:
// of one vector of `lanes` lanes on x86, of a warp or wave on its quarter of
// the processor on GPUs. They are rounded figures, good for comparing sequences
// with each other, and were not measured by this project.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_TRANSFORMS_DECODECOST_H
#define RUNG_DIALECT_TILE_TRANSFORMS_DECODECOST_H

#include "mlir/IR/Operation.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/NumberFormat.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace rung::tile {

/// What operations are to the cost table.
enum class OpClass {
  Logic,
  Shift,
  Add,
  IntToFloat,
  FloatMath,
  Compare,
  Select,
  HalfConvert, ///< between f32 and f16
  WideConvert, ///< to and from f64
  Narrow,      ///< integers to narrower or wider ones
};
constexpr unsigned numOpClasses = 10;

struct OpCost {
  double instructions, cycles;
};

/// A lookup in a table in the registers or memory of a device.
struct LookupCost {
  llvm::StringLiteral instruction; ///< as the assembler calls it
  int64_t mostEntries;             ///< of 32 bits
  OpCost cost;
  bool upperHalves = false; ///< only entries whose lower 16 bits are zero
};

/// `inner`, used once, is part of the instruction of `outer`.
struct FusedPair {
  llvm::StringLiteral inner, outer;
};

/// An instruction that the portable dialects have no operation for.
struct InstructionCost {
  llvm::StringLiteral instruction; ///< as the assembler calls it
  OpCost cost;
  /// LLVM's intrinsic that is the instruction, and the types, as MLIR writes
  /// them, of each operand and of the result; empty: there is none.
  llvm::StringLiteral intrinsic = "", operand = "", result = "";
};

/// One instruction from two 8-bit floats in the low 16 bits to two f16.
struct PairConversion {
  llvm::StringLiteral instruction;
  unsigned exponentBits;
  Specials specials;
};

struct DecodeDevice {
  llvm::StringLiteral name;
  int64_t lanes;
  /// Instructions work on vectors of 32-bit lanes: 64-bit elements take two,
  /// and an integer becomes f16 through f32.
  bool isVector;
  /// Any function of three bits is one instruction.
  bool ternaryLogic;
  bool fusedMultiplyAdd;
  /// Two shifts of one value that OR makes a rotation are one.
  bool rotates;
  llvm::ArrayRef<FusedPair> fusedPairs;
  /// Smallest first, the last of any size; empty: tables become selects.
  llvm::ArrayRef<LookupCost> lookups;
  OpCost costs[numOpClasses];
  /// The matrix instructions take f16 subnormals as they are.
  bool halfSubnormals = true;
  /// Four bytes of eight, chosen by a register: empty if there is none; the
  /// distance of the four selectors, of three bits each, in that register.
  llvm::StringLiteral bytePermute = "";
  unsigned selectorBits = 0;
  /// Fused multiplication and addition of two bf16, or empty.
  llvm::StringLiteral bf16MultiplyAdd = "";
  llvm::ArrayRef<PairConversion> pairs = {};
  llvm::ArrayRef<InstructionCost> instructions = {};
};

/// The row of the x86-64 whose widest vectors have `vectorBits` bits.
const DecodeDevice &getX86DecodeDevice(unsigned vectorBits);

/// The row called `name` ("cuda:sm_80"), or null.
const DecodeDevice *findGPUDecodeDevice(llvm::StringRef name);

/// The row of a device of Target/Device.h, or null: kernels of others decode by
/// the general sequences. A GPU's property `decode` names its row.
const DecodeDevice *findDecodeDevice(DeviceAttr device);
constexpr llvm::StringLiteral kDecodeProperty = "decode";

/// "cuda:sm_80, cuda:sm_90a, ...".
std::string listGPUDecodeDevices();

/// The instruction that looks up `entries` entries of `bits` bits; of 32 bits,
/// the lower 16 may all be zero.
const LookupCost *findLookup(const DecodeDevice &device, int64_t entries,
                             unsigned bits, bool upperHalves = false);

/// The attribute, a string, of a function that stands for an instruction.
constexpr llvm::StringLiteral kInstructionAttrName = "rung.instruction";

/// What the operations of one block cost. A call of a function tagged
/// `rung.instruction` is a lookup of that name. An error names an operation
/// that the table does not know.
llvm::Expected<OpCost> countBlock(mlir::Block &block,
                                  const DecodeDevice &device);

} // namespace rung::tile

#endif // RUNG_DIALECT_TILE_TRANSFORMS_DECODECOST_H
