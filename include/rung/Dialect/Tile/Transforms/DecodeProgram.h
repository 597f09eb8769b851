//===- DecodeProgram.h - a decode sequence as a proved module -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sequence that tile-expand-convert emits, as a function of its own that
// upstream passes lower and any host runs:
//
//   func.func @decode(%words: vector<Rxi32>) -> vector<Vxf32>
//
// A table lookup that the device has an instruction for is a call of a private
// function tagged `rung.instruction`, whose body says the same in portable
// operations; on other devices it is a tree of selects.
//
// The function is proved before it is returned: its operations are folded, one
// by one, on every valid code in every position, once with all other bits of
// the words 0 and once with all 1, and compared bit for bit with
// NumberFormat::encode of the code's value. A NaN equals any NaN.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_TILE_TRANSFORMS_DECODEPROGRAM_H
#define RUNG_DIALECT_TILE_TRANSFORMS_DECODEPROGRAM_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "rung/Dialect/Tile/Transforms/DecodeCost.h"
#include "rung/Dialect/Tile/Transforms/DecodeSequence.h"

#include <functional>
#include <string>
#include <vector>

namespace rung::tile {

struct DecodeRequest {
  mlir::Type from; ///< of at most 8 bits
  mlir::Type to;
  const DecodeDevice *device = nullptr;
  /// Entries that the conversion itself looks up instead of computing: the
  /// device's `lookup_entries`.
  int64_t lookupEntries = 0;
  /// The consumer multiplies by powers of two and subtracts an offset.
  bool freeScale = false;
  /// Only sequences for codes packed so; else the order is chosen, too.
  std::optional<BitOrder> order;
};

/// A sequence that was looked at.
struct DecodeAlternative {
  llvm::StringRef method;
  double instructions; ///< per 8 values
  std::string refusal; ///< why it was not proved; empty: not tried
};

struct DecodeProgram {
  DecodeProgram(mlir::OwningOpRef<mlir::ModuleOp> module,
                llvm::StringRef method, BitOrder order)
      : module(std::move(module)), method(method), order(std::move(order)) {}

  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// The method of DecodeCandidates.h that found it.
  llvm::StringRef method;
  BitOrder order;
  /// value of code i = factors[i] * result i - offset, exactly; 1 and 0 unless
  /// a scale is free.
  llvm::SmallVector<double> factors;
  double offset = 0;
  OpCost cost = {0, 0};
  /// Valid codes, each proved in every position.
  uint64_t provedCodes = 0;
  /// All others, cheapest first.
  std::vector<DecodeAlternative> alternatives;
  /// The sequence, with tile.lookup for its tables: V values of R words. Calls
  /// of instructions are declared in the module around.
  std::function<llvm::SmallVector<mlir::Value>(
      mlir::OpBuilder &, mlir::Location, mlir::ValueRange words)>
      emit;

  double instructionsPer8(const DecodeDevice &device) const {
    return 8 * cost.instructions /
           static_cast<double>(order.codes() * device.lanes);
  }
  double cyclesPer8(const DecodeDevice &device) const {
    return 8 * cost.cycles / static_cast<double>(order.codes() * device.lanes);
  }
};

/// The cheapest proved sequence of those that the search finds; values that
/// `to` lacks are rounded to nearest even, as tile.convert does (ask isLossless
/// first to refuse them). An error: formats that are too wide or have no
/// builtin type, a NaN that `to` lacks, a failed proof. Loads dialects.
llvm::Expected<DecodeProgram> makeDecodeProgram(const DecodeRequest &request);

/// The order in which weights of a format are packed for kernels of `device`
/// that compute in `compute`: that of the cheapest sequence between them, which
/// tile-expand-convert then finds. All x86-64 processors, and devices that the
/// cost tables do not know, have the one of AVX-512 into f32, for one weights
/// section serves all code of a bundle. Sequential for formats of more than 8
/// bits, and where there is no sequence.
BitOrder chooseWeightOrder(mlir::Type format, mlir::Type compute,
                           DeviceAttr device);

} // namespace rung::tile

#endif // RUNG_DIALECT_TILE_TRANSFORMS_DECODEPROGRAM_H
