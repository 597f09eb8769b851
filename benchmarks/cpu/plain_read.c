/* Part of rung, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

/* The least that a kernel takes which needs every byte once: reading them. */

#include <stddef.h>
#include <stdint.h>

typedef uint64_t line __attribute__((vector_size(64)));

/* XORs the whole 64-byte lines of `data`, so that no load can be left out. */
uint64_t plain_read(const void *data, size_t bytes) {
  const line *lines = data;
  line sums[8] = {{0}};
  size_t count = bytes / sizeof(line), i = 0;
  for (; i + 8 <= count; i += 8)
    for (int j = 0; j != 8; ++j)
      sums[j] ^= lines[i + j];
  for (; i != count; ++i)
    sums[0] ^= lines[i];
  uint64_t sum = 0;
  for (int j = 0; j != 8; ++j)
    for (int k = 0; k != 8; ++k)
      sum ^= sums[j][k];
  return sum;
}
