//===- Instructions.cpp - Which intrinsics the virtual GPU has --*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Source: the PTX ISA manual. Matrix instructions are rows of the device's
// table (Target/NVIDIADevice.cpp).
//
//===----------------------------------------------------------------------===//

#include "Retarget.h"

using namespace llvm;
using namespace rung::sim;

using Row = InstructionRow;

static constexpr int kEnd = Row::kEnd;
static constexpr std::array<int, 6> kInOrder = {kEnd};
static constexpr int constant(int value) { return Row::constant(value); }

static constexpr Row kInstructions[] = {
    // Warps.
    {"llvm.nvvm.shfl.sync.idx.*", Op::ShflIdx, 30, kInOrder},
    {"llvm.nvvm.shfl.sync.up.*", Op::ShflUp, 30, kInOrder},
    {"llvm.nvvm.shfl.sync.down.*", Op::ShflDown, 30, kInOrder},
    {"llvm.nvvm.shfl.sync.bfly.*", Op::ShflBfly, 30, kInOrder},
    {"llvm.nvvm.vote.all.sync", Op::VoteAll, 30, kInOrder},
    {"llvm.nvvm.vote.any.sync", Op::VoteAny, 30, kInOrder},
    {"llvm.nvvm.vote.uni.sync", Op::VoteUni, 30, kInOrder},
    {"llvm.nvvm.vote.ballot.sync", Op::VoteBallot, 30, kInOrder},
    {"llvm.nvvm.match.any.sync.i32", Op::MatchAny, 70, kInOrder},
    {"llvm.nvvm.redux.sync.add", Op::ReduxAdd, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.and", Op::ReduxAnd, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.or", Op::ReduxOr, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.xor", Op::ReduxXor, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.min", Op::ReduxMin, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.max", Op::ReduxMax, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.umin", Op::ReduxUMin, 80, {1, 0, kEnd}},
    {"llvm.nvvm.redux.sync.umax", Op::ReduxUMax, 80, {1, 0, kEnd}},
    {"llvm.nvvm.bar.warp.sync", Op::WarpSync, 30, kInOrder},
#define RUNG_LDMATRIX(count, name, transposed)                                 \
  {                                                                            \
    "llvm.nvvm.ldmatrix.sync.aligned.m8n8.x" #count name ".b16*",              \
        Op::LdMatrix, 75, {                                                    \
      constant(count), constant(transposed), 0, kEnd                           \
    }                                                                          \
  }
    RUNG_LDMATRIX(1, "", 0),
    RUNG_LDMATRIX(2, "", 0),
    RUNG_LDMATRIX(4, "", 0),
    RUNG_LDMATRIX(1, ".trans", 1),
    RUNG_LDMATRIX(2, ".trans", 1),
    RUNG_LDMATRIX(4, ".trans", 1),
#undef RUNG_LDMATRIX
    {"llvm.nvvm.stmatrix.sync.aligned.m8n8.x1.b16*",
     Op::StMatrix,
     90,
     {constant(1), constant(0), 0, 1, kEnd}},
    {"llvm.nvvm.stmatrix.sync.aligned.m8n8.x2.b16*",
     Op::StMatrix,
     90,
     {constant(2), constant(0), 0, 1, 2, kEnd}},
    {"llvm.nvvm.stmatrix.sync.aligned.m8n8.x1.trans.b16*",
     Op::StMatrix,
     90,
     {constant(1), constant(1), 0, 1, kEnd}},
    {"llvm.nvvm.stmatrix.sync.aligned.m8n8.x2.trans.b16*",
     Op::StMatrix,
     90,
     {constant(2), constant(1), 0, 1, 2, kEnd}},
// Blocks. Without ".aligned" they are checked as if with it.
#define RUNG_BARRIER(kind, op, aligned)                                        \
  {"llvm.nvvm.barrier.cta." kind aligned ".all",                               \
   Op::op,                                                                     \
   30,                                                                         \
   {0, constant(0), 1, kEnd}},                                                 \
  {                                                                            \
    "llvm.nvvm.barrier.cta." kind aligned ".count", Op::op, 30, kInOrder       \
  }
    {"llvm.nvvm.barrier.cta.sync.aligned.all",
     Op::Barrier,
     30,
     {0, constant(0), kEnd}},
    {"llvm.nvvm.barrier.cta.sync.all", Op::Barrier, 30, {0, constant(0), kEnd}},
    {"llvm.nvvm.barrier.cta.sync.aligned.count", Op::Barrier, 30, kInOrder},
    {"llvm.nvvm.barrier.cta.sync.count", Op::Barrier, 30, kInOrder},
    {"llvm.nvvm.barrier.cta.arrive.aligned.count", Op::BarrierArrive, 30,
     kInOrder},
    {"llvm.nvvm.barrier.cta.arrive.count", Op::BarrierArrive, 30, kInOrder},
    RUNG_BARRIER("red.and", BarrierRedAnd, ".aligned"),
    RUNG_BARRIER("red.and", BarrierRedAnd, ""),
    RUNG_BARRIER("red.or", BarrierRedOr, ".aligned"),
    RUNG_BARRIER("red.or", BarrierRedOr, ""),
    RUNG_BARRIER("red.popc", BarrierRedPopc, ".aligned"),
    RUNG_BARRIER("red.popc", BarrierRedPopc, ""),
#undef RUNG_BARRIER
// Copies to shared memory.
#define RUNG_CP_ASYNC(name, bytes)                                             \
  {"llvm.nvvm.cp.async." name ".shared.global." #bytes,                        \
   Op::CpAsync,                                                                \
   80,                                                                         \
   {0, 1, constant(bytes), constant(bytes), kEnd}},                            \
  {                                                                            \
    "llvm.nvvm.cp.async." name ".shared.global." #bytes ".s", Op::CpAsync, 80, \
    {                                                                          \
      0, 1, constant(bytes), 2, kEnd                                           \
    }                                                                          \
  }
    RUNG_CP_ASYNC("ca", 4),
    RUNG_CP_ASYNC("ca", 8),
    RUNG_CP_ASYNC("ca", 16),
    RUNG_CP_ASYNC("cg", 16),
#undef RUNG_CP_ASYNC
    {"llvm.nvvm.cp.async.commit.group", Op::CpAsyncCommit, 80, kInOrder},
    {"llvm.nvvm.cp.async.wait.group", Op::CpAsyncWait, 80, kInOrder},
    {"llvm.nvvm.cp.async.wait.all", Op::CpAsyncWaitAll, 80, kInOrder},
    // One lane.
    {"llvm.nvvm.nanosleep", Op::Nanosleep, 70, kInOrder},
    {"llvm.nvvm.prmt", Op::Prmt, 20, kInOrder},
    {"llvm.nvvm.idp4a.s.s", Op::Dp4aSS, 61, kInOrder},
    {"llvm.nvvm.idp4a.s.u", Op::Dp4aSU, 61, kInOrder},
    {"llvm.nvvm.idp4a.u.s", Op::Dp4aUS, 61, kInOrder},
    {"llvm.nvvm.idp4a.u.u", Op::Dp4aUU, 61, kInOrder},
    {"llvm.nvvm.ex2.approx.f32", Op::Ex2, 20, kInOrder},
    {"llvm.nvvm.ex2.approx.ftz.f32", Op::Ex2, 20, kInOrder, true},
    {"llvm.nvvm.ex2.approx.f16", Op::Ex2F16, 75, kInOrder},
    {"llvm.nvvm.ex2.approx.v2f16", Op::Ex2F16, 75, kInOrder},
    {"llvm.nvvm.lg2.approx.f", Op::Lg2, 20, kInOrder},
    {"llvm.nvvm.lg2.approx.ftz.f", Op::Lg2, 20, kInOrder, true},
    {"llvm.nvvm.rcp.approx.ftz.f", Op::Rcp, 20, kInOrder, true},
    {"llvm.nvvm.rcp.rn.f", Op::Rcp, 20, kInOrder},
    {"llvm.nvvm.rcp.rn.ftz.f", Op::Rcp, 20, kInOrder, true},
    {"llvm.nvvm.rsqrt.approx.f", Op::Rsqrt, 20, kInOrder},
    {"llvm.nvvm.rsqrt.approx.ftz.f", Op::Rsqrt, 20, kInOrder, true},
    {"llvm.nvvm.sqrt.approx.f", Op::Sqrt, 20, kInOrder},
    {"llvm.nvvm.sqrt.approx.ftz.f", Op::Sqrt, 20, kInOrder, true},
    {"llvm.nvvm.sqrt.f", Op::Sqrt, 20, kInOrder},
    {"llvm.nvvm.sqrt.rn.f", Op::Sqrt, 20, kInOrder},
    {"llvm.nvvm.sqrt.rn.ftz.f", Op::Sqrt, 20, kInOrder, true},
    {"llvm.nvvm.sin.approx.f", Op::Sin, 20, kInOrder},
    {"llvm.nvvm.sin.approx.ftz.f", Op::Sin, 20, kInOrder, true},
    {"llvm.nvvm.cos.approx.f", Op::Cos, 20, kInOrder},
    {"llvm.nvvm.cos.approx.ftz.f", Op::Cos, 20, kInOrder, true},
    {"llvm.exp2.f32", Op::Ex2, 20, kInOrder},
    {"llvm.exp2.f16", Op::Ex2F16, 75, kInOrder},
    {"llvm.exp2.v2f16", Op::Ex2F16, 75, kInOrder},
    {"llvm.log2.f32", Op::Lg2, 20, kInOrder},
    {"llvm.sin.f32", Op::Sin, 20, kInOrder},
    {"llvm.cos.f32", Op::Cos, 20, kInOrder},
    {"llvm.tanh.f32", Op::Tanh, 75, kInOrder},
    {"llvm.tanh.f16", Op::TanhF16, 75, kInOrder},
    {"llvm.tanh.v2f16", Op::TanhF16, 75, kInOrder},
    {"llvm.tanh.bf16", Op::TanhBF16, 90, kInOrder},
    {"llvm.tanh.v2bf16", Op::TanhBF16, 90, kInOrder},
    {"llvm.nvvm.e4m3x2.to.f16x2.rn", Op::E4M3x2ToF16x2, 89, kInOrder},
    {"llvm.nvvm.e5m2x2.to.f16x2.rn", Op::E5M2x2ToF16x2, 89, kInOrder},
    {"llvm.nvvm.f16x2.to.e4m3x2.rn", Op::F16x2ToE4M3x2, 89, kInOrder},
    {"llvm.nvvm.f16x2.to.e5m2x2.rn", Op::F16x2ToE5M2x2, 89, kInOrder},
    {"llvm.nvvm.ff.to.e4m3x2.rn", Op::F32x2ToE4M3x2, 89, kInOrder},
    {"llvm.nvvm.ff.to.e5m2x2.rn", Op::F32x2ToE5M2x2, 89, kInOrder},
    {"llvm.trap", Op::Trap, 20, {kEnd}},
};

