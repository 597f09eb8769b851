//===- Memory.cpp - Checks of accesses --------------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>
#include <cstring>

using namespace rung::sim;

static const char *verb(uint32_t kind) {
  if (kind & AccessKind::kAtomic)
    return "an atomic operation on";
  return kind & AccessKind::kWrite ? "a store of" : "a load of";
}

//===----------------------------------------------------------------------===//
// Where
//===----------------------------------------------------------------------===//

void Machine::reportOutside(Lane &lane, const Region *region, const void *data,
                            uint64_t bytes, uint32_t kind, uint32_t site) {
  auto *address = static_cast<const char *>(data);
  uint32_t space = kind >> AccessKind::kSpaceShift & 0xff;
  if (!region && space != 3) {
    // What it may have been meant for: the buffer that ends last before it.
    for (auto &candidate : regions)
      if (candidate->begin <= address)
        region = candidate.get();
  }
  if (!region)
    for (Region &candidate : shared)
      if (candidate.begin <= address)
        region = &candidate;
  if (!region)
    fail(lane, site,
         "out of bounds: %s %llu bytes at address 0x%llx, which is in no "
         "buffer",
         verb(kind), (unsigned long long)bytes,
         (unsigned long long)reinterpret_cast<uintptr_t>(data));
  long long offset = address - region->begin;
  fail(lane, site,
       "out of bounds: %s %llu bytes at byte %lld of '%s', which has %llu",
       verb(kind), (unsigned long long)bytes, offset, region->name.c_str(),
       (unsigned long long)region->bytes);
}

Region &Machine::findRegion(Lane &lane, const void *data, uint64_t bytes,
                            uint32_t kind, uint32_t site) {
  if (uint32_t parameter = kind >> AccessKind::kParameterShift)
    if (Region *region = parameters[parameter - 1]) {
      if (region->contains(data, bytes))
        return *region;
      reportOutside(lane, region, data, bytes, kind, site);
    }
  uint32_t space = kind >> AccessKind::kSpaceShift & 0xff;
  uint64_t offset = static_cast<const char *>(data) - sharedMemory;
  if (space == 3 || offset < sharedMapped) {
    for (Region &variable : shared)
      if (variable.contains(data, bytes))
        return variable;
    reportOutside(lane, nullptr, data, bytes,
                  kind | 3 << AccessKind::kSpaceShift, site);
  }
  if (lastRegion && lastRegion->contains(data, bytes))
    return *lastRegion;
  for (auto &region : regions)
    if (region->contains(data, bytes))
      return *(lastRegion = region.get());
  for (auto &region : globals)
    if (region->contains(data, bytes))
      return *(lastRegion = region.get());
  if (stacks.contains(lane.index, data, bytes))
    return stackRegion;
  reportOutside(lane, nullptr, data, bytes, kind, site);
}

//===----------------------------------------------------------------------===//
// When
//===----------------------------------------------------------------------===//

/// Whether what `other`, a lane of the block that ran at `time`, did then comes
/// before what `lane` does now.
bool Machine::isOrdered(const Region &region, const Lane &lane, Time time,
                        uint16_t other) {
  if (time < (region.ofBlock ? blockStart : launchStart))
    return true;
  if (time < blockStart)
    return time <= acquired;
  if (time <= floor || other == lane.index)
    return true;
  if (!hasKnowledge)
    return false;
  uint32_t warp = other / kWarpLanes;
  const Knowledge &of = known[lane.index];
  return warp == lane.registers.warpid ? time <= of.lanes[other % kWarpLanes]
                                       : time <= of.warps[warp];
}

/// The same of all reads since the last write of a byte.
bool Machine::readsAreOrdered(const Region &region, const Lane &lane,
                              const Shadow &byte) {
  if (byte.reader != Shadow::kMany)
    return isOrdered(region, lane, byte.readTime, byte.reader);
  for (uint32_t rest = byte.readWarps; rest; rest &= rest - 1) {
    uint32_t warp = __builtin_ctz(rest);
    uint32_t count = warp == lane.registers.warpid ? kWarpLanes : 1;
    for (uint32_t i = 0; i != count; ++i)
      if (!isOrdered(region, lane, byte.readTime, warp * kWarpLanes + i))
        return false;
  }
  return true;
}

