//===- RungAttrs.cpp - attributes of the rung dialect -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Layout/Fragments.h"
#include "rung/Layout/PackedLayout.h"
#include "rung/Numerics/Storage.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace rung;

#include "rung/Dialect/Rung/IR/RungEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "rung/Dialect/Rung/IR/RungAttrs.cpp.inc"

void RungDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "rung/Dialect/Rung/IR/RungAttrs.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// #rung.storage
//===----------------------------------------------------------------------===//

/// Parses `[4, ?, 2]`.
static ParseResult parseShape(AsmParser &parser,
                              SmallVectorImpl<int64_t> &shape) {
  return parser.parseCommaSeparatedList(
      AsmParser::Delimiter::Square, [&]() -> ParseResult {
        if (succeeded(parser.parseOptionalQuestion())) {
          shape.push_back(ShapedType::kDynamic);
          return success();
        }
        return parser.parseInteger(shape.emplace_back());
      });
}

Attribute StorageAttr::parse(AsmParser &parser, Type) {
  Type format;
  SmallVector<int64_t> shape;
  StringRef keyword;
  std::string layout;
  int64_t rowsPerBlock = 1;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parser.parseType(format) || parser.parseComma() ||
      parseShape(parser, shape) || parser.parseComma())
    return {};
  SMLoc kindLoc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return {};
  std::optional<StorageKind> kind = symbolizeStorageKind(keyword);
  if (!kind) {
    parser.emitError(kindLoc)
        << "found '" << keyword << "', expected canonical, words or lanes";
    return {};
  }
  if (*kind == StorageKind::Words &&
      (parser.parseComma() || parser.parseKeyword("layout") ||
       parser.parseEqual() || parser.parseString(&layout)))
    return {};
  if (*kind == StorageKind::Lanes &&
      (parser.parseComma() || parser.parseKeyword("rows_per_block") ||
       parser.parseEqual() || parser.parseInteger(rowsPerBlock)))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<StorageAttr>(loc, parser.getContext(), format, shape,
                                        *kind, StringRef(layout), rowsPerBlock);
}

void StorageAttr::print(AsmPrinter &printer) const {
  printer << "<" << getFormat() << ", [";
  llvm::interleaveComma(getShape(), printer, [&](int64_t size) {
    if (ShapedType::isDynamic(size))
      printer << "?";
    else
      printer << size;
  });
  printer << "], " << stringifyStorageKind(getKind());
  if (getKind() == StorageKind::Words)
    printer << ", layout = \"" << getLayout() << "\"";
  if (getKind() == StorageKind::Lanes)
    printer << ", rows_per_block = " << getRowsPerBlock();
  printer << ">";
}

LogicalResult StorageAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                  Type format, ArrayRef<int64_t> shape,
                                  StorageKind kind, StringRef layout,
                                  int64_t rowsPerBlock) {
  // Indices are no number format, and stay as they are.
  if (format.isSignlessInteger(64) && kind == StorageKind::Canonical)
    return success();
  std::optional<NumberFormat> numbers = numberFormatOf(format);
  if (!numbers)
    return emitError() << "storage of " << format
                       << ", expected a number format";
  int64_t bits;
  if (rowsPerBlock >= 1 &&
      (llvm::MulOverflow<int64_t>(numbers->bits(), rowsPerBlock, bits) ||
       !isAddressable(shape, bits)))
    return emitError() << "no memory holds storage of "
                       << RankedTensorType::get(shape, format);
  if (kind == StorageKind::Canonical) {
    if (numbers->bits() < 8 && !shape.empty() &&
        ShapedType::isDynamic(shape.back()))
      return emitError() << "canonical storage of " << format
                         << " needs a static last dimension: its rows are "
                            "padded to whole bytes";
    return success();
  }
  if (shape.size() != 2 || ShapedType::isDynamicShape(shape))
    return emitError() << "storage in " << stringifyStorageKind(kind)
                       << " is for two static dimensions";
  if (kind == StorageKind::Lanes)
    return rowsPerBlock >= 1
               ? success()
               : LogicalResult(emitError()
                               << "rows_per_block is " << rowsPerBlock
                               << ", expected at least 1");
  llvm::Expected<PackedLayout> packed = PackedLayout::parse(layout);
  if (!packed)
    return emitError() << llvm::toString(packed.takeError());
  if (packed->bits() != numbers->bits())
    return emitError() << "layout packs codes of " << packed->bits()
                       << " bits, but " << format << " has " << numbers->bits();
  return success();
}

unsigned StorageAttr::getBits() const {
  std::optional<NumberFormat> format = numberFormatOf(getFormat());
  return format ? format->bits() : getFormat().getIntOrFloatBitWidth();
}

RankedTensorType StorageAttr::getLogicalType() const {
  return RankedTensorType::get(getShape(), getFormat());
}

