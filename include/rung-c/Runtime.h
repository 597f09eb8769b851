//===- Runtime.h - C interface to bundles -------------------------*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Opens bundles that rung-compile made and calls their entries. Plain C, no
// LLVM; the library is librung-runtime.
//
//   rung_bundle *bundle;
//   char *error;
//   if (rung_bundle_open("matmul.rung", &bundle, &error) ||
//       rung_bundle_load(bundle, "cpu", &error)) {
//     fprintf(stderr, "%s\n", error);
//     rung_string_free(error);
//     ...
//   }
//   int64_t x_sizes[] = {1, 4096}, w_sizes[] = {4096, 2048};
//   rung_tensor tensors[] = {{x, 2, x_sizes, NULL}, {w, 2, w_sizes, NULL},
//                            {y, 2, x_sizes, NULL}};
//   size_t entry;
//   rung_bundle_find_entry(bundle, "matmul", &entry, &error);
//   rung_call(bundle, entry, tensors, 3, &error);
//   rung_bundle_close(bundle);
//
// A function that can fail returns 0 on success and 1 on failure, and then,
// unless `error` is null, sets *error to a text that says what was found and
// what was expected; it belongs to the caller, who frees it with
// rung_string_free. On failure nothing else is written, except that a call
// that fails half way leaves its outputs and inouts undefined.
//
// A bundle may be used by several threads; its calls then follow one another.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_C_RUNTIME_H
#define RUNG_C_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUNG_API __attribute__((visibility("default")))

/// An open bundle.
typedef struct rung_bundle rung_bundle;

/// A weight in the order that the kernels of one bundle read. It does not
/// depend on the bundle's lifetime, but serves only that bundle.
typedef struct rung_packed rung_packed;

typedef enum rung_argument_kind {
  RUNG_INPUT = 0,
  RUNG_INOUT = 1, ///< read, and updated in place
  RUNG_OUTPUT = 2
} rung_argument_kind;

/// A size (name is null), or the name of one that every call chooses (size is
/// -1). Equal names in one entry are equal sizes.
typedef struct rung_dimension {
  int64_t size;
  const char *name;
} rung_dimension;

/// An argument of an entry.
typedef struct rung_argument {
  const char *name;
  rung_argument_kind kind;
  const char *format;     ///< number format, as MLIR spells it
  uint32_t bits;          ///< of one code
  const char *dtype;      ///< one element of the array, by numpy's name
  uint32_t element_bytes; ///< of one element of the array
  uint32_t rank;          ///< of the shape
  const rung_dimension *shape;
  /// The array's shape. It differs where bits < 8: codes are packed, least
  /// significant bit first, along the last dimension, whose size in bytes is
  /// ceil(size * bits / 8); of one code alone it may be [1].
  uint32_t storage_rank;
  const rung_dimension *storage_shape;
  uint64_t valid_codes; ///< codes below it are valid; 0: all are
  /// In the order of the kernels; 0 for an argument that is taken as it is. It
  /// is that of the loaded binary, of the first one before rung_bundle_load.
  uint64_t packed_bytes;
} rung_argument;

typedef struct rung_entry_info {
  const char *name;
  size_t argument_count;
  const rung_argument *arguments; ///< outputs last
} rung_entry_info;

/// Where the data of a tensor lies.
typedef enum rung_memory {
  RUNG_HOST = 0,
  RUNG_DEVICE = 1 ///< on the GPU that the bundle is loaded for
} rung_memory;

/// A row-major array of the user: data of `rank` sizes, aligned to its element.
/// For an argument that packs, a packed weight may stand in its place (the
/// other fields are then ignored).
typedef struct rung_tensor {
  void *data;
  uint32_t rank;
  const int64_t *sizes;
  const rung_packed *packed;
  rung_memory memory; ///< of the data
} rung_tensor;

/// Frees an error; null is allowed.
RUNG_API void rung_string_free(char *string);

/// Maps a bundle and checks every byte of it. None of its code runs, and it
/// need not be for this machine.
RUNG_API int rung_bundle_open(const char *path, rung_bundle **bundle,
                              char **error);

/// Closes a bundle; null is allowed. Packed weights are freed on their own.
RUNG_API void rung_bundle_close(rung_bundle *bundle);

/// Who wrote the bundle.
RUNG_API const char *rung_bundle_producer(const rung_bundle *bundle);

/// The targets that the bundle holds binaries for ("cpu:znver4").
RUNG_API size_t rung_bundle_target_count(const rung_bundle *bundle);
RUNG_API const char *rung_bundle_target(const rung_bundle *bundle,
                                        size_t index);

