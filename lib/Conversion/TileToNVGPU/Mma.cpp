//===- Mma.cpp - tile.mma in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the device has a matrix instruction for the formats, fragments are its
// operands side by side. Along K their columns may be in any order, as long as
// both operands have the same: k is summed over. Other products are
// multiply-adds of what a lane holds.
//
//===----------------------------------------------------------------------===//

#include "../Common/Places.h"
#include "../Common/VectorBuilder.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Layout/Fragments.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

namespace {

/// The registers of a fragment that are one operand of one instruction.
using Operand = SmallVector<int64_t>;

/// An A operand, and the column that each of the instruction's k is.
struct Depth {
  SmallVector<int64_t> registers, columns;
};

/// A matrix instruction. The columns of tile.mma's result are n, and its b is
/// n × k.
class Instruction {
public:
  explicit Instruction(MatrixInstructionAttr attr)
      : attr(attr), aMap(map(".a")), bMap(map(".b")), cMap(map(".c")) {}

  int64_t rows() const { return int64_t(1) << cMap.outBits("row"); }
  int64_t columns() const { return int64_t(1) << cMap.outBits("col"); }
  int64_t depth() const { return int64_t(1) << aMap.outBits("col"); }
  std::string shape() const {
    return ("m" + Twine(rows()) + "n" + Twine(columns()) + "k" + Twine(depth()))
        .str();
  }

  /// The A operands that the rows from `n` on are, one for each step along K;
  /// none if the layout is another.
  std::optional<SmallVector<Depth>> findA(LayoutAttr layout, int64_t n) const;
  /// The registers of operand B with rows from m on and these columns.
  std::optional<Operand> findB(LayoutAttr layout, int64_t m,
                               ArrayRef<int64_t> columns) const;
  std::optional<Operand> findC(LayoutAttr layout, int64_t n, int64_t m) const;

  /// c + a · b, of elements in the order of the maps' registers.
  SmallVector<Value> emit(OpBuilder &builder, Location loc, ValueRange a,
                          ValueRange b, ValueRange c) const;

private:
  using Place = std::pair<int64_t, int64_t>;

  LinearLayout map(StringRef operand) const {
    return *lookupFragment((attr.getFragments() + operand).str());
  }
  /// The registers that hold, in each lane, the element where `locate` puts
  /// that of the map.
  static std::optional<Operand>
  find(LayoutAttr layout, const LinearLayout &map,
       function_ref<Place(int64_t row, int64_t column)> locate);

  MatrixInstructionAttr attr;
  LinearLayout aMap, bMap, cMap;
};

struct ConvertMma final : WarpPattern<tile::MmaOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::MmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;

private:
  LogicalResult multiplyAdd(tile::MmaOp op, OneToNOpAdaptor adaptor,
                            ConversionPatternRewriter &rewriter) const;
};

} // namespace

std::optional<Operand>
Instruction::find(LayoutAttr layout, const LinearLayout &map,
                  function_ref<Place(int64_t, int64_t)> locate) {
  Operand registers;
  for (uint64_t reg = 0; reg != uint64_t(1) << map.inBits("register"); ++reg) {
    Places places;
    for (uint64_t lane = 0; lane != warpLanes; ++lane) {
      SmallVector<uint64_t> place = map.apply({reg, lane});
      places.push_back(locate(place[0], place[1]));
    }
    std::optional<int64_t> found = findPlaces(layout, places);
    if (!found)
      return std::nullopt;
    registers.push_back(*found);
  }
  return registers;
}

std::optional<SmallVector<Depth>> Instruction::findA(LayoutAttr layout,
                                                     int64_t n) const {
  size_t count = size_t(1) << aMap.inBits("register");
  SmallVector<Depth> steps;
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    if (layout.locate(reg, 0).first / rows() != n / rows())
      continue;
    if (steps.empty() || steps.back().registers.size() == count) {
      steps.emplace_back();
      steps.back().columns.assign(depth(), -1);
    }
    Depth &step = steps.back();
    for (int64_t lane = 0; lane != warpLanes; ++lane) {
      SmallVector<uint64_t> place =
          aMap.apply({uint64_t(step.registers.size()), uint64_t(lane)});
      auto [row, column] = layout.locate(reg, lane);
      int64_t &known = step.columns[place[1]];
      if (row != n + int64_t(place[0]) || (known != -1 && known != column))
        return std::nullopt;
      known = column;
    }
    step.registers.push_back(reg);
  }
  if (int64_t(steps.size()) * depth() != layout.getColumns())
    return std::nullopt;
  return steps;
}

