//===- CudaDriver.cpp - NVIDIA's driver, found at run time ------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaDriver.h"

#include <dlfcn.h>

using namespace rung::cuda;

namespace {
/// The driver, or why there is none.
struct Loaded {
  Loaded();
  Driver driver;
  std::string error;
};
} // namespace

Loaded::Loaded() {
  // It stays loaded: a driver cannot be initialised twice.
  void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    error = std::string("no NVIDIA driver: ") + dlerror() +
            "; install it, or run on another device";
    return;
  }
#define RUNG_CUDA_FIND(member, symbol, parameters)                             \
  driver.member =                                                              \
      reinterpret_cast<Result(*) parameters>(dlsym(library, #symbol));         \
  if (!driver.member && error.empty())                                         \
    error = "the NVIDIA driver is too old: libcuda.so.1 has no " #symbol       \
            "; install one for CUDA 12 or later";
  RUNG_CUDA_FUNCTIONS(RUNG_CUDA_FIND)
#undef RUNG_CUDA_FIND
  if (error.empty())
    error = driver.explain("the NVIDIA driver does not start", driver.init(0));
}

const Driver *Driver::get(std::string &error) {
  static const Loaded loaded;
  error = loaded.error;
  return error.empty() ? &loaded.driver : nullptr;
}

std::string Driver::explain(const std::string &what, Result result) const {
  if (result == 0)
    return "";
  const char *name = nullptr, *text = nullptr;
  getErrorName(result, &name);
  getErrorString(result, &text);
  return what + ": " + (text ? text : "unknown error") + " (" +
         (name ? name : std::to_string(result)) + ")";
}
