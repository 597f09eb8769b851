//===- TileOps.cpp - operations on tiles -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/TypeUtilities.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "rung/Numerics/Lossless.h"

using namespace mlir;
using rung::LostCode;
using rung::StorageAttr;
using namespace rung::tile;

static ParseResult parseRole(OpAsmParser &parser, RoleAttr &role) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Role> value = symbolizeRole(keyword);
  if (!value)
    return parser.emitError(loc)
           << "found '" << keyword << "', expected producer or consumer";
  role = RoleAttr::get(parser.getContext(), *value);
  return success();
}
static void printRole(OpAsmPrinter &printer, Operation *, RoleAttr role) {
  printer << stringifyRole(role.getValue());
}

#define GET_OP_CLASSES
#include "rung/Dialect/Tile/IR/TileOps.cpp.inc"

//===----------------------------------------------------------------------===//
// tile.launch
//===----------------------------------------------------------------------===//

ParseResult LaunchOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> sizes;
  Type index = parser.getBuilder().getIndexType();
  if (parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") ||
      parser.parseOperandList(sizes, OpAsmParser::Delimiter::Paren) ||
      parser.resolveOperands(sizes, index, result.operands))
    return failure();
  for (OpAsmParser::Argument &argument : arguments)
    argument.type = index;
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), result.location);
  return success();
}

void LaunchOp::print(OpAsmPrinter &printer) {
  printer << " (" << getBody().getArguments() << ") in (" << getSizes() << ")";
  SmallVector<StringRef> elided;
  if (getWarps() == 1)
    elided.push_back(getWarpsAttrName());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), elided);
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

void LaunchOp::build(OpBuilder &builder, OperationState &result,
                     ValueRange sizes, int64_t warps) {
  result.addOperands(sizes);
  if (warps != 1)
    result.addAttribute(getWarpsAttrName(result.name),
                        builder.getI64IntegerAttr(warps));
  result.addRegion();
}

LogicalResult LaunchOp::verify() {
  if (getWarps() < 1)
    return emitOpError() << "has " << getWarps()
                         << " warps, expected at least 1";
  if (getBody().getNumArguments() != getSizes().size() ||
      !llvm::all_of(getBody().getArgumentTypes(),
                    [](Type type) { return type.isIndex(); }))
    return emitOpError() << "has " << getSizes().size() << " sizes and "
                         << getBody().getNumArguments()
                         << " indices, expected one index for each size";
  return success();
}

LogicalResult WarpOp::verify() {
  if ((*this)->getParentOfType<LaunchOp>())
    return success();
  return emitOpError("is in no tile.launch, whose warps it could number");
}

void YieldOp::build(OpBuilder &, OperationState &) {}

//===----------------------------------------------------------------------===//
// tile.load, tile.store
//===----------------------------------------------------------------------===//

/// The tensor that a memref holds: what `storage` says, or its own type.
static RankedTensorType logicalType(MemRefType memref,
                                    std::optional<StorageAttr> storage) {
  if (storage)
    return storage->getLogicalType();
  return RankedTensorType::get(memref.getShape(), memref.getElementType());
}

static LogicalResult verifyAccess(Operation *op, Type memory,
                                  std::optional<StorageAttr> storage,
                                  size_t indices, size_t bounds,
                                  FragmentType fragment) {
  auto memref = dyn_cast<MemRefType>(memory);
  if (!memref)
    return op->emitOpError()
           << "accesses " << memory << ", expected a ranked memref";
  if (storage) {
    RankedTensorType expected = storage->getStorageType();
    if (memref.getElementType() != expected.getElementType() ||
        failed(verifyCompatibleShape(memref.getShape(), expected.getShape())))
      return op->emitOpError()
             << "accesses " << memref << ", but its storage is " << expected;
  }
  RankedTensorType logical = logicalType(memref, storage);
  if (logical.getElementType() != fragment.getElementType())
    return op->emitOpError()
           << "has a fragment of " << fragment.getElementType()
           << " and memory of " << logical.getElementType();
  if (indices != size_t(logical.getRank()))
    return op->emitOpError()
           << "has " << indices
           << " indices, expected one for each dimension of " << logical;
  if (bounds && bounds != indices)
    return op->emitOpError() << "has " << bounds
                             << " bounds, expected none or one for each of its "
                             << indices << " indices";
  return success();
}

