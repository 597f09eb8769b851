//===- Evaluator.h - Runs a function, plainly -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A second opinion on decode sequences: an interpreter of the few operations
// that they consist of, in the machine's own arithmetic. It shares nothing with
// the folding by which they are proved.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_FUZZ_EVALUATOR_H
#define RUNG_FUZZ_EVALUATOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace rung::fuzz {

/// The bits of the elements of a vector; of a scalar the only element.
using Bits = llvm::SmallVector<uint64_t, 1>;

/// The result of a function of one block with one result. An operation that it
/// does not know ends the run as a failure.
Bits evaluate(mlir::func::FuncOp function, llvm::ArrayRef<Bits> arguments);

} // namespace rung::fuzz

#endif // RUNG_FUZZ_EVALUATOR_H