/// The builtin type that holds one code of at least 8 bits, or of fewer in a
/// byte of its own: a float of more than 8 bits, else a signless integer.
static Type codeContainer(Type format, unsigned bits) {
  if (bits > 8 && isa<mlir::FloatType>(format))
    return format;
  return IntegerType::get(format.getContext(), std::max(bits, 8u));
}

RankedTensorType StorageAttr::getStorageType() const {
  unsigned bits = getBits();
  Type i32 = IntegerType::get(getContext(), 32);
  SmallVector<int64_t> shape(getShape());
  switch (getKind()) {
  case StorageKind::Canonical:
    if (bits < 8 && !shape.empty())
      shape.back() = llvm::divideCeil(shape.back() * bits, 8);
    return RankedTensorType::get(shape, codeContainer(getFormat(), bits));
  case StorageKind::Words:
    return RankedTensorType::get(
        SmallVector<int64_t>(
            PackedLayout::parse(getLayout())->packedShape(shape[0], shape[1])),
        i32);
  case StorageKind::Lanes:
    return RankedTensorType::get(
        {int64_t(llvm::divideCeil(shape[0] * getRowsPerBlock(), 16)), shape[1],
         16},
        codeContainer(getFormat(), bits));
  }
  llvm_unreachable("all kinds are listed");
}

bool StorageAttr::isIdentity() const {
  return getKind() == StorageKind::Canonical &&
         getStorageType() == getLogicalType();
}

//===----------------------------------------------------------------------===//
// #rung.codes
//===----------------------------------------------------------------------===//

Attribute CodesAttr::parse(AsmParser &parser, Type type) {
  SmallVector<uint8_t> codes;
  SMLoc loc = parser.getCurrentLocation();
  auto parseCode = [&]() -> ParseResult {
    SMLoc codeLoc = parser.getCurrentLocation();
    int64_t code;
    if (parser.parseInteger(code))
      return failure();
    if (code < 0 || code > 255)
      return parser.emitError(codeLoc)
             << "code is " << code << ", expected 0 to 255";
    codes.push_back(code);
    return success();
  };
  if (parser.parseLess())
    return {};
  if (succeeded(parser.parseOptionalLSquare())) {
    if (failed(parser.parseOptionalRSquare()) &&
        (parser.parseCommaSeparatedList(parseCode) || parser.parseRSquare()))
      return {};
  } else if (parseCode()) {
    return {};
  }
  if (parser.parseGreater())
    return {};
  if (!type && (parser.parseColon() || parser.parseType(type)))
    return {};
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor) {
    parser.emitError(loc) << "codes have the type " << type
                          << ", expected a ranked tensor";
    return {};
  }
  return parser.getChecked<CodesAttr>(loc, parser.getContext(), tensor, codes);
}

void CodesAttr::print(AsmPrinter &printer) const {
  if (isSplat() && getType().getNumElements() != 1) {
    printer << "<" << unsigned(getCodes()[0]) << ">";
    return;
  }
  printer << "<[";
  llvm::interleaveComma(getCodes(), printer,
                        [&](uint8_t code) { printer << unsigned(code); });
  printer << "]>";
}

LogicalResult CodesAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                RankedTensorType type,
                                ArrayRef<uint8_t> codes) {
  std::optional<NumberFormat> format = numberFormatOf(type.getElementType());
  if (!format || !format->hasTable())
    return emitError() << "codes of " << type.getElementType()
                       << ", expected a number format of up to 8 bits";
  if (!type.hasStaticShape())
    return emitError() << "codes of " << type << ", expected a static shape";
  if (codes.size() != 1 && int64_t(codes.size()) != type.getNumElements())
    return emitError() << codes.size() << " codes for the "
                       << type.getNumElements() << " elements of " << type
                       << ", expected one for each, or one for all";
  for (auto [position, code] : llvm::enumerate(codes))
    if (!format->isValid(code))
      return emitError() << "code " << unsigned(code) << " of element "
                         << position << " is no code of "
                         << type.getElementType();
  return success();
}

DenseElementsAttr CodesAttr::getCanonicalStorage() const {
  auto storage =
      StorageAttr::get(getType().getElementType(), getType().getShape());
  SmallVector<uint64_t> codes(getType().getNumElements());
  for (auto [position, code] : llvm::enumerate(codes))
    code = getCode(position);
  std::vector<uint8_t> bytes =
      packCodes(codes, getType().getShape(), storage.getBits());
  return DenseElementsAttr::get(storage.getStorageType(), ArrayRef(bytes));
}

//===----------------------------------------------------------------------===//
// #rung.device, #rung.schedule
//===----------------------------------------------------------------------===//

