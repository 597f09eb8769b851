//===- Meetings.cpp - Where lanes wait for each other -----------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>

using namespace rung::sim;

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

/// Waits until all lanes of `mask` are at this instruction; the last one does
/// the work for all.
void Machine::meet(Lane &lane, Op op, uint32_t mask, uint64_t *slots,
                   uint32_t site) {
  Warp &warp = *lane.warp;
  lane.slots = slots;
  lane.site = site;
  if (!(mask & lane.bit()))
    fail(lane, site, "divergent: the lane is not in the mask 0x%08x", mask);
  if (uint32_t missing = mask & ~warp.lanes)
    fail(lane, site,
         "divergent: lane %d is in the mask 0x%08x, but this warp has %d lanes",
         __builtin_ctz(missing), mask, __builtin_popcount(warp.lanes));
  if (uint32_t gone = mask & warp.exited)
    fail(lane, site, "divergent: waits for lane %d, which has exited",
         __builtin_ctz(gone));

  Meeting *meeting = warp.meetings, *end = meeting + warp.meetingCount;
  while (meeting != end && !(meeting->mask & mask))
    ++meeting;
  if (meeting == end) {
    *meeting = {mask, 0, site, op};
    ++warp.meetingCount;
  } else if (meeting->mask != mask || meeting->site != site) {
    const Lane &other = warpLanes(lane)[__builtin_ctz(meeting->arrived)];
    fail(lane, site,
         "divergent: is here with mask 0x%08x while lane %u waits with mask "
         "0x%08x%s",
         mask, other.registers.laneid, meeting->mask,
         describeSite(meeting->site).c_str());
  }
  meeting->arrived |= lane.bit();
  if (meeting->arrived != mask) {
    lane.state = Lane::State::AtWarp;
    return wait(lane);
  }
  Meeting complete = *meeting;
  *meeting = warp.meetings[--warp.meetingCount];
  idleTurns = 0;
  completeMeeting(lane, complete);
  Lane *all = warpLanes(lane);
  for (uint32_t rest = mask & ~lane.bit(); rest; rest &= rest - 1)
    makeReady(all[__builtin_ctz(rest)]);
}

void Machine::checkExit(Lane &lane) {
  Warp &warp = *lane.warp;
  for (unsigned i = 0; i != warp.meetingCount; ++i)
    if (warp.meetings[i].mask & lane.bit())
      fail(lane, warp.meetings[i].site,
           "divergent: exits while lane %d waits for it",
           __builtin_ctz(warp.meetings[i].arrived));
  for (BarrierState &barrier : barriers)
    if (barrier.active() && barrier.all && !barrier.hasPassed(lane.index)) {
      uint16_t first = barrier.waiting.empty() ? barrier.passing.front().first
                                               : barrier.waiting.front();
      fail(lane, lanes[first].site,
           "exits before the barrier that lane %u of warp %u waits at",
           first % kWarpLanes, first / kWarpLanes);
    }
}

//===----------------------------------------------------------------------===//
// Blocks
//===----------------------------------------------------------------------===//

/// The barrier that a lane comes to, which it may.
BarrierState &Machine::findBarrier(Lane &lane, uint32_t id, uint32_t count,
                                   uint32_t site) {
  if (id >= kBarriers)
    fail(lane, site, "there is no barrier %u, only 0..%u", id, kBarriers - 1);
  if (count % kWarpLanes || count > warps.size() * kWarpLanes)
    fail(lane, site,
         "a barrier of %u threads: it must be a multiple of %u and not more "
         "than the block has, %u",
         count, kWarpLanes, threads);
  BarrierState &barrier = barriers[id];
  uint32_t expected = count ? std::min(count, threads) : threads;
  if (!barrier.active()) {
    barrier.expected = expected;
    barrier.all = expected == threads;
  } else if (barrier.expected != expected) {
    fail(lane, site, "barrier %u of %u threads, at which others wait for %u",
         id, expected, barrier.expected);
  }
  uint32_t missing = exited;
  for (auto [other, time] : barrier.passing)
    missing -= lanes[other].state == Lane::State::Exited;
  if (barrier.all && missing)
    fail(lane, site,
         "waits at a barrier of all threads, of which %u have exited", missing);
  return barrier;
}

