//===- Require.h - What must hold of every input -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_FUZZ_REQUIRE_H
#define RUNG_FUZZ_REQUIRE_H

#include <cstdio>
#include <cstdlib>
#include <string>

namespace rung::fuzz {

/// Ends the run as a found failure if `condition` does not hold.
inline void require(bool condition, const std::string &what) {
  if (condition)
    return;
  std::fprintf(stderr, "broken promise: %s\n", what.c_str());
  std::abort();
}

} // namespace rung::fuzz

#endif // RUNG_FUZZ_REQUIRE_H
