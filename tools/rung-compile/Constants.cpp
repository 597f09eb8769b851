//===- Constants.cpp - Parameters as constants of a bundle ----------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "Constants.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Layout/PackedLayout.h"
#include "rung/Numerics/Storage.h"

using namespace mlir;
namespace json = llvm::json;
using llvm::createStringError;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;

namespace rung {
namespace {

/// One element of `rung.constants`.
struct Parameter {
  explicit Parameter(DictionaryAttr description)
      : name(description.getAs<StringAttr>("name").getValue()),
        storage(description.getAs<StorageAttr>("storage")),
        negated(description.getAs<BoolAttr>("negated").getValue()) {
    if (auto type = description.getAs<TypeAttr>("whole")) {
      whole = cast<RankedTensorType>(type.getValue());
      offsets = description.getAs<DenseI64ArrayAttr>("offsets");
      sizes = description.getAs<DenseI64ArrayAttr>("sizes");
    }
  }
  /// Shape of the tensor in the file.
  ArrayRef<int64_t> shape() const {
    return whole ? whole.getShape() : storage.getShape();
  }

  StringRef name;
  StorageAttr storage;
  bool negated;
  /// Of a slice: the tensor that it is of, null if there is none.
  RankedTensorType whole;
  ArrayRef<int64_t> offsets, sizes;
};

/// The dtypes that canonical storage with elements of this type may have.
SmallVector<StringRef> expectedDtypes(Type element) {
  if (element.isF64())
    return {"F64"};
  if (element.isF32())
    return {"F32"};
  if (element.isF16())
    return {"F16"};
  if (element.isBF16())
    return {"BF16"};
  switch (element.getIntOrFloatBitWidth()) {
  case 8:
    return {"U8", "I8"};
  case 16:
    return {"I16", "U16"};
  case 32:
    return {"I32", "U32"};
  default:
    return {"I64", "U64"};
  }
}

Expected<const SafeTensors::Tensor *> find(StringRef name, const Twine &what,
                                           const SafeTensors &parameters) {
  if (const SafeTensors::Tensor *tensor = parameters.find(name))
    return tensor;
  if (parameters.files().empty())
    return createStringError(what + " '" + name +
                             "' has no value; name the safetensors file that "
                             "holds it with --parameters=FILE");
  return createStringError(what + " '" + name + "' is not in " +
                           llvm::join(parameters.files(), ", "));
}

/// The tensor of a parameter, in the canonical storage that it must be in.
/// Refuses codes that a short codebook gives no value.
Error checkValidCodes(const Parameter &parameter,
                      const SafeTensors::Tensor &tensor) {
  NumberFormat format = *numberFormatOf(parameter.storage.getFormat());
  if (!format.hasTable() || !format.hasInvalidCodes())
    return Error::success();
  Expected<std::vector<uint64_t>> codes =
      unpackCodes(tensor.bytes, parameter.shape(), format.bits());
  if (!codes)
    return codes.takeError();
  if (Error error = checkCodes(format, *codes, parameter.shape()))
    return createStringError("parameter '" + parameter.name + "' in " +
                             tensor.file + ": " +
                             llvm::toString(std::move(error)));
  return Error::success();
}

Expected<const SafeTensors::Tensor *> resolve(const Parameter &parameter,
                                              const SafeTensors &parameters) {
  Expected<const SafeTensors::Tensor *> tensor =
      find(parameter.name, "parameter", parameters);
  if (!tensor)
    return tensor;
  RankedTensorType type =
      StorageAttr::get(parameter.storage.getFormat(), parameter.shape())
          .getStorageType();
  SmallVector<StringRef> dtypes = expectedDtypes(type.getElementType());
  if (llvm::is_contained(dtypes, (*tensor)->dtype) &&
      llvm::ArrayRef<int64_t>((*tensor)->shape) == type.getShape()) {
    if (Error error = checkValidCodes(parameter, **tensor))
      return error;
    return tensor;
  }
  std::string format;
  llvm::raw_string_ostream(format) << parameter.storage.getFormat();
  return createStringError(
      "parameter '" + parameter.name + "' is " + (*tensor)->dtype + " " +
      shapeText((*tensor)->shape) + " in " + (*tensor)->file + ", but " +
      shapeText(parameter.shape()) + " of " + format +
      " in canonical storage is " + llvm::join(dtypes, " or ") + " " +
      shapeText(type.getShape()));
}

/// Changes the sign of IEEE numbers.
Error negate(std::vector<uint8_t> &bytes, const Parameter &parameter) {
  auto type = dyn_cast<mlir::FloatType>(parameter.storage.getFormat());
  if (!type || type.getWidth() < 16)
    return createStringError("parameter '" + parameter.name +
                             "' is negated, but its format has no sign bit of "
                             "its own; negate it in the file");
  size_t width = type.getWidth() / 8;
  for (size_t i = width - 1; i < bytes.size(); i += width)
    bytes[i] ^= 0x80;
  return Error::success();
}

/// The canonical storage of a slice.
std::vector<uint8_t> slice(const Parameter &parameter,
                           ArrayRef<uint8_t> canonical) {
  unsigned bits = parameter.storage.getBits();
  ArrayRef<int64_t> whole = parameter.shape(), sizes = parameter.sizes;
  int64_t wholeRow = packedRowBytes(whole.back(), bits),
          row = packedRowBytes(sizes.back(), bits),
          rows = numElements(sizes.drop_back());
  std::vector<uint8_t> result(rows * row);
  std::vector<uint64_t> codes(parameter.offsets.back() + sizes.back());
  for (int64_t r = 0; r < rows; ++r) {
    int64_t rest = r, source = 0, stride = 1;
    for (int64_t dim = int64_t(sizes.size()) - 2; dim >= 0; --dim) {
      source += (parameter.offsets[dim] + rest % sizes[dim]) * stride;
      rest /= sizes[dim];
      stride *= whole[dim];
    }
    readCanonicalRow<uint64_t>(canonical.slice(source * wholeRow, wholeRow),
                               bits, codes);
    writeCanonicalRow(ArrayRef(codes).drop_front(parameter.offsets.back()),
                      bits, MutableArrayRef(result).slice(r * row, row));
  }
  return result;
}

/// The bytes of a parameter whose tensor is not stored as it is in the file.
Expected<std::vector<uint8_t>> convert(const Parameter &parameter,
                                       ArrayRef<uint8_t> canonical) {
  StorageAttr storage = parameter.storage;
  std::vector<uint8_t> bytes;
  if (parameter.whole)
    bytes = slice(parameter, canonical);
  else if (parameter.negated)
    bytes.assign(canonical.begin(), canonical.end());
  if (parameter.negated)
    if (Error error = negate(bytes, parameter))
      return error;
  if (!bytes.empty())
    canonical = bytes;
  if (storage.getKind() == StorageKind::Canonical)
    return bytes;
  int64_t rows = storage.getShape()[0], columns = storage.getShape()[1];
  if (storage.getKind() == StorageKind::Lanes) {
    BlockLayout layout(storage.getBits(), storage.getRowsPerBlock());
    return layout.pack(canonical, rows * storage.getRowsPerBlock(), columns);
  }
  Expected<PackedLayout> layout = PackedLayout::parse(storage.getLayout());
  if (!layout)
    return layout.takeError();
  std::optional<NumberFormat> format = numberFormatOf(storage.getFormat());
  Expected<std::vector<uint32_t>> words =
      layout->pack(canonical, rows, columns, findPadCode(*format));
  if (!words)
    return words.takeError();
  auto *first = reinterpret_cast<const uint8_t *>(words->data());
  return std::vector<uint8_t>(first, first + words->size() * sizeof(uint32_t));
}

json::Object describe(StringRef name, uint64_t offset, uint64_t bytes) {
  return json::Object{{"name", name},
                      {"offset", static_cast<int64_t>(offset)},
                      {"bytes", static_cast<int64_t>(bytes)}};
}

Expected<const SafeTensors::Tensor *>
resolveAsset(StringRef name, const SafeTensors &parameters) {
  Expected<const SafeTensors::Tensor *> tensor =
      find(name, "asset", parameters);
  if (tensor && (*tensor)->dtype != "U8")
    return createStringError("asset '" + name + "' is " + (*tensor)->dtype +
                             " in " + (*tensor)->file + ", expected U8");
  return tensor;
}

} // namespace

Error checkConstants(ArrayAttr list, ArrayAttr assets,
                     const SafeTensors &parameters) {
  for (auto description : list.getAsRange<DictionaryAttr>())
    if (auto tensor = resolve(Parameter(description), parameters); !tensor)
      return tensor.takeError();
  for (auto asset : assets.getAsRange<StringAttr>())
    if (auto tensor = resolveAsset(asset.getValue(), parameters); !tensor)
      return tensor.takeError();
  return Error::success();
}

Expected<json::Array> writeConstants(ArrayAttr list, ArrayAttr assets,
                                     const SafeTensors &parameters,
                                     BundleWriter &writer) {
  json::Array constants;
  if (list.empty() && assets.empty())
    return constants;
  writer.begin(SectionKind::Weights);
  auto write = [&](StringRef name, ArrayRef<uint8_t> bytes) {
    uint64_t offset =
        writer.write(bytes.data(), bytes.size(), kConstantAlignment);
    constants.push_back(describe(name, offset, bytes.size()));
  };
  for (auto description : list.getAsRange<DictionaryAttr>()) {
    Parameter parameter(description);
    Expected<const SafeTensors::Tensor *> tensor =
        resolve(parameter, parameters);
    if (!tensor)
      return tensor.takeError();
    if (parameter.storage.getKind() == StorageKind::Canonical &&
        !parameter.negated && !parameter.whole) {
      write(parameter.name, (*tensor)->bytes);
      continue;
    }
    Expected<std::vector<uint8_t>> bytes = convert(parameter, (*tensor)->bytes);
    if (!bytes)
      return bytes.takeError();
    write(parameter.name, *bytes);
  }
  for (auto asset : assets.getAsRange<StringAttr>()) {
    Expected<const SafeTensors::Tensor *> tensor =
        resolveAsset(asset.getValue(), parameters);
    if (!tensor)
      return tensor.takeError();
    write(asset.getValue(), (*tensor)->bytes);
  }
  return constants;
}

} // namespace rung
