//===- Instructions.cpp - What only a GPU has -------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"
#include "Matrix.h"
#include "Scalar.h"

#include <algorithm>

using namespace rung::sim;

const HostTable Machine::table = {Machine::self, Machine::accessEntry,
                                  Machine::performEntry};

void Machine::accessEntry(LaneRegisters *self, const void *data, uint64_t bytes,
                          uint32_t kind, uint32_t site) {
  Lane &lane = *reinterpret_cast<Lane *>(self);
  lane.machine->access(lane, data, bytes, kind, site);
}

void Machine::performEntry(LaneRegisters *self, Op op, uint64_t *slots,
                           uint32_t site) {
  Lane &lane = *reinterpret_cast<Lane *>(self);
  Machine &machine = *lane.machine;
  switch (op) {
  case Op::ShflIdx:
  case Op::ShflUp:
  case Op::ShflDown:
  case Op::ShflBfly:
  case Op::VoteAll:
  case Op::VoteAny:
  case Op::VoteUni:
  case Op::VoteBallot:
  case Op::MatchAny:
  case Op::ReduxAdd:
  case Op::ReduxAnd:
  case Op::ReduxOr:
  case Op::ReduxXor:
  case Op::ReduxMin:
  case Op::ReduxMax:
  case Op::ReduxUMin:
  case Op::ReduxUMax:
  case Op::WarpSync:
    return machine.meet(lane, op, uint32_t(slots[0]), slots, site);
  case Op::Mma:
  case Op::LdMatrix:
  case Op::StMatrix:
    return machine.meet(lane, op, ~0u, slots, site);
  case Op::Barrier:
  case Op::BarrierRedAnd:
  case Op::BarrierRedOr:
  case Op::BarrierRedPopc:
    return machine.waitAtBarrier(lane, op, slots, site);
  case Op::BarrierArrive:
    return machine.meet(lane, op, lane.warp->lanes, slots, site);
  default:
    if (!compute(op, slots))
      machine.performInLane(lane, op, slots, site);
  }
}

void Machine::performInLane(Lane &lane, Op op, uint64_t *slots, uint32_t site) {
  switch (op) {
  case Op::CpAsync:
    return issueCopy(lane, slots, site);
  case Op::CpAsyncCommit:
    ++lane.copyGroup;
    return;
  case Op::CpAsyncWait: {
    uint32_t left = std::min<uint64_t>(lane.copyGroup, uint32_t(slots[0]));
    return waitForCopies(lane, lane.copyGroup - left);
  }
  case Op::CpAsyncWaitAll:
    return waitForCopies(lane, ~0u);
  case Op::Nanosleep:
    lane.site = site;
    return yield(lane);
  case Op::LocalAccess: {
    uint64_t offset = slots[0] - slots[2];
    if (offset > slots[3] || slots[1] > slots[3] - offset)
      fail(lane, site,
           "out of bounds: an access of %llu bytes at byte %lld of a local "
           "variable, which has %llu",
           (unsigned long long)slots[1], (long long)offset,
           (unsigned long long)slots[3]);
    return;
  }
  case Op::Poison:
    fail(lane, site, "use of poison: an operand was never computed");
  case Op::Trap:
    fail(lane, site, "the kernel stops itself");
  default:
    fail(lane, site, "the virtual GPU has no instruction %u", unsigned(op));
  }
}

//===----------------------------------------------------------------------===//
// Instructions of a warp
//===----------------------------------------------------------------------===//

/// Calls `function` with each lane of a mask.
template <typename Function>
static void forEach(uint32_t mask, Lane *lanes, Function function) {
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    function(lanes[__builtin_ctz(rest)]);
}

/// Operands: mask, value, lane or distance, and a word that cuts the warp into
/// segments. Results: the value of another lane, whether there was one.
void Machine::shuffle(const Meeting &meeting, Lane *lanes) {
  std::array<uint64_t, kWarpLanes> values{}, from{};
  forEach(meeting.mask, lanes, [&](Lane &lane) {
    int id = lane.registers.laneid, by = lane.slots[2] & 31;
    int clamp = lane.slots[3] & 31, segment = lane.slots[3] >> 8 & 31;
    int most = (id & segment) | (clamp & ~segment), least = id & segment;
    bool up = meeting.op == Op::ShflUp;
    int source = up                           ? id - by
                 : meeting.op == Op::ShflDown ? id + by
                 : meeting.op == Op::ShflBfly ? id ^ by
                                              : least | (by & ~segment);
    bool inside = up ? source >= most : source <= most;
    if (!inside)
      source = id;
    if (!(meeting.mask >> source & 1))
      fail(lane, meeting.site,
           "reads from lane %d, which is not in the mask 0x%08x", source,
           meeting.mask);
    values[id] = uint32_t(lanes[source].slots[1]);
    from[id] = inside;
  });
  forEach(meeting.mask, lanes, [&](Lane &lane) {
    lane.slots[0] = values[lane.registers.laneid];
    lane.slots[1] = from[lane.registers.laneid];
  });
}