int64_t DeviceAttr::getInt(StringRef key, int64_t otherwise) const {
  auto value = getProperties().getAs<IntegerAttr>(key);
  return value ? value.getInt() : otherwise;
}

LogicalResult DeviceAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringAttr, DictionaryAttr properties) {
  Attribute matrix = properties.get("matrix");
  auto list = dyn_cast_or_null<ArrayAttr>(matrix);
  if (matrix &&
      !(list && llvm::all_of(list, llvm::IsaPred<MatrixInstructionAttr>)))
    return emitError() << "matrix is " << matrix
                       << ", expected a list of #rung.matrix_instruction";
  return success();
}

LogicalResult
MatrixInstructionAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              StringRef intrinsic, Type a, Type b, Type c,
                              StringRef fragments, int64_t rate) {
  if (!intrinsic.starts_with("llvm."))
    return emitError() << "the intrinsic is '" << intrinsic
                       << "', expected LLVM's name, as in "
                          "'llvm.nvvm.mma.m16n8k16.row.col.f32.f32'";
  for (Type type : {a, b}) {
    std::optional<NumberFormat> format = numberFormatOf(type);
    if (!format || (format->bits() != 8 && format->bits() != 16))
      return emitError() << "multiplies " << type
                         << ", expected number formats of 8 or 16 bits";
  }
  if (!c.isF32() && !c.isInteger(32))
    return emitError() << "adds into " << c << ", expected f32 or i32";
  for (StringRef operand : {".a", ".b", ".c"})
    if (!lookupFragment((fragments + operand).str()))
      return emitError() << "there is no fragment map '" << fragments << operand
                         << "'; see Layout/Fragments.h";
  if (rate < 1)
    return emitError() << "rate is " << rate << ", expected at least 1";
  return success();
}

namespace {
/// The integer fields of a schedule by name, in the order of its parameters.
struct ScheduleFields {
  int64_t rows = 1, columns = 16, depth = 1, upTo = 0, stages = 1, splitK = 1,
          warps = 1;
  std::array<std::pair<StringRef, int64_t *>, 7> named() {
    return {{{"rows", &rows},
             {"columns", &columns},
             {"depth", &depth},
             {"up_to", &upTo},
             {"stages", &stages},
             {"split_k", &splitK},
             {"warps", &warps}}};
  }
};
} // namespace

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  ScheduleFields fields;
  ScalePlace scale = ScalePlace::Accumulator;
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<StringRef> seen;
  auto parseField = [&]() -> ParseResult {
    StringRef keyword;
    SMLoc fieldLoc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword) || parser.parseEqual())
      return failure();
    if (llvm::is_contained(seen, keyword))
      return parser.emitError(fieldLoc)
             << "found '" << keyword << "' twice, expected it once";
    seen.push_back(keyword);
    if (keyword == "scale") {
      StringRef place;
      if (parser.parseKeyword(&place))
        return failure();
      std::optional<ScalePlace> found = symbolizeScalePlace(place);
      if (!found)
        return parser.emitError(fieldLoc)
               << "scale is '" << place << "', expected decode or accumulator";
      scale = *found;
      return success();
    }
    for (auto [name, value] : fields.named())
      if (name == keyword)
        return parser.parseInteger(*value);
    return parser.emitError(fieldLoc)
           << "found '" << keyword
           << "', expected rows, columns, depth, up_to, scale, stages, split_k "
              "or warps";
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater,
                                     parseField))
    return {};
  return parser.getChecked<ScheduleAttr>(
      loc, parser.getContext(), fields.rows, fields.columns, fields.depth,
      fields.upTo, scale, fields.stages, fields.splitK, fields.warps);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<rows = " << getRows() << ", columns = " << getColumns()
          << ", depth = " << getDepth();
  if (getUpTo())
    printer << ", up_to = " << getUpTo();
  printer << ", scale = " << stringifyScalePlace(getScale());
  if (getStages() != 1)
    printer << ", stages = " << getStages();
  if (getSplitK() != 1)
    printer << ", split_k = " << getSplitK();
  if (getWarps() != 1)
    printer << ", warps = " << getWarps();
  printer << ">";
}

LogicalResult ScheduleAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   int64_t rows, int64_t columns, int64_t depth,
                                   int64_t upTo, ScalePlace, int64_t stages,
                                   int64_t splitK, int64_t warps) {
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"rows", rows},
                             {"columns", columns},
                             {"depth", depth}})
    if (value < 1 || !llvm::isPowerOf2_64(value))
      return emitError() << name << " is " << value
                         << ", expected a power of two";
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"stages", stages},
                             {"split_k", splitK},
                             {"warps", warps}})
    if (value < 1)
      return emitError() << name << " is " << value << ", expected at least 1";
  if (upTo < 0)
    return emitError() << "up_to is " << upTo
                       << ", expected a number of rows, or 0 for any";
  return success();
}
