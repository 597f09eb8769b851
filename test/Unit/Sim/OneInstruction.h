//===- OneInstruction.h - A kernel of one instruction -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_UNITTESTS_SIM_ONEINSTRUCTION_H
#define RUNG_UNITTESTS_SIM_ONEINSTRUCTION_H

#include "KernelRunner.h"

#include <cstring>
#include <functional>
#include <random>

namespace rung::sim {

constexpr unsigned kLanes = 32;

/// The operands, or the results, of one instruction in all lanes of a warp:
/// words[operand][lane], narrower types in the low bits.
using WarpWords = std::vector<std::array<uint64_t, kLanes>>;

/// A kernel that performs one instruction in a warp for each block.
class OneInstruction {
public:
  /// `operands` are types ("i32", "<2 x half>") or constants with their type
  /// ("i32 -1", which takes no word); `body` computes %r0, %r1, ... of the
  /// types `results` from %a0, %a1, ...
  OneInstruction(const std::string &declarations, const std::string &body,
                 std::vector<std::string> operands,
                 std::vector<std::string> results,
                 const std::string &device = "sm_90a");

  /// A call of an intrinsic. Several results are members of a structure.
  static OneInstruction call(const std::string &intrinsic,
                             std::vector<std::string> operands,
                             std::vector<std::string> results,
                             const std::string &device = "sm_90a");

  /// The results for each of `warps`; a failure of the test if it cannot run.
  std::vector<WarpWords> run(const std::vector<WarpWords> &warps);

private:
  std::unique_ptr<KernelRunner> kernel;
  size_t operandCount = 0, resultCount;
};

/// Operands of `count` warps: words(operand) for each lane.
std::vector<WarpWords> makeOperands(size_t count, size_t operands,
                                    std::function<uint64_t(size_t)> word);

/// One operand in every lane of as many warps as its values need.
std::vector<WarpWords> oneOperand(const std::vector<uint64_t> &values);

template <typename To, typename From>
To bitsAs(From from) {
  static_assert(sizeof(To) <= sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

} // namespace rung::sim

#endif // RUNG_UNITTESTS_SIM_ONEINSTRUCTION_H