/// The entries; null behind the last one. What it points to lives as long as
/// the bundle.
RUNG_API size_t rung_bundle_entry_count(const rung_bundle *bundle);
RUNG_API const rung_entry_info *rung_bundle_entry(const rung_bundle *bundle,
                                                  size_t index);

/// Sets *index to the entry of that name.
RUNG_API int rung_bundle_find_entry(const rung_bundle *bundle, const char *name,
                                    size_t *index, char **error);

/// Sets *data and *bytes to an asset: bytes that the bundle carries for its
/// user, such as a tokenizer. They live as long as the bundle.
RUNG_API int rung_bundle_asset(const rung_bundle *bundle, const char *name,
                               const void **data, uint64_t *bytes,
                               char **error);

/// Loads the best binary for the device: "cpu", or "cuda:i", GPU i of NVIDIA's
/// driver ("cuda" is the first one), which is looked for now. Pack and call
/// need it. Loading again is no error, for the same device.
RUNG_API int rung_bundle_load(rung_bundle *bundle, const char *device,
                              char **error);

/// The target of the loaded binary; null before rung_bundle_load.
RUNG_API const char *rung_bundle_loaded_target(const rung_bundle *bundle);

/// Threads that calls use, the calling one included. Without a call of it,
/// RUNG_NUM_THREADS, else as many as the process may use cores. 1 to 1024.
RUNG_API int rung_bundle_set_threads(rung_bundle *bundle, uint32_t threads,
                                     char **error);
RUNG_API uint32_t rung_bundle_threads(const rung_bundle *bundle);

/// Brings a weight (argument `argument` of the entry, in canonical storage)
/// into the order of the kernels.
RUNG_API int rung_pack(rung_bundle *bundle, size_t entry, size_t argument,
                       const rung_tensor *tensor, rung_packed **packed,
                       char **error);
RUNG_API void rung_packed_free(rung_packed *packed);

/// Computes the sizes of the array of an output. `tensors` are the arguments
/// that are not outputs (`count` of them, data not looked at); `sizes` has room
/// for the output's rank.
RUNG_API int rung_output_sizes(const rung_bundle *bundle, size_t entry,
                               const rung_tensor *tensors, size_t count,
                               size_t output, int64_t *sizes, char **error);

/// Calls an entry with one tensor for each argument, in their order, outputs
/// too. Checks ranks and sizes, that no output or inout overlaps another
/// argument, and that inputs hold no invalid code. A weight given in canonical
/// storage is packed on each call; use rung_pack to do it once.
///
/// On a GPU, tensors on the host are copied there and back. With all of them on
/// the device (whose codes are not looked at) the call returns before it is
/// done, and what follows on its stream sees its results.
RUNG_API int rung_call(rung_bundle *bundle, size_t entry,
                       const rung_tensor *tensors, size_t count, char **error);

/// The same on a CUstream (a cudaStream_t is one) of the GPU; null is the
/// default stream. A second call of the same sizes on a stream allocates
/// nothing. It may be captured in a CUDA graph if all tensors are on the device
/// and all weights packed; the graph then uses the workspace of that stream, so
/// that it must not run beside other calls on it.
RUNG_API int rung_call_on_stream(rung_bundle *bundle, size_t entry,
                                 const rung_tensor *tensors, size_t count,
                                 void *stream, char **error);

/// Where tensors lie that rung_device_allocate made: on the host for a bundle
/// that is loaded for a CPU, or not yet.
RUNG_API rung_memory rung_bundle_memory(const rung_bundle *bundle);

/// Memory of the device that the bundle is loaded for, aligned to 64 bytes; it
/// is to be freed before the bundle is closed. Null may be freed.
RUNG_API int rung_device_allocate(rung_bundle *bundle, uint64_t bytes,
                                  void **memory, char **error);
RUNG_API void rung_device_free(rung_bundle *bundle, void *memory);

/// Copy `bytes` bytes from the host to such memory, and back.
RUNG_API int rung_device_write(rung_bundle *bundle, void *to, const void *from,
                               uint64_t bytes, char **error);
RUNG_API int rung_device_read(rung_bundle *bundle, void *to, const void *from,
                              uint64_t bytes, char **error);

/// Waits for all that was called on the stream. What went wrong on the GPU
/// after its call had returned is an error here.
RUNG_API int rung_device_synchronize(rung_bundle *bundle, void *stream,
                                     char **error);

#ifdef __cplusplus
}
#endif

#endif // RUNG_C_RUNTIME_H