static bool matches(StringRef pattern, StringRef name) {
  return pattern.consume_back("*") ? name.starts_with(pattern)
                                   : name == pattern;
}

const Row *rung::sim::findInstruction(StringRef name) {
  const Row *row = find_if(kInstructions, [&](const Row &candidate) {
    return matches(candidate.name, name);
  });
  return row == std::end(kInstructions) ? nullptr : row;
}

bool rung::sim::isHint(StringRef name) {
  static constexpr StringLiteral kHints[] = {
      "llvm.nvvm.membar.*",       "llvm.nvvm.fence.*",
      "llvm.nvvm.prefetch.*",     "llvm.nvvm.prefetchu.*",
      "llvm.nvvm.setmaxnreg.*",   "llvm.nvvm.griddepcontrol.*",
      "llvm.nvvm.applypriority.*"};
  return any_of(kHints, [&](StringRef hint) { return matches(hint, name); });
}

std::optional<size_t> rung::sim::findSpecialRegister(StringRef name) {
  static constexpr std::pair<StringLiteral, size_t> kTriples[] = {
      {"tid.", offsetof(LaneRegisters, tid)},
      {"ntid.", offsetof(LaneRegisters, ntid)},
      {"ctaid.", offsetof(LaneRegisters, ctaid)},
      {"nctaid.", offsetof(LaneRegisters, nctaid)}};
  static constexpr std::pair<StringLiteral, size_t> kWords[] = {
      {"laneid", offsetof(LaneRegisters, laneid)},
      {"warpid", offsetof(LaneRegisters, warpid)},
      {"nwarpid", offsetof(LaneRegisters, nwarpid)},
      {"dynamic_smem_size", offsetof(LaneRegisters, dynamicSharedBytes)}};
  if (!name.consume_front("llvm.nvvm.read.ptx.sreg."))
    return std::nullopt;
  for (auto [word, offset] : kWords)
    if (name == word)
      return offset;
  for (auto [prefix, offset] : kTriples)
    if (StringRef axis = name; axis.consume_front(prefix) && axis.size() == 1 &&
                               axis[0] >= 'x' && axis[0] <= 'z')
      return offset + sizeof(uint32_t) * (axis[0] - 'x');
  return std::nullopt;
}
