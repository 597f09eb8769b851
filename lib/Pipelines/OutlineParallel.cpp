//===- OutlineParallel.cpp - Parallel loops as functions -------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "ContextABI.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Transforms.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGOUTLINEPARALLEL
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// Outlines the loops of one function. All of them share one struct of captures
/// on the stack: a loop is finished before the next one begins.
class Outliner {
public:
  Outliner(func::FuncOp function, int64_t grain, int64_t chunksPerThread,
           llvm::StringMap<func::FuncOp> &known)
      : function(function), grain(grain), chunksPerThread(chunksPerThread),
        known(known), converter(function.getContext()),
        layout(function->getParentOfType<ModuleOp>()),
        pointer(LLVM::LLVMPointerType::get(function.getContext())) {}

  LogicalResult run() {
    SmallVector<scf::ParallelOp> loops;
    if (failed(collect(loops)))
      return failure();
    if (loops.empty())
      return success();
    context = contextOf(function, loops.front());
    if (!context)
      return failure();
    Location loc = function.getLoc();
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    Value one = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(), 1);
    captures = LLVM::AllocaOp::create(builder, loc, pointer,
                                      builder.getI8Type(), one, 64);
    for (scf::ParallelOp loop : loops)
      if (failed(outline(loop)))
        return failure();
    builder.setInsertionPoint(captures.getDefiningOp());
    Value size = LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                          captureBytes);
    cast<LLVM::AllocaOp>(captures.getDefiningOp())
        .getArraySizeMutable()
        .assign(size);
    return success();
  }

