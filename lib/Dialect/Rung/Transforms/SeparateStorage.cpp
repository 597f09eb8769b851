//===- SeparateStorage.cpp - rung-separate-storage -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tensors in number formats become tensors of builtin words: weights of a
// matmul in the packed order of its kernels, their scales and zero points in
// lane order, everything else in canonical storage. Operations keep what the
// words stand for in `storage`. Arguments that arrive packed get a function
// that packs them from canonical storage.
//
//===----------------------------------------------------------------------===//

#include "MatmulTiles.h"
#include "MoveCodes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Rung/Transforms/Passes.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "rung/Layout/PackedLayout.h"
#include "rung/Target/Device.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace rung {
#define GEN_PASS_DEF_RUNGSEPARATESTORAGE
#include "rung/Dialect/Rung/Transforms/Passes.h.inc"
} // namespace rung

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Which storage a value has
//===----------------------------------------------------------------------===//

namespace {
/// The storage of every value that changes its type, or that an operation with
/// `storage` uses.
class StoragePlan {
public:
  StoragePlan(ModuleOp module, DeviceAttr device)
      : device(device), lanes(device.getInt("lanes", 16)) {
    module.walk([&](func::CallOp op) { called.insert(op.getCallee()); });
    module.walk([&](MatmulOp op) { planMatmul(op); });
    for (const auto &[value, storages] : wanted)
      provide(value, storages);
  }
  /// True if what is to be packed has a dynamic shape.
  bool isRefused() const { return hasDynamic; }

  /// The order that was asked for `value`, or canonical storage.
  StorageAttr lookup(Value value) const {
    if (const auto *it = packed.find(value); it != packed.end())
      return it->second;
    auto type = cast<ShapedType>(value.getType());
    return StorageAttr::get(type.getElementType(), type.getShape());
  }

private:
  using Wanted = llvm::MapVector<StorageAttr, SmallVector<OpOperand *>>;

  /// Weights come packed where someone else packs them: from an entry's
  /// caller, or when the bundle is written. Others are packed at run time.
  bool isPackedBefore(Value value) const {
    if (!llvm::all_of(value.getUsers(), [](Operation *user) {
          return isa<MatmulOp, GatherOp, ElementwiseOp>(user);
        }))
      return false;
    if (value.getDefiningOp<ParameterOp>())
      return true;
    auto argument = dyn_cast<BlockArgument>(value);
    auto entry =
        argument ? dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp())
                 : nullptr;
    return entry && entry.isPublic() && !called.contains(entry.getName());
  }

  const BitOrder &orderOf(Type format, Type compute) {
    auto it = orders.find({format, compute});
    if (it == orders.end())
      it = orders
               .try_emplace({format, compute},
                            tile::chooseWeightOrder(format, compute, device))
               .first;
    return it->second;
  }

  /// Operand A of the matrix instruction in loads of 16 bytes, or lanes that
  /// are rows.
  PackedLayout layoutOf(MatmulOp op, Type format) {
    constexpr unsigned loadBytes = 16;
    const BitOrder &order = orderOf(format, op.getCompute().value_or(format));
    if (op.getCompute())
      if (std::optional<MatrixTile> tile = chooseMatrixTile(op, device))
        return cantFail(deriveWeightLayout(tile->map, order, loadBytes));
    return PackedLayout::cpu(order, lanes);
  }

  void planMatmul(MatmulOp op) {
    if (!hasStaticShape(op.getWeightMutable()))
      return;
    auto weight = cast<RankedTensorType>(op.getWeight().getType());
    std::string layout = layoutOf(op, weight.getElementType()).str();
    plan(op.getWeightMutable(),
         StorageAttr::get(op.getContext(), weight.getElementType(),
                          weight.getShape(), StorageKind::Words, layout, 1));
    planScale(op, op.getScaleMutable(), op.getBlock());
    planScale(op, op.getSecondScaleMutable(), op.getSecondBlock());
    planScale(op, op.getZeroPointMutable(), op.getBlock());
  }

  void planScale(MatmulOp op, MutableOperandRange range,
                 std::optional<ArrayRef<int64_t>> block) {
    if (range.empty())
      return;
    auto type = cast<RankedTensorType>(range[0].get().getType());
    if (type.getRank() != 2 || !hasStaticShape(range[0]))
      return;
    std::string error;
    int64_t rowsPerBlock =
        (*blockShape(cast<ShapedType>(op.getWeight().getType()).getShape(),
                     type.getShape(), block, error))[0];
    plan(range[0], StorageAttr::get(op.getContext(), type.getElementType(),
                                    type.getShape(), StorageKind::Lanes, "",
                                    rowsPerBlock));
  }

