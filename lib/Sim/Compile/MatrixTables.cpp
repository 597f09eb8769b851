//===- MatrixTables.cpp - Matrix instructions as data -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The runtime's description of a matrix instruction follows from its row in the
// device's table: the fragment maps say which lane holds what, the number
// formats what a code is worth.
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

#include "rung/Layout/Fragments.h"
#include "rung/Numerics/NumberFormat.h"

#include "llvm/IR/Constants.h"

using namespace llvm;
using namespace rung;
using namespace rung::sim;

namespace {

class MatrixTable {
public:
  MatrixTable(Module &module, MatrixInstructionAttr row)
      : module(module), context(module.getContext()), row(row) {}

  Expected<Constant *> get();

private:
  Expected<Constant *> operand(mlir::Type type, const LinearLayout &map,
                               uint64_t columns, bool integer);
  Constant *number(uint64_t value) {
    return ConstantInt::get(Type::getInt64Ty(context), value);
  }
  LinearLayout map(StringRef suffix) const {
    return *lookupFragment((row.getFragments() + suffix).str());
  }

  Module &module;
  LLVMContext &context;
  MatrixInstructionAttr row;
};

} // namespace

Expected<Constant *> MatrixTable::operand(mlir::Type type,
                                          const LinearLayout &map,
                                          uint64_t columns, bool integer) {
  std::optional<NumberFormat> format = numberFormatOf(type);
  uint64_t bits = format ? format->bits() : type.getIntOrFloatBitWidth();
  Constant *values = ConstantPointerNull::get(PointerType::get(context, 0));
  uint64_t kind;
  if (type.isF16()) {
    kind = MatrixOperand::F16;
  } else if (type.isBF16()) {
    kind = MatrixOperand::BF16;
  } else if (type.isF32()) {
    kind = MatrixOperand::F32;
  } else if (type.isInteger(32)) {
    kind = MatrixOperand::I32;
  } else if (format && bits == 8) {
    kind = integer ? MatrixOperand::IntegerTable : MatrixOperand::FloatTable;
    SmallVector<Constant *> table;
    Type *element =
        integer ? Type::getInt32Ty(context) : Type::getFloatTy(context);
    for (uint64_t code = 0; code != 256; ++code) {
      double value = format->isValid(code) ? format->valueAsDouble(code) : 0;
      table.push_back(
          integer ? ConstantInt::getSigned(element, int64_t(value))
                  : static_cast<Constant *>(ConstantFP::get(element, value)));
    }
    values = addArray(module, element, table);
  } else {
    std::string text;
    raw_string_ostream(text) << type;
    return createStringError("the virtual GPU multiplies no matrices of " +
                             text);
  }
  uint64_t elements = uint64_t(1) << map.inBits("register");
  SmallVector<Constant *> places;
  for (uint64_t lane = 0; lane != kWarpLanes; ++lane)
    for (uint64_t element = 0; element != elements; ++element) {
      SmallVector<uint64_t> place = map.apply({element, lane});
      places.push_back(ConstantInt::get(Type::getInt16Ty(context),
                                        place[0] * columns + place[1]));
    }
  return ConstantStruct::getAnon(
      context, {number(kind), number(bits), number(elements), values,
                addArray(module, Type::getInt16Ty(context), places)});
}

Expected<Constant *> MatrixTable::get() {
  LinearLayout a = map(".a"), b = map(".b"), c = map(".c");
  uint64_t rows = uint64_t(1) << c.outBits("row");
  uint64_t columns = uint64_t(1) << c.outBits("col");
  uint64_t depth = uint64_t(1) << a.outBits("col");
  bool integer = row.getC().isInteger();
  SmallVector<Constant *> members = {addText(module, row.getIntrinsic()),
                                     number(rows), number(columns),
                                     number(depth)};
  for (auto [type, map, width] :
       {std::tuple{row.getA(), a, depth}, std::tuple{row.getB(), b, columns},
        std::tuple{row.getC(), c, columns}}) {
    Expected<Constant *> member = operand(type, map, width, integer);
    if (!member)
      return member.takeError();
    members.push_back(*member);
  }
  Constant *info = ConstantStruct::getAnon(context, members);
  static_assert(sizeof(MatrixOperand) == 5 * sizeof(uint64_t));
  static_assert(sizeof(MatrixInfo) == 4 * 8 + 3 * sizeof(MatrixOperand));
  return new GlobalVariable(module, info->getType(), /*isConstant=*/true,
                            GlobalValue::PrivateLinkage, info);
}

Expected<Constant *> rung::sim::getMatrixInfo(Module &module, DeviceAttr device,
                                              StringRef intrinsic) {
  if (auto list = device.getProperties().getAs<mlir::ArrayAttr>("matrix"))
    for (auto row : list.getAsRange<MatrixInstructionAttr>())
      if (row.getIntrinsic() == intrinsic)
        return MatrixTable(module, row).get();
  return nullptr;
}
