//===- OutlineParallel.cpp - Parallel loops as functions ------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "ContextABI.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
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

constexpr StringLiteral kLauncherName = "rung.launch";

/// Values on their way through the struct of captures. A memref goes as a
/// pointer to its first element and the sizes and strides that its type does
/// not know, so that the body does not depend on where in a larger buffer it
/// lies.
class Captures {
public:
  Captures(OpBuilder &builder, Location loc, const LLVMTypeConverter &converter)
      : builder(builder), loc(loc), converter(converter) {}

  void addScalar(Value value) {
    if (value.getType().isIndex())
      value =
          arith::IndexCastOp::create(builder, loc, builder.getI64Type(), value);
    values.push_back(value);
  }

  LogicalResult add(Value value, scf::ParallelOp loop) {
    Item item{value, value.getType(), values.size()};
    if (auto type = dyn_cast<MemRefType>(value.getType())) {
      SmallVector<int64_t> strides;
      int64_t offset;
      if (failed(type.getStridesAndOffset(strides, offset)))
        return loop.emitError("uses a memref without strides: ") << type;
      // Only loads and stores do not care that the offset became 0.
      bool keepsType = !ShapedType::isDynamic(offset) && offset != 0 &&
                       llvm::any_of(value.getUsers(), [&](Operation *user) {
                         return loop->isAncestor(user) &&
                                !isa<memref::LoadOp, memref::StoreOp>(user);
                       });
      addMemRef(value, type, strides, keepsType ? 0 : offset);
      if (!type.getLayout().isIdentity() && !keepsType)
        item.type = MemRefType::get(
            type.getShape(), type.getElementType(),
            StridedLayoutAttr::get(type.getContext(), 0, strides),
            type.getMemorySpace());
    } else if (Type lowered = converter.convertType(value.getType())) {
      if (value.getType().isIndex())
        addScalar(value);
      else
        values.push_back(lowered == value.getType()
                             ? value
                             : UnrealizedConversionCastOp::create(
                                   builder, loc, lowered, value)
                                   .getResult(0));
    } else {
      return loop.emitError("uses a value of type ")
             << value.getType() << ", which cannot be passed to its body";
    }
    items.push_back(item);
    return success();
  }

  /// In the body: maps every value to what it is there.
  void restore(OpBuilder &inside, ArrayRef<Value> loaded,
               IRMapping &mapping) const {
    for (const Item &item : items) {
      const Value *from = loaded.data() + item.first;
      if (auto type = dyn_cast<MemRefType>(item.type)) {
        Value memref = restoreMemRef(inside, type, from);
        // Users that fix the type of their operand get the one they had.
        if (type != item.value.getType()) {
          auto anywhere = cast<MemRefType>(item.value.getType());
          SmallVector<int64_t> strides;
          int64_t offset;
          (void)anywhere.getStridesAndOffset(strides, offset);
          if (offset == ShapedType::kDynamic)
            memref = memref::CastOp::create(inside, loc, anywhere, memref);
        }
        mapping.map(item.value, memref);
        continue;
      }
      Value value = *from;
      if (item.type.isIndex())
        value = arith::IndexCastOp::create(inside, loc, item.type, value);
      else if (value.getType() != item.type)
        value =
            UnrealizedConversionCastOp::create(inside, loc, item.type, value)
                .getResult(0);
      mapping.map(item.value, value);
    }
  }

  ArrayRef<Value> lowered() const { return values; }
  SmallVector<Type> types() const {
    return llvm::map_to_vector(values, [](Value v) { return v.getType(); });
  }

private:
  struct Item {
    Value value;
    Type type; // in the body
    size_t first;
  };

  void addMemRef(Value value, MemRefType type, ArrayRef<int64_t> strides,
                 int64_t offset) {
    Value address =
        memref::ExtractAlignedPointerAsIndexOp::create(builder, loc, value);
    address =
        arith::IndexCastOp::create(builder, loc, builder.getI64Type(), address);
    address = LLVM::IntToPtrOp::create(
        builder, loc, LLVM::LLVMPointerType::get(builder.getContext()),
        address);
    bool dynamicStrides = !type.getLayout().isIdentity() &&
                          llvm::is_contained(strides, ShapedType::kDynamic);
    memref::ExtractStridedMetadataOp metadata;
    if (offset == ShapedType::kDynamic || dynamicStrides)
      metadata = memref::ExtractStridedMetadataOp::create(builder, loc, value);
    if (offset != 0) {
      Value distance =
          offset == ShapedType::kDynamic
              ? metadata.getOffset()
              : Value(arith::ConstantIndexOp::create(builder, loc, offset));
      distance = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                            distance);
      address =
          LLVM::GEPOp::create(builder, loc, address.getType(),
                              converter.convertType(type.getElementType()),
                              address, ArrayRef<LLVM::GEPArg>{distance});
    }
    values.push_back(address);
    for (int64_t dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        addScalar(memref::DimOp::create(builder, loc, value, dim));
    if (dynamicStrides)
      for (auto [dim, stride] : llvm::enumerate(strides))
        if (stride == ShapedType::kDynamic)
          addScalar(metadata.getStrides()[dim]);
  }

