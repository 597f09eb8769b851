//===- Manifest.cpp - What a bundle says about itself -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/Manifest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

using namespace rung;
using Json = nlohmann::json;

static constexpr ElementType kElementTypes[] = {
    {"float16", 'f', 2}, {"float32", 'f', 4}, {"float64", 'f', 8},
    {"int8", 'i', 1},    {"int16", 'i', 2},   {"int32", 'i', 4},
    {"int64", 'i', 8},   {"uint8", 'u', 1},   {"uint16", 'u', 2},
    {"uint32", 'u', 4},  {"uint64", 'u', 8},
};

const ElementType *rung::findElementType(const std::string &name) {
  for (const ElementType &type : kElementTypes)
    if (name == type.name)
      return &type;
  return nullptr;
}

std::string rung::toString(const Shape &shape) {
  std::string text = "[";
  for (const Dimension &dimension : shape) {
    if (text.size() > 1)
      text += ", ";
    text +=
        dimension.isDynamic() ? dimension.name : std::to_string(dimension.size);
  }
  return text + "]";
}

namespace {

/// What is wrong, and where in the manifest.
struct ManifestError {
  std::string message;
};

/// A value in the manifest and the way to it.
class Node {
public:
  Node(const Json &json, std::string path)
      : json_(json), path_(std::move(path)) {}

  [[noreturn]] void fail(const std::string &expected) const {
    std::string found =
        json_.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (found.size() > 60)
      found = found.substr(0, 60) + "...";
    throw ManifestError{path_ + " is " + found + ", expected " + expected};
  }

  bool has(const char *key) const {
    return json_.is_object() && json_.contains(key);
  }
  Node operator[](const char *key) const {
    if (!json_.is_object())
      fail("an object");
    auto found = json_.find(key);
    if (found == json_.end())
      throw ManifestError{path_ + " has no \"" + key + "\""};
    return Node(*found, path_.empty() ? key : path_ + "." + key);
  }
  std::string string() const {
    if (!json_.is_string())
      fail("a string");
    return json_.get<std::string>();
  }
  /// A name that is a C string and not empty.
  std::string name() const {
    std::string text = string();
    if (text.empty() || text.find('\0') != std::string::npos)
      fail("a name");
    return text;
  }
  uint64_t number(uint64_t low = 0, uint64_t high = INT64_MAX) const {
    if (!json_.is_number_unsigned() || json_.get<uint64_t>() < low ||
        json_.get<uint64_t>() > high)
      fail("a number from " + std::to_string(low) + " to " +
           std::to_string(high));
    return json_.get<uint64_t>();
  }
  bool isString() const { return json_.is_string(); }

  template <typename Fn>
  auto list(Fn &&read) const {
    if (!json_.is_array())
      fail("a list");
    std::vector<decltype(read(*this))> items;
    for (size_t i = 0; i < json_.size(); ++i)
      items.push_back(
          read(Node(json_[i], path_ + "[" + std::to_string(i) + "]")));
    return items;
  }

private:
  const Json &json_;
  std::string path_;
};

} // namespace

static constexpr uint64_t kMaxRank = 32;

static Shape readShape(const Node &node) {
  Shape shape = node.list([](const Node &item) {
    Dimension dimension;
    if (item.isString())
      dimension.name = item.name();
    else
      dimension.size = static_cast<int64_t>(item.number(1));
    return dimension;
  });
  if (shape.size() > kMaxRank)
    node.fail("at most " + std::to_string(kMaxRank) + " sizes");
  return shape;
}

static ArgumentKind readKind(const Node &node) {
  std::string kind = node.string();
  if (kind == "input")
    return ArgumentKind::Input;
  if (kind == "inout")
    return ArgumentKind::InOut;
  if (kind == "output")
    return ArgumentKind::Output;
  node.fail("\"input\", \"inout\" or \"output\"");
}

