//===- Manifest.cpp - Writes the manifest of a bundle ----------------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Manifest.h"
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
};

/// Nothing for a type that is no number format.
std::optional<Element> describeElement(Type type) {
  if (type.isF16() || type.isF32() || type.isF64())
    return Element{type.getIntOrFloatBitWidth(),
                   "float" + std::to_string(type.getIntOrFloatBitWidth())};
  if (type.isBF16())
    return Element{16, "uint16"};
  if (auto floatType = dyn_cast<FloatType>(type))
    if (floatType.getWidth() <= 8)
      return Element{floatType.getWidth(), "uint8"};
  if (auto integer = dyn_cast<IntegerType>(type)) {
    unsigned bits = integer.getWidth();
    if (bits == 8 || bits == 16 || bits == 32 || bits == 64)
      return Element{bits, (integer.isUnsigned() ? "uint" : "int") +
                               std::to_string(bits)};
    if (bits == 1)
      return Element{1, "uint8"};
  }
  return std::nullopt;
}

json::Value describeSize(Attribute size) {
  if (auto name = dyn_cast<StringAttr>(size))
    return json::Value(name.getValue());
  return json::Value(cast<IntegerAttr>(size).getInt());
}

} // namespace

FailureOr<json::Array> describeEntries(ModuleOp module) {
  json::Array entries;
  for (auto function : module.getOps<FunctionOpInterface>()) {
    auto signature = function->getAttrOfType<ArrayAttr>(kSignatureAttr);
    if (!signature)
      continue;
    json::Array arguments;
    for (auto description : signature.getAsRange<DictionaryAttr>()) {
      StringRef name = description.getAs<StringAttr>(kNameKey).getValue();
      auto type = cast<RankedTensorType>(
          description.getAs<TypeAttr>(kTypeKey).getValue());
      std::optional<Element> element = describeElement(type.getElementType());
      if (!element) {
        function->emitError() << "argument '" << name << "' has element type "
                              << type.getElementType()
                              << ", which no array of a user can hold";
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
      arguments.push_back(json::Object{
          {"name", name},
          {"kind", description.getAs<StringAttr>(kKindKey).getValue()},
          {"format", format},
          {"bits", element->bits},
          {"dtype", element->dtype},
          {"shape", std::move(shape)},
          {"storage_shape", std::move(storage)}});
    }
    entries.push_back(json::Object{{"name", function.getName()},
                                   {"arguments", std::move(arguments)}});
  }
  return entries;
}

} // namespace rung
