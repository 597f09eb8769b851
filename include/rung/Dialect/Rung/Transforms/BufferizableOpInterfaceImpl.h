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
/// becomes a read-only memref. `rung.constant` becomes a constant memref of its
/// codes in canonical storage, and so has to be gone where a kernel's operand
/// still has a number format: run rung-separate-storage before.
void registerBufferizableOpInterfaceExternalModels(
    mlir::DialectRegistry &registry);

} // namespace rung

#endif // RUNG_DIALECT_RUNG_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
