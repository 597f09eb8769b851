//===- Compute.cpp - tile.splat, map, mma in a warp -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Common/Places.h"
#include "../Common/VectorBuilder.h"
#include "Patterns.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "rung/Layout/Fragments.h"
#include "rung/Target/Device.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

//===----------------------------------------------------------------------===//
// tile.splat, tile.map
//===----------------------------------------------------------------------===//

namespace {

struct ConvertSplat final : WarpPattern<tile::SplatOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::SplatOp op, OpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override {
    SmallVector<Value> registers(op.getType().getLayout().getRegisters(),
                                 adaptor.getValue());
    rewriter.replaceOpWithMultiple(op, {registers});
    return success();
  }
};

/// The region runs once for each register, or unit.
struct ConvertMap final : WarpPattern<tile::MapOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::MapOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;

private:
  /// The arguments of each run.
  FailureOr<SmallVector<SmallVector<Value>>>
  collectArguments(tile::MapOp op, OneToNOpAdaptor adaptor,
                   ConversionPatternRewriter &rewriter) const;
};

} // namespace

FailureOr<SmallVector<SmallVector<Value>>>
ConvertMap::collectArguments(tile::MapOp op, OneToNOpAdaptor adaptor,
                             ConversionPatternRewriter &rewriter) const {
  auto layoutOf = [&](size_t number) {
    return cast<FragmentType>(op.getInputs()[number].getType()).getLayout();
  };
  SmallVector<SmallVector<Value>> runs;
  if (op.getInputs().size() == 1 && layoutOf(0).isPacked()) {
    ValueRange words = adaptor.getInputs()[0];
    for (size_t count = layoutOf(0).getOrder()->words(); !words.empty();
         words = words.drop_front(count))
      runs.emplace_back(words.take_front(count));
    return runs;
  }
  LayoutAttr layout = op.getType().getLayout();
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    SmallVector<Value> &arguments = runs.emplace_back();
    for (size_t number = 0, n = op.getInputs().size(); number != n; ++number) {
      auto type = cast<FragmentType>(op.getInputs()[number].getType());
      Places places = placesOf(layout, reg);
      for (auto &[row, column] : places) {
        row = type.getRows() == 1 ? 0 : row;
        column = type.getColumns() == 1 ? 0 : column;
      }
      std::optional<int64_t> from = findPlaces(type.getLayout(), places);
      if (!from)
        return refuse(op, rewriter,
                      "needs element " + Twine(placeText(places.back())) +
                          " of operand " + Twine(number) + " in lane " +
                          Twine(places.size() - 1) + " with " +
                          placeText(places.front()) +
                          " in lane 0, but none of its registers has them "
                          "there");
      arguments.push_back(adaptor.getInputs()[number][*from]);
    }
  }
  return runs;
}

LogicalResult
ConvertMap::matchAndRewrite(tile::MapOp op, OneToNOpAdaptor adaptor,
                            ConversionPatternRewriter &rewriter) const {
  Block &body = op.getBody().front();
  for (Operation &inner : body.without_terminator())
    if (isa_and_nonnull<tile::TileDialect>(inner.getDialect()))
      return refuse(op, rewriter,
                    "has a " + inner.getName().getStringRef() +
                        " in its region, which has no form for a warp here");
  auto runs = collectArguments(op, adaptor, rewriter);
  if (failed(runs))
    return failure();
  SmallVector<Value> results;
  for (ArrayRef<Value> arguments : *runs) {
    IRMapping mapping;
    mapping.map(body.getArguments(), arguments);
    for (Operation &inner : body.without_terminator())
      rewriter.clone(inner, mapping);
    for (Value value : body.getTerminator()->getOperands())
      results.push_back(mapping.lookupOrDefault(value));
  }
  rewriter.replaceOpWithMultiple(op, {results});
  return success();
}

//===----------------------------------------------------------------------===//
// tile.mma
//===----------------------------------------------------------------------===//

namespace {

/// The registers of a fragment that are one operand of one instruction.
using Operand = SmallVector<int64_t, 8>;

/// An instruction whose operands fragments are, side by side. The columns of
/// tile.mma's result are n, and its b is n × k.
class Instruction {
public:
  explicit Instruction(MatrixInstructionAttr attr)
      : attr(attr), aMap(map(".a")), bMap(map(".b")), cMap(map(".c")) {}

  int64_t rows() const { return int64_t(1) << cMap.outBits("row"); }
  int64_t columns() const { return int64_t(1) << cMap.outBits("col"); }
  int64_t depth() const { return int64_t(1) << aMap.outBits("col"); }

  /// The registers of one operand of the instruction at (n, m, k); none if the
  /// layout holds others.
  std::optional<Operand> findA(LayoutAttr layout, int64_t n, int64_t k) const {
    return find(layout, aMap, n, k, /*swapped=*/false);
  }
  std::optional<Operand> findB(LayoutAttr layout, int64_t m, int64_t k) const {
    return find(layout, bMap, m, k, /*swapped=*/true);
  }
  std::optional<Operand> findC(LayoutAttr layout, int64_t n, int64_t m) const {
    return find(layout, cMap, n, m, /*swapped=*/false);
  }

