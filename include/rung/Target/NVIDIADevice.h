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

/// Fails, naming those that there are, unless there is a device of
/// `architecture` ("sm_80").
llvm::Error checkNVIDIAArchitecture(llvm::StringRef architecture);

/// The version of PTX that code for `architecture` is written in, 10 times the
/// major number plus the minor one; 0 if there is no such device.
unsigned getPTXVersion(llvm::StringRef architecture);

/// The device of `architecture` ("sm_80"); the error names those that there
/// are. Its properties are those of Target/Device.h.
llvm::Expected<DeviceAttr> getNVIDIADevice(mlir::MLIRContext *context,
                                           llvm::StringRef architecture);

} // namespace rung

#endif // RUNG_TARGET_NVIDIADEVICE_H