static uint32_t reduce(Op op, uint32_t a, uint32_t b) {
  switch (op) {
  case Op::ReduxAdd:
    return a + b;
  case Op::ReduxAnd:
    return a & b;
  case Op::ReduxOr:
    return a | b;
  case Op::ReduxXor:
    return a ^ b;
  case Op::ReduxMin:
    return std::min(int32_t(a), int32_t(b));
  case Op::ReduxMax:
    return std::max(int32_t(a), int32_t(b));
  case Op::ReduxUMin:
    return std::min(a, b);
  default:
    return std::max(a, b);
  }
}

/// ldmatrix, stmatrix: matrix m has row r at the address of lane 8m + r; of
/// register m lane l holds elements 2(l % 4) and the next of row l / 4, or with
/// .trans of column l / 4.
void Machine::moveMatrices(const Meeting &meeting, Lane *lanes) {
  bool store = meeting.op == Op::StMatrix;
  unsigned count = lanes[0].slots[0];
  bool transposed = lanes[0].slots[1];
  uint32_t kind = 4 << AccessKind::kAlignmentShift |
                  3 << AccessKind::kSpaceShift |
                  (store ? AccessKind::kWrite : 0);
  std::array<char *, kWarpLanes> rows;
  for (unsigned row = 0; row != 8 * count; ++row) {
    rows[row] = reinterpret_cast<char *>(lanes[row].slots[2]);
    access(lanes[row], rows[row], 16, kind, meeting.site);
  }
  for (unsigned matrix = 0; matrix != count; ++matrix)
    for (unsigned lane = 0; lane != kWarpLanes; ++lane) {
      uint64_t &slot = lanes[lane].slots[store ? 3 + matrix : matrix];
      uint16_t pair[2] = {uint16_t(slot), uint16_t(slot >> 16)};
      for (unsigned i = 0; i != 2; ++i) {
        unsigned row = lane / 4, column = 2 * (lane % 4) + i;
        if (transposed)
          std::swap(row, column);
        char *place = rows[8 * matrix + row] + 2 * column;
        if (store)
          std::memcpy(place, &pair[i], 2);
        else
          std::memcpy(&pair[i], place, 2);
      }
      if (!store)
        slot = uint32_t(pair[1]) << 16 | pair[0];
    }
}

void Machine::completeMeeting(Lane &last, const Meeting &meeting) {
  Lane *lanes = warpLanes(last);
  auto each = [&](auto function) { forEach(meeting.mask, lanes, function); };
  auto setAll = [&](uint64_t value) {
    each([&](Lane &lane) { lane.slots[0] = value; });
  };
  uint32_t votes = 0;
  switch (meeting.op) {
  case Op::ShflIdx:
  case Op::ShflUp:
  case Op::ShflDown:
  case Op::ShflBfly:
    return shuffle(meeting, lanes);
  case Op::VoteAll:
  case Op::VoteAny:
  case Op::VoteUni:
  case Op::VoteBallot:
    each([&](Lane &lane) { votes |= lane.slots[1] & 1 ? lane.bit() : 0; });
    return setAll(meeting.op == Op::VoteBallot ? votes
                  : meeting.op == Op::VoteAny  ? votes != 0
                  : meeting.op == Op::VoteAll
                      ? votes == meeting.mask
                      : votes == 0 || votes == meeting.mask);
  case Op::MatchAny:
    return each([&](Lane &lane) {
      uint32_t same = 0;
      each([&](Lane &other) {
        same |= uint32_t(other.slots[1]) == uint32_t(lane.slots[1])
                    ? other.bit()
                    : 0;
      });
      lane.slots[0] = same;
    });
  case Op::WarpSync:
    return synchronizeWarp(last, meeting.mask);
  case Op::BarrierArrive:
    return passBarrier(last, meeting);
  case Op::Mma:
    return multiplyMatrices(lanes);
  case Op::LdMatrix:
  case Op::StMatrix:
    return moveMatrices(meeting, lanes);
  default: {
    uint32_t sum = uint32_t(lanes[__builtin_ctz(meeting.mask)].slots[1]);
    uint32_t rest = meeting.mask & (meeting.mask - 1);
    forEach(rest, lanes, [&](Lane &lane) {
      sum = reduce(meeting.op, sum, uint32_t(lane.slots[1]));
    });
    return setAll(sum);
  }
  }
}
