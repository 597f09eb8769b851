//===- ErrorText.h - What an Expected says went wrong ----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TEST_UNIT_LAYOUT_ERRORTEXT_H
#define RUNG_TEST_UNIT_LAYOUT_ERRORTEXT_H

#include "llvm/Support/Error.h"
#include <string>

namespace rung {

/// The message of a failure, "" of a success.
template <typename T>
std::string errorText(llvm::Expected<T> result) {
  return result ? "" : llvm::toString(result.takeError());
}

} // namespace rung

#endif // RUNG_TEST_UNIT_LAYOUT_ERRORTEXT_H
