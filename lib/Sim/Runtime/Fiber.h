//===- Fiber.h - Stacks, and changing from one to another -------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// For x86-64 and the System V calling convention. A fiber that is left for good
// needs no cleaning up: nothing on its stack may own anything.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_RUNTIME_FIBER_H
#define RUNG_SIM_RUNTIME_FIBER_H

#include <cstddef>
#include <string>

namespace rung::sim {

/// Saves the running fiber's registers on its stack and the place in `*from`,
/// and goes on where `to` was saved.
extern "C" void rungSimSwitch(void **from, void *to) asm("rung_sim_switch");

/// The stacks of up to `maxCount` fibers, each above a page that no one can
/// touch.
class Stacks {
public:
  static constexpr size_t kBytes = 256 * 1024;
  static constexpr size_t maxCount = 1024;

  Stacks() = default;
  ~Stacks();
  Stacks(const Stacks &) = delete;
  Stacks &operator=(const Stacks &) = delete;

  /// Makes the first `count` usable; the error, or "".
  std::string grow(size_t count);
  /// A fiber, to be switched to, that calls `body`, which must not return.
  void *start(size_t index, void (*body)()) const;
  bool contains(size_t index, const void *data, size_t bytes) const;

private:
  char *begin(size_t index) const { return memory + index * kBytes; }

  char *memory = nullptr;
  size_t usable = 0;
};

} // namespace rung::sim

#endif // RUNG_SIM_RUNTIME_FIBER_H
