//===- SanitizerOptions.cpp - How all fuzz targets run -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// libMLIR and libLLVM are not instrumented. They neither annotate what they put
// into containers, nor unpoison what they take from allocators that our code
// has poisoned; both checks would see errors where there are none. A refused
// allocation is null, as it is without the sanitizer. Memory is kept: giving it
// back has been seen to stall for longer than an input may take.
//
//===----------------------------------------------------------------------===//

extern "C" __attribute__((visibility("default"))) const char *
__asan_default_options() {
  return "detect_container_overflow=0:allow_user_poisoning=0:"
         "allocator_may_return_null=1:"
         "allocator_release_to_os_interval_ms=-1";
}

extern "C" __attribute__((visibility("default"))) const char *
__ubsan_default_options() {
  return "print_stacktrace=1";
}
