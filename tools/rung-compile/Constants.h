//===- Constants.h - Parameters as constants of a bundle --------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_TOOLS_RUNG_COMPILE_CONSTANTS_H
#define RUNG_TOOLS_RUNG_COMPILE_CONSTANTS_H

#include "rung/Pipelines/SafeTensors.h"
#include "rung/Runtime/BundleWriter.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/Support/JSON.h"

namespace rung {

/// Writes the weights section: the parameters that `rung.constants` (`list`)
/// names, each in its storage, then the `assets`, tensors that are copied as
/// they are. Returns the "constants" of the manifest. An error names the
/// parameter, what was found and what was expected.
llvm::Expected<llvm::json::Array> writeConstants(mlir::ArrayAttr list,
                                                 mlir::ArrayAttr assets,
                                                 const SafeTensors &parameters,
                                                 BundleWriter &writer);

/// Checks that every parameter is there with the dtype and shape that it must
/// have, without reading it.
llvm::Error checkConstants(mlir::ArrayAttr list, mlir::ArrayAttr assets,
                           const SafeTensors &parameters);

} // namespace rung

#endif // RUNG_TOOLS_RUNG_COMPILE_CONSTANTS_H
