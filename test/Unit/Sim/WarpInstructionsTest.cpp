//===- WarpInstructionsTest.cpp - Instructions of all lanes -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against models written from the PTX ISA manual's pseudo code and tables.
//
//===----------------------------------------------------------------------===//

#include "OneInstruction.h"

#include <gmock/gmock.h>

using namespace rung::sim;

namespace {

std::mt19937_64 &generator() {
  static std::mt19937_64 engine(5);
  return engine;
}
uint64_t random(uint64_t count) { return generator()() % count; }

//===----------------------------------------------------------------------===//
// shfl.sync, vote.sync, redux.sync, match.sync
//===----------------------------------------------------------------------===//

struct ShuffleCase {
  const char *mode;
  unsigned clamp; ///< what a full warp uses
};

class Shuffle : public testing::TestWithParam<ShuffleCase> {};

TEST_P(Shuffle, LikeThePseudoCode) {
  std::string mode = GetParam().mode;
  auto instruction =
      OneInstruction::call("llvm.nvvm.shfl.sync." + mode + ".i32p",
                           {"i32 -1", "i32", "i32", "i32"}, {"i32", "i1"});
  // Segments of 32, 16, 8, ... lanes; a random distance or lane.
  auto warps = makeOperands(64, 3, [&](size_t operand) -> uint64_t {
    return operand == 0 ? generator()() : operand == 1 ? random(64) : 0;
  });
  for (size_t i = 0; i != warps.size(); ++i)
    warps[i][2].fill(GetParam().clamp | (32 - (32 >> i % 6)) << 8);
  auto results = instruction.run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane) {
      unsigned b = warps[i][1][lane], c = warps[i][2][lane];
      unsigned bval = b & 0x1f, cval = c & 0x1f, mask = c >> 8 & 0x1f;
      unsigned maxLane = (lane & mask) | (cval & ~mask & 0x1f);
      unsigned minLane = lane & mask;
      int j;
      bool p;
      if (mode == "up") {
        j = int(lane) - int(bval);
        p = j >= int(maxLane);
      } else if (mode == "down") {
        j = lane + bval;
        p = j <= int(maxLane);
      } else if (mode == "bfly") {
        j = lane ^ bval;
        p = j <= int(maxLane);
      } else {
        j = minLane | (bval & ~mask & 0x1f);
        p = j <= int(maxLane);
      }
      if (!p)
        j = lane;
      EXPECT_EQ(uint32_t(results[i][0][lane]), uint32_t(warps[i][0][j]))
          << "lane " << lane << " b " << b << " c " << c;
      EXPECT_EQ(results[i][1][lane] & 1, p);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Modes, Shuffle,
    testing::Values(ShuffleCase{"up", 0}, ShuffleCase{"down", 31},
                    ShuffleCase{"bfly", 31}, ShuffleCase{"idx", 31}),
    [](const auto &info) { return std::string(info.param.mode); });

TEST(WarpInstructions, Votes) {
  auto warps = makeOperands(40, 1, [](size_t) { return random(2); });
  warps[0][0].fill(0);
  warps[1][0].fill(1);
  auto vote = [&](const std::string &mode, const char *type) {
    std::string call = "  %p = trunc i32 %a0 to i1\n  %r0 = call " +
                       std::string(type) + " @llvm.nvvm.vote." + mode +
                       ".sync(i32 -1, i1 %p)";
    return OneInstruction("declare " + std::string(type) + " @llvm.nvvm.vote." +
                              mode + ".sync(i32, i1)",
                          call, {"i32"}, {type})
        .run(warps);
  };
  auto all = vote("all", "i1"), any = vote("any", "i1"),
       uni = vote("uni", "i1"), ballot = vote("ballot", "i32");
  for (size_t i = 0; i != warps.size(); ++i) {
    uint32_t bits = 0;
    for (unsigned lane = 0; lane != kLanes; ++lane)
      bits |= uint32_t(warps[i][0][lane]) << lane;
    for (unsigned lane = 0; lane != kLanes; ++lane) {
      EXPECT_EQ(all[i][0][lane], bits == ~0u);
      EXPECT_EQ(any[i][0][lane], bits != 0);
      EXPECT_EQ(uni[i][0][lane], bits == 0 || bits == ~0u);
      EXPECT_EQ(uint32_t(ballot[i][0][lane]), bits);
    }
  }
}

TEST(WarpInstructions, Reductions) {
  struct {
    const char *name;
    std::function<uint32_t(uint32_t, uint32_t)> join;
  } operations[] = {
      {"add", [](uint32_t a, uint32_t b) { return a + b; }},
      {"and", [](uint32_t a, uint32_t b) { return a & b; }},
      {"or", [](uint32_t a, uint32_t b) { return a | b; }},
      {"xor", [](uint32_t a, uint32_t b) { return a ^ b; }},
      {"min",
       [](uint32_t a, uint32_t b) { return int32_t(a) < int32_t(b) ? a : b; }},
      {"max",
       [](uint32_t a, uint32_t b) { return int32_t(a) > int32_t(b) ? a : b; }},
      {"umin", [](uint32_t a, uint32_t b) { return a < b ? a : b; }},
      {"umax", [](uint32_t a, uint32_t b) { return a > b ? a : b; }}};
  auto warps = makeOperands(20, 1, [](size_t) { return generator()(); });
  for (const auto &operation : operations) {
    auto results = OneInstruction::call(std::string("llvm.nvvm.redux.sync.") +
                                            operation.name,
                                        {"i32", "i32 -1"}, {"i32"})
                       .run(warps);
    for (size_t i = 0; i != warps.size(); ++i) {
      uint32_t expected = warps[i][0][0];
      for (unsigned lane = 1; lane != kLanes; ++lane)
        expected = operation.join(expected, warps[i][0][lane]);
      for (unsigned lane = 0; lane != kLanes; ++lane)
        EXPECT_EQ(uint32_t(results[i][0][lane]), expected) << operation.name;
    }
  }
}

TEST(WarpInstructions, MatchAny) {
  auto warps = makeOperands(20, 1, [](size_t) { return random(5); });
  auto results = OneInstruction::call("llvm.nvvm.match.any.sync.i32",
                                      {"i32 -1", "i32"}, {"i32"})
                     .run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned other = 0; other != kLanes; ++other)
        EXPECT_EQ(results[i][0][lane] >> other & 1,
                  warps[i][0][lane] == warps[i][0][other]);
}

