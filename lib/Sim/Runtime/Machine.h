//===- Machine.h - State of a launch ----------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Time is one counter, which every synchronisation moves on. A byte remembers
// the time of its last write and of its last reads, and by whom. An access is a
// race if it is not ordered after them: a lane is ordered after what happened
// up to `Block::floor`, the last barrier of its whole block, and, lane by lane
// and warp by warp, up to what partial synchronisations told it (`Knowledge`).
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_RUNTIME_MACHINE_H
#define RUNG_SIM_RUNTIME_MACHINE_H

#include "Fiber.h"
#include "rung/Sim/KernelABI.h"
#include "rung/Sim/VirtualGPU.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <vector>

namespace rung::sim {

using Time = uint32_t;

/// Of one byte.
struct Shadow {
  /// 0: never; kInFlight: an asynchronous copy of `writer` is on its way.
  Time writeTime, readTime;
  /// The warps that read since the last write, one bit each.
  uint32_t readWarps;
  /// A lane of the block, kAtomic added if it was an atomic operation; of
  /// reads kMany if there were several lanes.
  uint16_t writer, reader;

  static constexpr Time kInFlight = ~Time(0);
  static constexpr uint16_t kAtomic = 0x8000, kMany = 0x7fff;
};

/// Memory with one end.
struct Region {
  char *begin = nullptr;
  uint64_t bytes = 0;
  std::string name;
  bool writable = true;
  /// Shared memory: nothing in it outlives its block.
  bool ofBlock = false;
  /// Bytes whose last write is earlier were never written.
  Time validSince = 0;
  /// One for each byte; null until needed.
  Shadow *shadow = nullptr;

  bool contains(const void *data, uint64_t count) const {
    uint64_t offset = static_cast<const char *>(data) - begin;
    return offset <= bytes && count <= bytes - offset;
  }
};

struct Copy {
  char *to;
  const char *from;
  uint32_t bytes, read; ///< bytes that are copied; the others become 0
  uint32_t group, site;
};

struct Warp;

struct Lane {
  LaneRegisters registers; // first: what compiled code has a pointer to
  void *stack;
  uint64_t *slots; ///< of the instruction that it waits at
  uint32_t site;
  uint16_t index; ///< in the block
  enum class State : uint8_t { Ready, AtWarp, AtBarrier, Exited } state;
  Warp *warp;
  Machine *machine;
  std::vector<Copy> copies;
  uint32_t copyGroup; ///< the one that is being filled

  uint32_t bit() const { return 1u << registers.laneid; }
};

/// Lanes of a warp that meet at one instruction.
struct Meeting {
  uint32_t mask, arrived, site;
  Op op;
};

struct Warp {
  uint32_t lanes;  ///< that exist
  uint32_t exited; ///< of them
  /// Of masks that are disjoint.
  Meeting meetings[kWarpLanes];
  unsigned meetingCount;
};

/// A barrier of the block. A lane that has arrived without waiting is ordered
/// up to its arrival, a waiting one up to the completion.
struct BarrierState {
  uint32_t expected; ///< lanes
  std::vector<uint16_t> waiting;
  std::vector<std::pair<uint16_t, Time>> passing;
  bool all; ///< threads of the block

  bool active() const { return !waiting.empty() || !passing.empty(); }
  bool hasPassed(uint16_t lane) const {
    return std::any_of(passing.begin(), passing.end(),
                       [&](const auto &other) { return other.first == lane; });
  }
};

constexpr unsigned kBarriers = 16, kMaxThreads = 1024,
                   kMaxWarps = kMaxThreads / kWarpLanes;

/// Up to when a lane is ordered after others: those of its own warp one by
/// one, those of other warps together.
struct Knowledge {
  std::array<Time, kWarpLanes> lanes;
  std::array<Time, kMaxWarps> warps;
};

class Machine {
public:
  explicit Machine(uint64_t seed);
  ~Machine();

  std::string add(const Buffer &buffer);
  void remove(const void *data);
  void setInitialised(const void *data, uint64_t bytes);
  std::string checkInitialised(const void *data, uint64_t bytes) const;
  std::string launch(const Program &program, uint32_t kernel,
                     const uint32_t grid[3], const uint32_t block[3],
                     uint32_t dynamicSharedBytes, void *const *arguments,
                     uint32_t count);

  static const HostTable table;

private:
  Region *findBuffer(const void *data, uint64_t bytes) const;

  // Launch.cpp: preparing, blocks.
  std::string checkLaunch(const KernelInfo &kernel, const uint32_t grid[3],
                          const uint32_t block[3], uint32_t count) const;
  std::string prepareShared(const ModuleInfo &module, uint32_t dynamicBytes);
  void findParameters(const KernelInfo &kernel, void *const *arguments);
  void runBlock(uint64_t number);
  void prepareLane(uint16_t index, const uint32_t ctaid[3]);
  void forgetTime();

  // Schedule.cpp: whose turn it is.
  static void runLane();
  [[noreturn]] void exitLane(Lane &lane);
  /// Runs others until this lane is ready.
  void wait(Lane &lane);
  /// Lets others run first.
  void yield(Lane &lane);
  void makeReady(Lane &lane);
  Lane *takeReady();
  void reportDeadlock();
  void *nextStack();

