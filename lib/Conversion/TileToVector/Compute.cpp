//===- Compute.cpp - tile.map, mma, reduce, relayout, splat -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace rung;
using tile::FragmentType;
using tile::LayoutAttr;

static FragmentType fragmentOf(Value value) {
  return cast<FragmentType>(value.getType());
}

LogicalResult KernelLowering::lowerSplat(tile::SplatOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr layout = op.getType().getLayout();
  Value vector = b.broadcast(op.getValue(), layout.getLanes());
  set(op.getResult(), SmallVector<Value>(layout.getRegisters(), vector));
  return success();
}

//===----------------------------------------------------------------------===//
// tile.map
//===----------------------------------------------------------------------===//

/// Clones the region of a map on vectors instead of scalars.
static LogicalResult cloneWide(KernelLowering &lowering, VectorBuilder &b,
                               tile::MapOp op, int64_t lanes,
                               ArrayRef<Value> arguments,
                               SmallVectorImpl<Value> &results) {
  Block &body = op.getBody().front();
  IRMapping mapping;
  mapping.map(body.getArguments(), arguments);
  auto wide = [&](Value value) {
    if (Value found = mapping.lookupOrNull(value))
      return found;
    Value spread = b.broadcast(value, lanes);
    mapping.map(value, spread);
    return spread;
  };
  for (Operation &inner : body.without_terminator()) {
    if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
      auto type = VectorType::get({lanes}, constant.getType());
      mapping.map(
          constant.getResult(),
          arith::ConstantOp::create(
              b, DenseElementsAttr::get(type, Attribute(constant.getValue()))));
      continue;
    }
    if (auto lookup = dyn_cast<tile::LookupOp>(inner)) {
      auto table = dyn_cast<DenseElementsAttr>(lookup.getTable());
      if (!table)
        return lookup.emitOpError("has no dense table");
      mapping.map(lookup.getResult(),
                  lowering.lookup(b, wide(lookup.getIndex()), table));
      continue;
    }
    if (!inner.hasTrait<OpTrait::Elementwise>() || inner.getNumRegions())
      return inner.emitOpError("in a tile.map is not elementwise, and has no "
                               "form on vectors");
    OperationState state(inner.getLoc(), inner.getName());
    for (Value operand : inner.getOperands())
      state.operands.push_back(wide(operand));
    for (Type type : inner.getResultTypes())
      state.types.push_back(VectorType::get({lanes}, type));
    state.attributes = llvm::to_vector(inner.getAttrs());
    Operation *clone = b.create(state);
    mapping.map(inner.getResults(), clone->getResults());
  }
  for (Value value : body.getTerminator()->getOperands())
    results.push_back(wide(value));
  return success();
}

/// The register of `input` that serves a register of the result at `places`.
static FailureOr<int64_t> servingRegister(tile::MapOp op, unsigned number,
                                          Places places) {
  FragmentType type = fragmentOf(op.getInputs()[number]);
  for (auto &[row, column] : places) {
    row = type.getRows() == 1 ? 0 : row;
    column = type.getColumns() == 1 ? 0 : column;
  }
  if (std::optional<int64_t> found = findPlaces(type.getLayout(), places))
    return *found;
  return op.emitOpError() << "needs element " << placeText(places.back())
                          << " of operand " << number << " in lane "
                          << places.size() - 1 << " with "
                          << placeText(places.front())
                          << " in lane 0, but no register of "
                          << type.getLayout()
                          << " has them there; use tile.relayout";
}

LogicalResult KernelLowering::lowerMap(tile::MapOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr layout = op.getType().getLayout();
  int64_t lanes = layout.getLanes();
  SmallVector<Value> results;
  if (!op.getInputs().empty() &&
      fragmentOf(op.getInputs()[0]).getLayout().isPacked()) {
    LayoutAttr packed = fragmentOf(op.getInputs()[0]).getLayout();
    ArrayRef<Value> words = get(op.getInputs()[0]);
    for (int64_t unit = 0, e = packed.getRegisters(); unit != e; ++unit) {
      int64_t count = packed.getOrder()->words();
      if (failed(cloneWide(*this, b, op, lanes,
                           words.slice(unit * count, count), results)))
        return failure();
    }
    set(op.getResult(), results);
    return success();
  }
  for (int64_t reg = 0, e = layout.getRegisters(); reg != e; ++reg) {
    SmallVector<Value> arguments;
    for (unsigned i = 0, n = op.getInputs().size(); i != n; ++i) {
      FailureOr<int64_t> from = servingRegister(op, i, placesOf(layout, reg));
      if (failed(from))
        return failure();
      arguments.push_back(get(op.getInputs()[i])[*from]);
    }
    if (failed(cloneWide(*this, b, op, lanes, arguments, results)))
      return failure();
  }
  set(op.getResult(), results);
  return success();
}

