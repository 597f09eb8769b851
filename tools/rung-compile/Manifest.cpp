//===- Manifest.cpp - Writes the manifest of a bundle ---------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Manifest.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Pipelines/EntrySignature.h"

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
namespace json = llvm::json;

namespace rung {
namespace {

/// One element as a user's array holds it.
struct Element {
  unsigned bits;
  std::string dtype;
  /// Valid codes, if fewer than 2^bits.
  std::optional<int64_t> codes;
};

/// Nothing for a type that is no number format.
std::optional<Element> describeElement(Type type) {
  if (type.isInteger(64))
    return Element{64, "int64", std::nullopt};
  std::optional<NumberFormat> format = numberFormatOf(type);
  if (!format)
    return std::nullopt;
  Element element{format->bits(), "uint8", std::nullopt};
  std::string width = std::to_string(format->bits());
  if (format->kind() == NumberFormat::Kind::Integer && format->bits() >= 8 &&
      format->offset() == 0)
    element.dtype = (format->isSigned() ? "int" : "uint") + width;
  else if (format->bits() > 8)
    element.dtype = type.isBF16() ? "uint16" : "float" + width;
  if (format->hasTable() && format->hasInvalidCodes())
    element.codes = format->codebookEntries().size();
  return element;
}

json::Value describeSize(Attribute size) {
  if (auto name = dyn_cast<StringAttr>(size))
    return json::Value(name.getValue());
  return json::Value(cast<IntegerAttr>(size).getInt());
}

} // namespace

FailureOr<EntryDescriptions> describeEntries(ModuleOp module) {
  EntryDescriptions result;
  for (auto function : module.getOps<FunctionOpInterface>()) {
    auto signature = function->getAttrOfType<ArrayAttr>(kSignatureAttr);
    if (!signature || function->hasAttr(RungDialect::kPackerAttrName))
      continue;
    json::Array arguments;
    for (auto description : signature.getAsRange<DictionaryAttr>()) {
      StringRef name = description.getAs<StringAttr>(kNameKey).getValue();
      auto type = cast<RankedTensorType>(
          description.getAs<TypeAttr>(kTypeKey).getValue());
      std::optional<Element> element = describeElement(type.getElementType());
      if (!element) {
        function->emitError()
            << "argument '" << name << "' has element type "
            << type.getElementType() << ", which no array of a user can hold";
        return failure();
      }
      json::Array shape, storage;
      for (Attribute size : description.getAs<ArrayAttr>(kShapeKey)) {
        shape.push_back(describeSize(size));
        storage.push_back(describeSize(size));
      }
      if (element->bits < 8) {
        if (storage.empty())
          storage.push_back(1);
        else if (std::optional<int64_t> last = storage.back().getAsInteger())
          storage.back() = (*last * element->bits + 7) / 8;
        else {
          function->emitError()
              << "argument '" << name << "' of " << element->bits
              << "-bit elements needs a static last size, found " << type;
          return failure();
        }
      }
      std::string format;
      llvm::raw_string_ostream(format) << type.getElementType();
      json::Object argument{
          {"name", name},
          {"kind", description.getAs<StringAttr>(kKindKey).getValue()},
          {"format", format},
          {"bits", element->bits},
          {"dtype", element->dtype},
          {"shape", std::move(shape)},
          {"storage_shape", std::move(storage)}};
      if (element->codes)
        argument["codes"] = *element->codes;
      if (auto packer = description.getAs<StringAttr>(kPackerKey))
        result.packed.push_back(json::Object{
            {"entry", function.getName()},
            {"argument", name},
            {"function", packer.getValue()},
            {"bytes",
             description.getAs<IntegerAttr>(kPackedBytesKey).getInt()}});
      arguments.push_back(std::move(argument));
    }
    result.entries.push_back(json::Object{{"name", function.getName()},
                                          {"arguments", std::move(arguments)}});
  }
  return result;
}

} // namespace rung
