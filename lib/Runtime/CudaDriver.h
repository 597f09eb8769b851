//===- CudaDriver.h - NVIDIA's driver, found at run time --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the runtime uses of libcuda.so.1. Source of names, types and values:
// CUDA Driver API reference.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_RUNTIME_CUDADRIVER_H
#define RUNG_LIB_RUNTIME_CUDADRIVER_H

#include <cstddef>
#include <cstdint>
#include <string>

namespace rung::cuda {

using Result = int; // 0 is success
using DeviceNumber = int;
using Address = unsigned long long;
struct Context;
struct Module;
struct Function;
struct Stream;

/// CU_DEVICE_ATTRIBUTE_*.
enum DeviceAttribute : int {
  kMaxGridX = 5,
  kMaxGridY = 6,
  kMaxGridZ = 7,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
};

/// CU_FUNC_ATTRIBUTE_*.
enum FunctionAttribute : int {
  kMaxThreadsPerBlock = 0,
  kMaxDynamicSharedBytes = 8,
};

/// CU_POINTER_ATTRIBUTE_*.
enum PointerAttribute : int {
  kMemoryType = 2, // unsigned: 1 host, 2 device
  kIsManaged = 8,  // unsigned
  kDeviceOrdinal = 9,
  kRangeStart = 11,
  kRangeBytes = 12,
};
inline constexpr unsigned kMemoryTypeDevice = 2;

/// CU_JIT_*.
enum JitOption : int { kErrorLog = 5, kErrorLogBytes = 6 };

/// CU_STREAM_CAPTURE_MODE_RELAXED, CU_STREAM_CAPTURE_STATUS_ACTIVE.
inline constexpr int kCaptureModeRelaxed = 2, kCaptureActive = 1;

/// The functions: member, symbol, parameters.
#define RUNG_CUDA_FUNCTIONS(X)                                                 \
  X(init, cuInit, (unsigned))                                                  \
  X(getErrorName, cuGetErrorName, (Result, const char **))                     \
  X(getErrorString, cuGetErrorString, (Result, const char **))                 \
  X(deviceGetCount, cuDeviceGetCount, (int *))                                 \
  X(deviceGet, cuDeviceGet, (DeviceNumber *, int))                             \
  X(deviceGetName, cuDeviceGetName, (char *, int, DeviceNumber))               \
  X(deviceGetAttribute, cuDeviceGetAttribute, (int *, int, DeviceNumber))      \
  X(primaryRetain, cuDevicePrimaryCtxRetain, (Context **, DeviceNumber))       \
  X(primaryRelease, cuDevicePrimaryCtxRelease_v2, (DeviceNumber))              \
  X(ctxPush, cuCtxPushCurrent_v2, (Context *))                                 \
  X(ctxPop, cuCtxPopCurrent_v2, (Context **))                                  \
  X(moduleLoad, cuModuleLoadDataEx,                                            \
    (Module **, const void *, unsigned, const int *, void **))                 \
  X(moduleUnload, cuModuleUnload, (Module *))                                  \
  X(moduleGetFunction, cuModuleGetFunction,                                    \
    (Function **, Module *, const char *))                                     \
  X(functionGetAttribute, cuFuncGetAttribute, (int *, int, Function *))        \
  X(functionSetAttribute, cuFuncSetAttribute, (Function *, int, int))          \
  X(launchKernel, cuLaunchKernel,                                              \
    (Function *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
     unsigned, Stream *, void *const *, void **))                              \
  X(memAlloc, cuMemAlloc_v2, (Address *, size_t))                              \
  X(memFree, cuMemFree_v2, (Address))                                          \
  X(copyToDevice, cuMemcpyHtoDAsync_v2,                                        \
    (Address, const void *, size_t, Stream *))                                 \
  X(copyToHost, cuMemcpyDtoHAsync_v2, (void *, Address, size_t, Stream *))     \
  X(pointerGetAttributes, cuPointerGetAttributes,                              \
    (unsigned, const int *, void **, Address))                                 \
  X(streamSynchronize, cuStreamSynchronize, (Stream *))                        \
  X(streamIsCapturing, cuStreamIsCapturing, (Stream *, int *))                 \
  X(exchangeCaptureMode, cuThreadExchangeStreamCaptureMode, (int *))

struct Driver {
#define RUNG_CUDA_MEMBER(member, symbol, parameters)                           \
  Result(*member) parameters = nullptr;
  RUNG_CUDA_FUNCTIONS(RUNG_CUDA_MEMBER)
#undef RUNG_CUDA_MEMBER

  /// Loads and initialises the driver, once in a process; null, with an error
  /// that says why, if there is none.
  static const Driver *get(std::string &error);

  /// "what: out of memory (CUDA_ERROR_OUT_OF_MEMORY)", empty for success.
  std::string explain(const std::string &what, Result result) const;
};

} // namespace rung::cuda

#endif // RUNG_LIB_RUNTIME_CUDADRIVER_H