void Machine::waitAtBarrier(Lane &lane, Op op, uint64_t *slots, uint32_t site) {
  BarrierState &barrier =
      findBarrier(lane, uint32_t(slots[0]), uint32_t(slots[1]), site);
  lane.slots = slots;
  lane.site = site;
  for (uint16_t other : barrier.waiting)
    if (lanes[other].warp == lane.warp && lanes[other].site != site)
      fail(lane, site,
           "divergent: lanes of one warp meet at different barriers; lane %u "
           "waits%s",
           lanes[other].registers.laneid,
           describeSite(lanes[other].site).c_str());
  barrier.waiting.push_back(lane.index);
  if (barrier.waiting.size() + barrier.passing.size() < barrier.expected) {
    lane.state = Lane::State::AtBarrier;
    return wait(lane);
  }
  completeBarrier(op, barrier, &lane);
}

/// A warp arrives, and goes on.
void Machine::passBarrier(Lane &last, const Meeting &meeting) {
  BarrierState &barrier = findBarrier(last, uint32_t(last.slots[0]),
                                      uint32_t(last.slots[1]), meeting.site);
  Lane *of = warpLanes(last);
  for (uint32_t rest = meeting.mask; rest; rest &= rest - 1)
    barrier.passing.emplace_back(of[__builtin_ctz(rest)].index, now);
  ++now;
  if (barrier.waiting.size() + barrier.passing.size() >= barrier.expected)
    completeBarrier(meeting.op, barrier, nullptr);
}

void Machine::completeBarrier(Op op, BarrierState &barrier,
                              const Lane *running) {
  idleTurns = 0;
  uint32_t sum = 0;
  if (op == Op::BarrierRedAnd || op == Op::BarrierRedOr ||
      op == Op::BarrierRedPopc) {
    for (uint16_t index : barrier.waiting)
      sum += lanes[index].slots[2] & 1;
    uint32_t result = op == Op::BarrierRedPopc  ? sum
                      : op == Op::BarrierRedAnd ? sum == barrier.waiting.size()
                                                : sum != 0;
    for (uint16_t index : barrier.waiting)
      lanes[index].slots[0] = result;
  }
  if (barrier.all && barrier.passing.empty())
    floor = now++;
  else
    synchronizeBlock(barrier);
  for (uint16_t index : barrier.waiting)
    if (&lanes[index] != running)
      makeReady(lanes[index]);
  barrier.waiting.clear();
  barrier.passing.clear();
}

//===----------------------------------------------------------------------===//
// Who knows of whom
//===----------------------------------------------------------------------===//

Knowledge &Machine::knowledge(const Lane &lane) {
  if (!hasKnowledge) {
    hasKnowledge = true;
    for (Knowledge &of : known) {
      of.lanes.fill(0);
      of.warps.fill(0);
    }
  }
  return known[lane.index];
}

static void learn(Knowledge &to, const Knowledge &from) {
  for (unsigned i = 0; i != kMaxWarps; ++i)
    to.warps[i] = std::max(to.warps[i], from.warps[i]);
  for (unsigned i = 0; i != kWarpLanes; ++i)
    to.lanes[i] = std::max(to.lanes[i], from.lanes[i]);
}

void Machine::synchronizeWarp(Lane &lane, uint32_t mask) {
  Knowledge all = knowledge(lane);
  Lane *of = warpLanes(lane);
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    learn(all, knowledge(of[__builtin_ctz(rest)]));
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    all.lanes[__builtin_ctz(rest)] = now;
  for (uint32_t rest = mask; rest; rest &= rest - 1)
    knowledge(of[__builtin_ctz(rest)]) = all;
  ++now;
}

void Machine::synchronizeBlock(const BarrierState &barrier) {
  // What each warp, and each lane of it, has told: by when all of its lanes
  // had arrived.
  std::array<Time, kMaxThreads> arrival{};
  Knowledge all{};
  for (uint16_t index : barrier.waiting)
    arrival[index] = now;
  for (auto [index, time] : barrier.passing)
    arrival[index] = time;
  // Lanes know only those of their own warp one by one.
  for (uint16_t index = 0; index != threads; ++index)
    if (arrival[index])
      for (unsigned warp = 0; warp != kMaxWarps; ++warp)
        all.warps[warp] =
            std::max(all.warps[warp], knowledge(lanes[index]).warps[warp]);
  for (size_t warp = 0; warp != warps.size(); ++warp) {
    Time least = now;
    for (uint32_t rest = warps[warp].lanes; rest; rest &= rest - 1)
      least = std::min(least, arrival[warp * kWarpLanes + __builtin_ctz(rest)]);
    all.warps[warp] = std::max(all.warps[warp], least);
  }
  for (uint16_t index : barrier.waiting) {
    Knowledge &of = knowledge(lanes[index]);
    of.warps = all.warps;
    size_t first = index / kWarpLanes * kWarpLanes;
    for (unsigned i = 0; i != kWarpLanes && first + i < threads; ++i)
      of.lanes[i] = std::max(of.lanes[i], arrival[first + i]);
  }
  ++now;
}