  Value restoreMemRef(OpBuilder &inside, MemRefType type,
                      const Value *from) const {
    Type i64 = inside.getI64Type();
    auto known = [&](int64_t value) -> Value {
      return LLVM::ConstantOp::create(inside, loc, i64, value);
    };
    auto descriptor =
        MemRefDescriptor::poison(inside, loc, converter.convertType(type));
    descriptor.setAllocatedPtr(inside, loc, *from);
    descriptor.setAlignedPtr(inside, loc, *from++);
    SmallVector<int64_t> strides;
    int64_t offset;
    (void)type.getStridesAndOffset(strides, offset);
    descriptor.setOffset(inside, loc, known(offset));
    SmallVector<Value> sizes;
    for (int64_t dim = 0; dim < type.getRank(); ++dim) {
      sizes.push_back(type.isDynamicDim(dim) ? *from++
                                             : known(type.getDimSize(dim)));
      descriptor.setSize(inside, loc, dim, sizes.back());
    }
    Value product;
    for (int64_t dim = type.getRank() - 1; dim >= 0; --dim) {
      if (strides[dim] != ShapedType::kDynamic)
        descriptor.setStride(inside, loc, dim, known(strides[dim]));
      else if (type.getLayout().isIdentity())
        descriptor.setStride(inside, loc, dim, product);
      if (type.getLayout().isIdentity())
        product =
            product
                ? Value(LLVM::MulOp::create(inside, loc, product, sizes[dim]))
                : sizes[dim];
    }
    if (!type.getLayout().isIdentity())
      for (int64_t dim = 0; dim < type.getRank(); ++dim)
        if (strides[dim] == ShapedType::kDynamic)
          descriptor.setStride(inside, loc, dim, *from++);
    return UnrealizedConversionCastOp::create(inside, loc, type,
                                              Value(descriptor))
        .getResult(0);
  }