std::optional<Operand> Instruction::findB(LayoutAttr layout, int64_t m,
                                          ArrayRef<int64_t> columns) const {
  return find(layout, bMap, [&](int64_t k, int64_t column) {
    return Place(m + column, columns[k]);
  });
}

std::optional<Operand> Instruction::findC(LayoutAttr layout, int64_t n,
                                          int64_t m) const {
  return find(layout, cMap, [&](int64_t row, int64_t column) {
    return Place(n + row, m + column);
  });
}

/// 32-bit registers, as LLVM's intrinsics take them: two f16 as a vector, bf16
/// and bytes as i32.
static SmallVector<Value> packRegisters(OpBuilder &builder, Location loc,
                                        Type format, ValueRange elements) {
  Type i32 = builder.getI32Type();
  unsigned bits = numberFormatOf(format)->bits();
  SmallVector<Value> registers;
  for (size_t count = 32 / bits; !elements.empty();
       elements = elements.drop_front(count)) {
    SmallVector<Value> parts(elements.take_front(count));
    if (bits == 8) // codes
      for (Value &part : parts)
        part = arith::TruncIOp::create(builder, loc, builder.getI8Type(), part);
    auto type = VectorType::get(parts.size(), parts.front().getType());
    Value reg = vector::FromElementsOp::create(builder, loc, type, parts);
    if (!format.isF16()) {
      reg =
          vector::BitCastOp::create(builder, loc, VectorType::get(1, i32), reg);
      reg = vector::ExtractOp::create(builder, loc, reg, ArrayRef<int64_t>{0});
    }
    registers.push_back(reg);
  }
  return registers;
}

SmallVector<Value> Instruction::emit(OpBuilder &builder, Location loc,
                                     ValueRange a, ValueRange b,
                                     ValueRange c) const {
  SmallVector<Value> operands = packRegisters(builder, loc, attr.getA(), a);
  llvm::append_range(operands, packRegisters(builder, loc, attr.getB(), b));
  llvm::append_range(operands, c);
  auto type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(), SmallVector<Type>(c.size(), c.front().getType()));
  Value result = LLVM::CallIntrinsicOp::create(
                     builder, loc, type,
                     builder.getStringAttr(attr.getIntrinsic()), operands)
                     .getResult(0);
  SmallVector<Value> sums;
  for (int64_t i = 0, e = c.size(); i != e; ++i)
    sums.push_back(LLVM::ExtractValueOp::create(builder, loc, result, i));
  return sums;
}

/// The device around `op`; the one whose instructions all others have, too, if
/// there is none.
static DeviceAttr deviceOf(Operation *op) {
  DeviceAttr device = findDevice(op);
  return device ? device : cantFail(getDevice(op->getContext(), "cuda:sm_80"));
}

LogicalResult
ConvertMma::multiplyAdd(tile::MmaOp op, OneToNOpAdaptor adaptor,
                        ConversionPatternRewriter &rewriter) const {
  LayoutAttr a = cast<FragmentType>(op.getA().getType()).getLayout(),
             b = cast<FragmentType>(op.getB().getType()).getLayout(),
             c = op.getC().getType().getLayout();
  SmallVector<Value> sums(adaptor.getC());
  for (int64_t reg = 0, e = c.getRegisters(); reg != e; ++reg) {
    Places places = placesOf(c, reg);
    for (int64_t k = 0; k != a.getColumns(); ++k) {
      Places ofA = places, ofB = places;
      for (auto &[row, column] : ofA)
        column = k;
      for (auto &[row, column] : ofB) {
        row = column;
        column = k;
      }
      std::optional<int64_t> x = findPlaces(a, ofA), y = findPlaces(b, ofB);
      if (!x || !y)
        return refuse(op, rewriter,
                      Twine("has in no register of the operand ") +
                          (x ? "b" : "a") +
                          " what each lane multiplies for element " +
                          placeText(places.front()) +
                          ", and the device no matrix instruction for these "
                          "formats");
      Value left = adaptor.getA()[*x], right = adaptor.getB()[*y];
      sums[reg] =
          isa<mlir::FloatType>(left.getType())
              ? math::FmaOp::create(rewriter, op.getLoc(), left, right,
                                    sums[reg])
                    .getResult()
              : arith::AddIOp::create(
                    rewriter, op.getLoc(), sums[reg],
                    arith::MulIOp::create(rewriter, op.getLoc(), left, right))
                    .getResult();
    }
  }
  rewriter.replaceOpWithMultiple(op, {sums});
  return success();
}