/// The storage of an argument follows from its shape and width.
static void checkStorage(const Node &node, const Argument &argument) {
  // A code without dimensions fills one byte.
  if (argument.isSubByte() && argument.shape.empty() &&
      argument.storage.size() == 1 && argument.storage[0].size == 1)
    return;
  bool same = argument.storage.size() == argument.shape.size();
  for (size_t i = 0; same && i < argument.shape.size(); ++i) {
    Dimension wanted = argument.shape[i];
    if (argument.isSubByte() && i + 1 == argument.shape.size()) {
      // A dynamic one may go by any name here.
      if (wanted.isDynamic() && argument.storage[i].isDynamic())
        continue;
      if (!wanted.isDynamic() && wanted.size > INT64_MAX / 8)
        node.fail("smaller sizes");
      if (!wanted.isDynamic())
        wanted.size = (wanted.size * argument.bits + 7) / 8;
    }
    same = wanted.size == argument.storage[i].size &&
           wanted.name == argument.storage[i].name;
  }
  if (!same)
    node.fail("the storage of " + toString(argument.shape) + " at " +
              std::to_string(argument.bits) + " bits");
}

static Argument readArgument(const Node &node) {
  Argument argument;
  argument.name = node["name"].name();
  argument.kind = readKind(node["kind"]);
  argument.format = node["format"].name();
  argument.bits = static_cast<uint32_t>(node["bits"].number(1, 64));
  argument.type = findElementType(node["dtype"].string());
  if (!argument.type)
    node["dtype"].fail("the name of a numeric numpy dtype");
  if (argument.type->bytes != (argument.bits + 7) / 8 ||
      (argument.isSubByte() && argument.type->kind != 'u'))
    node["dtype"].fail("one that holds a code of " +
                       std::to_string(argument.bits) + " bits");
  argument.shape = readShape(node["shape"]);
  argument.storage = readShape(node["storage_shape"]);
  checkStorage(node["storage_shape"], argument);
  if (node.has("codes"))
    argument.codes = node["codes"].number(1);
  // As many as there are is no restriction; wider formats have no tables.
  if (argument.bits > 8 || argument.codes >= uint64_t(1) << argument.bits)
    argument.codes = 0;
  return argument;
}

/// Every dynamic size of an output is one of an input or inout.
static void checkOutputs(const Node &node, const Entry &entry) {
  std::set<std::string> names, known;
  bool outputs = false;
  for (const Argument &argument : entry.arguments) {
    if (!names.insert(argument.name).second)
      node.fail("one argument of the name '" + argument.name + "'");
    if (argument.kind == ArgumentKind::Output) {
      outputs = true;
      for (const Dimension &dimension : argument.shape)
        if (dimension.isDynamic() && !known.count(dimension.name))
          node.fail("an input with the size " + dimension.name +
                    " of output '" + argument.name + "'");
      continue;
    }
    if (outputs)
      node.fail("the outputs to be last");
    for (const Shape *shape : {&argument.shape, &argument.storage})
      for (const Dimension &dimension : *shape)
        if (dimension.isDynamic())
          known.insert(dimension.name);
  }
}

static std::vector<Constant> readConstants(const Node &list) {
  return list.list([](const Node &node) {
    return Constant{node["name"].name(), node["offset"].number(),
                    node["bytes"].number()};
  });
}

/// The index of the item called `name`.
template <typename Item>
static size_t findByName(const Node &name, const std::vector<Item> &items,
                         const char *what) {
  std::string text = name.string();
  for (size_t i = 0; i < items.size(); ++i)
    if (items[i].name == text)
      return i;
  name.fail(std::string("the name of an ") + what);
}

static uint32_t readSection(const Node &node) {
  return static_cast<uint32_t>(node.number(0, UINT32_MAX));
}

