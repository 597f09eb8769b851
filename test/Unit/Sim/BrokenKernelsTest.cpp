//===- BrokenKernelsTest.cpp - What the virtual GPU catches -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include <gmock/gmock.h>

using namespace rung::sim;
using testing::HasSubstr;

static const char kAdd[] = R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
define ptx_kernel void @k(ptr %a, ptr %b) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %c = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %base = mul i32 %c, 32
  %i = add i32 %base, %t
  %p = getelementptr i32, ptr %a, i32 %i
  %v = load i32, ptr %p, align 4
  %w = add i32 %v, 1
  %q = getelementptr i32, ptr %b, i32 %i
  store i32 %w, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, OutOfBounds) {
  KernelRunner kernel(kAdd);
  ASSERT_EQ(kernel.error, "");
  std::vector<int> a(64, 1), b(64), c(63);
  EXPECT_EQ(kernel.run({2}, {32}, {a, b}), "");
  EXPECT_EQ(b, std::vector<int>(64, 2));
  EXPECT_THAT(kernel.run({2}, {32}, {a, c}),
              HasSubstr("out of bounds: a store of 4 bytes at byte 252 of "
                        "'argument 1', which has 252"));
}
