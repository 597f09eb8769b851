//===- RungFolders.cpp - constants through Numerics -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Rung/IR/Rung.h"

using namespace mlir;
using namespace rung;

OpFoldResult ConvertOp::fold(FoldAdaptor) { return {}; }
OpFoldResult DequantizeOp::fold(FoldAdaptor) { return {}; }
