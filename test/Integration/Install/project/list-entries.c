//===- list-entries.c - A user of the C interface -----------------*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include <rung-c/Runtime.h>
#include <stdio.h>

int main(int argc, char **argv) {
  rung_bundle *bundle;
  char *error;
  if (rung_bundle_open(argc > 1 ? argv[1] : "", &bundle, &error)) {
    fprintf(stderr, "%s\n", error);
    rung_string_free(error);
    return 1;
  }
  for (size_t i = 0; i < rung_bundle_entry_count(bundle); ++i)
    printf("%s\n", rung_bundle_entry(bundle, i)->name);
  rung_bundle_close(bundle);
  return 0;
}
