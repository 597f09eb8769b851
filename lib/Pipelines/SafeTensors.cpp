//===- SafeTensors.cpp - Reads tensors of safetensors files ---------------===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "rung/Pipelines/SafeTensors.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MathExtras.h"

using namespace llvm;

namespace rung {
namespace {

/// 0 for a dtype that safetensors does not have.
unsigned dtypeBytes(StringRef dtype) {
  return StringSwitch<unsigned>(dtype)
      .Cases({"F64", "I64", "U64"}, 8)
      .Cases({"F32", "I32", "U32"}, 4)
      .Cases({"F16", "BF16", "I16", "U16"}, 2)
      .Cases({"U8", "I8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"}, 1)
      .Default(0);
}

/// What LLVM's parser does not report of JSON.
struct Outline {
  /// Nests deeper than any header does, which has three levels. The parser
  /// recurses, and would run out of stack.
  bool isDeep = false;
  /// A key that the outermost object has twice, as written; empty if there is
  /// none. The parser keeps one of them.
  StringRef repeatedKey;
};

/// The outline of JSON that need not be well-formed.
Outline outlineOf(StringRef json) {
  constexpr int kDeepest = 64;
  Outline found;
  StringSet<> keys;
  int depth = 0;
  for (size_t i = 0; i < json.size() && !found.isDeep; ++i) {
    if (json[i] == '[' || json[i] == '{')
      found.isDeep = ++depth > kDeepest;
    else if (json[i] == ']' || json[i] == '}')
      --depth;
    if (json[i] != '"')
      continue;
    size_t begin = ++i;
    while (i < json.size() && json[i] != '"')
      i += json[i] == '\\' ? 2 : 1; // with what is escaped
    StringRef text = json.slice(begin, i);
    bool isKey = depth == 1 && json.substr(i + 1).ltrim().starts_with(":");
    if (isKey && !keys.insert(text).second)
      found.repeatedKey = text;
  }
  return found;
}

/// Reads one file's header.
class HeaderReader {
public:
  HeaderReader(StringRef path, StringRef contents)
      : path(path), contents(contents) {}

  Error read(function_ref<Error(StringRef, SafeTensors::Tensor)> add) {
    if (contents.size() < 8)
      return error("is " + Twine(contents.size()) +
                   " bytes long, expected a safetensors file");
    uint64_t length = support::endian::read64le(contents.data());
    if (length > contents.size() - 8)
      return error("says that its header is " + Twine(length) +
                   " bytes long, but only " + Twine(contents.size() - 8) +
                   " follow; it is truncated or no safetensors file");
    data = contents.drop_front(8 + length);
    StringRef text = contents.substr(8, length);
    const Outline outline = outlineOf(text);
    if (outline.isDeep)
      return error("has a header that is no object of tensors: its brackets "
                   "are nested too deeply");
    Expected<json::Value> header = json::parse(text);
    if (!header)
      return error("has a header that is no JSON: " +
                   toString(header.takeError()));
    json::Object *object = header->getAsObject();
    if (!object)
      return error("has a header that is no JSON object");
    if (!outline.repeatedKey.empty())
      return error("names tensor '" + outline.repeatedKey + "' twice");
    for (auto &[key, value] : *object) {
      StringRef name = key;
      if (name == "__metadata__")
        continue;
      SafeTensors::Tensor tensor;
      if (Error problem = readTensor(name, value, tensor))
        return problem;
      if (!tensor.bytes.empty())
        places.push_back({tensor.bytes, name});
      if (Error problem = add(name, std::move(tensor)))
        return problem;
    }
    return checkApart();
  }

private:
  /// No byte belongs to two tensors.
  Error checkApart() {
    llvm::sort(places, [](auto &a, auto &b) {
      return std::tuple(a.first.begin(), a.first.end()) <
             std::tuple(b.first.begin(), b.first.end());
    });
    for (size_t i = 1; i < places.size(); ++i)
      if (places[i].first.begin() < places[i - 1].first.end())
        return error("has tensors '" + places[i - 1].second + "' and '" +
                     places[i].second + "' that overlap");
    return Error::success();
  }

  Error error(const Twine &what) {
    return createStringError("'" + path + "' " + what);
  }

  Error readTensor(StringRef name, const json::Value &value,
                   SafeTensors::Tensor &tensor) {
    auto bad = [&](const Twine &what) {
      return error("tensor '" + name + "' " + what);
    };
    const json::Object *object = value.getAsObject();
    std::optional<StringRef> dtype =
        object ? object->getString("dtype") : std::nullopt;
    const json::Array *shape = object ? object->getArray("shape") : nullptr;
    const json::Array *offsets =
        object ? object->getArray("data_offsets") : nullptr;
    if (!dtype || !shape || !offsets || offsets->size() != 2)
      return bad("has no dtype, shape or data_offsets");
    unsigned elementBytes = dtypeBytes(*dtype);
    if (!elementBytes)
      return bad("has dtype '" + *dtype + "', which is none of safetensors'");
    uint64_t bytes = elementBytes;
    for (const json::Value &size : *shape) {
      std::optional<int64_t> number = size.getAsInteger();
      bool overflow = false;
      if (number && *number >= 0)
        bytes = SaturatingMultiply<uint64_t>(bytes, *number, &overflow);
      if (!number || *number < 0 || overflow)
        return bad("has a size that is no non-negative integer in range");
      tensor.shape.push_back(*number);
    }
    std::optional<int64_t> begin = (*offsets)[0].getAsInteger();
    std::optional<int64_t> end = (*offsets)[1].getAsInteger();
    if (!begin || !end || *begin < 0 || *end < *begin ||
        uint64_t(*end) > data.size())
      return bad("lies outside of the file's " + Twine(data.size()) +
                 " bytes of data");
    if (uint64_t(*end - *begin) != bytes)
      return bad("has " + Twine(*end - *begin) + " bytes, but " + *dtype + " " +
                 shapeText(tensor.shape) + " takes " + Twine(bytes));
    tensor.dtype = dtype->str();
    tensor.file = path.str();
    tensor.bytes = ArrayRef(
        reinterpret_cast<const uint8_t *>(data.data()) + *begin, bytes);
    return Error::success();
  }

  StringRef path, contents, data;
  SmallVector<std::pair<ArrayRef<uint8_t>, StringRef>> places;
};

} // namespace

std::string shapeText(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, size] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(size);
  return text + "]";
}

Error SafeTensors::add(StringRef path) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && !sys::fs::is_regular_file(status))
    return createStringError("cannot read '" + path +
                             "': no regular file, which can be mapped");
  auto buffer = MemoryBuffer::getFile(path, /*IsText=*/false,
                                      /*RequiresNullTerminator=*/false);
  if (!buffer)
    return createStringError("cannot read '" + path +
                             "': " + buffer.getError().message());
  paths.push_back(path.str());
  buffers.push_back(std::move(*buffer));
  HeaderReader reader(paths.back(), buffers.back()->getBuffer());
  return reader.read([&](StringRef name, Tensor tensor) -> Error {
    auto [it, isNew] = tensors.try_emplace(name, tensor);
    if (!isNew)
      return createStringError("tensor '" + name + "' is in '" +
                               it->second.file + "' and in '" + path + "'");
    return Error::success();
  });
}

const SafeTensors::Tensor *SafeTensors::find(StringRef name) const {
  auto it = tensors.find(name);
  return it == tensors.end() ? nullptr : &it->second;
}

} // namespace rung
