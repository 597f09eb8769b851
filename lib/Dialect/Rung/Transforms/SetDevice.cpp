//===- SetDevice.cpp - rung-set-device -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes the device that a module is compiled for, as `rung.device`.
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Target/Device.h"

namespace rung {
#define GEN_PASS_DEF_RUNGSETDEVICE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

namespace {
struct SetDevice final : rung::impl::RungSetDeviceBase<SetDevice> {
  using RungSetDeviceBase::RungSetDeviceBase;

  void runOnOperation() override {
    if (getOperation()->hasAttr(RungDialect::kDeviceAttrName))
      return;
    llvm::Expected<DeviceAttr> device = getDevice(&getContext(), target);
    if (!device) {
      getOperation().emitError(llvm::toString(device.takeError()));
      return signalPassFailure();
    }
    getOperation()->setAttr(RungDialect::kDeviceAttrName, *device);
  }
};
} // namespace
