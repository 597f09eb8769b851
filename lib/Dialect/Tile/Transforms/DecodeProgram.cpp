//===- DecodeProgram.cpp - a decode sequence as a proved module -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "DecodeProof.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Tile/IR/Tile.h"

#include "llvm/Support/FormatVariadic.h"

#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

/// The entry by a tree of selects on the bits of the index, lowest first.
static Value emitSelects(OpBuilder &builder, LookupOp op,
                         DenseElementsAttr table) {
  Location loc = op.getLoc();
  Type i32 = builder.getI32Type();
  auto integer = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getIntegerAttr(i32, value));
  };
  SmallVector<Value> entries;
  for (Attribute entry : table.getValues<Attribute>())
    entries.push_back(
        arith::ConstantOp::create(builder, loc, cast<TypedAttr>(entry)));
  for (unsigned bit = 0; entries.size() > 1; ++bit) {
    Value isSet =
        arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne,
                              arith::AndIOp::create(builder, loc, op.getIndex(),
                                                    integer(int64_t(1) << bit)),
                              integer(0));
    SmallVector<Value> next;
    for (size_t i = 0; i != entries.size(); i += 2)
      next.push_back(arith::SelectOp::create(builder, loc, isSet,
                                             entries[i + 1], entries[i]));
    entries = std::move(next);
  }
  return entries.front();
}

/// A private function that says in portable operations what the instruction
/// does in one lane.
static func::FuncOp makeInstruction(OpBuilder &builder, Location loc,
                                    DenseElementsAttr table,
                                    const LookupCost &lookup, unsigned number) {
  Type i32 = builder.getI32Type(), element = table.getElementType();
  auto function = func::FuncOp::create(
      builder, loc, llvm::formatv("lookup_{0}", number).str(),
      builder.getFunctionType({i32}, {element}));
  function.setPrivate();
  function->setAttr(kInstructionAttrName,
                    builder.getStringAttr(lookup.instruction));
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(function.addEntryBlock());
  int64_t count = table.getNumElements();
  Value mask = arith::ConstantOp::create(
      builder, loc, builder.getIntegerAttr(i32, count - 1));
  Value index =
      arith::AndIOp::create(builder, loc, function.getArgument(0), mask);
  index =
      arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(), index);
  Value entries = arith::ConstantOp::create(
      builder, loc, table.reshape(VectorType::get({count}, element)));
  Value entry = vector::ExtractOp::create(builder, loc, entries, index);
  func::ReturnOp::create(builder, loc, entry);
  return function;
}

/// Replaces every tile.lookup of the function.
static void lowerLookups(ModuleOp module, func::FuncOp decode,
                         const DecodeDevice &device) {
  llvm::DenseMap<Attribute, func::FuncOp> functions;
  SmallVector<LookupOp> lookups;
  decode.walk([&](LookupOp op) { lookups.push_back(op); });
  for (LookupOp op : lookups) {
    OpBuilder builder(op);
    auto table = cast<DenseElementsAttr>(op.getTable());
    unsigned bits = table.getElementType().getIntOrFloatBitWidth();
    Value entry;
    if (const LookupCost *lookup =
            findLookup(device, table.getNumElements(), bits)) {
      func::FuncOp &function = functions[table];
      if (!function) {
        OpBuilder atEnd = OpBuilder::atBlockEnd(module.getBody());
        function = makeInstruction(atEnd, op.getLoc(), table, *lookup,
                                   functions.size() - 1);
      }
      entry =
          func::CallOp::create(builder, op.getLoc(), function, op.getIndex())
              .getResult(0);
    } else {
      entry = emitSelects(builder, op, table);
    }
    op.replaceAllUsesWith(entry);
    op.erase();
  }
}

//===----------------------------------------------------------------------===//
// The function
//===----------------------------------------------------------------------===//

/// The builtin type that holds values of `to` in a vector, or null.
static Type elementTypeOf(Type to) {
  unsigned width = to.isIntOrFloat() ? to.getIntOrFloatBitWidth() : 0;
  if (isa<FloatTF32Type>(to))
    return {};
  if (isa<mlir::FloatType>(to))
    return width == 8 || width == 16 || width == 32 || width == 64 ? to
                                                                   : Type();
  if (to.isSignlessInteger())
    return width == 8 || width == 16 || width == 32 ? to : Type();
  // Formats with equal tables are the same.
  Type i8 = IntegerType::get(to.getContext(), 8);
  std::optional<NumberFormat> format = numberFormatOf(to);
  return format && *format == *numberFormatOf(i8) ? i8 : Type();
}

/// An element of a tile as an element of a vector.
static Value toElement(OpBuilder &builder, Location loc, Value value,
                       Type type) {
  if (value.getType() == type)
    return value;
  Type integer = builder.getIntegerType(type.getIntOrFloatBitWidth());
  value = arith::TruncIOp::create(builder, loc, integer, value);
  return type == integer
             ? value
             : arith::BitcastOp::create(builder, loc, type, value).getResult();
}

