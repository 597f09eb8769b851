//===- c-api.c - The C interface, used from C11 -------------------*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Usage: c-api KERNELS.rung. Prints what it finds; c-api.test checks it.

#include "rung-c/Runtime.h"
#include "rung/Runtime/EntryABI.h"

#include <stdio.h>
#include <stdlib.h>

static void check(int failed, char *error) {
  if (!failed)
    return;
  printf("error: %s\n", error);
  rung_string_free(error);
  exit(1);
}

static void expectError(int failed, char *error) {
  printf("%s: %s\n", failed ? "refused" : "accepted", failed ? error : "");
  if (failed)
    rung_string_free(error);
}

int main(int argc, char **argv) {
  rung_bundle *bundle = NULL;
  char *error = NULL;
  check(rung_bundle_open(argc > 1 ? argv[1] : "", &bundle, &error), error);
  for (size_t i = 0; i < rung_bundle_target_count(bundle); ++i)
    printf("target %s\n", rung_bundle_target(bundle, i));

  size_t entry = 0;
  check(rung_bundle_find_entry(bundle, "matmul", &entry, &error), error);
  const rung_entry_info *info = rung_bundle_entry(bundle, entry);
  const rung_argument *w = &info->arguments[1];
  printf("%s of %s: %s, %u bits, %lld x %lld, array %s %lld x %lld\n", w->name,
         info->name, w->format, w->bits, (long long)w->shape[0].size,
         (long long)w->shape[1].size, w->dtype,
         (long long)w->storage_shape[0].size,
         (long long)w->storage_shape[1].size);
  printf("dynamic size %s of %s\n", info->arguments[0].shape[0].name,
         info->arguments[0].name);

  float x[2][5] = {{1, 2, 3, 4, 5}, {0, 0, 0, 0, 1}}, y[2][3] = {{0}};
  // Rows 1 2 3 4 5, -1 -1 -1 -1 -1, 0 0 0 0 -8; low nibbles first.
  uint8_t weight[3][3] = {
      {0x21, 0x43, 0x05}, {0xff, 0xff, 0x0f}, {0x00, 0x00, 0x08}};
  int64_t xSizes[] = {2, 5}, wSizes[] = {3, 3}, ySizes[] = {0, 0};
  rung_tensor tensors[] = {{x, 2, xSizes, NULL, RUNG_HOST},
                           {weight, 2, wSizes, NULL, RUNG_HOST},
                           {y, 2, ySizes, NULL, RUNG_HOST}};
  expectError(rung_call(bundle, entry, tensors, 3, &error), error);
  check(rung_bundle_load(bundle, "cpu", &error), error);
  printf("loaded %s\n", rung_bundle_loaded_target(bundle));
  check(rung_bundle_set_threads(bundle, 2, &error), error);
  printf("threads %u\n", rung_bundle_threads(bundle));

  check(rung_output_sizes(bundle, entry, tensors, 2, 2, ySizes, &error), error);
  printf("output %lld x %lld\n", (long long)ySizes[0], (long long)ySizes[1]);
  rung_packed *packed = NULL;
  check(rung_pack(bundle, entry, 1, &tensors[1], &packed, &error), error);
  for (int i = 0; i < 2; ++i) {
    check(rung_call(bundle, entry, tensors, 3, &error), error);
    printf("y = %g %g %g, %g %g %g\n", y[0][0], y[0][1], y[0][2], y[1][0],
           y[1][1], y[1][2]);
    tensors[1].packed = packed; // the second time
  }

  xSizes[1] = 4;
  expectError(rung_call(bundle, entry, tensors, 3, &error), error);
  expectError(rung_call(bundle, entry, tensors, 2, &error), error);
  expectError(rung_call(bundle, 99, tensors, 3, &error), error);
  rung_packed_free(packed);
  rung_bundle_close(bundle);
  return 0;
}
