//===- TileDialect.cpp - the tile dialect, its types and attributes -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace rung;
using namespace rung::tile;

#include "rung/Dialect/Tile/IR/TileDialect.cpp.inc"
#include "rung/Dialect/Tile/IR/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "rung/Dialect/Tile/IR/TileAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "rung/Dialect/Tile/IR/TileTypes.cpp.inc"

void TileDialect::initialize() {
  registerTypes();
  registerAttributes();
  addOperations<
#define GET_OP_LIST
#include "rung/Dialect/Tile/IR/TileOps.cpp.inc"
      >();
}

void TileDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "rung/Dialect/Tile/IR/TileTypes.cpp.inc"
      >();
}

void TileDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "rung/Dialect/Tile/IR/TileAttrs.cpp.inc"
      >();
}

Type tile::registerType(Type elementType) {
  if (auto floating = dyn_cast<mlir::FloatType>(elementType))
    if (floating.getWidth() >= 16)
      return floating;
  unsigned width = 32;
  if (auto integer = dyn_cast<IntegerType>(elementType))
    if (integer.getWidth() >= 16)
      width = integer.getWidth();
  return IntegerType::get(elementType.getContext(), width);
}

//===----------------------------------------------------------------------===//
// #tile.layout
//===----------------------------------------------------------------------===//

Attribute LayoutAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  std::string mapText, orderText;
  if (parser.parseLess() || parser.parseString(&mapText))
    return {};
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("order") || parser.parseEqual() ||
       parser.parseString(&orderText)))
    return {};
  if (parser.parseGreater())
    return {};
  llvm::Expected<LinearLayout> map = LinearLayout::parse(mapText);
  if (!map) {
    parser.emitError(loc) << llvm::toString(map.takeError());
    return {};
  }
  std::optional<BitOrder> order;
  if (!orderText.empty()) {
    llvm::Expected<BitOrder> parsed = BitOrder::parse(orderText);
    if (!parsed) {
      parser.emitError(loc) << llvm::toString(parsed.takeError());
      return {};
    }
    order = *parsed;
  }
  return parser.getChecked<LayoutAttr>(loc, parser.getContext(), *map, order);
}

void LayoutAttr::print(AsmPrinter &printer) const {
  printer << "<\"" << getMap().str() << "\"";
  if (getOrder())
    printer << ", order = \"" << getOrder()->str() << "\"";
  printer << ">";
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 LinearLayout map,
                                 std::optional<BitOrder> order) {
  auto names = [](ArrayRef<LinearLayout::Dim> dims) {
    SmallVector<StringRef> result;
    for (const LinearLayout::Dim &dim : dims)
      result.push_back(dim.name);
    return result;
  };
  SmallVector<StringRef> ins = {"register", "lane"};
  if (order)
    ins.insert(ins.begin(), "code");
  if (names(map.ins()) != ins ||
      names(map.outs()) != SmallVector<StringRef>{"row", "col"})
    return emitError() << "layout is " << map.str() << ", expected a map from ("
                       << llvm::join(ins, ", ") << ") to (row, col)";
  if (order && (uint64_t(1) << map.inBits("code")) != order->codes())
    return emitError() << "layout has units of "
                       << (uint64_t(1) << map.inBits("code"))
                       << " codes, but its order places " << order->codes();
  if (!map.isSurjective())
    return emitError() << "layout " << map.str()
                       << " leaves out elements of the tile";
  return success();
}

std::pair<int64_t, int64_t> LayoutAttr::locate(int64_t reg, int64_t lane,
                                               int64_t code) const {
  SmallVector<uint64_t> in = {uint64_t(reg), uint64_t(lane)};
  if (isPacked())
    in.insert(in.begin(), code);
  SmallVector<uint64_t> out = getMap().apply(in);
  return {out[0], out[1]};
}

std::optional<int64_t> LayoutAttr::findRegister(int64_t row,
                                                int64_t col) const {
  for (int64_t reg = 0, e = getRegisters(); reg != e; ++reg)
    if (locate(reg, 0) == std::pair(row, col))
      return reg;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

/// Parses `16x8xT`.
static ParseResult parseTile(AsmParser &parser, int64_t &rows, int64_t &columns,
                             Type &elementType) {
  SmallVector<int64_t> shape;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType))
    return failure();
  if (shape.size() != 2)
    return parser.emitError(loc) << "a tile has " << shape.size()
                                 << " dimensions, expected rows and columns";
  rows = shape[0];
  columns = shape[1];
  return success();
}

Type FragmentType::parse(AsmParser &parser) {
  int64_t rows, columns;
  Type elementType;
  LayoutAttr layout;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseTile(parser, rows, columns, elementType) ||
      parser.parseComma() || parser.parseAttribute(layout) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<FragmentType>(loc, parser.getContext(), rows,
                                         columns, elementType, layout);
}

void FragmentType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getColumns() << "x" << getElementType()
          << ", " << getLayout() << ">";
}

LogicalResult FragmentType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t rows, int64_t columns,
                                   Type elementType, LayoutAttr layout) {
  if (rows != layout.getRows() || columns != layout.getColumns())
    return emitError() << "fragment is " << rows << "x" << columns
                       << ", but its layout covers " << layout.getRows() << "x"
                       << layout.getColumns();
  std::optional<NumberFormat> format = numberFormatOf(elementType);
  if (!format)
    return emitError() << "fragment of " << elementType
                       << ", expected a number format";
  if (layout.isPacked() && layout.getOrder()->bits() != format->bits())
    return emitError() << "layout packs codes of " << layout.getOrder()->bits()
                       << " bits, but " << elementType << " has "
                       << format->bits();
  return success();
}

Type BufferType::parse(AsmParser &parser) {
  int64_t rows, columns, swizzle = 0;
  Type elementType;
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseTile(parser, rows, columns, elementType) ||
      parser.parseComma() || parser.parseKeyword(&keyword))
    return {};
  std::optional<MemoryLevel> level = symbolizeMemoryLevel(keyword);
  if (!level) {
    parser.emitError(loc) << "found '" << keyword
                          << "', expected global, shared or register";
    return {};
  }
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseKeyword("swizzle") || parser.parseEqual() ||
       parser.parseInteger(swizzle)))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<BufferType>(loc, parser.getContext(), rows, columns,
                                       elementType, *level, swizzle);
}

void BufferType::print(AsmPrinter &printer) const {
  printer << "<" << getRows() << "x" << getColumns() << "x" << getElementType()
          << ", " << stringifyMemoryLevel(getLevel());
  if (getSwizzle())
    printer << ", swizzle = " << getSwizzle();
  printer << ">";
}

LogicalResult BufferType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t rows, int64_t columns,
                                 Type elementType, MemoryLevel,
                                 int64_t swizzle) {
  if (rows < 1 || columns < 1)
    return emitError() << "buffer is " << rows << "x" << columns
                       << ", expected at least 1x1";
  if (!numberFormatOf(elementType))
    return emitError() << "buffer of " << elementType
                       << ", expected a number format";
  if (swizzle < 0 || swizzle > 5)
    return emitError() << "swizzle is " << swizzle << ", expected 0 to 5 bits";
  return success();
}
