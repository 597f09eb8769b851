// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception

// A plain read: what any kernel that needs these bytes takes at least.

#include <cstddef>

static __device__ __forceinline__ uint4 load(const uint4 *address) {
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0,%1,%2,%3},[%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(address));
  return v;
}

/// Reads `count` pieces of 16 bytes, eight by each thread; `sink` is written
/// only for one value of them all.
extern "C" __global__ void plain_read(const uint4 *data, uint4 *sink, size_t count) {
  constexpr int kEach = 8;
  size_t first = size_t(blockIdx.x) * blockDim.x * kEach + threadIdx.x;
  uint4 pieces[kEach], all = {0, 0, 0, 0};
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    pieces[i] = {0, 0, 0, 0};
    if (first + i * blockDim.x < count)
      pieces[i] = load(data + first + i * blockDim.x);
  }
#pragma unroll
  for (int i = 0; i < kEach; ++i) {
    all.x ^= pieces[i].x;
    all.y ^= pieces[i].y;
    all.z ^= pieces[i].z;
    all.w ^= pieces[i].w;
  }
  if (all.x == 0x12345678 && all.y == 77 && all.z == 3 && all.w == 9)
    *sink = all;
}