TEST(WarpInstructions, BarrierReductions) {
  auto warps = makeOperands(40, 1, [](size_t) { return random(2); });
  warps[0][0].fill(0);
  warps[1][0].fill(1);
  auto reduce = [&](const std::string &mode, const char *type) {
    std::string name = "@llvm.nvvm.barrier.cta.red." + mode + ".aligned.all(";
    return OneInstruction("declare " + std::string(type) + " " + name +
                              "i32, i1)",
                          "  %p = trunc i32 %a0 to i1\n  %r0 = call " +
                              std::string(type) + " " + name + "i32 0, i1 %p)",
                          {"i32"}, {type})
        .run(warps);
  };
  auto all = reduce("and", "i1"), any = reduce("or", "i1"),
       count = reduce("popc", "i32");
  for (size_t i = 0; i != warps.size(); ++i) {
    uint32_t sum = 0;
    for (uint64_t predicate : warps[i][0])
      sum += predicate;
    EXPECT_EQ(all[i][0][3], sum == kLanes);
    EXPECT_EQ(any[i][0][4], sum != 0);
    EXPECT_EQ(uint32_t(count[i][0][5]), sum);
  }
}

//===----------------------------------------------------------------------===//
// ldmatrix, stmatrix
//===----------------------------------------------------------------------===//

/// Shared memory holds 32 rows of 8 halves, row r at 16 · r; half c of row r is
/// 8r + c.
const std::string kFill = R"(
@rows = internal addrspace(3) global [32 x [8 x i16]] poison, align 16
declare void @llvm.nvvm.barrier.cta.sync.aligned.all(i32)
)";
const std::string kFillBody = R"(
  %row = getelementptr [8 x i16], ptr addrspace(3) @rows, i32 %lane
  %eight = mul i32 %lane, 8
  %n = trunc i32 %eight to i16
  %s = insertelement <8 x i16> zeroinitializer, i16 %n, i32 0
  %same = shufflevector <8 x i16> %s, <8 x i16> zeroinitializer, <8 x i32> zeroinitializer
  %values = add <8 x i16> %same, <i16 0, i16 1, i16 2, i16 3, i16 4, i16 5, i16 6, i16 7>
  store <8 x i16> %values, ptr addrspace(3) %row, align 16
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  %from = getelementptr [8 x i16], ptr addrspace(3) @rows, i32 %a0
)";

