//===- BrokenKernelsTest.cpp - What the virtual GPU catches -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each kernel is right as it stands, which is tested, and is then broken in one
// place. A mistake must be found in whatever order the lanes run.
//
//===----------------------------------------------------------------------===//

#include "KernelRunner.h"

#include <gmock/gmock.h>
#include <numeric>

using namespace rung::sim;
using testing::HasSubstr;

static constexpr uint64_t kSeeds = 8;

static const std::string kDeclarations = R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
declare void @llvm.nvvm.barrier.cta.sync.aligned.count(i32, i32)
declare void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32, i32)
declare void @llvm.nvvm.bar.warp.sync(i32)
declare i32 @llvm.nvvm.shfl.sync.idx.i32(i32, i32, i32, i32)
declare i32 @llvm.nvvm.redux.sync.add(i32, i32)
declare void @llvm.nvvm.cp.async.ca.shared.global.4(ptr addrspace(3), ptr addrspace(1))
declare void @llvm.nvvm.cp.async.commit.group()
declare void @llvm.nvvm.cp.async.wait.group(i32)
)";

/// `source` with `from`, which it has once, replaced.
static std::string with(std::string source, const std::string &from,
                        const std::string &to) {
  size_t at = source.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  EXPECT_EQ(source.find(from, at + 1), std::string::npos) << from;
  return source.replace(at, from.size(), to);
}

static std::vector<int32_t> counting(size_t count) {
  std::vector<int32_t> values(count);
  std::iota(values.begin(), values.end(), 0);
  return values;
}

/// Runs a kernel on an input of 0, 1, ... and an output; the first error that a
/// seed finds. Every seed must find it, unless it depends on the order of
/// blocks.
static std::string run(const std::string &source, Dims grid, Dims block,
                       size_t inputs, std::vector<int32_t> &output,
                       bool everySeed = true) {
  KernelRunner kernel(kDeclarations + source);
  if (!kernel.error.empty())
    return kernel.error;
  const std::vector<int32_t> input = counting(inputs);
  std::string first;
  for (uint64_t seed = 0; seed != kSeeds; ++seed) {
    std::fill(output.begin(), output.end(), -1);
    std::string error = kernel.run(
        grid, block, {Argument(input), Argument(output, false)}, seed);
    if (first.empty() && (seed == 0 || !everySeed))
      first = error;
    EXPECT_TRUE(!everySeed || error.empty() == first.empty())
        << "seed " << seed << ": " << error;
  }
  return first;
}

static std::string run(const std::string &source, Dims grid = {1},
                       Dims block = {64}, size_t inputs = 64,
                       size_t outputs = 64) {
  std::vector<int32_t> output(outputs);
  return run(source, grid, block, inputs, output);
}

//===----------------------------------------------------------------------===//
// Through shared memory
//===----------------------------------------------------------------------===//

/// output[i] = input[63 - i], through an asynchronous copy.
static const std::string kReverse = R"(
@buffer = internal addrspace(3) global [64 x i32] poison, align 16
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %to = getelementptr i32, ptr addrspace(3) @buffer, i32 %t
  %in1 = addrspacecast ptr %in to ptr addrspace(1)
  %from = getelementptr i32, ptr addrspace(1) %in1, i32 %t
  call void @llvm.nvvm.cp.async.ca.shared.global.4(ptr addrspace(3) %to, ptr addrspace(1) %from)
  call void @llvm.nvvm.cp.async.commit.group()
  call void @llvm.nvvm.cp.async.wait.group(i32 0)
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %r = sub i32 63, %t
  %p = getelementptr i32, ptr addrspace(3) @buffer, i32 %r
  %v = load i32, ptr addrspace(3) %p, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, ReverseIsRight) {
  std::vector<int32_t> output(64), expected = counting(64);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(run(kReverse, {1}, {64}, 64, output), "");
  EXPECT_EQ(output, expected);
}

