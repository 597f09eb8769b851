//===- EntryABI.h - What compiled code and its host agree on ----*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The interface between an entry of a bundle (code that rung-compile made) and
// the process that calls it. A binary of a bundle is an ELF shared object with
// no undefined symbol: everything that it needs from its host it takes from
// the context. The version below is tied to the bundle version of
// rung/Runtime/BundleFormat.h: a change here is a change there.
//
// An entry `NAME` of the manifest is the symbol `rung_entry_NAME` of type
// `rung_entry`. It gets one pointer to a memref descriptor for each argument of
// the manifest, in that order (inputs and inouts as the function declares them,
// outputs last). Such a descriptor of rank r is laid out as MLIR does it:
//
//   struct { void *allocated; void *aligned; int64_t offset;
//            int64_t sizes[r]; int64_t strides[r]; };
//
// Here allocated == aligned, offset is 0, and strides are those of a row-major
// contiguous array, in elements. Sizes are those of the *storage* of the
// argument: a format narrower than a byte is a byte array of its canonical
// storage ([..., ceil(K * bits / 8)]). Data is aligned to its element size
// only. No output and no inout overlaps another argument. Every size is >= 1.
//
// A weight that has a packed order ("packed" in the manifest) reaches the entry
// as a byte array of rank 1, 64-byte aligned, of exactly the size that the
// manifest names. The pack entry (symbol `rung_entry_` + its name) makes it:
// its two descriptors are the canonical storage, as above, and that byte array.
//
// An entry for a GPU is code of the host, too: it computes sizes, takes
// workspace and launches kernels. Its descriptors, the workspace and the
// constants point to memory of the device, which it never accesses itself. Pack
// functions run on memory of the host on every target.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_ENTRYABI_H
#define RUNG_RUNTIME_ENTRYABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Value of rung_context::version for this header.
#define RUNG_CONTEXT_VERSION 2

/// Prefix of an entry's symbol.
#define RUNG_ENTRY_PREFIX "rung_entry_"

/// What an entry and its loops are called with.
// NOLINTNEXTLINE(readability-identifier-naming): a name of C
typedef struct rung_context rung_context;

/// One iteration of a parallel loop.
typedef void (*rung_body)(rung_context *context, void *captures, int64_t index);

/// What the host gives to an entry. It is valid during the call only.
struct rung_context {
  /// RUNG_CONTEXT_VERSION.
  uint32_t version;
  /// How many threads parallel_for uses, the calling one included; >= 1.
  uint32_t threads;
  /// Calls body(context, captures, i) for every i in [0, count), each once, on
  /// any thread and in any order, and returns when all of them have returned.
  /// Not to be called from a body.
  void (*parallel_for)(rung_context *context, int64_t count, rung_body body,
                       void *captures);
  /// Uninitialised workspace, 64-byte aligned, from any thread. Never null.
  void *(*allocate)(rung_context *context, int64_t bytes);
  /// Gives back what allocate returned; from any thread.
  void (*release)(rung_context *context, void *memory);
  /// One pointer for each constant of the manifest, in its order, 64-byte
  /// aligned, read-only.
  const void *const *constants;
  /// Records an error (the first one counts; the text is copied). It returns:
  /// the entry must go on without an access that would be wrong, and the host
  /// then reports the error and drops the outputs.
  void (*fail)(rung_context *context, const char *message);
  /// Runs kernel number `kernel` of the binary's list "kernels" on the device,
  /// after everything that this context launched before it. `grid` and `block`
  /// count blocks and threads along x, y, z; `shared` bytes of dynamic shared
  /// memory come on top of the static one. `arguments[i]` points to the value
  /// of the kernel's parameter i, `count` in all; the values are read before
  /// launch returns. A memref of rank r is 3 + 2r parameters of 64 bits each,
  /// the fields of its descriptor in order; an index has 64 bits. What goes
  /// wrong is reported as `fail` does it.
  void (*launch)(rung_context *context, uint32_t kernel, const uint32_t grid[3],
                 const uint32_t block[3], uint32_t shared,
                 void *const *arguments, uint32_t count);
};

/// An entry, or a pack function.
typedef void (*rung_entry)(rung_context *context, void *const *descriptors);

#ifdef __cplusplus
}
#endif

#endif // RUNG_RUNTIME_ENTRYABI_H
