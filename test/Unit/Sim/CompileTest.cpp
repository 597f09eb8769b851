//===- CompileTest.cpp - What the virtual GPU refuses -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include <gmock/gmock.h>

using namespace rung::sim;
using testing::HasSubstr;

static std::string compileError(const std::string &declarations,
                                const std::string &body,
                                const char *device = "sm_80") {
  return KernelRunner(declarations + "\ndefine ptx_kernel void @k(ptr %p) {\n" +
                          body + "\n  ret void\n}\n",
                      device)
      .error;
}

TEST(Compile, UnknownIntrinsic) {
  EXPECT_EQ(
      compileError("declare i32 @llvm.nvvm.read.ptx.sreg.smid()",
                   "  %x = call i32 @llvm.nvvm.read.ptx.sreg.smid()"),
      "the virtual GPU does not know llvm.nvvm.read.ptx.sreg.smid, in kernel "
      "@k: `%x = call i32 @llvm.nvvm.read.ptx.sreg.smid()`");
}

TEST(Compile, UnknownAssembly) {
  EXPECT_THAT(
      compileError("", R"(  call void asm sideeffect "wgmma.foo;", ""())"),
      HasSubstr("the virtual GPU does not know wgmma.foo;, in kernel @k: "));
}

TEST(Compile, FunctionWithoutBody) {
  EXPECT_THAT(compileError("declare float @__nv_expf(float)",
                           "  %x = call float @__nv_expf(float 1.0)"),
              HasSubstr("finds no body of @__nv_expf"));
}

TEST(Compile, OldDevice) {
  std::string declaration =
      "declare <2 x half> @llvm.nvvm.e4m3x2.to.f16x2.rn(i16)";
  std::string body =
      "  %x = call <2 x half> @llvm.nvvm.e4m3x2.to.f16x2.rn(i16 0)";
  EXPECT_THAT(compileError(declaration, body),
              HasSubstr("the virtual GPU is cuda:sm_80, but "
                        "llvm.nvvm.e4m3x2.to.f16x2.rn needs sm_89"));
  EXPECT_EQ(compileError(declaration, body, "sm_90a"), "");
}

TEST(Compile, MatrixInstructionOfAnotherDevice) {
  std::string declaration =
      "declare { float, float, float, float } "
      "@llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32(i32, i32, i32, i32, "
      "i32, i32, float, float, float, float)";
  std::string body =
      "  %x = call { float, float, float, float } "
      "@llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32(i32 0, i32 0, i32 0, "
      "i32 0, i32 0, i32 0, float 0.0, float 0.0, float 0.0, float 0.0)";
  EXPECT_THAT(compileError(declaration, body),
              HasSubstr("cuda:sm_80 has no matrix instruction "
                        "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32"));
  EXPECT_EQ(compileError(declaration, body, "sm_89"), "");
}

TEST(Compile, Modules) {
  EXPECT_EQ(KernelRunner("define void @k() {\n  ret void\n}").error,
            "the module has no kernel, which is a function of calling "
            "convention ptx_kernel");
  EXPECT_EQ(
      KernelRunner("define ptx_kernel void @k(ptr byval(i64) %p) {\n  ret "
                   "void\n}")
          .error,
      "parameter 0 of kernel @k is a structure (byval); the virtual GPU takes "
      "scalars and pointers");
  EXPECT_EQ(KernelRunner("target triple = \"x86_64-unknown-linux-gnu\"\ndefine "
                         "void @k() {\n  ret void\n}")
                .error,
            "expected a module for nvptx64, found 'x86_64-unknown-linux-gnu'");
}

TEST(Compile, Stacks) {
  EXPECT_EQ(
      compileError("", "  %a = alloca [131073 x i8], align 1\n  store "
                       "volatile i8 1, ptr %a"),
      "the virtual GPU has 131072 bytes of local memory for a thread, but "
      "kernel @k needs 131073");
  EXPECT_EQ(compileError("", "  %n = load i32, ptr %p\n  %a = alloca i8, i32 "
                             "%n\n  store volatile i8 1, ptr %a"),
            "the virtual GPU has no local variables of dynamic size, in kernel "
            "@k");
  EXPECT_EQ(compileError("define internal void @f(ptr %p) {\n  call void "
                         "@f(ptr %p)\n  ret void\n}",
                         "  call void @f(ptr %p)"),
            "the virtual GPU runs no recursion, found in @f");
}