TEST(BrokenKernels, MissingWait) {
  EXPECT_THAT(run(with(kReverse,
                       "call void @llvm.nvvm.cp.async.wait.group(i32 0)", "")),
              HasSubstr("missing wait: a load of byte"));
}

TEST(BrokenKernels, WaitForTooFewGroups) {
  EXPECT_THAT(run(with(kReverse, "wait.group(i32 0)", "wait.group(i32 1)")),
              HasSubstr("of 'buffer', which an asynchronous copy of lane"));
}

TEST(BrokenKernels, MissingBarrier) {
  std::string error =
      run(with(kReverse,
               "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)", ""));
  // A lane meets what another has written, or, earlier, has not.
  EXPECT_THAT(error, testing::AnyOf(HasSubstr("race: reads byte"),
                                    HasSubstr("missing wait: a load of byte"),
                                    HasSubstr("use of poison: a load of")));
  EXPECT_THAT(error, HasSubstr("kernel 'k', block (0, 0, 0), warp "));
  EXPECT_THAT(error, HasSubstr("`%v = load i32, ptr addrspace(3) %p, align 4` "
                               "in @k"));
}

TEST(BrokenKernels, UninitialisedSharedMemory) {
  EXPECT_THAT(
      run(with(kReverse, "sub i32 63, %t", "sub i32 64, %t"), {1}, {64}, 64),
      HasSubstr("out of bounds: a load of 4 bytes at byte 256 of "
                "'buffer', which has 256"));
  std::string larger = with(kReverse, "[64 x i32]", "[65 x i32]");
  EXPECT_THAT(run(with(larger, "sub i32 63, %t", "sub i32 64, %t")),
              HasSubstr("use of poison: a load of byte 256 of 'buffer', which "
                        "nothing has written"));
}

/// Two rounds through one buffer: the barrier before the second write is what
/// keeps it from those who still read.
static const std::string kRounds = R"(
@buffer = internal addrspace(3) global [64 x i32] poison, align 16
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %own = getelementptr i32, ptr addrspace(3) @buffer, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %r = xor i32 %t, 33
  %p = getelementptr i32, ptr addrspace(3) @buffer, i32 %r
  %v = load i32, ptr addrspace(3) %p, align 4
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 1)
  store i32 %v, ptr addrspace(3) %own, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, OverwrittenWhileOthersRead) {
  EXPECT_EQ(run(kRounds), "");
  EXPECT_THAT(
      run(with(kRounds,
               "call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 1)", "")),
      HasSubstr("race: "));
}

TEST(BrokenKernels, TwoLanesWriteOneByte) {
  EXPECT_THAT(run(with(kRounds, "@buffer, i32 %t", "@buffer, i32 0")),
              HasSubstr("race: writes byte 0 of 'buffer', which lane"));
}

/// The lanes of a warp exchange values with no barrier of the block.
static const std::string kWarp = R"(
@buffer = internal addrspace(3) global [64 x i32] poison, align 16
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %own = getelementptr i32, ptr addrspace(3) @buffer, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  call void @llvm.nvvm.bar.warp.sync(i32 -1)
  %r = xor i32 %t, 1
  %p = getelementptr i32, ptr addrspace(3) @buffer, i32 %r
  %v = load i32, ptr addrspace(3) %p, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, WarpSynchronises) {
  EXPECT_EQ(run(kWarp), "");
  EXPECT_NE(run(with(kWarp, "call void @llvm.nvvm.bar.warp.sync(i32 -1)", "")),
            "");
  // Lanes of another warp are not in it.
  EXPECT_NE(run(with(kWarp, "xor i32 %t, 1", "xor i32 %t, 32")), "");
  // Nor, with these masks, are neighbours.
  std::string pairs =
      with(kWarp, "call void @llvm.nvvm.bar.warp.sync(i32 -1)", R"(
  %odd = and i32 %t, 1
  %mask = shl i32 1431655765, %odd
  call void @llvm.nvvm.bar.warp.sync(i32 %mask))");
  EXPECT_NE(run(pairs), "");
  EXPECT_EQ(run(with(pairs, "xor i32 %t, 1", "xor i32 %t, 2")), "");
}

