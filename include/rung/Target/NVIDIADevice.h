//===- NVIDIADevice.h - Tables of NVIDIA's devices --------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TARGET_NVIDIADEVICE_H
#define RUNG_TARGET_NVIDIADEVICE_H

#include "rung/Dialect/Rung/IR/Rung.h"
#include "llvm/Support/Error.h"

namespace rung {

/// The device of `architecture` ("sm_80"); the error names those that there
/// are. Its properties are those of Target/Device.h.
llvm::Expected<DeviceAttr> getNVIDIADevice(mlir::MLIRContext *context,
                                           llvm::StringRef architecture);

} // namespace rung

#endif // RUNG_TARGET_NVIDIADEVICE_H