  // Meetings.cpp
  void meet(Lane &lane, Op op, uint32_t mask, uint64_t *slots, uint32_t site);
  BarrierState &findBarrier(Lane &lane, uint32_t id, uint32_t count,
                            uint32_t site);
  void waitAtBarrier(Lane &lane, Op op, uint64_t *slots, uint32_t site);
  void passBarrier(Lane &last, const Meeting &meeting);
  void completeBarrier(Op op, BarrierState &barrier, const Lane *running);
  void checkExit(Lane &lane);
  /// `meeting.arrived` know of each other from now on.
  void synchronizeWarp(Lane &lane, uint32_t mask);
  void synchronizeBlock(const BarrierState &barrier);
  Knowledge &knowledge(const Lane &lane);

  // Memory.cpp
  void access(Lane &lane, const void *data, uint64_t bytes, uint32_t kind,
              uint32_t site);
  Region &findRegion(Lane &lane, const void *data, uint64_t bytes,
                     uint32_t kind, uint32_t site);
  [[noreturn]] void reportOutside(Lane &lane, const Region *region,
                                  const void *data, uint64_t bytes,
                                  uint32_t kind, uint32_t site);
  void read(Lane &lane, Region &region, const char *data, uint64_t bytes,
            uint32_t site);
  void write(Lane &lane, Region &region, const char *data, uint64_t bytes,
             bool atomic, uint32_t site);
  bool isOrdered(const Region &region, const Lane &lane, Time time,
                 uint16_t other);
  bool readsAreOrdered(const Region &region, const Lane &lane,
                       const Shadow &byte);
  [[noreturn]] void reportRace(Lane &lane, const Region &region,
                               const char *data, const char *what, Time time,
                               uint16_t other, const char *did, uint32_t site);
  void ensureShadow(Region &region);
  void issueCopy(Lane &lane, uint64_t *slots, uint32_t site);
  void waitForCopies(Lane &lane, uint32_t firstGroupLeft);
  void dropCopies(Lane &lane);

  // Instructions.cpp, Matrix.cpp
  static LaneRegisters *self();
  static void accessEntry(LaneRegisters *self, const void *data, uint64_t bytes,
                          uint32_t kind, uint32_t site);
  static void performEntry(LaneRegisters *self, Op op, uint64_t *slots,
                           uint32_t site);
  /// Instructions of one lane that keep its memory in order.
  void performInLane(Lane &lane, Op op, uint64_t *slots, uint32_t site);
  void completeMeeting(Lane &lane, const Meeting &meeting);
  void shuffle(const Meeting &meeting, Lane *lanes);
  void moveMatrices(const Meeting &meeting, Lane *lanes);

  /// Ends the launch with a message, printf's. Leaves the fiber for good.
  [[noreturn]] void fail(Lane &lane, uint32_t site, const char *format, ...)
      __attribute__((format(printf, 4, 5)));
  /// " at file:3:4 in k: `%1 = load ...`"
  std::string describeSite(uint32_t site) const;
  std::string describeLane(const Lane &lane) const;

  Lane *warpLanes(const Lane &lane) {
    return lanes.data() + lane.registers.warpid * kWarpLanes;
  }
  uint64_t random();

  // The device.
  uint64_t randomState;
  std::vector<std::unique_ptr<Region>> regions; ///< by address
  Region *lastRegion = nullptr;
  Time now = 1;
  Stacks stacks;
  char *sharedMemory = nullptr; ///< mapped
  Shadow *sharedShadow = nullptr;
  uint64_t sharedMapped = 0; ///< bytes of sharedMemory
  Region stackRegion;

  // The launch.
  const ModuleInfo *module = nullptr;
  const KernelInfo *kernel = nullptr;
  void *const *arguments = nullptr;
  std::vector<Region *> parameters; ///< null: not a pointer into memory
  Time launchStart = 0;
  std::string error;
  uint32_t threads = 0;
  std::array<uint32_t, 3> gridSize, blockSize;
  std::vector<Region> shared; ///< by address; variables of shared memory
  std::vector<std::unique_ptr<Region>> globals;
  std::vector<std::pair<Time, uint64_t>> blockStarts; ///< and their numbers
  /// When an atomic operation last touched an address.
  std::unordered_map<const void *, Time> releases;

  // The block.
  Time blockStart = 0;
  Time floor = 0;
  /// Ordered after other blocks up to here.
  Time acquired = 0;
  std::vector<Lane> lanes;
  std::vector<Warp> warps;
  std::array<BarrierState, kBarriers> barriers;
  std::vector<uint16_t> ready;
  uint32_t exited = 0;
  uint64_t idleTurns = 0; ///< turns of lanes that only looked at memory
  bool hasKnowledge = false;
  std::vector<Knowledge> known;
  void *mainStack = nullptr;
};

} // namespace rung::sim

#endif // RUNG_SIM_RUNTIME_MACHINE_H