/// Warp 0 writes and arrives, warp 1 waits and reads.
static const std::string kProducer = R"(
@buffer = internal addrspace(3) global [32 x i32] poison, align 16
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %first = icmp ult i32 %t, 32
  br i1 %first, label %produce, label %consume
produce:
  %own = getelementptr i32, ptr addrspace(3) @buffer, i32 %t
  store i32 %t, ptr addrspace(3) %own, align 4
  call void @llvm.nvvm.barrier.cta.arrive.aligned.count(i32 1, i32 64)
  ret void
consume:
  call void @llvm.nvvm.barrier.cta.sync.aligned.count(i32 1, i32 64)
  %r = sub i32 63, %t
  %p = getelementptr i32, ptr addrspace(3) @buffer, i32 %r
  %v = load i32, ptr addrspace(3) %p, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, ProducerAndConsumer) {
  EXPECT_EQ(run(kProducer), "");
  // What comes after the arrival is not ordered before the consumer's reads.
  std::string late =
      with(kProducer, "  store i32 %t, ptr addrspace(3) %own, align 4\n", "");
  late = with(late, "  ret void\nconsume", R"(
  store i32 %t, ptr addrspace(3) %own, align 4
  ret void
consume)");
  EXPECT_NE(run(late), "");
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

/// output[i] = input[i] + 1 in blocks of 32.
static const std::string kAdd = R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %c = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %first = mul i32 %c, 32
  %i = add i32 %first, %t
  %p = getelementptr i32, ptr %in, i32 %i
  %v = load i32, ptr %p, align 4
  %w = add i32 %v, 1
  %q = getelementptr i32, ptr %out, i32 %i
  store i32 %w, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, EdgeOffByOne) {
  EXPECT_EQ(run(kAdd, {2}, {32}), "");
  EXPECT_THAT(run(kAdd, {2}, {32}, 63),
              HasSubstr("block (1, 0, 0), warp 0, lane 31: out of bounds: a "
                        "load of 4 bytes at byte 252 of 'argument 0', which "
                        "has 252"));
  EXPECT_THAT(run(kAdd, {2}, {32}, 64, 63),
              HasSubstr("out of bounds: a store of 4 bytes at byte 252 of "
                        "'argument 1', which has 252"));
  // In front of it, and where another buffer is.
  EXPECT_THAT(run(with(kAdd, "%in, i32 %i", "%in, i32 -1"), {2}, {32}),
              HasSubstr("a load of 4 bytes at byte -4 of 'argument 0'"));
  std::string other = with(kAdd, "%p = getelementptr i32, ptr %in, i32 %i", R"(
  %x = ptrtoint ptr %in to i64
  %y = ptrtoint ptr %out to i64
  %distance = sub i64 %y, %x
  %p = getelementptr i8, ptr %in, i64 %distance)");
  EXPECT_THAT(run(other, {2}, {32}), HasSubstr("of 'argument 0', which has"));
}

TEST(BrokenKernels, NullPointer) {
  EXPECT_THAT(run(with(kAdd, "ptr %in, i32 %i", "ptr null, i32 0"), {2}, {32}),
              HasSubstr("out of bounds: a load of 4 bytes"));
}

TEST(BrokenKernels, WritesItsInput) {
  EXPECT_THAT(run(with(kAdd, "ptr %out, i32", "ptr %in, i32"), {2}, {32}),
              HasSubstr("of 'argument 0', which may only be read"));
}

TEST(BrokenKernels, ReadsItsOutput) {
  EXPECT_THAT(run(with(kAdd, "ptr %in, i32", "ptr %out, i32"), {2}, {32}),
              HasSubstr("use of poison: a load of byte"));
}

