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

namespace rung::tile {

struct DecodeRequest {
  mlir::Type from; ///< of at most 8 bits
  mlir::Type to;
  const DecodeDevice *device;
  /// Entries that the conversion itself looks up instead of computing: the
  /// device's `lookup_entries`.
  int64_t lookupEntries = 0;
  /// The consumer multiplies by `factor` and subtracts `offset`.
  bool freeScale = false;
};

struct DecodeProgram {
  mlir::OwningOpRef<mlir::ModuleOp> module;
  BitOrder order;
  /// value of code i = factor * result i - offset, exactly; 1 and 0 unless a
  /// scale is free.
  double factor = 1, offset = 0;
  OpCost cost = {0, 0};
  /// Valid codes, each proved in every position.
  uint64_t provedCodes = 0;

  double instructionsPer8(const DecodeDevice &device) const {
    return 8 * cost.instructions / (order.codes() * device.lanes);
  }
  double cyclesPer8(const DecodeDevice &device) const {
    return 8 * cost.cycles / (order.codes() * device.lanes);
  }
};

/// The proved sequence; values that `to` lacks are rounded to nearest even, as
/// tile.convert does (ask isLossless first to refuse them). An error: formats
/// that are too wide or have no builtin type, a failed proof. Loads dialects.
llvm::Expected<DecodeProgram> makeDecodeProgram(const DecodeRequest &request);

} // namespace rung::tile

#endif // RUNG_DIALECT_TILE_TRANSFORMS_DECODEPROGRAM_H