LogicalResult
ConvertMma::matchAndRewrite(tile::MmaOp op, OneToNOpAdaptor adaptor,
                            ConversionPatternRewriter &rewriter) const {
  auto a = dyn_cast<FragmentType>(op.getA().getType()),
       b = dyn_cast<FragmentType>(op.getB().getType());
  FragmentType c = op.getC().getType();
  if (!a || !b || op.getToken())
    return refuse(op, rewriter,
                  "is asynchronous or takes a buffer, expected two fragments");
  if (a.getLayout().isPacked() || b.getLayout().isPacked())
    return refuse(op, rewriter, "multiplies packed codes; convert them first");
  DeviceAttr device = deviceOf(op);
  MatrixInstructionAttr found =
      findMatrixInstruction(device, a.getElementType(), b.getElementType());
  if (!found || found.getC() != c.getElementType()) {
    // Products of these are sums of the same format.
    Type element = c.getElementType();
    if (a.getElementType() == element && b.getElementType() == element &&
        tile::registerType(element) == element)
      return multiplyAdd(op, adaptor, rewriter);
    std::string text;
    llvm::raw_string_ostream stream(text);
    auto print = [&](Type a, Type b, Type c) {
      stream << a << " by " << b << " into " << c;
    };
    stream << "multiplies ";
    print(a.getElementType(), b.getElementType(), element);
    stream << "; the device has ";
    SmallVector<MatrixInstructionAttr> instructions =
        getMatrixInstructions(device);
    llvm::interleaveComma(instructions, stream, [&](auto attr) {
      print(attr.getA(), attr.getB(), attr.getC());
    });
    if (instructions.empty())
      stream << "no matrix instructions";
    return refuse(op, rewriter, text);
  }

  const Instruction instruction(found);
  auto refuseLayout = [&](StringRef operand) {
    return refuse(op, rewriter,
                  "has the operand " + operand +
                      " in a layout that is not the one of " +
                      instruction.shape() + ", side by side");
  };
  SmallVector<Value> sums(adaptor.getC());
  auto pick = [](ValueRange values, const Operand &registers) {
    return llvm::map_to_vector(registers,
                               [&](int64_t reg) { return values[reg]; });
  };
  for (int64_t n = 0; n < c.getRows(); n += instruction.rows()) {
    auto steps = instruction.findA(a.getLayout(), n);
    if (!steps)
      return refuseLayout("a");
    // One instruction after the other along k for each place of the result.
    for (int64_t m = 0; m < c.getColumns(); m += instruction.columns()) {
      auto registers = instruction.findC(c.getLayout(), n, m);
      if (!registers)
        return refuseLayout("c");
      for (const Depth &step : *steps) {
        auto other = instruction.findB(b.getLayout(), m, step.columns);
        if (!other)
          return refuseLayout("b");
        SmallVector<Value> results = instruction.emit(
            rewriter, op.getLoc(), pick(adaptor.getA(), step.registers),
            pick(adaptor.getB(), *other), pick(sums, *registers));
        for (auto [reg, result] : llvm::zip_equal(*registers, results))
          sums[reg] = result;
      }
    }
  }
  rewriter.replaceOpWithMultiple(op, {sums});
  return success();
}

void rung::populateMmaPatterns(WarpConversion &conversion,
                               RewritePatternSet &patterns) {
  patterns.add<ConvertMma>(conversion, patterns.getContext());
}