TEST(Launch, Sizes) {
  KernelRunner kernel("define ptx_kernel void @k(i32 %x) #0 {\n  ret void\n}\n"
                      "attributes #0 = { \"nvvm.maxntid\"=\"64,2\" }");
  ASSERT_EQ(kernel.error, "");
  EXPECT_EQ(kernel.run({1}, {128}, {uint64_t(1)}), "");
  EXPECT_EQ(kernel.run({1}, {32, 2, 2}, {uint64_t(1)}), "");
  EXPECT_EQ(kernel.run({1}, {129}, {uint64_t(1)}),
            "kernel 'k': a block of 129 threads; it takes at most 128");
  EXPECT_EQ(kernel.run({1}, {1, 1, 65}, {uint64_t(1)}),
            "kernel 'k': a block of (1, 1, 65) threads; it must be 1..1024, "
            "1..1024, 1..64");
  EXPECT_EQ(kernel.run({1, 65536}, {1}, {uint64_t(1)}),
            "kernel 'k': a grid of (1, 65536, 1) blocks; it must be "
            "1..2147483647, 1..65535, 1..65535");
  EXPECT_EQ(kernel.run({0}, {1}, {uint64_t(1)}),
            "kernel 'k': a grid of (0, 1, 1) blocks; it must be "
            "1..2147483647, 1..65535, 1..65535");
  EXPECT_EQ(kernel.run({1}, {1}, {}), "kernel 'k': takes 1 arguments, found 0");
}

TEST(Launch, Buffers) {
  VirtualGPU gpu;
  char memory[16];
  EXPECT_EQ(gpu.add({memory, 8, "low", true, true}), "");
  EXPECT_EQ(gpu.add({memory + 8, 8, "high", true, true}), "");
  EXPECT_EQ(gpu.add({memory + 4, 8, "middle", true, true}),
            "the buffers 'middle' and 'low' overlap");
  gpu.remove(memory);
  gpu.remove(memory + 8);
  EXPECT_EQ(gpu.add({memory + 4, 8, "middle", true, true}), "");
}

TEST(Launch, DebugLocations) {
  KernelRunner kernel(R"(
define ptx_kernel void @k(ptr %p) !dbg !4 {
  store i32 1, ptr %p, align 4, !dbg !7
  ret void
}
!llvm.module.flags = !{!0}
!llvm.dbg.cu = !{!1}
!0 = !{i32 2, !"Debug Info Version", i32 3}
!1 = distinct !DICompileUnit(language: DW_LANG_C, file: !2, emissionKind: LineTablesOnly)
!2 = !DIFile(filename: "matmul.mlir", directory: "/")
!3 = !DISubroutineType(types: !{})
!4 = distinct !DISubprogram(name: "k", file: !2, line: 1, type: !3, unit: !1, spFlags: DISPFlagDefinition)
!7 = !DILocation(line: 12, column: 5, scope: !4)
)");
  ASSERT_EQ(kernel.error, "");
  EXPECT_EQ(kernel.run({1}, {1}, {uint64_t(0)}),
            "kernel 'k', block (0, 0, 0), warp 0, lane 0: out of bounds: a "
            "store of 4 bytes at address 0x0, which is in no buffer; at "
            "matmul.mlir:12:5: `store i32 1, ptr %p, align 4` in @k");
}

/// A module's own tables are memory that its kernels may read.
TEST(Compile, PrivateVariable) {
  KernelRunner runner(R"(
@table = private addrspace(1) constant [4 x i32] [i32 7, i32 5, i32 3, i32 1]

define ptx_kernel void @k(ptr %p) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %from = getelementptr i32, ptr addrspace(1) @table, i32 %lane
  %entry = load i32, ptr addrspace(1) %from
  %to = getelementptr i32, ptr %p, i32 %lane
  store i32 %entry, ptr %to
  ret void
}

declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
)");
  ASSERT_EQ(runner.error, "");
  std::vector<uint32_t> entries(4);
  EXPECT_EQ(runner.run({1}, {4}, {entries}), "");
  EXPECT_EQ(entries, (std::vector<uint32_t>{7, 5, 3, 1}));
}
