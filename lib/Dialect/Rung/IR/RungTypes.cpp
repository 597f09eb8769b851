//===- RungTypes.cpp - types of number formats -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FormatCache.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/NamedFormats.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace rung;

/// Parses the width of a format. Verifiers know the widths that each has; what
/// an `unsigned` cannot hold is refused here.
static ParseResult parseWidth(AsmParser &parser, unsigned &width) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t value;
  if (parser.parseInteger(value))
    return failure();
  if (value < 0 || value > std::numeric_limits<int32_t>::max())
    return parser.emitError(loc)
           << "width is " << value << ", expected 1 to 8 bits";
  width = static_cast<unsigned>(value);
  return success();
}

static void printWidth(AsmPrinter &printer, unsigned width) {
  printer << width;
}

#include "rung/Dialect/Rung/IR/RungInterfaces.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "rung/Dialect/Rung/IR/RungTypes.cpp.inc"

void RungDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "rung/Dialect/Rung/IR/RungTypes.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// The interface, for our types and for builtin ones
//===----------------------------------------------------------------------===//

static std::optional<NumberFormat>
orNothing(llvm::Expected<NumberFormat> format) {
  if (format)
    return *format;
  llvm::consumeError(format.takeError());
  return std::nullopt;
}

std::optional<NumberFormat> IntType::getNumberFormat() const {
  return orNothing(
      NumberFormat::integer(getWidth(), /*isSigned=*/true, /*offset=*/0));
}
std::optional<NumberFormat> UIntType::getNumberFormat() const {
  return orNothing(
      NumberFormat::integer(getWidth(), /*isSigned=*/false, getOffset()));
}
std::optional<NumberFormat> rung::FloatType::getNumberFormat() const {
  return orNothing(NumberFormat::minifloat(getExponentBits(), getMantissaBits(),
                                           getBias(), getSpecials(),
                                           getIsSigned()));
}
std::optional<NumberFormat> CodebookType::getNumberFormat() const {
  return orNothing(
      NumberFormat::codebook(getWidth(), getValues().asArrayRef()));
}

namespace {
struct IntegerFormat
    : NumberFormatTypeInterface::ExternalModel<IntegerFormat, IntegerType> {
  std::optional<NumberFormat> getNumberFormat(Type type) const {
    auto integer = cast<IntegerType>(type);
    return orNothing(NumberFormat::integer(
        integer.getWidth(), !integer.isUnsigned(), /*offset=*/0));
  }
};

template <typename T>
struct BuiltinFloatFormat
    : NumberFormatTypeInterface::ExternalModel<BuiltinFloatFormat<T>, T> {
  std::optional<NumberFormat> getNumberFormat(Type type) const {
    return NumberFormat::fromSemantics(
        cast<mlir::FloatType>(type).getFloatSemantics());
  }
};

template <typename... Ts>
void attachFloats(MLIRContext *context) {
  (Ts::template attachInterface<BuiltinFloatFormat<Ts>>(*context), ...);
}
} // namespace

void RungDialect::attachBuiltinFormats() {
  IntegerType::attachInterface<IntegerFormat>(*getContext());
  attachFloats<Float4E2M1FNType, Float6E2M3FNType, Float6E3M2FNType,
               Float8E3M4Type, Float8E4M3Type, Float8E4M3FNType,
               Float8E4M3FNUZType, Float8E4M3B11FNUZType, Float8E5M2Type,
               Float8E5M2FNUZType, Float8E8M0FNUType, Float16Type, BFloat16Type,
               Float32Type, Float64Type>(getContext());
}

std::optional<NumberFormat> rung::numberFormatOf(Type type) {
  auto format = dyn_cast<NumberFormatTypeInterface>(type);
  if (!format)
    return std::nullopt;
  auto *dialect = type.getContext()->getLoadedDialect<RungDialect>();
  return dialect->getRegisteredInterface<FormatCache>()->get(
      type, [&] { return format.getNumberFormat(); });
}

bool rung::isFormatTensor(Type type) {
  return isa<RankedTensorType, MemRefType>(type) &&
         numberFormatOf(cast<ShapedType>(type).getElementType());
}

uint64_t rung::findPadCode(const NumberFormat &format) {
  if (std::optional<uint64_t> zero = format.findCode(0.0))
    return *zero;
  return *format.encode(0.0, Rounding::nearestEven(), /*saturate=*/true);
}

//===----------------------------------------------------------------------===//
// Data layout: a scalar in memory takes whole bytes
//===----------------------------------------------------------------------===//

