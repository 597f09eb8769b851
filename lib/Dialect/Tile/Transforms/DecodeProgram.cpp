//===- DecodeProgram.cpp - a decode sequence as a proved module -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "DecodeCandidates.h"
#include "DecodeProof.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Transforms/CSE.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
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
    bool upperHalves =
        table.getElementType().isF32() &&
        llvm::all_of(table.getValues<APFloat>(), [](const APFloat &entry) {
          return entry.bitcastToAPInt().getLoBits(16) == 0;
        });
    Value entry;
    if (const LookupCost *lookup =
            findLookup(device, table.getNumElements(), bits, upperHalves)) {
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

static FrozenRewritePatternSet canonicalizations(MLIRContext *context) {
  RewritePatternSet patterns(context);
  for (RegisteredOperationName name : context->getRegisteredOperations())
    if (isa<arith::ArithDialect, vector::VectorDialect>(name.getDialect()))
      name.getCanonicalizationPatterns(patterns, context);
  return patterns;
}

/// Canonical, without what is there twice. No pass manager: this runs inside of
/// passes, too.
static void simplify(ModuleOp module, const FrozenRewritePatternSet &patterns) {
  IRRewriter rewriter(module.getContext());
  DominanceInfo dominance;
  for (Operation &function : module.getBody()->getOperations()) {
    // Folding alone converges; what does not is only less pretty.
    (void)applyPatternsGreedily(&function, patterns);
    eliminateCommonSubExpressions(rewriter, dominance, &function);
  }
}

using EmitFunction = decltype(DecodeProgram::emit);

/// @decode with the operations that `emit` makes, or null if it makes none.
static OwningOpRef<ModuleOp>
emitModule(const DecodeRequest &request, const EmitFunction &emit,
           const BitOrder &order, Type element,
           const FrozenRewritePatternSet &patterns) {
  MLIRContext *context = element.getContext();
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
  SmallVector<Value> values = emit(builder, loc, words);
  if (values.empty())
    return {};
  for (Value &value : values)
    value = toElement(builder, loc, value, element);
  Value result =
      vector::FromElementsOp::create(builder, loc, valuesType, values);
  func::ReturnOp::create(builder, loc, result);
  lowerLookups(*module, function, *request.device);
  function.walk([](math::FmaOp op) { // upstream has no other pass for it alone
    OpBuilder builder(op);
    Value result = LLVM::FMAOp::create(builder, op.getLoc(), op.getType(),
                                       op.getA(), op.getB(), op.getC());
    op.replaceAllUsesWith(result);
    op.erase();
  });
  simplify(*module, patterns);
  return module;
}

//===----------------------------------------------------------------------===//
// The choice
//===----------------------------------------------------------------------===//

/// The sequence that there is for every pair of formats.
static DecodeCandidate generalSequence(const DecodeRequest &request,
                                       const BitOrder &order) {
  DecodeCandidate candidate("general", order);
  ConversionOptions options;
  options.lookupEntries = request.lookupEntries;
  candidate.emit = [from = request.from, to = request.to, order, options](
                       OpBuilder &builder, Location loc, ValueRange words) {
    return emitDecode(builder, loc, from, order, to, words, options);
  };
  return candidate;
}

/// What the device's matrix instructions would flush to zero.
static bool hasLostSubnormals(const DecodeRequest &request,
                              const DecodeCandidate &candidate,
                              const NumberFormat &from) {
  if (request.device->halfSubnormals || !request.to.isF16())
    return false;
  for (double factor : candidate.factors)
    for (uint64_t code = 0; code != from.numCodes(); ++code) {
      double result =
          from.isValid(code)
              ? (from.valueAsDouble(code) + candidate.offset) / factor
              : 0;
      if (result != 0 && std::fabs(result) < 0x1p-14)
        return true;
    }
  return false;
}

llvm::Expected<DecodeProgram>
tile::makeDecodeProgram(const DecodeRequest &request) {
  MLIRContext *context = request.from.getContext();
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       LLVM::LLVMDialect, math::MathDialect,
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
  if (from->hasNaN() && !numberFormatOf(element)->hasNaN())
    return llvm::createStringError(
        "the source has NaN, for which the target has no code; decode into a "
        "float that has one, such as f16");

  std::vector<DecodeCandidate> candidates;
  for (bool freeScale : {false, true}) {
    if (freeScale && !request.freeScale)
      continue;
    auto problem = std::make_shared<DecodeProblem>(*from, element,
                                                   *request.device, freeScale);
    addArithmetic(*problem);
    addBytes(*problem);
    addLookups(*problem);
    for (DecodeCandidate &candidate : problem->candidates) {
      auto emit = std::move(candidate.emit);
      candidate.emit = [problem, emit](OpBuilder &builder, Location loc,
                                       ValueRange words) {
        return emit(builder, loc, words);
      };
      candidates.push_back(std::move(candidate));
    }
    problem->candidates.clear(); // they hold the problem
  }
  candidates.push_back(generalSequence(
      request, request.order.value_or(BitOrder::sequential(from->bits()))));

  FrozenRewritePatternSet patterns = canonicalizations(context);
  std::vector<DecodeProgram> programs;
  for (DecodeCandidate &candidate : candidates) {
    if (request.order && candidate.order != *request.order)
      continue;
    if (hasLostSubnormals(request, candidate, *from))
      continue;
    OwningOpRef<ModuleOp> module =
        emitModule(request, candidate.emit, candidate.order, element, patterns);
    if (!module)
      continue;
    auto decode = module->lookupSymbol<func::FuncOp>("decode");
    llvm::Expected<OpCost> cost =
        countBlock(decode.getBody().front(), *request.device);
    if (!cost)
      return cost.takeError();
    DecodeProgram program(std::move(module), candidate.method, candidate.order);
    program.factors = candidate.factors;
    program.factors.resize(program.order.codes(), 1);
    program.offset = candidate.offset == 0 ? 0 : candidate.offset; // never -0
    program.cost = *cost;
    program.emit = candidate.emit;
    programs.push_back(std::move(program));
  }
  if (programs.empty())
    return llvm::createStringError(
        "no sequence of operations is known for this pair of formats");
  // Cheapest first; of equals the first.
  SmallVector<std::tuple<double, double, size_t>> ranks;
  for (auto [index, program] : llvm::enumerate(programs))
    ranks.emplace_back(program.cost.instructions / program.order.codes(),
                       program.cost.cycles / program.order.codes(), index);
  llvm::sort(ranks);
  // The first that is proved. Only the last one's error is an error.
  std::optional<size_t> chosen;
  std::vector<DecodeAlternative> alternatives;
  for (auto [instructions, cycles, index] : ranks) {
    DecodeProgram &program = programs[index];
    DecodeAlternative alternative{
        program.method, program.instructionsPer8(*request.device), ""};
    if (!chosen) {
      llvm::Expected<uint64_t> proved =
          proveDecode(program, *from, *numberFormatOf(element));
      if (proved) {
        program.provedCodes = *proved;
        chosen = index;
        continue;
      }
      if (index == std::get<2>(ranks.back()))
        return proved.takeError();
      alternative.refusal = llvm::toString(proved.takeError());
    }
    alternatives.push_back(std::move(alternative));
  }
  programs[*chosen].alternatives = std::move(alternatives);
  return std::move(programs[*chosen]);
}

BitOrder tile::chooseWeightOrder(Type format, Type compute, DeviceAttr device) {
  std::optional<NumberFormat> from = numberFormatOf(format);
  if (!from->hasTable())
    return BitOrder::sequential(from->bits());
  DecodeRequest request;
  request.from = format;
  request.to = compute;
  request.device = findDecodeDevice(device);
  if (!request.device || request.device->isVector) {
    request.to = Float32Type::get(format.getContext());
    request.device = &getX86DecodeDevice(512);
    request.lookupEntries = 16;
  }
  llvm::Expected<DecodeProgram> program = makeDecodeProgram(request);
  if (program)
    return program->order;
  llvm::consumeError(program.takeError());
  return BitOrder::sequential(from->bits());
}
