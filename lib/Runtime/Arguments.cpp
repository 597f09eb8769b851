//===- Arguments.cpp - Checks the tensors of a call -------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Arguments.h"

#include "Codes.h"

#include <algorithm>

using namespace rung;

static std::string toString(const int64_t *sizes, uint32_t rank) {
  std::string text = "[";
  for (uint32_t i = 0; i < rank; ++i)
    text += (i ? ", " : "") + std::to_string(sizes[i]);
  return text + "]";
}

/// Bytes in which `size` codes lie.
static int64_t storedBytes(int64_t size, uint32_t bits) {
  return size / 8 * bits + (size % 8 * bits + 7) / 8;
}

uint64_t rung::bytesOf(const Argument &argument, const rung_tensor &tensor) {
  uint64_t bytes = argument.type->bytes;
  for (uint32_t i = 0; i < tensor.rank; ++i)
    bytes *= static_cast<uint64_t>(tensor.sizes[i]);
  return bytes;
}

size_t Arguments::inputCount(const Entry &entry) {
  return static_cast<size_t>(
      std::count_if(entry.arguments.begin(), entry.arguments.end(),
                    [](const Argument &argument) {
                      return argument.kind != ArgumentKind::Output;
                    }));
}

std::string Arguments::where(const Argument &argument) const {
  return (entry_.name.empty() ? "" : "entry '" + entry_.name + "': ") +
         "argument '" + argument.name + "'";
}

std::string Arguments::shapeError(const Argument &argument,
                                  const rung_tensor &tensor) const {
  std::string text = where(argument) + " has shape " +
                     ::toString(tensor.sizes, tensor.rank) + ", expected " +
                     toString(argument.storage);
  if (argument.isSubByte())
    text += " (" + std::string(argument.type->name) + ", the storage of " +
            toString(argument.shape) + " " + argument.format + ")";
  return text;
}

/// The size of a dimension; -1 when it is dynamic and not known.
int64_t Arguments::sizeOf(const Dimension &dimension) const {
  if (!dimension.isDynamic())
    return dimension.size;
  auto found = sizes_.find(dimension.name);
  return found == sizes_.end() ? -1 : found->second.size;
}

std::string Arguments::bindSizes(const Argument &argument,
                                 const rung_tensor &tensor) {
  if (tensor.rank != argument.storage.size() || (tensor.rank && !tensor.sizes))
    return shapeError(argument, tensor);
  uint64_t bytes = argument.type->bytes;
  for (uint32_t i = 0; i < tensor.rank; ++i) {
    int64_t size = tensor.sizes[i];
    const Dimension &wanted = argument.storage[i];
    if (wanted.isDynamic() ? size < 1 : size != wanted.size)
      return shapeError(argument, tensor) +
             (size < 1 ? "; every size is at least 1" : "");
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes) ||
        bytes > uint64_t(INT64_MAX))
      return shapeError(argument, tensor) + "; it is too large for memory";
    bool isPackedRow = argument.isSubByte() && i + 1 == tensor.rank;
    if (!wanted.isDynamic() || isPackedRow)
      continue;
    auto [known, isNew] = sizes_.insert({wanted.name, {size, &argument}});
    if (!isNew && known->second.size != size)
      return where(argument) + " has shape " +
             ::toString(tensor.sizes, tensor.rank) + " for " +
             toString(argument.storage) + ", so " + wanted.name + " = " +
             std::to_string(size) + ", but argument '" +
             known->second.from->name + "' has " + wanted.name + " = " +
             std::to_string(known->second.size);
  }
  return "";
}

/// Rows of codes that share bytes tell their dynamic size only roughly; where
/// another argument gives it, the two must agree.
std::string Arguments::checkPackedRows(const Argument &argument,
                                       const rung_tensor &tensor) const {
  if (!argument.isSubByte() || argument.shape.empty())
    return "";
  int64_t size = sizeOf(argument.shape.back());
  int64_t bytes = tensor.sizes[tensor.rank - 1];
  if (size < 0 || storedBytes(size, argument.bits) == bytes)
    return "";
  return shapeError(argument, tensor) + "; " + argument.shape.back().name +
         " = " + std::to_string(size) + " takes " +
         std::to_string(storedBytes(size, argument.bits)) + " bytes";
}

