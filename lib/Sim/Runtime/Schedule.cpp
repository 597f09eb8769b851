//===- Schedule.cpp - Whose turn it is --------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <map>

using namespace rung::sim;

static thread_local Lane *current = nullptr;

/// Turns without a store, a meeting or an exit after which lanes are taken to
/// wait for something that never comes.
static constexpr uint64_t kMostIdleTurns = 1 << 20;

LaneRegisters *Machine::self() { return &current->registers; }

/// xorshift64*.
uint64_t Machine::random() {
  randomState ^= randomState >> 12;
  randomState ^= randomState << 25;
  randomState ^= randomState >> 27;
  return randomState * 0x2545f4914f6cdd1dull;
}

void Machine::runLane() {
  Machine &machine = *current->machine;
  machine.kernel->run(machine.arguments);
  machine.exitLane(*current);
}

void Machine::makeReady(Lane &lane) {
  lane.state = Lane::State::Ready;
  ready.push_back(lane.index);
}

/// One of the lanes that are ready, null if none is.
Lane *Machine::takeReady() {
  if (ready.empty())
    return nullptr;
  size_t pick = (random() >> 32) * ready.size() >> 32;
  std::swap(ready[pick], ready.back());
  Lane *lane = &lanes[ready.back()];
  ready.pop_back();
  return lane;
}

/// The stack to go on with: of a lane that is ready, or of the launch if the
/// block is done, or stuck.
void *Machine::nextStack() {
  if (Lane *next = takeReady()) {
    current = next;
    return next->stack;
  }
  if (exited != lanes.size())
    reportDeadlock();
  return mainStack;
}

void Machine::wait(Lane &lane) {
  void *next = nextStack();
  if (next != lane.stack || current != &lane)
    rungSimSwitch(&lane.stack, next);
}

void Machine::yield(Lane &lane) {
  if (++idleTurns > kMostIdleTurns)
    fail(lane, lane.site,
         "%u lanes look at memory again and again, but nothing changes; note "
         "that the virtual GPU runs one block after the other, so a block "
         "cannot wait for another",
         unsigned(ready.size() + 1));
  if (ready.empty())
    return;
  makeReady(lane);
  Lane *next = takeReady();
  if (next == &lane)
    return;
  current = next;
  rungSimSwitch(&lane.stack, next->stack);
}

void Machine::exitLane(Lane &lane) {
  checkExit(lane);
  idleTurns = 0;
  lane.state = Lane::State::Exited;
  lane.warp->exited |= lane.bit();
  ++exited;
  void *unused;
  rungSimSwitch(&unused, nextStack());
  __builtin_unreachable();
}

void Machine::reportDeadlock() {
  std::map<uint32_t, std::vector<const Lane *>> waiting;
  for (const Lane &lane : lanes)
    if (lane.state != Lane::State::Exited)
      waiting[lane.site].push_back(&lane);
  const Lane &first = *waiting.begin()->second.front();
  error = describeLane(first) + ": deadlock: every lane waits for others";
  for (const auto &[site, group] : waiting)
    error += "; " + std::to_string(group.size()) + " lanes, first lane " +
             std::to_string(group.front()->registers.laneid) + " of warp " +
             std::to_string(group.front()->registers.warpid) + "," +
             describeSite(site);
  if (exited)
    error += "; " + std::to_string(exited) + " lanes have exited";
}

std::string Machine::describeLane(const Lane &lane) const {
  const LaneRegisters &of = lane.registers;
  char text[160];
  std::snprintf(text, sizeof text, "block (%u, %u, %u), warp %u, lane %u",
                of.ctaid[0], of.ctaid[1], of.ctaid[2], of.warpid, of.laneid);
  return std::string("kernel '") + kernel->name + "', " + text;
}

std::string Machine::describeSite(uint32_t site) const {
  const SiteInfo &info = module->sites[site];
  std::string text = " at ";
  if (info.file)
    text += std::string(info.file) + ":" + std::to_string(info.line) + ":" +
            std::to_string(info.column) + ": ";
  return text + "`" + info.text + "` in @" + info.function;
}

void Machine::fail(Lane &lane, uint32_t site, const char *format, ...) {
  // The fiber's frames are never left: nothing here may own memory when it
  // switches.
  {
    char text[768];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    error = describeLane(lane) + ": " + text + ";" + describeSite(site);
  }
  void *unused;
  rungSimSwitch(&unused, mainStack);
  __builtin_unreachable();
}

void Machine::runBlock(uint64_t number) {
  uint32_t ctaid[3] = {uint32_t(number % gridSize[0]),
                       uint32_t(number / gridSize[0] % gridSize[1]),
                       uint32_t(number / gridSize[0] / gridSize[1])};
  blockStart = ++now;
  blockStarts.emplace_back(blockStart, number);
  floor = blockStart - 1;
  acquired = 0;
  exited = 0;
  idleTurns = 0;
  hasKnowledge = false;
  for (Region &variable : shared)
    variable.validSince = blockStart;
  for (BarrierState &barrier : barriers) {
    barrier.waiting.clear();
    barrier.passing.clear();
  }
  for (size_t index = 0, e = warps.size(); index != e; ++index) {
    uint32_t count =
        std::min(kWarpLanes, uint32_t(threads - index * kWarpLanes));
    warps[index].lanes = count == kWarpLanes ? ~0u : (1u << count) - 1;
    warps[index].exited = 0;
    warps[index].meetingCount = 0;
  }
  ready.clear();
  for (uint32_t index = 0; index != threads; ++index)
    prepareLane(index, ctaid);
  current = takeReady();
  rungSimSwitch(&mainStack, current->stack);
  for (Lane &lane : lanes)
    dropCopies(lane);
}

void Machine::prepareLane(uint16_t index, const uint32_t ctaid[3]) {
  Lane &lane = lanes[index];
  std::copy(ctaid, ctaid + 3, lane.registers.ctaid);
  lane.stack = stacks.start(index, runLane);
  lane.copyGroup = 0;
  makeReady(lane);
}