TEST(BrokenKernels, MisalignedVector) {
  std::string vector = R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  %p = getelementptr i32, ptr %in, i32 FIRST
  %v = load <4 x i32>, ptr %p, align 16
  store <4 x i32> %v, ptr %out, align 16
  ret void
}
)";
  EXPECT_EQ(run(with(vector, "FIRST", "4"), {1}, {1}), "");
  EXPECT_THAT(run(with(vector, "FIRST", "2"), {1}, {1}),
              HasSubstr("misaligned: a load of 16 bytes at byte 8 of 'argument "
                        "0'; its address must be a multiple of 16"));
}

TEST(BrokenKernels, TwoBlocksWriteOnePlace) {
  EXPECT_THAT(run(with(kAdd, "mul i32 %c, 32", "mul i32 %c, 31"), {2}, {32}),
              HasSubstr("race: writes byte 124 of 'argument 1', which block"));
}

/// Each block leaves a number, the last one to count itself adds them up.
static const std::string kLast = R"(
@count = internal addrspace(1) global i32 0
define ptx_kernel void @k(ptr %in, ptr %out) {
  %c = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %p = getelementptr i32, ptr %out, i32 %c
  store i32 %c, ptr %p, align 4
  %before = atomicrmw add ptr addrspace(1) @count, i32 1 acq_rel, align 4
  %m = urem i32 %before, 4
  %last = icmp eq i32 %m, 3
  br i1 %last, label %sum, label %done
sum:
  %v = load <4 x i32>, ptr %out, align 16
  %s = call i32 @llvm.vector.reduce.add.v4i32(<4 x i32> %v)
  %q = getelementptr i32, ptr %out, i32 4
  store i32 %s, ptr %q, align 4
  br label %done
done:
  ret void
}
declare i32 @llvm.vector.reduce.add.v4i32(<4 x i32>)
)";

TEST(BrokenKernels, LastBlock) {
  std::vector<int32_t> output(5);
  EXPECT_EQ(run(kLast, {4}, {1}, 1, output), "");
  EXPECT_EQ(output[4], 6);
  std::string early =
      with(kLast, "%last = icmp eq i32 %m, 3", "%last = icmp eq i32 %c, 3");
  // Unless block 3 is the last.
  EXPECT_THAT(run(early, {4}, {1}, 1, output, /*everySeed=*/false),
              testing::AnyOf(HasSubstr("race: reads byte"),
                             HasSubstr("use of poison")));
  std::string plain = with(
      kLast,
      "%before = atomicrmw add ptr addrspace(1) @count, i32 1 acq_rel, align 4",
      R"(%before = load i32, ptr addrspace(1) @count, align 4
  %after = add i32 %before, 1
  store i32 %after, ptr addrspace(1) @count, align 4)");
  EXPECT_THAT(run(plain, {4}, {1}, 1, 5),
              HasSubstr("race: reads byte 0 of 'count', which block"));
}

TEST(BrokenKernels, Tables) {
  std::string table = R"(
@table = private addrspace(1) constant [4 x i32] [i32 5, i32 6, i32 7, i32 8]
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr i32, ptr addrspace(1) @table, i32 %t
  %v = load i32, ptr addrspace(1) %p, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";
  std::vector<int32_t> output(4);
  EXPECT_EQ(run(table, {1}, {4}, 1, output), "");
  EXPECT_EQ(output, (std::vector<int32_t>{5, 6, 7, 8}));
  EXPECT_THAT(run(table, {1}, {5}),
              HasSubstr("out of bounds: a load of 4 bytes at "));
}

TEST(BrokenKernels, WaitsForAnotherBlock) {
  EXPECT_THAT(run(R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  br label %loop
loop:
  %v = load volatile i32, ptr %in, align 4
  %go = icmp ne i32 %v, 0
  br i1 %go, label %done, label %loop
done:
  ret void
}
)",
                  {1}, {2}),
              HasSubstr("a block cannot wait for another"));
}

