//===- rung-test-bundle.cpp - Makes a bundle of given parts -----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Usage: rung-test-bundle OUT MANIFEST.json CODE.so [WEIGHTS [CODE...]]
// Section 0 is the code, section 1 the weights, if any, then comes more code.

#include "rung/Runtime/BundleWriter.h"

#include <cstdio>
#include <fstream>
#include <iterator>

static std::string readFile(const char *path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(
        stderr,
        "usage: rung-test-bundle OUT MANIFEST CODE [WEIGHTS [CODE...]]\n");
    return 1;
  }
  rung::BundleWriter writer(argv[1]);
  std::string code = readFile(argv[3]);
  writer.append(rung::SectionKind::Code, code.data(), code.size());
  if (argc > 4) {
    std::string weights = readFile(argv[4]);
    writer.append(rung::SectionKind::Weights, weights.data(), weights.size());
  }
  for (int i = 5; i < argc; ++i) {
    std::string more = readFile(argv[i]);
    writer.append(rung::SectionKind::Code, more.data(), more.size());
  }
  if (writer.finish(readFile(argv[2])))
    return 0;
  std::fprintf(stderr, "rung-test-bundle: error: %s\n", writer.error().c_str());
  return 1;
}
