//===- kernels.c - Hand-written entries for tests of the runtime --*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What rung-compile makes, written by hand: code on the entry ABI that needs
// nothing of its host but the context. kernels.json is the manifest.

#include "rung/Runtime/EntryABI.h"

#define EXPORT __attribute__((visibility("default")))

typedef struct {
  void *allocated, *aligned;
  int64_t offset, sizes_and_strides[];
} Memref;

static void *data(void *descriptor) { return ((Memref *)descriptor)->aligned; }
static int64_t size(void *descriptor, int i) {
  return ((Memref *)descriptor)->sizes_and_strides[i];
}

static int64_t elements(void *descriptor, int rank) {
  int64_t count = 1;
  for (int i = 0; i < rank; ++i)
    count *= size(descriptor, i);
  return count;
}

// y[m] = x[m] * 2, one element for each iteration of a parallel loop.
typedef struct {
  const float *x;
  float *y;
} Twice;

static void twiceBody(rung_context *context, void *captures, int64_t i) {
  Twice *loop = captures;
  loop->y[i] = 2 * loop->x[i];
}

EXPORT void rung_entry_twice(rung_context *context, void *const *args) {
  Twice loop = {data(args[0]), data(args[1])};
  context->parallel_for(context, size(args[0], 0), twiceBody, &loop);
}

// y[m, n] = sum over k of x[m, k] * w[n, k]; x f32, w int4, N x K = 3 x 5. The
// packed order is one byte for each code, transposed.
enum { N = 3, K = 5 };

EXPORT void packW(rung_context *context,
                  void *const *args) __asm__("rung_entry_matmul.pack.w");
EXPORT void packW(rung_context *context, void *const *args) {
  const uint8_t *w = data(args[0]);
  int8_t *packed = data(args[1]);
  for (int n = 0; n < N; ++n)
    for (int k = 0; k < K; ++k) {
      int code = w[n * ((K + 1) / 2) + k / 2] >> (k % 2 * 4) & 15;
      packed[k * N + n] = code < 8 ? code : code - 16;
    }
}

EXPORT void rung_entry_matmul(rung_context *context, void *const *args) {
  const float *x = data(args[0]);
  const int8_t *w = data(args[1]);
  float *y = data(args[2]);
  for (int64_t m = 0; m < size(args[0], 0); ++m)
    for (int n = 0; n < N; ++n) {
      float sum = 0;
      for (int k = 0; k < K; ++k)
        sum += x[m * K + k] * w[k * N + n];
      y[m * N + n] = sum;
    }
}

// y[i, j] = codes[i, j] - 1; a codebook of three values in 2 bits.
EXPORT void rung_entry_ternary(rung_context *context, void *const *args) {
  const uint8_t *codes = data(args[0]);
  float *y = data(args[1]);
  int64_t columns = size(args[1], 1);
  for (int64_t i = 0; i < size(args[1], 0); ++i)
    for (int64_t j = 0; j < columns; ++j)
      y[i * columns + j] =
          (codes[i * size(args[0], 1) + j / 4] >> (j % 4 * 2) & 3) - 1;
}

// cache[position] = x, in place; the output is the old value.
EXPORT void rung_entry_store(rung_context *context, void *const *args) {
  float *cache = data(args[0]);
  const float *x = data(args[1]);
  int32_t position = *(const int32_t *)data(args[2]);
  float *old = data(args[3]);
  if (position < 0 || position >= size(args[0], 0)) {
    context->fail(context, "position is outside the cache");
    return;
  }
  *old = cache[position];
  cache[position] = *x;
}

// Copies the second constant and says whether it is aligned.
EXPORT void rung_entry_constant(rung_context *context, void *const *args) {
  const uint8_t *constant = context->constants[1];
  uint8_t *y = data(args[0]);
  for (int64_t i = 0; i < size(args[0], 0); ++i)
    y[i] = constant[i];
  *(int32_t *)data(args[1]) = (uintptr_t)constant % 64 == 0;
}

// Same bits out: formats of 1 and 2 bytes.
EXPORT void rung_entry_copy8(rung_context *context, void *const *args) {
  for (int64_t i = 0; i < elements(args[0], 1); ++i)
    ((uint8_t *)data(args[1]))[i] = ((uint8_t *)data(args[0]))[i];
}

// One code of four bits, as an array of one byte.
EXPORT void rung_entry_nibble(rung_context *context, void *const *args) {
  *(uint8_t *)data(args[1]) = *(uint8_t *)data(args[0]) & 15;
}

EXPORT void rung_entry_copy16(rung_context *context, void *const *args) {
  for (int64_t i = 0; i < elements(args[0], 1); ++i)
    ((uint16_t *)data(args[1]))[i] = ((uint16_t *)data(args[0]))[i];
}

// y[i] = i, by way of workspace that each iteration takes and gives back.
static void workspaceBody(rung_context *context, void *captures, int64_t i) {
  int32_t *memory = context->allocate(context, 4 * (i % 7 + 1));
  memory[i % 7] = (int32_t)i;
  ((int32_t *)captures)[i] = memory[i % 7];
  context->release(context, memory);
}

EXPORT void rung_entry_workspace(rung_context *context, void *const *args) {
  context->parallel_for(context, size(args[1], 0), workspaceBody,
                        data(args[1]));
}

// Asks for more memory than there is: outside and inside of a loop.
static void exhaustBody(rung_context *context, void *captures, int64_t i) {
  char *memory = context->allocate(context, i == 3 ? (int64_t)1 << 58 : 8);
  *memory = 1;
  context->release(context, memory);
}

EXPORT void rung_entry_exhaust(rung_context *context, void *const *args) {
  int32_t *inLoop = data(args[0]);
  if (*inLoop) {
    context->parallel_for(context, 64, exhaustBody, 0);
    *inLoop = -1; // not reached
    return;
  }
  char *memory = context->allocate(context, (int64_t)1 << 58);
  *memory = 1;
}

// On a GPU: kernel 0 on a grid of the sizes of x, with a workspace of as many
// bytes and as much dynamic shared memory as its first size; then, if the
// second one is 7, a kernel that there is not.
EXPORT void rung_entry_grid(rung_context *context, void *const *args) {
  uint32_t grid[3] = {(uint32_t)size(args[0], 0), (uint32_t)size(args[0], 1),
                      1};
  uint32_t block[3] = {32, 1, 1};
  void *values[3] = {0, context->allocate(context, size(args[0], 0)),
                     (void *)context->constants[1]};
  values[0] = data(args[0]);
  void *pointers[3] = {&values[0], &values[1], &values[2]};
  context->launch(context, 0, grid, block, grid[0], pointers, 3);
  context->release(context, values[1]);
  if (grid[1] == 7)
    context->launch(context, 9, grid, block, 0, pointers, 3);
}

EXPORT void rung_entry_threads(rung_context *context, void *const *args) {
  *(int32_t *)data(args[0]) = (int32_t)context->threads;
}
