//===- fake-cuda.c - A stand-in for NVIDIA's driver -------------*- C -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Build it as libcuda.so.1 and put it on LD_LIBRARY_PATH. It checks what the
// runtime does without a GPU: memory of its devices is memory of the host,
// copies copy, launches run nothing, and every call of interest is a line of
// the file FAKE_CUDA_LOG. A call that breaks a rule of the driver API ends the
// process. Other variables: FAKE_CUDA_DEVICES (2), FAKE_CUDA_CAPABILITY (90),
// FAKE_CUDA_BYTES (what one device has), FAKE_CUDA_FAIL=FUNCTION (it fails).
//
// Streams: any number; those from 1000 on are capturing.

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

enum {
  SUCCESS = 0,
  INVALID_VALUE = 1,
  OUT_OF_MEMORY = 2,
  INVALID_DEVICE = 101,
  INVALID_IMAGE = 200,
  NOT_FOUND = 500,
  CAPTURE_UNSUPPORTED = 900,
};

static void say(const char *text) {
  static FILE *log;
  if (!log && getenv("FAKE_CUDA_LOG"))
    log = fopen(getenv("FAKE_CUDA_LOG"), "a");
  if (log) {
    fputs(text, log);
    fputc('\n', log);
    fflush(log);
  }
}

static void demand(int holds, const char *rule) {
  if (holds)
    return;
  fprintf(stderr, "fake driver: %s\n", rule);
  abort();
}

static long setting(const char *name, long other) {
  const char *text = getenv(name);
  return text ? atol(text) : other;
}

static int fails(const char *function) {
  const char *which = getenv("FAKE_CUDA_FAIL");
  return which && strcmp(which, function) == 0;
}

//===----------------------------------------------------------------------===//
// Devices and contexts
//===----------------------------------------------------------------------===//

static char contexts[16]; // addresses of contexts
static int retained[16];
static void *current[64];
static int depth, initialised;

static int device(void) {
  demand(depth > 0, "a context is current");
  return (int)((char *)current[depth - 1] - contexts);
}