void Machine::reportRace(Lane &lane, const Region &region, const char *data,
                         const char *does, Time time, uint16_t other,
                         const char *did, uint32_t site) {
  char who[96];
  if (time < blockStart) {
    auto next = std::upper_bound(
        blockStarts.begin(), blockStarts.end(), time,
        [](Time at, const auto &start) { return at < start.first; });
    uint64_t number = std::prev(next)->second;
    std::snprintf(who, sizeof who, "block (%u, %u, %u)",
                  uint32_t(number % gridSize[0]),
                  uint32_t(number / gridSize[0] % gridSize[1]),
                  uint32_t(number / gridSize[0] / gridSize[1]));
  } else if (other == Shadow::kMany) {
    std::snprintf(who, sizeof who, "several lanes of this block");
  } else {
    other &= ~Shadow::kAtomic;
    std::snprintf(who, sizeof who, "lane %u of warp %u", other % kWarpLanes,
                  other / kWarpLanes);
  }
  fail(lane, site,
       "race: %s byte %lld of '%s', which %s %s, with no barrier between", does,
       (long long)(data - region.begin), region.name.c_str(), who, did);
}

void Machine::read(Lane &lane, Region &region, const char *data, uint64_t bytes,
                   uint32_t site) {
  Shadow *byte = region.shadow + (data - region.begin);
  for (Shadow *end = byte + bytes; byte != end; ++byte) {
    if (byte->writeTime < region.validSince)
      fail(lane, site,
           "use of poison: a load of byte %lld of '%s', which nothing has "
           "written",
           (long long)(byte - region.shadow), region.name.c_str());
    if (byte->writeTime == Shadow::kInFlight)
      fail(lane, site,
           "missing wait: a load of byte %lld of '%s', which an asynchronous "
           "copy of lane %u of warp %u is writing",
           (long long)(byte - region.shadow), region.name.c_str(),
           byte->writer % kWarpLanes, byte->writer / kWarpLanes);
    if (byte->writeTime > floor || region.validSince < blockStart)
      if (!isOrdered(region, lane, byte->writeTime,
                     byte->writer & ~Shadow::kAtomic))
        reportRace(lane, region, region.begin + (byte - region.shadow), "reads",
                   byte->writeTime, byte->writer, "wrote", site);
    if (byte->readWarps == 0 || byte->readTime <= floor) {
      byte->reader = lane.index;
      byte->readWarps = 1u << lane.registers.warpid;
    } else if (byte->reader != lane.index) {
      byte->reader = Shadow::kMany;
      byte->readWarps |= 1u << lane.registers.warpid;
    }
    byte->readTime = now;
  }
}

void Machine::write(Lane &lane, Region &region, const char *data,
                    uint64_t bytes, bool atomic, uint32_t site) {
  Shadow *byte = region.shadow + (data - region.begin);
  for (Shadow *end = byte + bytes; byte != end; ++byte) {
    const char *place = region.begin + (byte - region.shadow);
    if (byte->writeTime == Shadow::kInFlight)
      fail(lane, site,
           "missing wait: writes byte %lld of '%s', which an asynchronous copy "
           "of lane %u of warp %u is writing",
           (long long)(byte - region.shadow), region.name.c_str(),
           byte->writer % kWarpLanes, byte->writer / kWarpLanes);
    bool bothAtomic = atomic && byte->writer & Shadow::kAtomic;
    if (byte->writeTime && !bothAtomic &&
        !isOrdered(region, lane, byte->writeTime,
                   byte->writer & ~Shadow::kAtomic))
      reportRace(lane, region, place, "writes", byte->writeTime, byte->writer,
                 "wrote", site);
    if (byte->readWarps && !readsAreOrdered(region, lane, *byte))
      reportRace(lane, region, place, "writes", byte->readTime, byte->reader,
                 "read", site);
    byte->writeTime = now;
    byte->writer = lane.index | (atomic ? Shadow::kAtomic : 0);
    byte->readWarps = 0;
  }
}

//===----------------------------------------------------------------------===//
// Accesses
//===----------------------------------------------------------------------===//