//===----------------------------------------------------------------------===//
// tile.mma
//===----------------------------------------------------------------------===//

static Value multiplyAdd(VectorBuilder &b, Value x, Value y, Value sum) {
  // Contraction is allowed, so that a target with fused multiply-add has it.
  auto contract = arith::FastMathFlags::contract;
  if (isa<IntegerType>(getElementTypeOrSelf(x))) {
    Value product = arith::MulIOp::create(b, x, y);
    return sum ? Value(arith::AddIOp::create(b, sum, product)) : product;
  }
  Value product = arith::MulFOp::create(b, x, y, contract);
  return sum ? Value(arith::AddFOp::create(b, sum, product, contract))
             : product;
}

static Value plus(VectorBuilder &b, Value x, Value y) {
  if (isa<IntegerType>(getElementTypeOrSelf(x)))
    return arith::AddIOp::create(b, x, y);
  return arith::AddFOp::create(b, x, y);
}

/// sum + the products, in chains that take turns and start anew: what must wait
/// for the sum is one addition, so that this step and the next ones overlap,
/// and no product waits for the one before it.
static Value addProducts(VectorBuilder &b,
                         ArrayRef<std::pair<Value, Value>> products,
                         Value sum) {
  // As many as a multiply-add's latency in cycles on a current core, each long
  // enough to be worth its addition.
  constexpr size_t mostChains = 4, leastLength = 8;
  size_t count =
      std::clamp<size_t>(products.size() / leastLength, 1, mostChains);
  SmallVector<Value> chains(count);
  for (auto [index, product] : llvm::enumerate(products)) {
    Value &chain = chains[index % count];
    chain = multiplyAdd(b, product.first, product.second, chain);
  }
  Value total = chains.front();
  for (Value chain : ArrayRef(chains).drop_front())
    total = plus(b, total, chain);
  return plus(b, sum, total);
}

LogicalResult KernelLowering::lowerMma(tile::MmaOp op) {
  for (Value operand : {op.getA(), op.getB()})
    if (!isa<FragmentType>(operand.getType()))
      return op.emitOpError() << "has the operand " << operand.getType()
                              << "; on vectors both must be fragments (use "
                                 "tile.read)";
  FragmentType aType = fragmentOf(op.getA()), bType = fragmentOf(op.getB());
  LayoutAttr layout = op.getC().getType().getLayout();
  Type element = op.getC().getType().getElementType();
  if (aType.getElementType() != element || bType.getElementType() != element ||
      !(element.isF32() || element.isF64() || element.isInteger(32)))
    return op.emitOpError() << "multiplies " << aType.getElementType() << " by "
                            << bType.getElementType() << " into " << element
                            << "; on vectors all are f32, f64 or i32";
  VectorBuilder b(op.getLoc(), op);
  // Latency times throughput of a multiply-add, roughly, on a current core:
  // with so many sums each may be one chain.
  constexpr int64_t sumsInFlight = 8;
  int64_t registers = layout.getRegisters();
  SmallVector<Value> results;
  for (int64_t reg = 0; reg != registers; ++reg) {
    Places places = placesOf(layout, reg);
    SmallVector<std::pair<Value, Value>> products;
    for (int64_t k = 0; k != aType.getColumns(); ++k) {
      Places aPlaces, bPlaces;
      for (auto [n, m] : places) {
        aPlaces.push_back({n, k});
        bPlaces.push_back({m, k});
      }
      std::optional<int64_t> a = findPlaces(aType.getLayout(), aPlaces),
                             bReg = findPlaces(bType.getLayout(), bPlaces);
      if (!a || !bReg)
        return op.emitOpError()
               << "sums in lanes that "
               << (a ? bType.getLayout() : aType.getLayout())
               << " does not have column " << k
               << " in; expected a with the rows of the sums in their lanes, "
                  "and b the same in all lanes (or the reverse)";
      products.push_back({get(op.getA())[*a], get(op.getB())[*bReg]});
    }
    Value sum = get(op.getC())[reg];
    if (registers < sumsInFlight) {
      results.push_back(addProducts(b, products, sum));
      continue;
    }
    for (auto [x, y] : products)
      sum = multiplyAdd(b, x, y, sum);
    results.push_back(sum);
  }
  set(op.getResult(), results);
  if (op.getToken())
    set(op.getToken(), {});
  return success();
}