  /// Says so where what is to be packed has a dynamic shape.
  bool hasStaticShape(OpOperand &operand) {
    auto type = cast<ShapedType>(operand.get().getType());
    if (type.hasStaticShape())
      return true;
    operand.getOwner()->emitOpError()
        << "operand " << operand.getOperandNumber() << " is " << type
        << ", but packed weights, scales and zero points have static shapes; "
           "contract it as a dequantized tensor";
    hasDynamic = true;
    return false;
  }

  /// Asks for this storage of the operand.
  void plan(OpOperand &operand, StorageAttr storage) {
    wanted[operand.get()][storage].push_back(&operand);
  }

  /// Gives the users of `value` the storages that they ask for: its own, where
  /// someone else packs it and all agree; that of a parameter of the same name;
  /// or that of a rung.pack.
  void provide(Value value, const Wanted &storages) {
    bool isBefore = isPackedBefore(value);
    auto parameter = value.getDefiningOp<ParameterOp>();
    if (isBefore && (parameter || storages.size() == 1))
      packed.try_emplace(value, storages.front().first);
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    for (const auto &[storage, operands] : storages) {
      if (lookup(value) == storage)
        continue;
      Value copy = value;
      if (isBefore && parameter)
        copy = cast<ParameterOp>(builder.clone(*parameter)).getResult();
      else
        copy = PackOp::create(builder, operands.front()->getOwner()->getLoc(),
                              value.getType(), value, storage);
      packed.try_emplace(copy, storage);
      for (OpOperand *operand : operands)
        operand->set(copy);
    }
  }

  DeviceAttr device;
  int64_t lanes;
  /// Functions whose arguments come from calls.
  llvm::StringSet<> called;
  /// The storages that kernels ask for, and the operands that do.
  llvm::MapVector<Value, Wanted> wanted;
  bool hasDynamic = false;
  llvm::MapVector<Value, StorageAttr> packed;
  llvm::DenseMap<std::pair<Type, Type>, BitOrder> orders;
};

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

struct SeparateStorage final
    : rung::impl::RungSeparateStorageBase<SeparateStorage> {
  void runOnOperation() override;
};
} // namespace

/// True of a tensor of conditions that only upstream operations see: they keep
/// a byte for each. Elsewhere i1 is the integer format of one bit.
static bool isCondition(Value value) {
  if (!getElementTypeOrSelf(value).isInteger(1))
    return false;
  Operation *source = value.getDefiningOp();
  if (!source)
    source = value.getParentBlock()->getParentOp();
  return !isOurs(source) && llvm::none_of(value.getUsers(), isOurs);
}

/// Gives conditions a tensor.empty of their own, not one that codes in i1 have,
/// too.
static void splitEmptyTensors(ModuleOp module) {
  module.walk([](tensor::EmptyOp empty) {
    if (!empty.getType().getElementType().isInteger(1) ||
        llvm::none_of(empty->getUsers(), isOurs) ||
        llvm::all_of(empty->getUsers(), isOurs))
      return;
    Operation *copy = OpBuilder(empty).clone(*empty);
    empty.getResult().replaceUsesWithIf(copy->getResult(0), [](OpOperand &use) {
      return isOurs(use.getOwner());
    });
  });
}

/// A function `pack` from canonical storage to `storage`.
static void createPackFunction(func::FuncOp entry, StringRef name,
                               StringAttr argumentName, StorageAttr storage) {
  OpBuilder builder(entry->getContext());
  builder.setInsertionPointAfter(entry);
  RankedTensorType canonical =
      StorageAttr::get(storage.getFormat(), storage.getShape())
          .getStorageType();
  auto function = func::FuncOp::create(
      builder, entry.getLoc(), name,
      builder.getFunctionType({canonical}, {storage.getStorageType()}));
  function.setArgAttr(0, RungDialect::kNameAttrName, argumentName);
  function->setAttr(RungDialect::kPackerAttrName, builder.getUnitAttr());
  function.setResultAttr(0, RungDialect::kNameAttrName,
                         builder.getStringAttr("packed"));
  Block *body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  Value packed =
      PackOp::create(builder, entry.getLoc(), storage.getStorageType(),
                     body->getArgument(0), storage);
  func::ReturnOp::create(builder, entry.getLoc(), packed);
}

/// Arguments of `function` take their storage types.
static void separateArguments(func::FuncOp function, const StoragePlan &plan) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !numberFormatOf(type.getElementType()))
      continue;
    StorageAttr storage = plan.lookup(argument);
    if (storage.isIdentity())
      continue;
    unsigned number = argument.getArgNumber();
    function.setArgAttr(number, RungDialect::kStorageAttrName, storage);
    if (storage.getKind() != StorageKind::Canonical && function.isPublic()) {
      auto name = function.getArgAttrOfType<StringAttr>(
          number, RungDialect::kNameAttrName);
      if (!name)
        name = StringAttr::get(function.getContext(), "arg" + Twine(number));
      std::string packName =
          (function.getName() + ".pack." + name.getValue()).str();
      createPackFunction(function, packName, name, storage);
      function.setArgAttr(
          number, RungDialect::kPackAttrName,
          FlatSymbolRefAttr::get(function.getContext(), packName));
    }
    argument.setType(storage.getStorageType());
  }
}