//===----------------------------------------------------------------------===//
// Meetings
//===----------------------------------------------------------------------===//

/// Everyone gets lane 5's number.
static const std::string kBroadcast = R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %t, 16
  br i1 %low, label %one, label %two
one:
  br label %both
two:
  br label %both
both:
  %v = call i32 @llvm.nvvm.shfl.sync.idx.i32(i32 -1, i32 %t, i32 5, i32 31)
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, DivergentCollective) {
  std::vector<int32_t> output(32);
  EXPECT_EQ(run(kBroadcast, {1}, {32}, 1, output), "");
  EXPECT_EQ(output, std::vector<int32_t>(32, 5));
  // The same shuffle twice, in either branch.
  std::string twice = with(kBroadcast, "one:\n", R"(one:
  %v1 = call i32 @llvm.nvvm.shfl.sync.idx.i32(i32 -1, i32 %t, i32 5, i32 31)
)");
  EXPECT_THAT(run(twice, {1}, {32}),
              HasSubstr("divergent: is here with mask 0xffffffff while lane"));
  EXPECT_THAT(
      run(with(kBroadcast, "i32 -1, i32 %t, i32 5", "i32 65535, i32 %t, i32 5"),
          {1}, {32}),
      HasSubstr("divergent: the lane is not in the mask 0x0000ffff"));
  EXPECT_THAT(
      run(with(kBroadcast, "two:\n  br label %both", "two:\n  ret void"), {1},
          {32}),
      testing::AnyOf(HasSubstr("divergent: exits while lane"),
                     HasSubstr("which has exited")));
  // A warp with fewer lanes than the mask.
  EXPECT_THAT(run(kBroadcast, {1}, {31}),
              HasSubstr("lane 31 is in the mask 0xffffffff, but this warp has "
                        "31 lanes"));
}

TEST(BrokenKernels, ReadsALaneOutsideOfTheMask) {
  std::string half =
      with(kBroadcast, "two:\n  br label %both", "two:\n  ret void");
  half = with(half, "i32 -1, i32 %t, i32 5", "i32 65535, i32 %t, i32 5");
  EXPECT_EQ(run(half, {1}, {32}), "");
  EXPECT_THAT(run(with(half, "i32 %t, i32 5", "i32 %t, i32 16"), {1}, {32}),
              HasSubstr("reads from lane 16, which is not in the mask "
                        "0x0000ffff"));
}

/// Two barriers, which lanes reach by two ways.
static const std::string kBarriers = R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %low = icmp ult i32 %t, LIMIT
  br i1 %low, label %one, label %two
one:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ret void
two:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  ret void
}
)";

TEST(BrokenKernels, BarriersOfOneWarp) {
  EXPECT_EQ(run(with(kBarriers, "LIMIT", "32")), "");
  EXPECT_THAT(run(with(kBarriers, "LIMIT", "16")),
              HasSubstr("divergent: lanes of one warp meet at different "
                        "barriers"));
}

TEST(BrokenKernels, Deadlock) {
  std::string source = with(kBarriers, "LIMIT", "32");
  std::string error = run(
      with(source, "all(i32 0)\n  ret void\n}", "all(i32 1)\n  ret void\n}"));
  EXPECT_THAT(error, HasSubstr("deadlock: every lane waits for others; 32 "
                               "lanes, first lane"));
  EXPECT_THAT(error, HasSubstr("@llvm.nvvm.barrier.cta.sync.aligned.all(i32 1)"
                               "` in @k"));
}