/// @decode with the sequence of `from` as it is, or null if there is none.
static OwningOpRef<ModuleOp> emitModule(const DecodeRequest &request, Type from,
                                        const BitOrder &order, Type element) {
  MLIRContext *context = from.getContext();
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  auto wordsType = VectorType::get(static_cast<int64_t>(order.words()),
                                   builder.getI32Type()),
       valuesType =
           VectorType::get(static_cast<int64_t>(order.codes()), element);
  auto function =
      func::FuncOp::create(builder, loc, "decode",
                           builder.getFunctionType({wordsType}, {valuesType}));
  builder.setInsertionPointToStart(function.addEntryBlock());
  SmallVector<Value> words;
  for (int64_t i = 0, e = order.words(); i != e; ++i)
    words.push_back(
        vector::ExtractOp::create(builder, loc, function.getArgument(0), i));
  ConversionOptions options;
  options.lookupEntries = request.lookupEntries;
  SmallVector<Value> values =
      emitDecode(builder, loc, from, order, request.to, words, options);
  if (values.empty())
    return {};
  for (Value &value : values)
    value = toElement(builder, loc, value, element);
  Value result =
      vector::FromElementsOp::create(builder, loc, valuesType, values);
  func::ReturnOp::create(builder, loc, result);
  lowerLookups(*module, function, *request.device);

  PassManager passes(context, ModuleOp::getOperationName());
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  return succeeded(passes.run(*module)) ? std::move(module)
                                        : OwningOpRef<ModuleOp>();
}

/// The integers that the codes of `from` count, if a power of two and an
/// integer multiple of it make values of them.
static std::optional<AffineCode> freeScaleOf(const NumberFormat &from) {
  std::optional<AffineCode> affine = from.affineCode();
  if (!affine || affine->scale <= 0)
    return std::nullopt;
  int exponent;
  double multiple = affine->offset / affine->scale;
  if (std::frexp(affine->scale, &exponent) != 0.5 ||
      multiple != std::trunc(multiple) || std::fabs(multiple) > 0x1p40)
    return std::nullopt;
  return affine;
}

static llvm::Expected<DecodeProgram> makeAsIs(const DecodeRequest &request,
                                              Type from, Type element) {
  NumberFormat format = *numberFormatOf(from);
  DecodeProgram program{{}, BitOrder::sequential(format.bits())};
  program.module = emitModule(request, from, program.order, element);
  if (!program.module)
    return llvm::createStringError(
        "no sequence of operations is known for this pair of formats");
  auto decode = program.module->lookupSymbol<func::FuncOp>("decode");
  llvm::Expected<OpCost> cost =
      countBlock(decode.getBody().front(), *request.device);
  if (!cost)
    return cost.takeError();
  program.cost = *cost;
  llvm::Expected<uint64_t> proved =
      proveDecode(decode, format, program.order, *numberFormatOf(element));
  if (!proved)
    return proved.takeError();
  program.provedCodes = *proved;
  return program;
}

llvm::Expected<DecodeProgram>
tile::makeDecodeProgram(const DecodeRequest &request) {
  MLIRContext *context = request.from.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       vector::VectorDialect, RungDialect, TileDialect>();
  std::optional<NumberFormat> from = numberFormatOf(request.from);
  if (!from || !from->hasTable())
    return llvm::createStringError(
        llvm::formatv("decode sequences are for formats of at most 8 bits, and "
                      "the source has {0}",
                      from ? from->bits() : 0)
            .str());
  Type element = elementTypeOf(request.to);
  if (!element)
    return llvm::createStringError(
        "results are vectors of builtin types: decode into i8, i16, i32, f16, "
        "bf16, f32, f64 or a builtin 8-bit float such as e4m3");
  llvm::Expected<DecodeProgram> program =
      makeAsIs(request, request.from, element);
  std::optional<AffineCode> affine = freeScaleOf(*from);
  if (!program || !request.freeScale || !affine)
    return program;
  Type integers = affine->isSigned
                      ? Type(IntType::get(context, from->bits()))
                      : Type(UIntType::get(context, from->bits(), 0));
  NumberFormat counted = *numberFormatOf(integers);
  for (uint64_t code = 0; code != from->numCodes(); ++code) {
    double n = counted.valueAsDouble(code);
    if (!numberFormatOf(element)->findCode(n) ||
        (from->isValid(code) &&
         affine->scale * n + affine->offset != from->valueAsDouble(code)))
      return program;
  }
  llvm::Expected<DecodeProgram> scaled = makeAsIs(request, integers, element);
  if (!scaled)
    return scaled.takeError();
  if (scaled->cost.instructions >= program->cost.instructions)
    return program;
  scaled->factor = affine->scale;
  scaled->offset = 0 - affine->offset; // never -0
  scaled->provedCodes = program->provedCodes;
  return scaled;
}