LogicalResult LoadOp::verify() {
  if (getBlock() &&
      (getBlock()->size() != getIndices().size() ||
       llvm::any_of(*getBlock(), [](int64_t extent) { return extent < 1; })))
    return emitOpError(
        "has a block that is not one extent of at least 1 for each index");
  return verifyAccess(*this, getSource().getType(), getStorage(),
                      getIndices().size(), getBounds().size(),
                      getResult().getType());
}

LogicalResult StoreOp::verify() {
  if (getValue().getType().getLayout().isPacked())
    return emitOpError(
        "stores a packed fragment; unpack it with tile.convert first");
  return verifyAccess(*this, getDestination().getType(), getStorage(),
                      getIndices().size(), getBounds().size(),
                      getValue().getType());
}

//===----------------------------------------------------------------------===//
// tile.convert, tile.relayout, tile.splat, tile.reduce
//===----------------------------------------------------------------------===//

/// True if both layouts place elements alike: a packed one has the register
/// index code + codes * unit of a plain one.
static bool sameElements(LayoutAttr packed, LayoutAttr plain) {
  if (!packed.isPacked())
    return packed == plain;
  int64_t codes = packed.getOrder()->codes();
  if (plain.isPacked() || plain.getLanes() != packed.getLanes() ||
      plain.getRegisters() != packed.getRegisters() * codes)
    return false;
  for (int64_t reg = 0; reg != plain.getRegisters(); ++reg)
    for (int64_t lane = 0; lane != plain.getLanes(); ++lane)
      if (plain.locate(reg, lane) !=
          packed.locate(reg / codes, lane, reg % codes))
        return false;
  return true;
}

LogicalResult ConvertOp::verify() {
  FragmentType from = getInput().getType(), to = getResult().getType();
  if (!sameElements(from.getLayout(), to.getLayout()))
    return emitOpError() << "turns the layout " << from.getLayout() << " into "
                         << to.getLayout()
                         << ", expected the same places; use tile.relayout";
  FragmentType random = getRandom() ? getRandom().getType() : FragmentType();
  if (failed(verifyRandomBits(*this, getRounding(),
                              random ? random.getElementType() : Type())))
    return failure();
  if (random && random.getLayout() != to.getLayout())
    return emitOpError() << "has random bits in the layout "
                         << random.getLayout() << " for " << to.getLayout()
                         << ", expected the same; use tile.relayout";
  if (random && from.getLayout().isPacked())
    return emitOpError(
        "rounds packed codes stochastically; unpack them with another "
        "tile.convert first");
  if (getRounding())
    return success();
  std::optional<LostCode> lost =
      firstLostCode(*numberFormatOf(from.getElementType()),
                    *numberFormatOf(to.getElementType()));
  if (!lost)
    return success();
  return emitOpError()
         << "from " << from.getElementType() << " to " << to.getElementType()
         << " loses code " << lost->code
         << "; give it a rounding mode, or a format that has all values";
}

LogicalResult RelayoutOp::verify() {
  FragmentType from = getInput().getType(), to = getResult().getType();
  if (from.getElementType() != to.getElementType() ||
      from.getRows() != to.getRows() || from.getColumns() != to.getColumns())
    return emitOpError() << "turns " << from << " into " << to
                         << ", expected the same tile";
  if (from.getLayout().isPacked() || to.getLayout().isPacked())
    return emitOpError(
        "moves packed codes; unpack them with tile.convert first");
  return success();
}

LogicalResult SplatOp::verify() {
  FragmentType type = getResult().getType();
  if (registerType(type.getElementType()) != getValue().getType() ||
      type.getLayout().isPacked())
    return emitOpError() << "of " << getValue().getType() << " into " << type
                         << ", expected a value of "
                         << registerType(type.getElementType())
                         << " and a layout that is not packed";
  return success();
}

LogicalResult ReduceOp::verify() {
  FragmentType from = getInput().getType(), to = getResult().getType();
  if (to.getElementType() != from.getElementType() ||
      to.getRows() != from.getRows() || to.getColumns() != 1)
    return emitOpError() << "turns " << from << " into " << to
                         << ", expected one column of the same rows";
  return success();
}

//===----------------------------------------------------------------------===//
// tile.map, tile.lookup
//===----------------------------------------------------------------------===//