TEST(BrokenKernels, ExitBeforeABarrier) {
  std::string source = with(kBarriers, "LIMIT", "32");
  EXPECT_THAT(
      run(with(source, R"(two:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
)",
               "two:\n")),
      testing::AnyOf(HasSubstr("exits before the barrier that lane"),
                     HasSubstr("waits at a barrier of all threads, of which")));
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// C = A · B with A[i][k] = 1 at k = i, so C is B.
static const std::string kMatrix = R"(
declare { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.f32.f32(<2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, <2 x half>, float, float, float, float)
define ptx_kernel void @k(ptr %in, ptr %out) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %g = lshr i32 %t, 2
  %m = and i32 %t, 3
  %k = shl i32 %m, 1
  %even = icmp eq i32 %g, %k
  %k1 = add i32 %k, 1
  %odd = icmp eq i32 %g, %k1
  %x = select i1 %even, half 1.0, half 0.0
  %y = select i1 %odd, half 1.0, half 0.0
  %a = insertelement <2 x half> zeroinitializer, half %x, i32 0
  %one = insertelement <2 x half> %a, half %y, i32 1
  %h = uitofp i32 %k to half
  %h1 = uitofp i32 %k1 to half
  %bx = insertelement <2 x half> zeroinitializer, half %h, i32 0
  %b = insertelement <2 x half> %bx, half %h1, i32 1
  %b8 = fadd <2 x half> %b, <half 8.0, half 8.0>
  %r = call { float, float, float, float } @llvm.nvvm.mma.m16n8k16.row.col.f32.f32(<2 x half> %one, <2 x half> zeroinitializer, <2 x half> zeroinitializer, <2 x half> %one, <2 x half> %b, <2 x half> %b8, float 0.0, float 0.0, float 0.0, float 0.0)
  %r2 = extractvalue { float, float, float, float } %r, 2
  %n = fptosi float %r2 to i32
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %n, ptr %q, align 4
  ret void
}
)";

TEST(BrokenKernels, SwappedFragment) {
  std::vector<int32_t> output(32), expected(32);
  for (int lane = 0; lane != 32; ++lane)
    expected[lane] = 8 + lane / 4; // row 8 + g of B
  EXPECT_EQ(run(kMatrix, {1}, {32}, 1, output), "");
  EXPECT_EQ(output, expected);
  // Registers 1 and 3 of A exchanged: no error, but another result.
  EXPECT_EQ(run(with(kMatrix,
                     "zeroinitializer, <2 x half> zeroinitializer, <2 "
                     "x half> %one, <2 x half> %b,",
                     "%one, <2 x half> zeroinitializer, <2 x half> "
                     "zeroinitializer, <2 x half> %b,"),
                {1}, {32}, 1, output),
            "");
  EXPECT_NE(output, expected);
}

TEST(BrokenKernels, PoisonOperand) {
  EXPECT_THAT(
      run(with(kMatrix, "<2 x half> %b8, float", "<2 x half> poison, float"),
          {1}, {32}, 1, 32),
      HasSubstr("use of poison: an operand was never computed"));
  EXPECT_THAT(run(with(kAdd, "store i32 %w", "store i32 undef"), {2}, {32}),
              HasSubstr("use of poison"));
}

TEST(BrokenKernels, LocalArray) {
  std::string local = R"(
define ptx_kernel void @k(ptr %in, ptr %out) {
  %a = alloca [4 x i32], align 4
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %p = getelementptr i32, ptr %a, i32 %t
  store i32 7, ptr %p, align 4
  %v = load i32, ptr %p, align 4
  %q = getelementptr i32, ptr %out, i32 %t
  store i32 %v, ptr %q, align 4
  ret void
}
)";
  EXPECT_EQ(run(local, {1}, {4}), "");
  EXPECT_THAT(run(local, {1}, {5}),
              HasSubstr("lane 4: out of bounds: an access of 4 bytes at byte "
                        "16 of a local variable, which has 16"));
}

TEST(BrokenKernels, Trap) {
  EXPECT_THAT(run(R"(
declare void @llvm.trap()
define ptx_kernel void @k(ptr %in, ptr %out) {
  call void @llvm.trap()
  unreachable
}
)"),
              HasSubstr("the kernel stops itself"));
}