//===----------------------------------------------------------------------===//
// tile.reduce
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lowerReduce(tile::ReduceOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr from = op.getInput().getType().getLayout(),
             to = op.getType().getLayout();
  if (from.isPacked() || from.getLanes() != to.getLanes())
    return op.emitOpError()
           << "turns " << from << " into " << to
           << ", expected layouts of as many lanes, not packed";
  // The lane bits that hold other columns of the same row.
  SmallVector<int64_t> columnBits;
  for (int64_t bit = 1; bit != from.getLanes(); bit *= 2) {
    auto [row, column] = from.locate(0, bit);
    auto [row0, column0] = from.locate(0, 0);
    if (column == column0)
      continue;
    if (row != row0)
      return op.emitOpError() << "has lanes in both rows and columns of "
                              << from << "; use tile.relayout first";
    columnBits.push_back(bit);
  }
  SmallVector<Value> results;
  for (int64_t reg = 0, e = to.getRegisters(); reg != e; ++reg) {
    Places wanted = placesOf(to, reg);
    Value sum;
    SmallVector<int64_t> columns;
    for (auto [i, part] : llvm::enumerate(get(op.getInput()))) {
      Places places = placesOf(from, i);
      bool sameRows = llvm::all_of(llvm::zip(places, wanted), [](auto pair) {
        return std::get<0>(pair).first == std::get<1>(pair).first;
      });
      // Registers that hold the same columns count once.
      if (!sameRows || llvm::is_contained(columns, places[0].second))
        continue;
      for (auto [row, column] : places)
        columns.push_back(column);
      sum = sum ? plus(b, sum, part) : part;
    }
    if (!sum)
      return op.emitOpError()
             << "gives row " << wanted.back().first << " in lane "
             << wanted.size() - 1 << ", where " << from << " has other rows";
    for (int64_t bit : columnBits) {
      SmallVector<int64_t> neighbours;
      for (int64_t lane = 0; lane != from.getLanes(); ++lane)
        neighbours.push_back(lane ^ bit);
      sum = plus(b, sum, vector::ShuffleOp::create(b, sum, sum, neighbours));
    }
    results.push_back(sum);
  }
  set(op.getResult(), results);
  return success();
}

//===----------------------------------------------------------------------===//
// tile.relayout
//===----------------------------------------------------------------------===//

LogicalResult KernelLowering::lowerRelayout(tile::RelayoutOp op) {
  VectorBuilder b(op.getLoc(), op);
  LayoutAttr from = op.getInput().getType().getLayout(),
             to = op.getType().getLayout();
  ArrayRef<Value> inputs = get(op.getInput());
  int64_t fromLanes = from.getLanes(), toLanes = to.getLanes();
  // Where each element is, the first place of several.
  llvm::DenseMap<std::pair<int64_t, int64_t>, std::pair<int64_t, int64_t>> held;
  for (int64_t reg = 0, e = from.getRegisters(); reg != e; ++reg)
    for (auto [lane, place] : llvm::enumerate(placesOf(from, reg)))
      held.try_emplace(place, reg, int64_t(lane));
  SmallVector<Value> results;
  for (int64_t reg = 0, e = to.getRegisters(); reg != e; ++reg) {
    Places places = placesOf(to, reg);
    if (fromLanes == toLanes)
      if (std::optional<int64_t> same = findPlaces(from, places)) {
        results.push_back(inputs[*same]);
        continue;
      }
    // One shuffle for each register that has a part.
    llvm::SmallSetVector<int64_t, 8> sources;
    for (auto place : places)
      sources.insert(held[place].first);
    Value result;
    for (int64_t source : sources) {
      SmallVector<int64_t> mask;
      for (auto [lane, place] : llvm::enumerate(places)) {
        auto [heldReg, heldLane] = held[place];
        bool isHere = heldReg == source;
        if (!result)
          mask.push_back(isHere ? heldLane : 0);
        else
          mask.push_back(isHere ? toLanes + heldLane : int64_t(lane));
      }
      result = vector::ShuffleOp::create(b, result ? result : inputs[source],
                                         inputs[source], mask);
    }
    results.push_back(result);
  }
  set(op.getResult(), results);
  return success();
}
