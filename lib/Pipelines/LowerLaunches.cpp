//===- LowerLaunches.cpp - Kernel launches through the context ------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "ContextABI.h"
#include "rung/Pipelines/EntrySignature.h"
#include "rung/Pipelines/Passes.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace rung {
#define GEN_PASS_DEF_RUNGLOWERLAUNCHES
#include "rung/Pipelines/Passes.h.inc"

namespace {

/// `name` in letters that PTX and ELF take as they are.
std::string plainName(StringRef name) {
  std::string plain = name.str();
  for (char &c : plain)
    if (!llvm::isAlnum(c))
      c = '_';
  return llvm::isDigit(plain.front()) ? "_" + plain : plain;
}

/// All kernels of a module, in one gpu.module.
class Kernels {
public:
  explicit Kernels(ModuleOp module) : module(module) {}

  /// Takes over the kernel of `from`, which has it alone. Returns its number,
  /// that of an equal one if there is one already.
  uint32_t add(gpu::GPUModuleOp from) {
    auto kernel = *from.getOps<gpu::GPUFuncOp>().begin();
    bool isAlone = llvm::hasSingleElement(from.getOps<SymbolOpInterface>());
    if (isAlone)
      for (auto [number, other] : llvm::enumerate(kernels))
        if (areEqual(kernel, other))
          return number;
    if (!table) {
      OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
      target = gpu::GPUModuleOp::create(builder, module.getLoc(), "kernels");
      table.emplace(target);
    }
    std::string name = plainName(from.getName());
    // What the kernel uses comes along. All get their names first, since a
    // use is found only as long as it lies beside what it names.
    for (auto symbol : from.getOps<SymbolOpInterface>()) {
      StringAttr old = symbol.getNameAttr();
      StringRef wanted = symbol == kernel ? StringRef(name) : old.getValue();
      auto isTaken = [&](StringRef fresh) {
        Operation *other = from.lookupSymbol(fresh);
        return table->lookup(fresh) || (other && other != symbol);
      };
      std::string fresh = wanted.str();
      for (unsigned i = 0; isTaken(fresh); ++i)
        fresh = (wanted + "_" + Twine(i)).str();
      if (fresh == old.getValue())
        continue;
      (void)SymbolTable::replaceAllSymbolUses(
          old, StringAttr::get(module.getContext(), fresh), from);
      symbol.setName(fresh);
    }
    for (auto symbol :
         llvm::make_early_inc_range(from.getOps<SymbolOpInterface>())) {
      symbol->remove();
      table->insert(symbol);
    }
    kernels.push_back(kernel);
    return kernels.size() - 1;
  }

  ArrayRef<gpu::GPUFuncOp> list() const { return kernels; }

private:
  /// Whether two kernels differ in their names at most.
  static bool areEqual(gpu::GPUFuncOp a, gpu::GPUFuncOp b) {
    auto attributes = [](gpu::GPUFuncOp kernel) {
      NamedAttrList list(kernel->getAttrDictionary());
      list.erase(SymbolTable::getSymbolAttrName());
      return list.getDictionary(kernel.getContext());
    };
    return attributes(a) == attributes(b) &&
           OperationEquivalence::isRegionEquivalentTo(
               &a.getBody(), &b.getBody(),
               OperationEquivalence::IgnoreLocations);
  }

  ModuleOp module;
  gpu::GPUModuleOp target;
  std::optional<SymbolTable> table;
  SmallVector<gpu::GPUFuncOp> kernels;
};

class Lowering {
public:
  Lowering(MLIRContext *context, const LLVMTypeConverter &converter)
      : converter(converter), pointer(LLVM::LLVMPointerType::get(context)) {}

  LogicalResult lower(gpu::LaunchFuncOp op, uint32_t kernel) {
    if (op.hasClusterSize() || !op.getAsyncDependencies().empty() ||
        op.getAsyncToken() || op.getAsyncObject())
      return op.emitError("a launch has a grid, blocks, and dynamic shared "
                          "memory; clusters and asynchronous launches are not "
                          "lowered");
    auto function = op->getParentOfType<func::FuncOp>();
    Value context = contextOf(function, op);
    if (!context)
      return failure();
    OpBuilder builder(op);
    Location loc = op.getLoc();
    SmallVector<Value> parameters;
    for (Value operand : op.getKernelOperands())
      addParameters(builder, loc, operand, parameters);
    Value grid = sizes(
        builder, op, {op.getGridSizeX(), op.getGridSizeY(), op.getGridSizeZ()});
    Value block =
        sizes(builder, op,
              {op.getBlockSizeX(), op.getBlockSizeY(), op.getBlockSizeZ()});
    SmallVector<Value> slots = store(builder, op, parameters);
    Value arguments = array(builder, op, slots);
    auto number = [&](uint32_t value) -> Value {
      return LLVM::ConstantOp::create(builder, loc, builder.getI32Type(),
                                      int64_t(value));
    };
    Value shared = op.getDynamicSharedMemorySize();
    if (!shared)
      shared = number(0);
    Value callee = loadContextField(builder, loc, context, pointer,
                                    offsetof(rung_context, launch));
    Type i32 = builder.getI32Type();
    auto signature = LLVM::LLVMFunctionType::get(
        LLVM::LLVMVoidType::get(builder.getContext()),
        {pointer, i32, pointer, pointer, i32, pointer, i32});
    LLVM::CallOp::create(builder, loc, signature,
                         ValueRange{callee, context, number(kernel), grid,
                                    block, shared, arguments,
                                    number(slots.size())});
    op.erase();
    return success();
  }

private:
  /// The parameters that an operand becomes, as EntryABI.h says.
  void addParameters(OpBuilder &builder, Location loc, Value operand,
                     SmallVectorImpl<Value> &parameters) {
    if (auto type = dyn_cast<MemRefType>(operand.getType())) {
      Value descriptor = UnrealizedConversionCastOp::create(
                             builder, loc, converter.convertType(type), operand)
                             .getResult(0);
      MemRefDescriptor::unpack(builder, loc, descriptor, type, parameters);
      return;
    }
    if (operand.getType().isIndex())
      operand = arith::IndexCastOp::create(builder, loc, builder.getI64Type(),
                                           operand);
    parameters.push_back(operand);
  }