API int cuInit(unsigned flags) {
  demand(flags == 0, "cuInit takes 0");
  initialised = 1;
  return fails("cuInit") ? INVALID_DEVICE : SUCCESS;
}
API int cuGetErrorName(int code, const char **name) {
  *name = code == OUT_OF_MEMORY   ? "CUDA_ERROR_OUT_OF_MEMORY"
          : code == INVALID_IMAGE ? "CUDA_ERROR_INVALID_IMAGE"
                                  : "CUDA_ERROR_OF_SOME_KIND";
  return SUCCESS;
}
API int cuGetErrorString(int code, const char **text) {
  *text = code == OUT_OF_MEMORY ? "out of memory" : "something is wrong";
  return SUCCESS;
}
API int cuDeviceGetCount(int *count) {
  demand(initialised, "cuInit comes first");
  *count = (int)setting("FAKE_CUDA_DEVICES", 2);
  return SUCCESS;
}
API int cuDeviceGet(int *number, int index) {
  *number = index;
  return index < setting("FAKE_CUDA_DEVICES", 2) ? SUCCESS : INVALID_DEVICE;
}
API int cuDeviceGetName(char *name, int bytes, int number) {
  snprintf(name, (size_t)bytes, "Imagined GPU %d", number);
  return SUCCESS;
}
API int cuDeviceGetAttribute(int *value, int attribute, int number) {
  long capability = setting("FAKE_CUDA_CAPABILITY", 90);
  switch (attribute) {
  case 5:
    *value = 2147483647;
    return SUCCESS;
  case 6:
  case 7:
    *value = 65535;
    return SUCCESS;
  case 75:
    *value = (int)(capability / 10);
    return SUCCESS;
  case 76:
    *value = (int)(capability % 10);
    return SUCCESS;
  default:
    return INVALID_VALUE;
  }
}
API int cuDevicePrimaryCtxRetain(void **context, int number) {
  ++retained[number];
  *context = &contexts[number];
  return SUCCESS;
}
API int cuDevicePrimaryCtxRelease_v2(int number) {
  demand(retained[number]-- > 0, "a context is released as often as retained");
  return SUCCESS;
}
API int cuCtxPushCurrent_v2(void *context) {
  demand(context && depth < 64, "a context is pushed");
  current[depth++] = context;
  return SUCCESS;
}
API int cuCtxPopCurrent_v2(void **context) {
  demand(depth > 0, "a context that was pushed is popped");
  *context = current[--depth];
  return SUCCESS;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

typedef struct Block {
  char *start;
  size_t bytes;
  int device, isFreed;
} Block;
static Block blocks[4096];
static int blockCount, relaxed;

static Block *find(uint64_t address) {
  for (int i = 0; i < blockCount; ++i)
    if (!blocks[i].isFreed && address >= (uint64_t)blocks[i].start &&
        address < (uint64_t)blocks[i].start + blocks[i].bytes)
      return &blocks[i];
  return NULL;
}

API int cuThreadExchangeStreamCaptureMode(int *mode) {
  int old = relaxed;
  relaxed = *mode;
  *mode = old;
  return SUCCESS;
}

API int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
  char line[64];
  size_t used = 0;
  for (int i = 0; i < blockCount; ++i)
    used += blocks[i].isFreed ? 0 : blocks[i].bytes;
  if (bytes == 0)
    return INVALID_VALUE;
  snprintf(line, sizeof(line), "alloc %zu on %d", bytes, device());
  say(line);
  if (used + bytes > (size_t)setting("FAKE_CUDA_BYTES", 1L << 30))
    return OUT_OF_MEMORY;
  demand(blockCount < 4096, "few allocations");
  Block *block = &blocks[blockCount++];
  if (posix_memalign((void **)&block->start, 256, bytes) != 0)
    return OUT_OF_MEMORY;
  memset(block->start, 0xee, bytes);
  block->bytes = bytes;
  block->device = device();
  *address = (uint64_t)block->start;
  return SUCCESS;
}
API int cuMemFree_v2(uint64_t address) {
  Block *block = find(address);
  device();
  demand(block && block->start == (char *)address,
         "what is freed was allocated");
  block->isFreed = 1;
  free(block->start);
  say("free");
  return SUCCESS;
}

static void demandRange(uint64_t address, size_t bytes) {
  Block *block = find(address);
  demand(block && block->device == device() &&
             address + bytes <= (uint64_t)block->start + block->bytes,
         "a copy stays in memory of the device");
}

