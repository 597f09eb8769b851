//===- Arguments.h - Checks the tensors of a call ---------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_ARGUMENTS_H
#define RUNG_LIB_RUNTIME_ARGUMENTS_H

#include "rung-c/Runtime.h"
#include "rung/Runtime/Manifest.h"

#include <map>
#include <string>
#include <vector>

namespace rung {

/// The dynamic sizes of one call, found in its tensors.
///
/// Each check returns an error text, empty when all is well.
class Arguments {
public:
  explicit Arguments(const Entry &entry) : entry_(entry) {}

  /// Checks the tensors of inputs and inouts and takes the dynamic sizes from
  /// them. `tensors` are those of the leading arguments that are no outputs.
  std::string bind(const rung_tensor *tensors);

  /// Sizes of an output's array; to be called after bind().
  std::vector<int64_t> outputSizes(const Argument &output) const;

  /// Checks the sizes of an output's tensor; to be called after bind().
  std::string checkOutput(const Argument &output,
                          const rung_tensor &tensor) const;

  /// Checks that the data is there, aligned, and, if it lies on the host, free
  /// of invalid codes.
  std::string checkData(const Argument &argument,
                        const rung_tensor &tensor) const;

  /// Checks that every size is below 2^31, as kernels of a GPU need it.
  std::string checkSizes32(const Argument &argument,
                           const rung_tensor &tensor) const;

  /// "entry 'f': argument 'x'"; without the entry if it has no name.
  std::string where(const Argument &argument) const;

  /// Checks that nothing written overlaps another tensor.
  std::string checkOverlap(const rung_tensor *tensors) const;

  /// Arguments that are no outputs.
  static size_t inputCount(const Entry &entry);

private:
  struct Known {
    int64_t size;
    const Argument *from;
  };
  std::string bindSizes(const Argument &argument, const rung_tensor &tensor);
  std::string checkPackedRows(const Argument &argument,
                              const rung_tensor &tensor) const;
  std::string checkCodes(const Argument &argument,
                         const rung_tensor &tensor) const;
  std::string shapeError(const Argument &argument,
                         const rung_tensor &tensor) const;
  int64_t sizeOf(const Dimension &dimension) const;

  const Entry &entry_;
  std::map<std::string, Known> sizes_;
};

/// Bytes of a tensor whose sizes were checked.
uint64_t bytesOf(const Argument &argument, const rung_tensor &tensor);

} // namespace rung

#endif // RUNG_LIB_RUNTIME_ARGUMENTS_H