TEST(WarpInstructions, LdMatrix) {
  for (unsigned count : {1, 2, 4})
    for (bool transposed : {false, true}) {
      std::string type = count == 1 ? "i32" : "{ i32", name;
      for (unsigned i = 1; i < count; ++i)
        type += ", i32";
      type += count == 1 ? "" : " }";
      name = "@llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) +
             (transposed ? ".trans" : "") + ".b16.p3(ptr addrspace(3)";
      std::string body = kFillBody + "  %" + (count == 1 ? "r0" : "r") +
                         " = call " + type + " " + name + " %from)\n";
      for (unsigned i = 0; count != 1 && i != count; ++i)
        body += "  %r" + std::to_string(i) + " = extractvalue " + type +
                " %r, " + std::to_string(i) + "\n";
      OneInstruction instruction(kFill + "declare " + type + " " + name + ")\n",
                                 body, {"i32"},
                                 std::vector<std::string>(count, "i32"));
      // The row that each lane's address is of.
      auto warps = makeOperands(20, 1, [](size_t) { return random(32); });
      auto results = instruction.run(warps);
      for (size_t i = 0; i != warps.size(); ++i)
        for (unsigned matrix = 0; matrix != count; ++matrix)
          for (unsigned lane = 0; lane != kLanes; ++lane)
            for (unsigned half = 0; half != 2; ++half) {
              unsigned row = lane / 4, column = lane % 4 * 2 + half;
              if (transposed)
                std::swap(row, column);
              EXPECT_EQ(results[i][matrix][lane] >> 16 * half & 0xffff,
                        8 * warps[i][0][8 * matrix + row] + column);
            }
    }
}

TEST(WarpInstructions, StMatrixIsTheInverseOfLdMatrix) {
  for (const char *transposed : {"", ".trans"}) {
    std::string store =
                    std::string("@llvm.nvvm.stmatrix.sync.aligned.m8n8.x2") +
                    transposed + ".b16.p3(ptr addrspace(3)",
                load = std::string("@llvm.nvvm.ldmatrix.sync.aligned.m8n8.x2") +
                       transposed + ".b16.p3(ptr addrspace(3)";
    OneInstruction instruction(
        "@rows = internal addrspace(3) global [16 x [8 x i16]] poison, align "
        "16\n"
        "declare void " +
            store +
            ", i32, i32)\n"
            "declare { i32, i32 } " +
            load +
            ")\n"
            "declare void @llvm.nvvm.bar.warp.sync(i32)\n",
        "  %m = and i32 %lane, 15\n"
        "  %row = getelementptr [8 x i16], ptr addrspace(3) @rows, i32 %m\n"
        "  call void " +
            store +
            " %row, i32 %a0, i32 %a1)\n"
            "  call void @llvm.nvvm.bar.warp.sync(i32 -1)\n"
            "  %r = call { i32, i32 } " +
            load +
            " %row)\n"
            "  %r0 = extractvalue { i32, i32 } %r, 0\n"
            "  %r1 = extractvalue { i32, i32 } %r, 1\n",
        {"i32", "i32"}, {"i32", "i32"});
    auto warps =
        makeOperands(10, 2, [](size_t) { return generator()() >> 32; });
    EXPECT_EQ(instruction.run(warps), warps);
  }
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

TEST(WarpInstructions, CpAsyncFillsWithZeroes) {
  // Each lane copies its 16 bytes, of which the operand says how many count.
  OneInstruction instruction(
      R"(
@rows = internal addrspace(3) global [32 x <2 x i64>] poison, align 16
declare void @llvm.nvvm.cp.async.cg.shared.global.16.s(ptr addrspace(3), ptr addrspace(1), i32)
declare void @llvm.nvvm.cp.async.wait.all()
)",
      R"(
  %to = getelementptr <2 x i64>, ptr addrspace(3) @rows, i32 %lane
  %x = shl i32 %lane, 1
  %y = mul i32 %block, 96
  %z = add i32 %y, 32
  %even = add i32 %z, %x
  %p = getelementptr i64, ptr %in, i32 %even
  %from = addrspacecast ptr %p to ptr addrspace(1)
  call void @llvm.nvvm.cp.async.cg.shared.global.16.s(ptr addrspace(3) %to, ptr addrspace(1) %from, i32 %a0)
  call void @llvm.nvvm.cp.async.wait.all()
  %v = load <2 x i64>, ptr addrspace(3) %to, align 16
  %r0 = extractelement <2 x i64> %v, i32 0
  %r1 = extractelement <2 x i64> %v, i32 1
)",
      {"i32", "i64", "i64"}, {"i64", "i64"});
  auto warps = makeOperands(8, 3, [](size_t operand) {
    return operand ? generator()() : random(17);
  });
  auto results = instruction.run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane) {
      uint64_t source[2], expected[2] = {0, 0};
      for (unsigned j = 0; j != 2; ++j) {
        unsigned word = 2 * lane + j;
        source[j] = warps[i][1 + word / kLanes][word % kLanes];
      }
      std::memcpy(expected, source, warps[i][0][lane]);
      EXPECT_EQ(results[i][0][lane], expected[0]);
      EXPECT_EQ(results[i][1][lane], expected[1]);
    }
}

} // namespace
