//===- BufferizableOpInterfaceImpl.h - rung operations on buffers -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_DIALECT_RUNG_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define RUNG_DIALECT_RUNG_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace rung {

/// One-shot bufferization of the dialect. `rung.matmul`, `rung.elementwise` and
/// `rung.gather` write their destination and never read it. `rung.parameter`
/// becomes a read-only memref, `rung.constant` a constant one if its codes are
/// bytes already (rung-separate-storage sees to that; others are an error).
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace rung

#endif // RUNG_DIALECT_RUNG_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