LogicalResult MapOp::verify() {
  FragmentType result = getResult().getType();
  SmallVector<Type> arguments;
  size_t yields = 1;
  for (Value input : getInputs()) {
    auto type = cast<FragmentType>(input.getType());
    LayoutAttr layout = type.getLayout();
    if (layout.isPacked()) {
      if (getInputs().size() != 1 || !sameElements(layout, result.getLayout()))
        return emitOpError("has a packed operand, which must be the only one "
                           "and hold the result's elements in their places");
      arguments.assign(layout.getOrder()->words(),
                       IntegerType::get(getContext(), 32));
      yields = layout.getOrder()->codes();
      continue;
    }
    if ((type.getRows() != 1 && type.getRows() != result.getRows()) ||
        (type.getColumns() != 1 && type.getColumns() != result.getColumns()))
      return emitOpError() << "has the operand " << type
                           << ", expected the result's " << result.getRows()
                           << "x" << result.getColumns()
                           << " or 1 in a dimension";
    arguments.push_back(registerType(type.getElementType()));
  }
  if (getBody().getArgumentTypes() != TypeRange(arguments))
    return emitOpError() << "has a region of " << getBody().getArgumentTypes()
                         << ", expected " << TypeRange(arguments);
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  Type expected = registerType(result.getElementType());
  if (!yield || yield.getNumOperands() != yields ||
      llvm::any_of(yield.getOperandTypes(),
                   [&](Type type) { return type != expected; }))
    return emitOpError() << "must end with a tile.yield of " << yields
                         << " times " << expected;
  return success();
}

ParseResult LookupOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand index;
  Attribute table;
  SMLoc loc;
  if (parser.parseOperand(index) || parser.parseKeyword("in"))
    return failure();
  loc = parser.getCurrentLocation();
  if (parser.parseAttribute(table) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.resolveOperand(index, parser.getBuilder().getI32Type(),
                            result.operands))
    return failure();
  auto elements = dyn_cast<ElementsAttr>(table);
  if (!elements)
    return parser.emitError(loc)
           << "found " << table << ", expected a dense table";
  result.addAttribute(getTableAttrName(result.name), elements);
  result.addTypes(elements.getElementType());
  return success();
}

void LookupOp::print(OpAsmPrinter &printer) {
  printer << " " << getIndex() << " in " << getTable();
  printer.printOptionalAttrDict((*this)->getAttrs(), {getTableAttrName()});
}

LogicalResult LookupOp::verify() {
  if (getTable().getShapedType().getRank() != 1 ||
      !llvm::isPowerOf2_64(getTable().getNumElements()))
    return emitOpError() << "has a table of " << getTable().getNumElements()
                         << " entries, expected a power of two";
  if (getTable().getElementType() != getType())
    return emitOpError() << "gives " << getType() << " from a table of "
                         << getTable().getElementType();
  return success();
}

//===----------------------------------------------------------------------===//
// tile.mma
//===----------------------------------------------------------------------===//

ParseResult MmaOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand, 3> operands;
  SmallVector<Type, 3> types;
  bool async = succeeded(parser.parseOptionalKeyword("async"));
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(operands, 3) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonTypeList(types) ||
      parser.resolveOperands(operands, types, loc, result.operands))
    return failure();
  result.addTypes(types[2]);
  if (async)
    result.addTypes(TokenType::get(parser.getContext()));
  return success();
}

void MmaOp::print(OpAsmPrinter &printer) {
  if (getToken())
    printer << " async";
  printer << " " << getOperands();
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getOperandTypes();
}

LogicalResult MmaOp::verify() {
  auto shape = [](Value value) -> std::pair<int64_t, int64_t> {
    if (auto fragment = dyn_cast<FragmentType>(value.getType()))
      return {fragment.getRows(), fragment.getColumns()};
    auto buffer = cast<BufferType>(value.getType());
    return {buffer.getRows(), buffer.getColumns()};
  };
  auto [rows, depth] = shape(getA());
  auto [columns, otherDepth] = shape(getB());
  if (getResult().getType() != getC().getType())
    return emitOpError() << "adds to " << getC().getType() << " and gives "
                         << getResult().getType();
  if (depth != otherDepth || shape(getC()) != std::pair(rows, columns))
    return emitOpError() << "multiplies " << rows << "x" << depth << " by "
                         << columns << "x" << otherDepth
                         << " (transposed) into " << shape(getC()).first << "x"
                         << shape(getC()).second;
  return success();
}

//===----------------------------------------------------------------------===//
// tile.reduce_warps, tile.slice
//===----------------------------------------------------------------------===//