static int copy(const char *name, void *to, const void *from, size_t bytes,
                uint64_t stream) {
  char line[64];
  demand(stream < 1000, "nothing of the host is captured");
  snprintf(line, sizeof(line), "%s %zu stream %d", name, bytes, (int)stream);
  say(line);
  memcpy(to, from, bytes);
  return fails(name) ? INVALID_VALUE : SUCCESS;
}
API int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes,
                             uint64_t stream) {
  demandRange(to, bytes);
  return copy("to device", (void *)to, from, bytes, stream);
}
API int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes,
                             uint64_t stream) {
  demandRange(from, bytes);
  return copy("to host", to, (void *)from, bytes, stream);
}
API int cuPointerGetAttributes(unsigned count, const int *attributes,
                               void **values, uint64_t address) {
  Block *block = find(address);
  for (unsigned i = 0; i < count; ++i)
    switch (attributes[i]) {
    case 2:
      *(unsigned *)values[i] = block ? 2 : 0;
      break;
    case 8:
      *(unsigned *)values[i] = 0;
      break;
    case 9:
      *(int *)values[i] = block ? block->device : -2;
      break;
    case 11:
      *(uint64_t *)values[i] = block ? (uint64_t)block->start : 0;
      break;
    case 12:
      *(size_t *)values[i] = block ? block->bytes : 0;
      break;
    default:
      return INVALID_VALUE;
    }
  return SUCCESS;
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

API int cuStreamSynchronize(uint64_t stream) {
  device();
  demand(stream < 1000, "a stream that is capturing cannot be waited for");
  say("synchronize");
  return fails("cuStreamSynchronize") ? INVALID_VALUE : SUCCESS;
}
API int cuStreamIsCapturing(uint64_t stream, int *status) {
  device();
  *status = stream >= 1000;
  return SUCCESS;
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

typedef struct Kernel {
  char name[256];
  int sizes[256], count; // of the parameters, known from PTX
} Kernel;
static Kernel kernels[64];
static int kernelCount;

/// The size of the parameter that `text` (".param .u64 ...") declares.
static int sizeOf(const char *text) {
  const char *types = strstr(text, " .");
  int bits = types ? atoi(types + 3) : 0;
  demand(bits == 8 || bits == 16 || bits == 32 || bits == 64,
         "a parameter of PTX is a number or a pointer");
  return bits / 8;
}

static void readPTX(const char *text) {
  while ((text = strstr(text, ".entry "))) {
    Kernel *kernel = &kernels[kernelCount++];
    text += strlen(".entry ");
    size_t length = strcspn(text, "(");
    memcpy(kernel->name, text, length);
    const char *end = strchr(text, ')');
    for (const char *at = strstr(text, ".param"); at && at < end;
         at = strstr(at + 1, ".param"))
      kernel->sizes[kernel->count++] = sizeOf(at);
    text = end;
  }
}

API int cuModuleLoadDataEx(void **module, const char *image, unsigned count,
                           const int *options, void **values) {
  device();
  if (fails("cuModuleLoadDataEx")) {
    demand(count == 2 && options[0] == 5 && options[1] == 6,
           "a log is asked for");
    snprintf(values[0], (size_t)values[1], "line 7: no such instruction");
    return INVALID_IMAGE;
  }
  int isELF = memcmp(image, "\177ELF", 4) == 0;
  say(isELF ? "load cubin" : "load ptx");
  if (!isELF)
    readPTX(image);
  *module = kernels;
  return SUCCESS;
}
API int cuModuleUnload(void *module) {
  device();
  return SUCCESS;
}
API int cuModuleGetFunction(void **function, void *module, const char *name) {
  if (fails("cuModuleGetFunction"))
    return NOT_FOUND;
  for (int i = 0; i < kernelCount; ++i)
    if (strcmp(kernels[i].name, name) == 0) {
      *function = &kernels[i];
      return SUCCESS;
    }
  strncpy(kernels[kernelCount].name, name, 255); // of a cubin
  *function = &kernels[kernelCount++];
  return SUCCESS;
}
API int cuFuncGetAttribute(int *value, int attribute, void *function) {
  demand(attribute == 0, "only the number of threads is asked for");
  *value = 1024;
  return SUCCESS;
}
API int cuFuncSetAttribute(void *function, int attribute, int value) {
  char line[64];
  demand(attribute == 8, "only dynamic shared memory is set");
  snprintf(line, sizeof(line), "allow %d shared", value);
  say(line);
  return value > 232448 ? INVALID_VALUE : SUCCESS;
}
API int cuLaunchKernel(Kernel *kernel, unsigned gx, unsigned gy, unsigned gz,
                       unsigned bx, unsigned by, unsigned bz, unsigned shared,
                       uint64_t stream, void **parameters, void **extra) {
  static char line[16384];
  device();
  demand(!extra, "parameters come as pointers");
  int at =
      snprintf(line, sizeof(line),
               "launch %s grid %u %u %u block %u %u %u shared %u stream %d",
               kernel->name, gx, gy, gz, bx, by, bz, shared, (int)stream);
  for (int i = 0; i < kernel->count; ++i) {
    uint64_t value = 0;
    memcpy(&value, parameters[i], (size_t)kernel->sizes[i]);
    at += snprintf(line + at, sizeof(line) - (size_t)at, " %llu",
                   (unsigned long long)value);
  }
  say(line);
  return fails("cuLaunchKernel") ? INVALID_VALUE : SUCCESS;
}