#define RUNG_DATA_LAYOUT(TYPE, BITS)                                           \
  llvm::TypeSize TYPE::getTypeSizeInBits(const DataLayout &,                   \
                                         DataLayoutEntryListRef) const {       \
    return llvm::TypeSize::getFixed(BITS);                                     \
  }                                                                            \
  uint64_t TYPE::getABIAlignment(const DataLayout &, DataLayoutEntryListRef)   \
      const {                                                                  \
    return 1;                                                                  \
  }
RUNG_DATA_LAYOUT(IntType, getWidth())
RUNG_DATA_LAYOUT(UIntType, getWidth())
RUNG_DATA_LAYOUT(rung::FloatType,
                 getExponentBits() + getMantissaBits() + getIsSigned())
RUNG_DATA_LAYOUT(CodebookType, getWidth())
#undef RUNG_DATA_LAYOUT

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

static LogicalResult verifyFormat(function_ref<InFlightDiagnostic()> emitError,
                                  llvm::Expected<NumberFormat> format) {
  if (format)
    return success();
  return emitError() << llvm::toString(format.takeError());
}

static LogicalResult
verifyIntegerWidth(function_ref<InFlightDiagnostic()> emitError,
                   unsigned width) {
  if (width >= 1 && width <= 8)
    return success();
  return emitError()
         << "width is " << width
         << ", expected 1 to 8 bits (use i16 or i32 for wider integers)";
}

LogicalResult IntType::verify(function_ref<InFlightDiagnostic()> emitError,
                              unsigned width) {
  if (failed(verifyIntegerWidth(emitError, width)))
    return failure();
  return verifyFormat(emitError, NumberFormat::integer(width, true, 0));
}
LogicalResult UIntType::verify(function_ref<InFlightDiagnostic()> emitError,
                               unsigned width, int64_t offset) {
  if (failed(verifyIntegerWidth(emitError, width)))
    return failure();
  return verifyFormat(emitError, NumberFormat::integer(width, false, offset));
}
LogicalResult
rung::FloatType::verify(function_ref<InFlightDiagnostic()> emitError,
                        unsigned exponentBits, unsigned mantissaBits,
                        int64_t bias, Specials specials, bool isSigned) {
  return verifyFormat(emitError,
                      NumberFormat::minifloat(exponentBits, mantissaBits, bias,
                                              specials, isSigned));
}
LogicalResult CodebookType::verify(function_ref<InFlightDiagnostic()> emitError,
                                   unsigned width, DenseF64ArrayAttr values) {
  return verifyFormat(emitError,
                      NumberFormat::codebook(width, values.asArrayRef()));
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static constexpr std::pair<Specials, StringLiteral> kSpecials[] = {
    {Specials::None, "none"},
    {Specials::IEEE, "ieee"},
    {Specials::FN, "fn"},
    {Specials::FNUZ, "fnuz"}};

/// The bias of an IEEE format with this many exponent bits.
static int64_t defaultBias(unsigned exponentBits) {
  return (int64_t(1) << (std::min(exponentBits, 8u) - 1)) - 1;
}

/// Parses `eXmY`.
static ParseResult parseFields(AsmParser &parser, unsigned &exponentBits,
                               unsigned &mantissaBits) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  StringRef rest = keyword;
  if (!rest.consume_front("e") || rest.consumeInteger(10, exponentBits) ||
      !rest.consume_front("m") || rest.consumeInteger(10, mantissaBits) ||
      !rest.empty())
    return parser.emitError(loc)
           << "found '" << keyword
           << "', expected eXmY with X exponent and Y mantissa bits";
  if (exponentBits < 1 || exponentBits > 8 || mantissaBits > 8)
    return parser.emitError(loc)
           << "found " << exponentBits << " exponent and " << mantissaBits
           << " mantissa bits, expected 1 to 8 and 0 to 7, 2 to 8 bits in all";
  return success();
}