/// The type of `function` becomes that of its arguments, which are separated,
/// and the storage types of its results; of a declaration both.
static void separateSignature(func::FuncOp function) {
  auto separate = [](Type type, llvm::function_ref<void(StorageAttr)> note) {
    if (!needsStorage(type))
      return type;
    auto tensor = cast<RankedTensorType>(type);
    auto storage = StorageAttr::get(tensor.getElementType(), tensor.getShape());
    note(storage);
    return Type(storage.getStorageType());
  };
  SmallVector<Type> arguments(function.getArgumentTypes()),
      results(function.getResultTypes());
  if (function.isExternal())
    for (unsigned i = 0; i != arguments.size(); ++i)
      arguments[i] = separate(arguments[i], [&](StorageAttr storage) {
        function.setArgAttr(i, RungDialect::kStorageAttrName, storage);
      });
  else
    arguments = llvm::to_vector(function.getBody().getArgumentTypes());
  for (unsigned i = 0; i != results.size(); ++i)
    results[i] = separate(results[i], [&](StorageAttr storage) {
      function.setResultAttr(i, RungDialect::kStorageAttrName, storage);
    });
  function.setFunctionType(
      FunctionType::get(function->getContext(), arguments, results));
}

/// A constant becomes its bytes in canonical storage, which are returned.
static Value separateConstant(ConstantOp op) {
  OpBuilder builder(op);
  Value constant = arith::ConstantOp::create(
      builder, op.getLoc(), op.getValue().getCanonicalStorage());
  op.replaceAllUsesWith(constant);
  op.erase();
  return constant;
}

/// Rewrites one operation, whose operands may have their storage types already;
/// `storageOf` gives the storage that a value had been given before that;
/// `movable` are the operations that can move bytes instead of elements.
static LogicalResult
separateOperation(Operation *op, llvm::DenseMap<Value, StorageAttr> &storageOf,
                  const llvm::DenseSet<Operation *> &movable) {
  auto storages = [&]() {
    return ArrayAttr::get(
        op->getContext(),
        llvm::map_to_vector(op->getOperands(), [&](Value operand) -> Attribute {
          return storageOf.lookup(operand);
        }));
  };
  auto takeTypeOfInit = [&](auto destination) {
    destination.setStorageAttr(storages());
    for (OpResult result : op->getResults())
      result.setType(destination.getInit().getType());
    return success();
  };
  auto setCanonical = [&](Value result) {
    if (StorageAttr storage = storageOf.lookup(result))
      result.setType(storage.getStorageType());
  };

  return TypeSwitch<Operation *, LogicalResult>(op)
      .Case<MatmulOp, ElementwiseOp, GatherOp>(takeTypeOfInit)
      .Case([&](ParameterOp parameter) {
        StorageAttr storage = storageOf.lookup(parameter.getResult());
        parameter.setStorageAttr(storage);
        parameter.getResult().setType(storage.getStorageType());
        return success();
      })
      .Case([&](ConstantOp constant) {
        StorageAttr storage = storageOf.lookup(constant.getResult());
        storageOf[separateConstant(constant)] = storage;
        return success();
      })
      .Case([&](PackOp pack) {
        pack.getResult().setType(pack.getStorage().getStorageType());
        return success();
      })
      .Case([&](tensor::EmptyOp empty) {
        setCanonical(empty.getResult());
        return success();
      })
      .Case<func::ReturnOp, func::CallOp>([&](Operation *other) {
        llvm::for_each(other->getResults(), setCanonical);
        return success();
      })
      .Default([&](Operation *other) -> LogicalResult {
        if (movable.contains(other)) {
          moveBytes(other);
          return success();
        }
        // Of canonical storage only the last dimension has another size, that
        // of codes of less than a byte.
        if (auto dim = dyn_cast<tensor::DimOp>(other)) {
          StorageAttr storage = storageOf.lookup(dim.getSource());
          std::optional<int64_t> index = dim.getConstantIndex();
          if (!storage ||
              storage.getStorageType().getShape() == storage.getShape() ||
              (index && *index + 1 < int64_t(storage.getShape().size())))
            return success();
        }
        auto isChanged = [&](Value value) {
          StorageAttr storage = storageOf.lookup(value);
          return storage && !storage.isIdentity();
        };
        SmallVector<Value> values(other->getOperands());
        llvm::append_range(values, other->getResults());
        for (Value value : values)
          if (isChanged(value))
            return other->emitOpError()
                   << "works on " << storageOf.lookup(value).getLogicalType()
                   << ", which has no storage of its own here; convert it to a "
                      "builtin "
                      "type of at least 8 bits first (rung.convert, "
                      "rung.dequantize)";
        return success();
      });
}