std::string Arguments::bind(const rung_tensor *tensors) {
  size_t count = inputCount(entry_);
  for (size_t i = 0; i < count; ++i)
    if (!tensors[i].packed)
      if (std::string problem = bindSizes(entry_.arguments[i], tensors[i]);
          !problem.empty())
        return problem;
  for (size_t i = 0; i < count; ++i)
    if (!tensors[i].packed)
      if (std::string problem =
              checkPackedRows(entry_.arguments[i], tensors[i]);
          !problem.empty())
        return problem;
  for (const Argument &argument : entry_.arguments) {
    if (argument.kind != ArgumentKind::Output)
      continue;
    for (const Dimension &dimension : argument.shape)
      if (sizeOf(dimension) < 0)
        return where(argument) + " has the size " + dimension.name +
               ", which no array of this call tells";
  }
  return "";
}

std::vector<int64_t> Arguments::outputSizes(const Argument &output) const {
  std::vector<int64_t> sizes;
  for (const Dimension &dimension : output.shape)
    sizes.push_back(sizeOf(dimension));
  if (sizes.empty()) // one element, which may be stored as an array of one byte
    sizes.resize(output.storage.size(), 1);
  else if (output.isSubByte())
    sizes.back() = storedBytes(sizes.back(), output.bits);
  return sizes;
}

std::string Arguments::checkOutput(const Argument &output,
                                   const rung_tensor &tensor) const {
  std::vector<int64_t> wanted = outputSizes(output);
  if (tensor.rank == wanted.size() && (!tensor.rank || tensor.sizes) &&
      std::equal(wanted.begin(), wanted.end(), tensor.sizes))
    return "";
  return where(output) + " has shape " +
         ::toString(tensor.sizes, tensor.sizes ? tensor.rank : 0) +
         ", expected " +
         ::toString(wanted.data(), static_cast<uint32_t>(wanted.size()));
}

std::string Arguments::checkData(const Argument &argument,
                                 const rung_tensor &tensor) const {
  auto address = reinterpret_cast<uintptr_t>(tensor.data);
  if (!tensor.data)
    return where(argument) + " has no data";
  if (address % argument.type->bytes)
    return where(argument) + " lies at an address that is no multiple of " +
           std::to_string(argument.type->bytes) + ", the size of a " +
           argument.type->name + "; pass an aligned copy";
  return argument.kind == ArgumentKind::Output || tensor.memory == RUNG_DEVICE
             ? ""
             : checkCodes(argument, tensor);
}

std::string Arguments::checkSizes32(const Argument &argument,
                                    const rung_tensor &tensor) const {
  for (uint32_t i = 0; i < tensor.rank; ++i)
    if (tensor.sizes[i] > INT32_MAX)
      return where(argument) + " has shape " +
             ::toString(tensor.sizes, tensor.rank) +
             ", but kernels of a GPU take sizes up to " +
             std::to_string(INT32_MAX) + "; split it";
  return "";
}

/// An input that holds a code that its table has no value for is refused.
std::string Arguments::checkCodes(const Argument &argument,
                                  const rung_tensor &tensor) const {
  if (!argument.codes)
    return "";
  CodeRows rows;
  rows.data = static_cast<const uint8_t *>(tensor.data);
  rows.bits = argument.bits;
  rows.rowBytes = tensor.rank ? tensor.sizes[tensor.rank - 1] : 1;
  rows.rows = static_cast<int64_t>(bytesOf(argument, tensor)) / rows.rowBytes;
  rows.codes = 1;
  if (!argument.shape.empty()) {
    rows.codes = sizeOf(argument.shape.back());
    // What is not known to be padding is checked.
    if (rows.codes < 0)
      rows.codes = rows.rowBytes * 8 / argument.bits;
  }
  InvalidCode invalid;
  if (!findInvalidCode(rows, argument.codes, invalid))
    return "";
  return where(argument) + " holds code " + std::to_string(invalid.code) +
         " in row " + std::to_string(invalid.row) + ", column " +
         std::to_string(invalid.column) + "; " + argument.format +
         " has values for codes 0 to " + std::to_string(argument.codes - 1) +
         " only";
}

std::string Arguments::checkOverlap(const rung_tensor *tensors) const {
  size_t count = entry_.arguments.size();
  auto range = [&](size_t i) {
    auto begin = reinterpret_cast<uintptr_t>(tensors[i].data);
    return std::pair(begin, begin + bytesOf(entry_.arguments[i], tensors[i]));
  };
  for (size_t i = 0; i < count; ++i) {
    if (entry_.arguments[i].kind == ArgumentKind::Input)
      continue;
    auto [begin, end] = range(i);
    for (size_t j = 0; j < count; ++j) {
      if (i == j || tensors[j].packed)
        continue;
      auto [otherBegin, otherEnd] = range(j);
      if (begin < otherEnd && otherBegin < end)
        return where(entry_.arguments[i]) + " shares memory with argument '" +
               entry_.arguments[j].name +
               "'; what is written needs memory of its own";
    }
  }
  return "";
}