void Machine::access(Lane &lane, const void *data, uint64_t bytes,
                     uint32_t kind, uint32_t site) {
  uint64_t alignment = uint64_t(1)
                       << (kind >> AccessKind::kAlignmentShift & 0xff);
  bool misaligned = reinterpret_cast<uintptr_t>(data) & (alignment - 1);
  // Most are loads of what a parameter points at and no one writes.
  constexpr uint32_t kOthers =
      AccessKind::kWrite | AccessKind::kAtomic | AccessKind::kVolatile;
  if (uint32_t parameter = kind >> AccessKind::kParameterShift;
      parameter && !(kind & kOthers) && !misaligned)
    if (const Region *region = parameters[parameter - 1];
        region && !region->writable && region->validSince == 0 &&
        region->contains(data, bytes))
      return;
  Region &region = findRegion(lane, data, bytes, kind, site);
  if (misaligned)
    fail(lane, site,
         "misaligned: %s %llu bytes at byte %lld of '%s'; its address must be "
         "a multiple of %llu",
         verb(kind), (unsigned long long)bytes,
         (long long)(static_cast<const char *>(data) - region.begin),
         region.name.c_str(), (unsigned long long)alignment);
  if (&region == &stackRegion)
    return;
  bool writes = kind & AccessKind::kWrite, atomic = kind & AccessKind::kAtomic;
  if (writes && !region.writable)
    fail(lane, site, "%s byte %lld of '%s', which may only be read", verb(kind),
         (long long)(static_cast<const char *>(data) - region.begin),
         region.name.c_str());
  if (atomic || kind & AccessKind::kVolatile) {
    lane.site = site;
    yield(lane);
  } else if (writes) {
    idleTurns = 0;
  }
  // Memory that no one writes needs no record.
  if (!region.writable && region.validSince == 0)
    return;
  ensureShadow(region);
  if (!region.shadow)
    fail(lane, site, "no memory for the record of accesses to '%s'",
         region.name.c_str());
  auto *begin = static_cast<const char *>(data);
  if (!atomic)
    return writes ? write(lane, region, begin, bytes, false, site)
                  : read(lane, region, begin, bytes, site);

  // Ordered after all that came before the last atomic operation here.
  Time &release = releases[data];
  acquired = std::max(acquired, release);
  Shadow *first = region.shadow + (begin - region.begin);
  if (!(first->writer & Shadow::kAtomic) ||
      first->writeTime < region.validSince)
    read(lane, region, begin, bytes, site);
  if (writes) {
    for (uint64_t i = 0; i != bytes; ++i)
      if (first[i].readWarps && first[i].reader == lane.index)
        first[i].readWarps = 0;
    write(lane, region, begin, bytes, true, site);
    release = now++;
  }
}

//===----------------------------------------------------------------------===//
// cp.async
//===----------------------------------------------------------------------===//

/// The bytes arrive when the lane waits for them; until then they are poison.
void Machine::issueCopy(Lane &lane, uint64_t *slots, uint32_t site) {
  Copy copy;
  copy.to = reinterpret_cast<char *>(slots[0]);
  copy.from = reinterpret_cast<const char *>(slots[1]);
  copy.bytes = slots[2];
  copy.read = std::min<uint64_t>(slots[2], slots[3]);
  copy.group = lane.copyGroup;
  copy.site = site;
  uint32_t alignment = __builtin_ctz(copy.bytes) << AccessKind::kAlignmentShift;
  if (copy.read)
    access(lane, copy.from, copy.read, alignment | 1 << AccessKind::kSpaceShift,
           site);
  access(lane, copy.to, copy.bytes,
         AccessKind::kWrite | alignment | 3 << AccessKind::kSpaceShift, site);
  Shadow *shadow = sharedShadow + (copy.to - sharedMemory);
  for (uint32_t i = 0; i != copy.bytes; ++i)
    shadow[i].writeTime = Shadow::kInFlight;
  lane.copies.push_back(copy);
}

/// Lets the copies of groups before `firstGroupLeft` arrive.
void Machine::waitForCopies(Lane &lane, uint32_t firstGroupLeft) {
  size_t left = 0;
  for (const Copy &copy : lane.copies) {
    if (copy.group >= firstGroupLeft) {
      lane.copies[left++] = copy;
      continue;
    }
    if (copy.read)
      std::memcpy(copy.to, copy.from, copy.read);
    std::memset(copy.to + copy.read, 0, copy.bytes - copy.read);
    Shadow *shadow = sharedShadow + (copy.to - sharedMemory);
    for (uint32_t i = 0; i != copy.bytes; ++i)
      shadow[i] = {now, 0, 0, lane.index, 0};
  }
  lane.copies.resize(left);
}

/// At the end of the block: nothing is on its way any more.
void Machine::dropCopies(Lane &lane) {
  for (const Copy &copy : lane.copies)
    for (uint32_t i = 0; i != copy.bytes; ++i)
      sharedShadow[copy.to - sharedMemory + i] = {};
  lane.copies.clear();
}
