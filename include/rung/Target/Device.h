//===- Device.h - Tables of devices as attributes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes know of a device is a row of a table, turned into a
// `#rung.device` attribute on the module (docs/devices.md). Its properties:
//
//   compute         types: the formats it computes in, fastest first
//   lanes           32-bit lanes of a fragment: rows of a packed weight that
//                   lie side by side
//   registers       fragment registers: vector registers in units of `lanes`
//                   lanes
//   lookup          table lookup in registers: "permvar512", "permps", or
//                   "gather" (memory)
//   lookup_entries  f32 entries of the largest table that `lookup` takes; 0:
//                   none
//   lookup_halves   entries of 16 bits of the largest table that one
//                   instruction looks up for each half of a lane; 0: none
//   computed_lookups
//                   where the entries are equally spaced, codes that lie whole
//                   in so many bits of a word below bit 23 are computed, not
//                   looked up: their bits become the mantissa of an f32
//   prefetch        how many bytes ahead packed weights and their scales are
//                   asked for; 0: never
//
// GPUs also have
//
//   lanes           lanes of a warp, of 32-bit registers
//   registers       the most of one lane
//   multiprocessors
//   memory          its levels, farthest first: `bytes` that one of them holds
//                   (of one multiprocessor from `shared` on), `transaction`
//                   bytes are moved at least, `gigabytes_per_second` (10^9)
//   async_copies    instructions that copy to shared memory in the background
//   matrix          matrix instructions, #rung.matrix_instruction
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TARGET_DEVICE_H
#define RUNG_TARGET_DEVICE_H

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Target/CPUTarget.h"
#include "llvm/Support/Error.h"

namespace rung {

/// The device that code for `target` runs on.
DeviceAttr getDevice(mlir::MLIRContext *context, const CPUTarget &target);

/// The device called `target`, as in rung-compile --target; the error names
/// what was found and what exists.
llvm::Expected<DeviceAttr> getDevice(mlir::MLIRContext *context,
                                     llvm::StringRef target);

/// The `rung.device` of the nearest operation around `op`, itself included,
/// that has one, or null.
DeviceAttr findDevice(mlir::Operation *op);

/// The device of a module: its `rung.device`, or that of a plain x86-64.
DeviceAttr getDevice(mlir::ModuleOp module);

/// The matrix instructions of a device, fastest first.
llvm::SmallVector<MatrixInstructionAttr>
getMatrixInstructions(DeviceAttr device);

/// The fastest one of `device` that multiplies these formats, or null.
MatrixInstructionAttr findMatrixInstruction(DeviceAttr device, mlir::Type a,
                                            mlir::Type b);

/// In which `device` adds up products of numbers in `compute`: the format that
/// its matrix instruction has for that, else `compute` itself.
mlir::Type sumFormat(DeviceAttr device, mlir::Type compute);

} // namespace rung

#endif // RUNG_TARGET_DEVICE_H