private:
  /// Outermost parallel loops; the others are made sequential.
  LogicalResult collect(SmallVectorImpl<scf::ParallelOp> &loops) {
    IRRewriter rewriter(function.getContext());
    SmallVector<scf::ForallOp> foralls;
    function.walk([&](scf::ForallOp op) { foralls.push_back(op); });
    for (scf::ForallOp op : foralls) {
      rewriter.setInsertionPoint(op);
      Attribute cost = op->getAttr(kCostAttr);
      scf::ParallelOp loop;
      if (failed(scf::forallToParallelLoop(rewriter, op, &loop)))
        return op.emitError("has results or a mapping; bufferize it first");
      if (cost)
        loop->setAttr(kCostAttr, cost);
    }
    SmallVector<scf::ParallelOp> all;
    function.walk<WalkOrder::PostOrder>(
        [&](scf::ParallelOp op) { all.push_back(op); });
    for (scf::ParallelOp op : all) {
      if (op->getNumResults() == 0 && !op->getParentOfType<scf::ParallelOp>()) {
        loops.push_back(op);
        continue;
      }
      rewriter.setInsertionPoint(op);
      if (failed(scf::parallelForToNestedFors(rewriter, op)))
        return op.emitError("cannot be made sequential");
    }
    return success();
  }

  Value indexConstant(OpBuilder &builder, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }

  LogicalResult outline(scf::ParallelOp loop) {
    loc = loop.getLoc();
    OpBuilder builder(loop);

    // How many iterations, in how many chunks of what size.
    SmallVector<Value> counts;
    Value total = indexConstant(builder, 1);
    for (auto [lower, upper, step] : llvm::zip(
             loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      Value span = arith::SubIOp::create(builder, loc, upper, lower);
      counts.push_back(arith::CeilDivSIOp::create(builder, loc, span, step));
      total = arith::MulIOp::create(builder, loc, total, counts.back());
    }
    auto [chunks, size] = chunk(builder, loop, total);

    // What the body needs. Constants are made again inside.
    SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    SmallVector<Value> captured = {total, size};
    SmallVector<Operation *> constants;
    auto capture = [&](Value value) {
      Operation *def = value.getDefiningOp();
      if (def && def->hasTrait<OpTrait::ConstantLike>()) {
        if (!llvm::is_contained(constants, def))
          constants.push_back(def);
      } else if (value != context && !llvm::is_contained(captured, value)) {
        captured.push_back(value);
      }
    };
    for (Value value : used)
      capture(value);
    for (auto values : {ValueRange(counts), ValueRange(loop.getLowerBound()),
                        ValueRange(loop.getStep())})
      for (Value value : values)
        capture(value);

    SmallVector<Type> fields;
    for (Value value : captured) {
      fields.push_back(converter.convertType(value.getType()));
      if (!fields.back())
        return loop.emitError("uses a value of type ")
               << value.getType() << ", which cannot be passed to its body";
    }
    auto record = LLVM::LLVMStructType::getLiteral(builder.getContext(), fields);
    captureBytes = std::max<int64_t>(captureBytes, layout.getTypeSize(record));
    func::FuncOp body = makeBody(loop, record, captured, constants, counts);

    for (auto [i, value] : llvm::enumerate(captured)) {
      Value lowered = value;
      if (fields[i] != value.getType())
        lowered = UnrealizedConversionCastOp::create(builder, loc, fields[i],
                                                     value)
                      .getResult(0);
      LLVM::StoreOp::create(builder, loc, lowered,
                            field(builder, record, captures, i));
    }
    call(builder, body, chunks);
    loop.erase();
    return success();
  }

  /// The number of chunks and the iterations of each.
  std::pair<Value, Value> chunk(OpBuilder &builder, scf::ParallelOp loop,
                                Value total) {
    Value one = indexConstant(builder, 1);
    auto cost = loop->getAttrOfType<IntegerAttr>(kCostAttr);
    if (!cost)
      return {total, one};
    int64_t least = std::max<int64_t>(1, grain / std::max<int64_t>(1, cost.getInt()));
    Value threads = loadContextField(builder, loc, context,
                                     builder.getI32Type(),
                                     offsetof(rung_context, threads));
    threads = arith::IndexCastUIOp::create(builder, loc, builder.getIndexType(),
                                           threads);
    Value most = arith::MulIOp::create(builder, loc, threads,
                                       indexConstant(builder, chunksPerThread));
    Value worth = arith::DivUIOp::create(builder, loc, total,
                                         indexConstant(builder, least));
    Value wanted = arith::MaxSIOp::create(
        builder, loc, arith::MinSIOp::create(builder, loc, worth, most), one);
    Value size = arith::CeilDivSIOp::create(builder, loc, total, wanted);
    size = arith::MaxSIOp::create(builder, loc, size, one);
    return {arith::CeilDivSIOp::create(builder, loc, total, size), size};
  }

  Value field(OpBuilder &builder, Type record, Value base, int32_t index) {
    return LLVM::GEPOp::create(builder, loc, pointer, record, base,
                               ArrayRef<LLVM::GEPArg>{0, index},
                               LLVM::GEPNoWrapFlags::inbounds);
  }

  func::FuncOp makeBody(scf::ParallelOp loop, LLVM::LLVMStructType record,
                        ArrayRef<Value> captured,
                        ArrayRef<Operation *> constants,
                        ArrayRef<Value> counts) {
    OpBuilder builder(function->getContext());
    builder.setInsertionPoint(function);
    auto type =
        builder.getFunctionType({pointer, pointer, builder.getI64Type()}, {});
    auto body = func::FuncOp::create(builder, loc, "body", type);
    body.setPrivate();
    body.setNoInline(true); // it is called for each layer
    Block *block = body.addEntryBlock();
    builder.setInsertionPointToStart(block);
    IRMapping mapping;
    mapping.map(context, block->getArgument(0));
    for (Operation *op : constants)
      builder.clone(*op, mapping);
    for (auto [i, value] : llvm::enumerate(captured)) {
      auto load = LLVM::LoadOp::create(
          builder, loc, record.getBody()[i],
          field(builder, record, block->getArgument(1), i));
      Value inside = load;
      if (inside.getType() != value.getType())
        inside = UnrealizedConversionCastOp::create(builder, loc,
                                                    value.getType(), inside)
                     .getResult(0);
      mapping.map(value, inside);
    }
    Value total = mapping.lookup(captured[0]), size = mapping.lookup(captured[1]);
    Value chunk = arith::IndexCastOp::create(
        builder, loc, builder.getIndexType(), block->getArgument(2));
    Value begin = arith::MulIOp::create(builder, loc, chunk, size);
    Value end = arith::MinSIOp::create(
        builder, loc, arith::AddIOp::create(builder, loc, begin, size), total);
    Value one = indexConstant(builder, 1);
    auto forOp = scf::ForOp::create(builder, loc, begin, end, one);
    builder.setInsertionPointToEnd(block);
    func::ReturnOp::create(builder, loc);

    // Split the linear number of the iteration into the loops' own.
    builder.setInsertionPointToStart(forOp.getBody());
    Value rest = forOp.getInductionVar();
    for (int64_t dim = counts.size() - 1; dim >= 0; --dim) {
      Value position = rest;
      if (dim != 0) {
        Value count = mapping.lookup(counts[dim]);
        position = arith::RemUIOp::create(builder, loc, rest, count);
        rest = arith::DivUIOp::create(builder, loc, rest, count);
      }
      position = arith::MulIOp::create(
          builder, loc, position, mapping.lookup(loop.getStep()[dim]));
      position = arith::AddIOp::create(
          builder, loc, position, mapping.lookup(loop.getLowerBound()[dim]));
      mapping.map(loop.getInductionVars()[dim], position);
    }
    for (Operation &op : loop.getBody()->without_terminator())
      builder.clone(op, mapping);
    return unique(body);
  }

  /// An equal function that exists already, or `body` under a name of its own.
  func::FuncOp unique(func::FuncOp body) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    body.print(stream, OpPrintingFlags().useLocalScope());
    auto [it, isNew] = known.try_emplace(text, body);
    if (!isNew) {
      body.erase();
      return it->second;
    }
    body.setName((function.getName() + ".parallel." + Twine(number++)).str());
    return body;
  }

  void call(OpBuilder &builder, func::FuncOp body, Value chunks) {
    Value one = indexConstant(builder, 1);
    Value isParallel = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, chunks, one);
    auto branch = scf::IfOp::create(builder, loc, isParallel,
                                    /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(branch.thenBlock());
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, parallel_for));
    Value address = func::ConstantOp::create(
        builder, loc, body.getFunctionType(), body.getName());
    address = UnrealizedConversionCastOp::create(builder, loc, pointer, address)
                  .getResult(0);
    Value count = arith::IndexCastOp::create(builder, loc,
                                             builder.getI64Type(), chunks);
    auto signature = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(builder.getContext()),
        {pointer, builder.getI64Type(), pointer, pointer});
    LLVM::CallOp::create(builder, loc, signature,
                         ValueRange{callee, context, count, address, captures});
    builder.setInsertionPointToStart(branch.elseBlock());
    Value zero = arith::ConstantIntOp::create(builder, loc, 0, 64);
    func::CallOp::create(builder, loc, body,
                         ValueRange{context, captures, zero});
  }

  func::FuncOp function;
  int64_t grain, chunksPerThread;
  llvm::StringMap<func::FuncOp> &known;
  LLVMTypeConverter converter;
  DataLayout layout;
  Type pointer;
  Location loc = function.getLoc();
  Value context, captures;
  int64_t captureBytes = 0;
  unsigned number = 0;
};

struct OutlineParallel : impl::RungOutlineParallelBase<OutlineParallel> {
  using Base::Base;
  void runOnOperation() override {
    llvm::StringMap<func::FuncOp> known;
    SmallVector<func::FuncOp> functions(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp function : functions)
      if (!function.isDeclaration() &&
          failed(Outliner(function, grain, chunksPerThread, known).run()))
        return signalPassFailure();
  }
};

} // namespace
} // namespace rung