Type rung::FloatType::parse(AsmParser &parser) {
  unsigned exponentBits, mantissaBits;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseFields(parser, exponentBits, mantissaBits))
    return {};
  int64_t bias = defaultBias(exponentBits);
  Specials specials = Specials::None;
  bool isSigned = true;
  SmallVector<StringRef> given;
  while (succeeded(parser.parseOptionalComma())) {
    StringRef keyword;
    SMLoc keyLoc = parser.getCurrentLocation();
    if (parser.parseKeyword(&keyword))
      return {};
    if (llvm::is_contained(given, keyword)) {
      parser.emitError(keyLoc) << "found '" << keyword << "' twice";
      return {};
    }
    given.push_back(keyword);
    if (keyword == "unsigned") {
      isSigned = false;
    } else if (keyword == "bias") {
      if (parser.parseEqual() || parser.parseInteger(bias))
        return {};
    } else if (keyword == "specials") {
      StringRef rule;
      SMLoc ruleLoc;
      if (parser.parseEqual())
        return {};
      ruleLoc = parser.getCurrentLocation();
      if (parser.parseKeyword(&rule))
        return {};
      const auto *found = llvm::find_if(
          kSpecials, [&](auto &entry) { return entry.second == rule; });
      if (found == std::end(kSpecials)) {
        parser.emitError(ruleLoc)
            << "found '" << rule << "', expected none, ieee, fn or fnuz";
        return {};
      }
      specials = found->first;
    } else {
      parser.emitError(keyLoc)
          << "found '" << keyword << "', expected bias, specials or unsigned";
      return {};
    }
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<rung::FloatType>(loc, parser.getContext(),
                                            exponentBits, mantissaBits, bias,
                                            specials, isSigned);
}

void rung::FloatType::print(AsmPrinter &printer) const {
  printer << "<e" << getExponentBits() << "m" << getMantissaBits();
  if (getBias() != defaultBias(getExponentBits()))
    printer << ", bias = " << getBias();
  if (getSpecials() != Specials::None)
    printer << ", specials = " << llvm::find_if(kSpecials, [&](auto &entry) {
                                    return entry.first == getSpecials();
                                  })->second;
  if (!getIsSigned())
    printer << ", unsigned";
  printer << ">";
}

/// Takes the tokens of a number without a sign. MLIR's lexer wants a point
/// before an exponent; without one, `1e3` is two tokens and `1e-3` four.
static ParseResult skipNumber(AsmParser &parser, StringRef text) {
  double value;
  if (text.contains('.'))
    return parser.parseFloat(value);
  APInt integer;
  StringRef exponent;
  if (parser.parseInteger(integer) || !text.contains_insensitive('e'))
    return success(llvm::all_of(text, llvm::isDigit));
  if (parser.parseKeyword(&exponent) || exponent.size() > 1)
    return success(!exponent.empty());
  if (failed(parser.parseOptionalPlus()))
    (void)parser.parseOptionalMinus();
  return parser.parseInteger(integer);
}

/// Parses an entry: a decimal integer, which must be a binary64 value, or a
/// decimal float, which is read as the nearest one.
static ParseResult parseEntry(AsmParser &parser, double &value) {
  bool negative = succeeded(parser.parseOptionalMinus());
  SMLoc loc = parser.getCurrentLocation();
  StringRef text = StringRef(loc.getPointer()).take_while([](char c) {
    return llvm::isAlnum(c) || StringRef("._$+-").contains(c);
  });
  llvm::APFloat number(llvm::APFloat::IEEEdouble());
  auto fail = [&] {
    return parser.emitError(loc)
           << "found '" << text
           << "', expected a decimal number such as 3, -0.5 or 1e-3";
  };
  if (text.empty() || !llvm::isDigit(text.front()) ||
      (!llvm::isDigit(text.back()) && text.back() != '.') ||
      text.starts_with_insensitive("0x"))
    return fail();
  llvm::Expected<llvm::APFloat::opStatus> status =
      number.convertFromString(text, llvm::APFloat::rmNearestTiesToEven);
  if (!status) {
    llvm::consumeError(status.takeError());
    return fail();
  }
  if (llvm::all_of(text, llvm::isDigit) && *status != llvm::APFloat::opOK)
    return parser.emitError(loc)
           << "entry " << text << " is no exact binary64 value";
  if (skipNumber(parser, text))
    return failure();
  value = negative ? -number.convertToDouble() : number.convertToDouble();
  return success();
}

Type CodebookType::parse(AsmParser &parser) {
  unsigned width;
  SmallVector<double> values;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseLess() || parseWidth(parser, width) || parser.parseComma() ||
      parser.parseCommaSeparatedList(
          AsmParser::Delimiter::Square,
          [&] { return parseEntry(parser, values.emplace_back()); }) ||
      parser.parseGreater())
    return {};
  return parser.getChecked<CodebookType>(
      loc, parser.getContext(), width,
      DenseF64ArrayAttr::get(parser.getContext(), values));
}

void CodebookType::print(AsmPrinter &printer) const {
  printer << "<" << getWidth() << ", [";
  llvm::interleaveComma(getValues().asArrayRef(), printer,
                        [&](double value) { printer << formatDecimal(value); });
  printer << "]>";
}