/// Calls `check` with every type that a value or a signature of `module` has,
/// the operation that has it and what it is of it, until one fails.
static LogicalResult
checkTypes(ModuleOp module,
           function_ref<LogicalResult(Operation *, StringRef, Type)> check) {
  WalkResult result = module.walk([&](Operation *op) {
    auto checkAll = [&](StringRef what, TypeRange types) {
      return success(llvm::all_of(
          types, [&](Type type) { return succeeded(check(op, what, type)); }));
    };
    if (failed(checkAll("result", op->getResultTypes())))
      return WalkResult::interrupt();
    for (Region &region : op->getRegions())
      for (Block &block : region)
        if (failed(checkAll("block argument", block.getArgumentTypes())))
          return WalkResult::interrupt();
    if (auto function = dyn_cast<func::FuncOp>(op))
      if (failed(checkAll("argument", function.getArgumentTypes())) ||
          failed(checkAll("result", function.getResultTypes())))
        return WalkResult::interrupt();
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

/// Refuses operations that have their storage already.
static LogicalResult verifyNotSeparated(ModuleOp module) {
  WalkResult result = module.walk([](Operation *op) {
    auto isMemory = [](Type type) { return isa<MemRefType>(type); };
    if (!isa<MatmulOp, ElementwiseOp, GatherOp, ParameterOp>(op) ||
        (!op->hasAttr("storage") &&
         llvm::none_of(op->getOperandTypes(), isMemory) &&
         llvm::none_of(op->getResultTypes(), isMemory)))
      return WalkResult::advance();
    op->emitOpError("has its storage already; this pass comes once, before "
                    "bufferization");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

/// Refuses rows of codes whose number the bytes would not tell.
static LogicalResult verifyStaticRows(Operation *op, StringRef what,
                                      Type type) {
  if (!needsStorage(type))
    return success();
  auto tensor = cast<RankedTensorType>(type);
  if (tensor.getElementType().isInteger(1) && !isOurs(op))
    return success(); // conditions
  if (tensor.getRank() == 0 || !tensor.isDynamicDim(tensor.getRank() - 1) ||
      numberFormatOf(tensor.getElementType())->bits() >= 8)
    return success();
  return op->emitOpError()
         << "has the " << what << " " << type
         << ", whose last dimension is dynamic; rows of codes of less than 8 "
            "bits are padded to whole bytes, which do not tell how many they "
            "are: give it a static last dimension, or elements of 8 bits";
}

/// Refuses what LLVM would silently miscompile: elements of less than a byte in
/// tensors or memrefs.
static LogicalResult verifyNoSubByte(Operation *op, StringRef what, Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!isa<RankedTensorType, MemRefType>(type) || element.isInteger(1) ||
      !needsStorage(RankedTensorType::get({}, element)))
    return success();
  return op->emitOpError() << "has the " << what << " " << type
                           << ", whose elements have no storage of their own";
}

void SeparateStorage::runOnOperation() {
  ModuleOp module = getOperation();
  if (failed(verifyNotSeparated(module)) ||
      failed(checkTypes(module, verifyStaticRows)) ||
      failed(verifyAllAddressable(module)))
    return signalPassFailure();
  splitEmptyTensors(module);
  StoragePlan plan(module, getDevice(module));
  if (plan.isRefused())
    return signalPassFailure();

  llvm::DenseMap<Value, StorageAttr> storageOf;
  auto remember = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (type &&
        (numberFormatOf(type.getElementType()) ||
         type.getElementType().isSignlessInteger(64)) &&
        !isCondition(value))
      storageOf[value] = plan.lookup(value);
  };
  llvm::DenseSet<Operation *> movable;
  module.walk([&](Operation *op) {
    if (canMoveBytes(op))
      movable.insert(op);
    llvm::for_each(op->getResults(), remember);
    for (Region &region : op->getRegions())
      for (Block &block : region)
        llvm::for_each(block.getArguments(), remember);
  });

  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  for (func::FuncOp function : functions)
    separateArguments(function, plan);
  // Arguments of regions change before what is inside.
  WalkResult walked = module.walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (isa<ModuleOp, func::FuncOp>(op))
      return WalkResult::advance();
    bool isLeaf = op->getNumRegions() == 0;
    if (failed(separateOperation(op, storageOf, movable)))
      return WalkResult::interrupt();
    return isLeaf ? WalkResult::skip() : WalkResult::advance();
  });
  if (walked.wasInterrupted())
    return signalPassFailure();

  for (func::FuncOp function : functions)
    separateSignature(function);
  if (failed(checkTypes(module, verifyNoSubByte)))
    signalPassFailure();
}