static void readPacking(const Node &node, const std::vector<Entry> &entries,
                        Binary &binary) {
  size_t entry = findByName(node["entry"], entries, "entry");
  const std::vector<Argument> &arguments = entries[entry].arguments;
  size_t argument = findByName(node["argument"], arguments, "argument");
  if (arguments[argument].kind != ArgumentKind::Input)
    node["argument"].fail("an input: what is written has no packed order");
  Packing packing{node["function"].name(), node["bytes"].number(1)};
  if (!binary.packed.insert({{entry, argument}, packing}).second)
    node.fail("one packing of this argument");
}

/// Kernels and their code; a CPU has none.
static void readDeviceCode(const Node &node, Binary &binary) {
  std::string kind = binary.target.substr(0, binary.target.find(':'));
  if (kind == "cpu") {
    for (const char *key : {"kernels", "device"})
      if (node.has(key))
        node[key].fail("none for a CPU");
    return;
  }
  binary.kernels =
      node["kernels"].list([](const Node &name) { return name.name(); });
  std::set<std::string> names(binary.kernels.begin(), binary.kernels.end());
  if (names.size() != binary.kernels.size())
    node["kernels"].fail("a name for each kernel");
  binary.device = node["device"].list([&](const Node &form) {
    DeviceCode code{form["kind"].string(), readSection(form["section"])};
    if (kind == "sim" && code.kind != "sim")
      form["kind"].fail("\"sim\"");
    if (kind == "cuda" && code.kind != "cubin" && code.kind != "ptx")
      form["kind"].fail("\"cubin\" or \"ptx\"");
    return code;
  });
  if (binary.device.empty() != binary.kernels.empty())
    node["device"].fail(binary.kernels.empty() ? "none without kernels"
                                               : "code of the kernels");
}

static Binary readBinary(const Node &node, const Manifest &manifest) {
  Binary binary;
  binary.target = node["target"].name();
  if (node.has("features"))
    binary.features = node["features"].list(
        [](const Node &feature) { return feature.name(); });
  binary.section = readSection(node["section"]);
  if (node.has("constants"))
    binary.constants = node["constants"].list([&](const Node &index) {
      uint64_t value = index.number();
      if (value >= manifest.constants.size())
        index.fail("the index of one of " +
                   std::to_string(manifest.constants.size()) + " constants");
      return static_cast<uint32_t>(value);
    });
  if (node.has("packed"))
    node["packed"].list([&](const Node &packed) {
      readPacking(packed, manifest.entries, binary);
      return 0;
    });
  readDeviceCode(node, binary);
  return binary;
}

const Packing *Binary::packing(size_t entry, size_t argument) const {
  auto found = packed.find({entry, argument});
  return found == packed.end() ? nullptr : &found->second;
}

static Manifest readManifest(const Node &root) {
  Manifest manifest;
  manifest.producer = root["producer"].string();
  manifest.constants = readConstants(root["constants"]);
  if (root.has("assets"))
    manifest.assets = readConstants(root["assets"]);
  manifest.entries = root["entries"].list([](const Node &node) {
    Entry entry;
    entry.name = node["name"].name();
    entry.arguments = node["arguments"].list(readArgument);
    checkOutputs(node["arguments"], entry);
    return entry;
  });
  std::set<std::string> names;
  for (const Entry &entry : manifest.entries)
    if (!names.insert(entry.name).second)
      root["entries"].fail("one entry of the name '" + entry.name + "'");
  manifest.binaries = root["binaries"].list(
      [&](const Node &node) { return readBinary(node, manifest); });
  return manifest;
}

std::optional<Manifest> rung::parseManifest(const char *text, uint64_t bytes,
                                            std::string &error) {
  try {
    Json json = Json::parse(text, text + bytes);
    return readManifest(Node(json, ""));
  } catch (const ManifestError &problem) {
    error = "manifest: " + problem.message;
  } catch (const std::exception &problem) {
    error = std::string("manifest: ") + problem.what();
  }
  return std::nullopt;
}
