//===- Fiber.cpp - Stacks, and changing from one to another -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fiber.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sys/mman.h>

using namespace rung::sim;

// What a call must preserve: six registers. The control words of the floating
// point units are the same in all fibers of a launch.
asm(R"(
  .text
  .p2align 4
  .globl rung_sim_switch
  .hidden rung_sim_switch
  .type rung_sim_switch,@function
rung_sim_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
  .size rung_sim_switch, .-rung_sim_switch
)");

static constexpr size_t kPageBytes = 4096;

Stacks::~Stacks() {
  if (memory)
    munmap(memory, maxCount * kBytes);
}

std::string Stacks::grow(size_t count) {
  auto failed = [](const char *call) {
    return std::string("cannot make stacks for a block's threads: ") + call +
           ": " + std::strerror(errno);
  };
  if (!memory) {
    void *mapped = mmap(nullptr, maxCount * kBytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
      return failed("mmap");
    memory = static_cast<char *>(mapped);
  }
  for (; usable < count; ++usable)
    if (mprotect(begin(usable) + kPageBytes, kBytes - kPageBytes,
                 PROT_READ | PROT_WRITE))
      return failed("mprotect");
  return "";
}

void *Stacks::start(size_t index, void (*body)()) const {
  // From the top: a return address that is never used, so that `body` starts
  // with its stack as after a call; its address, for the switch to return to;
  // six registers.
  auto *top = reinterpret_cast<uint64_t *>(begin(index) + kBytes) - 8;
  std::memset(top, 0, 8 * sizeof(uint64_t));
  top[6] = reinterpret_cast<uint64_t>(body);
  return top;
}

bool Stacks::contains(size_t index, const void *data, size_t bytes) const {
  auto offset = reinterpret_cast<uintptr_t>(data) -
                reinterpret_cast<uintptr_t>(begin(index));
  return offset < kBytes && bytes <= kBytes - offset;
}
