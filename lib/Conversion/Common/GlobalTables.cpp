//===- GlobalTables.cpp - constant arrays of a module -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GlobalTables.h"

using namespace mlir;
using namespace rung;

/// Bytes; that of a vector register or cache line.
static constexpr int64_t kAlignment = 64;

memref::GlobalOp GlobalTables::get(Location loc, DenseElementsAttr entries) {
  memref::GlobalOp &global = tables[entries];
  if (global)
    return global;
  auto tensor = RankedTensorType::get({entries.getNumElements()},
                                      entries.getElementType());
  auto type = MemRefType::get(tensor.getShape(), tensor.getElementType(),
                              MemRefLayoutAttrInterface(), memorySpace);
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  global = memref::GlobalOp::create(
      builder, loc, "rung_table", builder.getStringAttr("private"), type,
      DenseElementsAttr(entries.reshape(tensor)), /*constant=*/true,
      builder.getI64IntegerAttr(kAlignment));
  symbols.insert(global);
  return global;
}
