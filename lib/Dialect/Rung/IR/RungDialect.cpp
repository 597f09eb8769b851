//===- RungDialect.cpp - the rung dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "rung/Dialect/Rung/IR/Rung.h"

using namespace mlir;
using namespace rung;

#include "rung/Dialect/Rung/IR/RungDialect.cpp.inc"

void RungDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "rung/Dialect/Rung/IR/RungOps.cpp.inc"
      >();
  attachBuiltinFormats();
}

Operation *RungDialect::materializeConstant(OpBuilder &builder, Attribute value,
                                            Type type, Location loc) {
  if (auto codes = dyn_cast<CodesAttr>(value))
    return ConstantOp::create(builder, loc, type, codes);
  return arith::ConstantOp::materialize(builder, value, type, loc);
}