  /// c + a · b, of elements in the order of the maps' registers.
  SmallVector<Value> emit(OpBuilder &builder, Location loc, ValueRange a,
                          ValueRange b, ValueRange c) const;

private:
  LinearLayout map(StringRef operand) const {
    return *lookupFragment((attr.getFragments() + operand).str());
  }
  static std::optional<Operand> find(LayoutAttr layout, const LinearLayout &map,
                                     int64_t row, int64_t column, bool swapped);

  MatrixInstructionAttr attr;
  LinearLayout aMap, bMap, cMap;
};

struct ConvertMma final : WarpPattern<tile::MmaOp> {
  using WarpPattern::WarpPattern;

  LogicalResult
  matchAndRewrite(tile::MmaOp op, OneToNOpAdaptor adaptor,
                  ConversionPatternRewriter &rewriter) const override;
};

} // namespace

std::optional<Operand> Instruction::find(LayoutAttr layout,
                                         const LinearLayout &map, int64_t row,
                                         int64_t column, bool swapped) {
  Operand registers;
  for (uint64_t reg = 0; reg != uint64_t(1) << map.inBits("register"); ++reg) {
    Places places;
    for (uint64_t lane = 0; lane != warpLanes; ++lane) {
      SmallVector<uint64_t> place = map.apply({reg, lane});
      if (swapped)
        std::swap(place[0], place[1]);
      places.push_back({row + int64_t(place[0]), column + int64_t(place[1])});
    }
    std::optional<int64_t> found = findPlaces(layout, places);
    if (!found)
      return std::nullopt;
    registers.push_back(*found);
  }
  return registers;
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

/// The instructions of the device around `op`; those that every device with
/// warps of this kind has if there is none.
static SmallVector<MatrixInstructionAttr> instructionsOf(Operation *op) {
  DeviceAttr device = findDevice(op);
  if (!device)
    device = cantFail(getDevice(op->getContext(), "cuda:sm_80"));
  SmallVector<MatrixInstructionAttr> instructions;
  if (auto list = device.getProperties().getAs<ArrayAttr>("matrix"))
    llvm::append_range(instructions, list.getAsRange<MatrixInstructionAttr>());
  return instructions;
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
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto products = [&](Type a, Type b, Type c) {
    stream << a << " by " << b << " into " << c;
  };
  if (a.getLayout().isPacked() || b.getLayout().isPacked()) {
    stream << "multiplies packed codes; convert them first";
    return refuse(op, rewriter, text);
  }
  SmallVector<MatrixInstructionAttr> instructions = instructionsOf(op);
  auto *found = llvm::find_if(instructions, [&](MatrixInstructionAttr attr) {
    return attr.getA() == a.getElementType() &&
           attr.getB() == b.getElementType() &&
           attr.getC() == c.getElementType();
  });
  if (found == instructions.end()) {
    stream << "multiplies ";
    products(a.getElementType(), b.getElementType(), c.getElementType());
    stream << "; the device has ";
    llvm::interleaveComma(instructions, stream, [&](auto attr) {
      products(attr.getA(), attr.getB(), attr.getC());
    });
    if (instructions.empty())
      stream << "no matrix instructions";
    return refuse(op, rewriter, text);
  }

  const Instruction instruction(*found);
  // One instruction after the other along k for each place of the result.
  struct Step {
    Operand a, b, c;
  };
  SmallVector<Step> steps;
  for (int64_t n = 0; n < c.getRows(); n += instruction.rows())
    for (int64_t m = 0; m < c.getColumns(); m += instruction.columns())
      for (int64_t k = 0; k < a.getColumns(); k += instruction.depth()) {
        auto aRegisters = instruction.findA(a.getLayout(), n, k);
        auto bRegisters = instruction.findB(b.getLayout(), m, k);
        auto cRegisters = instruction.findC(c.getLayout(), n, m);
        if (!aRegisters || !bRegisters || !cRegisters)
          return refuse(op, rewriter,
                        Twine("has the operand ") +
                            (!aRegisters   ? "a"
                             : !bRegisters ? "b"
                                           : "c") +
                            " in a layout that is not the one of m" +
                            Twine(instruction.rows()) + "n" +
                            Twine(instruction.columns()) + "k" +
                            Twine(instruction.depth()) + ", side by side");
        steps.push_back({*aRegisters, *bRegisters, *cRegisters});
      }

  SmallVector<Value> sums(adaptor.getC());
  auto pick = [](ValueRange values, const Operand &registers) {
    return llvm::map_to_vector(registers,
                               [&](int64_t reg) { return values[reg]; });
  };
  for (const Step &step : steps) {
    SmallVector<Value> results =
        instruction.emit(rewriter, op.getLoc(), pick(adaptor.getA(), step.a),
                         pick(adaptor.getB(), step.b), pick(sums, step.c));
    for (auto [reg, result] : llvm::zip_equal(step.c, results))
      sums[reg] = result;
  }
  rewriter.replaceOpWithMultiple(op, {sums});
  return success();
}

void rung::populateComputePatterns(WarpConversion &conversion,
                                   RewritePatternSet &patterns) {
  patterns.add<ConvertSplat, ConvertMap, ConvertMma>(conversion,
                                                     patterns.getContext());
}