  OpBuilder &builder;
  Location loc;
  const LLVMTypeConverter &converter;
  SmallVector<Value> values;
  SmallVector<Item> items;
};

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
    SmallVector<Value> counts;
    Value total = indexConstant(builder, 1);
    for (auto [lower, upper, step] : llvm::zip(
             loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      Value span = builder.createOrFold<arith::SubIOp>(loc, upper, lower);
      counts.push_back(
          builder.createOrFold<arith::CeilDivSIOp>(loc, span, step));
      total = builder.createOrFold<arith::MulIOp>(loc, total, counts.back());
    }

    // What the body needs. Constants are made again inside.
    SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), used);
    for (auto values : {ValueRange(counts), ValueRange(loop.getLowerBound()),
                        ValueRange(loop.getStep())})
      used.insert(values.begin(), values.end());
    used.remove(context);
    Captures passed(builder, loc, converter);
    SmallVector<Operation *> constants;
    passed.addScalar(total);
    passed.addScalar(total); // the iterations of a chunk, for the helper
    for (Value value : used) {
      Operation *def = value.getDefiningOp();
      if (def && def->hasTrait<OpTrait::ConstantLike>()) {
        if (!llvm::is_contained(constants, def))
          constants.push_back(def);
      } else if (failed(passed.add(value, loop))) {
        return failure();
      }
    }
    auto record =
        LLVM::LLVMStructType::getLiteral(builder.getContext(), passed.types());
    captureBytes = std::max<int64_t>(captureBytes, layout.getTypeSize(record));
    func::FuncOp body = makeBody(loop, record, passed, constants, counts);
    for (auto [i, value] : llvm::enumerate(passed.lowered()))
      LLVM::StoreOp::create(builder, loc, value,
                            field(builder, record, captures, i));

    // One chunk for so many iterations; 0: one for each.
    int64_t least = 0;
    if (auto cost = loop->getAttrOfType<IntegerAttr>(kCostAttr))
      least = std::max<int64_t>(1, grain / std::max<int64_t>(1, cost.getInt()));
    Value address = func::ConstantOp::create(
        builder, loc, body.getFunctionType(), body.getName());
    address = UnrealizedConversionCastOp::create(builder, loc, pointer, address)
                  .getResult(0);
    Value worth = arith::ConstantIndexOp::create(builder, loc, least);
    func::CallOp::create(builder, loc, launcher(),
                         ValueRange{context, captures, total, worth, address});
    loop.erase();
    return success();
  }

  Value field(OpBuilder &builder, Type record, Value base, int32_t index) {
    return LLVM::GEPOp::create(builder, loc, pointer, record, base,
                               ArrayRef<LLVM::GEPArg>{0, index},
                               LLVM::GEPNoWrapFlags::inbounds);
  }

  func::FuncOp makeBody(scf::ParallelOp loop, LLVM::LLVMStructType record,
                        const Captures &passed, ArrayRef<Operation *> constants,
                        ArrayRef<Value> counts) {
    OpBuilder builder(function->getContext());
    builder.setInsertionPoint(function);
    auto type =
        builder.getFunctionType({pointer, pointer, builder.getI64Type()}, {});
    auto body = func::FuncOp::create(builder, loc, "body", type);
    body.setPrivate();
    keepOutOfLine(body);
    Block *block = body.addEntryBlock();
    builder.setInsertionPointToStart(block);
    IRMapping mapping;
    mapping.map(context, block->getArgument(0));
    for (Operation *op : constants)
      builder.clone(*op, mapping);
    SmallVector<Value> loaded;
    for (auto [i, type] : llvm::enumerate(record.getBody()))
      loaded.push_back(LLVM::LoadOp::create(
          builder, loc, type,
          field(builder, record, block->getArgument(1), i)));
    auto toIndex = [&](Value value) {
      return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                        value);
    };
    Value total = toIndex(loaded[0]), size = toIndex(loaded[1]);
    passed.restore(builder, loaded, mapping);
    Value begin = arith::MulIOp::create(builder, loc,
                                        toIndex(block->getArgument(2)), size);
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
      position = arith::MulIOp::create(builder, loc, position,
                                       mapping.lookup(loop.getStep()[dim]));
      position = arith::AddIOp::create(
          builder, loc, position, mapping.lookup(loop.getLowerBound()[dim]));
      mapping.map(loop.getInductionVars()[dim], position);
    }
    for (Operation &op : loop.getBody()->without_terminator())
      builder.clone(op, mapping);
    return unique(body);
  }

  /// Inlined into an entry, a body would be there once for each layer.
  static void keepOutOfLine(func::FuncOp function) {
    Builder builder(function.getContext());
    function->setAttr("passthrough", builder.getStrArrayAttr({"noinline"}));
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

  /// Divides the iterations into chunks and runs them; see Passes.td.
  func::FuncOp launcher() {
    auto module = function->getParentOfType<ModuleOp>();
    if (auto existing = module.lookupSymbol<func::FuncOp>(kLauncherName))
      return existing;
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    Type index = builder.getIndexType(), i64 = builder.getI64Type();
    auto result = func::FuncOp::create(
        builder, loc, kLauncherName,
        builder.getFunctionType({pointer, pointer, index, index, pointer}, {}));
    result.setPrivate();
    keepOutOfLine(result);
    Block *block = result.addEntryBlock();
    builder.setInsertionPointToStart(block);
    Value context = block->getArgument(0), record = block->getArgument(1),
          total = block->getArgument(2), least = block->getArgument(3),
          body = block->getArgument(4);
    Value zero = indexConstant(builder, 0), one = indexConstant(builder, 1);
    Value threads =
        loadContextField(builder, loc, context, builder.getI32Type(),
                         offsetof(rung_context, threads));
    threads = arith::IndexCastUIOp::create(builder, loc, index, threads);
    Value most = arith::MulIOp::create(builder, loc, threads,
                                       indexConstant(builder, chunksPerThread));
    Value hasCost = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::ne, least, zero);
    least = arith::MaxSIOp::create(builder, loc, least, one);
    Value worth = arith::DivUIOp::create(builder, loc, total, least);
    worth = arith::MinSIOp::create(builder, loc, worth, most);
    Value wanted = arith::SelectOp::create(builder, loc, hasCost, worth, total);
    wanted = arith::MaxSIOp::create(builder, loc, wanted, one);
    Value size = arith::CeilDivUIOp::create(builder, loc, total, wanted);
    size = arith::MaxSIOp::create(builder, loc, size, one);
    Value chunks = arith::CeilDivUIOp::create(builder, loc, total, size);
    auto toI64 = [&](Value value) {
      return arith::IndexCastOp::create(builder, loc, i64, value);
    };
    Value sizeField = LLVM::GEPOp::create(builder, loc, pointer, i64, record,
                                          ArrayRef<LLVM::GEPArg>{1},
                                          LLVM::GEPNoWrapFlags::inbounds);
    LLVM::StoreOp::create(builder, loc, toI64(size), sizeField);
    Value isParallel = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::sgt, chunks, one);
    auto branch = scf::IfOp::create(builder, loc, isParallel,
                                    /*withElseRegion=*/true);
    func::ReturnOp::create(builder, loc);
    Type none = LLVM::LLVMVoidType::get(builder.getContext());
    builder.setInsertionPointToStart(branch.thenBlock());
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, parallel_for));
    LLVM::CallOp::create(
        builder, loc,
        LLVM::LLVMFunctionType::get(none, {pointer, i64, pointer, pointer}),
        ValueRange{callee, context, toI64(chunks), body, record});
    builder.setInsertionPointToStart(branch.elseBlock());
    Value first = arith::ConstantIntOp::create(builder, loc, 0, 64);
    LLVM::CallOp::create(
        builder, loc,
        LLVM::LLVMFunctionType::get(none, {pointer, pointer, i64}),
        ValueRange{body, context, record, first});
    return result;
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