LogicalResult ReduceWarpsOp::verify() {
  FragmentType type = getInput().getType();
  Type element = type.getElementType();
  if (type.getLayout().isPacked() || registerType(element) != element)
    return emitOpError() << "adds up elements of " << element
                         << ", which registers hold as codes; convert them";
  return success();
}

LogicalResult SliceOp::verify() {
  FragmentType from = getInput().getType(), to = getResult().getType();
  if (from.getElementType() != to.getElementType() ||
      from.getLayout().isPacked() || to.getLayout().isPacked() ||
      from.getLayout().getLanes() != to.getLayout().getLanes())
    return emitOpError() << "takes a part of " << from << " as " << to
                         << ", expected fragments of the same elements, not "
                            "packed, over as many lanes";
  ArrayRef<int64_t> offset = getOffset();
  if (offset.size() != 2 || offset[0] < 0 || offset[1] < 0 ||
      offset[0] > from.getRows() - to.getRows() ||
      offset[1] > from.getColumns() - to.getColumns())
    return emitOpError() << "takes " << to.getRows() << "x" << to.getColumns()
                         << " elements at [" << offset << "] of "
                         << from.getRows() << "x" << from.getColumns();
  return success();
}

//===----------------------------------------------------------------------===//
// tile.alloc, tile.copy, tile.read
//===----------------------------------------------------------------------===//

LogicalResult AllocOp::verify() {
  if (getStages() < 1)
    return emitOpError() << "has " << getStages()
                         << " stages, expected at least 1";
  return success();
}

ParseResult CopyOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand source, buffer, stage;
  SmallVector<OpAsmParser::UnresolvedOperand> indices, bounds;
  Type sourceType, bufferType, index = parser.getBuilder().getIndexType();
  bool async = succeeded(parser.parseOptionalKeyword("async"));
  if (parser.parseOperand(source) ||
      parser.parseOperandList(indices, OpAsmParser::Delimiter::Square))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("bounds")) &&
      parser.parseOperandList(bounds, OpAsmParser::Delimiter::Square))
    return failure();
  if (parser.parseKeyword("to") || parser.parseOperand(buffer) ||
      parser.parseLSquare() || parser.parseOperand(stage) ||
      parser.parseRSquare() ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(sourceType) || parser.parseComma() ||
      parser.parseType(bufferType) ||
      parser.resolveOperand(source, sourceType, result.operands) ||
      parser.resolveOperands(indices, index, result.operands) ||
      parser.resolveOperands(bounds, index, result.operands) ||
      parser.resolveOperand(buffer, bufferType, result.operands) ||
      parser.resolveOperand(stage, index, result.operands))
    return failure();
  result.addAttribute(
      getOperandSegmentSizeAttr(),
      parser.getBuilder().getDenseI32ArrayAttr(
          {1, int32_t(indices.size()), int32_t(bounds.size()), 1, 1}));
  if (async)
    result.addTypes(TokenType::get(parser.getContext()));
  return success();
}

void CopyOp::print(OpAsmPrinter &printer) {
  if (getToken())
    printer << " async";
  printer << " " << getSource() << "[" << getIndices() << "]";
  if (!getBounds().empty())
    printer << " bounds [" << getBounds() << "]";
  printer << " to " << getBuffer() << "[" << getStage() << "]";
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getOperandSegmentSizeAttr()});
  printer << " : " << getSource().getType() << ", " << getBuffer().getType();
}

LogicalResult CopyOp::verify() {
  auto memref = dyn_cast<MemRefType>(getSource().getType());
  if (!memref ||
      memref.getElementType() != getBuffer().getType().getElementType())
    return emitOpError()
           << "copies from " << getSource().getType() << " to "
           << getBuffer().getType()
           << ", expected a ranked memref of the buffer's element type";
  if (getIndices().size() != size_t(memref.getRank()) ||
      (!getBounds().empty() && getBounds().size() != getIndices().size()))
    return emitOpError() << "has " << getIndices().size() << " indices and "
                         << getBounds().size() << " bounds for " << memref;
  return success();
}

LogicalResult ReadOp::verify() {
  BufferType from = getBuffer().getType();
  FragmentType to = getResult().getType();
  if (from.getElementType() != to.getElementType() ||
      from.getRows() != to.getRows() || from.getColumns() != to.getColumns())
    return emitOpError() << "reads " << from << " into " << to
                         << ", expected the same tile";
  return success();
}