  /// Space on the stack of the function around `op`.
  Value allocate(gpu::LaunchFuncOp op, Type type) {
    auto function = op->getParentOfType<func::FuncOp>();
    OpBuilder builder = OpBuilder::atBlockBegin(&function.getBody().front());
    Value one =
        LLVM::ConstantOp::create(builder, op.getLoc(), builder.getI64Type(), 1);
    return LLVM::AllocaOp::create(builder, op.getLoc(), pointer, type, one);
  }

  /// Stores the values side by side and returns where.
  SmallVector<Value> store(OpBuilder &builder, gpu::LaunchFuncOp op,
                           ValueRange values) {
    SmallVector<Type> types(values.getTypes());
    auto type = LLVM::LLVMStructType::getLiteral(builder.getContext(), types);
    SmallVector<Value> slots;
    if (values.empty())
      return slots;
    Value memory = allocate(op, type);
    for (auto [i, value] : llvm::enumerate(values)) {
      slots.push_back(LLVM::GEPOp::create(
          builder, op.getLoc(), pointer, type, memory,
          ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)},
          LLVM::GEPNoWrapFlags::inbounds));
      LLVM::StoreOp::create(builder, op.getLoc(), value, slots.back());
    }
    return slots;
  }

  /// The address of an array of these values, of one type.
  Value array(OpBuilder &builder, gpu::LaunchFuncOp op, ValueRange values) {
    if (values.empty())
      return LLVM::ZeroOp::create(builder, op.getLoc(), pointer);
    return store(builder, op, values).front();
  }

  /// An array of 32-bit sizes; a larger one becomes the largest, which no
  /// device takes.
  Value sizes(OpBuilder &builder, gpu::LaunchFuncOp op,
              std::initializer_list<Value> values) {
    Location loc = op.getLoc();
    SmallVector<Value> narrow;
    for (Value value : values) {
      Type i32 = builder.getI32Type();
      if (value.getType() != i32) {
        Value wide = value.getType().isIndex()
                         ? arith::IndexCastOp::create(
                               builder, loc, builder.getI64Type(), value)
                               .getResult()
                         : value;
        Value most = arith::ConstantIntOp::create(builder, loc, UINT32_MAX, 64);
        wide = arith::MinUIOp::create(builder, loc, wide, most);
        value = arith::TruncIOp::create(builder, loc, i32, wide);
      }
      narrow.push_back(value);
    }
    return array(builder, op, narrow);
  }

  const LLVMTypeConverter &converter;
  Type pointer;
};

struct LowerLaunches : impl::RungLowerLaunchesBase<LowerLaunches> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<gpu::GPUModuleOp> modules(module.getOps<gpu::GPUModuleOp>());
    Kernels kernels(module);
    llvm::StringMap<uint32_t> numbers;
    for (gpu::GPUModuleOp from : modules) {
      if (!llvm::hasSingleElement(from.getOps<gpu::GPUFuncOp>())) {
        from.emitError("expected one kernel in each gpu.module, as "
                       "gpu-kernel-outlining leaves it");
        return signalPassFailure();
      }
      numbers[from.getName()] = kernels.add(from);
    }
    LLVMTypeConverter converter(&getContext());
    Lowering lowering(&getContext(), converter);
    WalkResult result = module.walk([&](gpu::LaunchFuncOp op) -> WalkResult {
      return lowering.lower(op, numbers.lookup(op.getKernelModuleName()));
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    for (gpu::GPUModuleOp from : modules)
      from.erase();
    module->removeAttr(gpu::GPUDialect::getContainerModuleAttrName());
    if (kernels.list().empty())
      return;
    Builder builder(&getContext());
    module->setAttr(kKernelsAttr,
                    builder.getArrayAttr(llvm::map_to_vector(
                        kernels.list(), [](gpu::GPUFuncOp kernel) -> Attribute {
                          return kernel.getNameAttr();
                        })));
  }
};

} // namespace
} // namespace rung
