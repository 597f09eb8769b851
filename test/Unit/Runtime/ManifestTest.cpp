//===- ManifestTest.cpp - What a bundle says about itself -------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/Manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rung;
using ::testing::HasSubstr;

namespace {

/// A manifest with one entry of these arguments.
std::string withArguments(const std::string &arguments) {
  return R"({"producer": "p", "constants": [], "binaries": [],
             "entries": [{"name": "e", "arguments": [)" +
         arguments + "]}]}";
}

std::string argument(const std::string &name, const std::string &kind,
                     const std::string &bits, const std::string &dtype,
                     const std::string &shape, const std::string &storage,
                     const std::string &more = "") {
  return R"({"name": ")" + name + R"(", "kind": ")" + kind +
         R"(", "format": "f", "bits": )" + bits + R"(, "dtype": ")" + dtype +
         R"(", "shape": )" + shape + R"(, "storage_shape": )" + storage + more +
         "}";
}

std::string errorOf(const std::string &text) {
  std::string error;
  parseManifest(text.data(), text.size(), error);
  return error;
}

TEST(Manifest, ReadsAnArgument) {
  std::string text = withArguments(
      argument("w", "input", "3", "uint8", R"(["N", 10])", R"(["N", 4])",
               R"(, "codes": 5, "packed": {"entry": "p", "bytes": 99})"));
  std::string error;
  std::optional<Manifest> manifest =
      parseManifest(text.data(), text.size(), error);
  ASSERT_TRUE(manifest) << error;
  const Argument &w = manifest->entries[0].arguments[0];
  EXPECT_EQ(w.bits, 3u);
  EXPECT_EQ(toString(w.shape), "[N, 10]");
  EXPECT_EQ(toString(w.storage), "[N, 4]");
  EXPECT_EQ(w.codes, 5u);
  EXPECT_EQ(w.packEntry, "p");
  EXPECT_EQ(w.packedBytes, 99u);
}

TEST(Manifest, OneCodeIsOneByte) {
  for (const char *storage : {"[]", "[1]"})
    EXPECT_EQ(errorOf(withArguments(
                  argument("z", "input", "4", "uint8", "[]", storage))),
              "");
  EXPECT_THAT(
      errorOf(withArguments(argument("z", "input", "4", "uint8", "[]", "[2]"))),
      HasSubstr("expected the storage of [] at 4 bits"));
  EXPECT_THAT(errorOf(withArguments(
                  argument("z", "input", "16", "float16", "[]", "[1]"))),
              HasSubstr("expected the storage of [] at 16 bits"));
}

TEST(Manifest, SaysWhereItIsWrong) {
  EXPECT_THAT(errorOf("{"), HasSubstr("manifest: "));
  EXPECT_THAT(errorOf("[]"), HasSubstr("expected an object"));
  EXPECT_EQ(errorOf("{}"), "manifest:  has no \"producer\"");
  EXPECT_EQ(errorOf(withArguments(
                argument("x", "in", "32", "float32", "[1]", "[1]"))),
            "manifest: entries[0].arguments[0].kind is \"in\", expected "
            "\"input\", \"inout\" or \"output\"");
  EXPECT_THAT(errorOf(withArguments(
                  argument("x", "input", "32", "float16", "[1]", "[1]"))),
              HasSubstr("expected one that holds a code of 32 bits"));
  EXPECT_THAT(errorOf(withArguments(
                  argument("x", "input", "4", "uint8", "[2, 5]", "[2, 5]"))),
              HasSubstr("expected the storage of [2, 5] at 4 bits"));
  EXPECT_THAT(errorOf(withArguments(
                  argument("x", "input", "32", "float32", "[-1]", "[-1]"))),
              HasSubstr("shape[0] is -1, expected a number from 1"));
}

TEST(Manifest, OutputsFollowFromInputs) {
  std::string x =
      argument("x", "input", "32", "float32", R"(["M"])", R"(["M"])");
  auto y = [](const char *shape) {
    return argument("y", "output", "32", "float32", shape, shape);
  };
  EXPECT_EQ(errorOf(withArguments(x + "," + y(R"(["M", 3])"))), "");
  EXPECT_THAT(errorOf(withArguments(x + "," + y(R"(["N", 3])"))),
              HasSubstr("expected an input with the size N of output 'y'"));
  EXPECT_THAT(errorOf(withArguments(y("[3]") + "," + x)),
              HasSubstr("expected the outputs to be last"));
  EXPECT_THAT(errorOf(withArguments(x + "," + x)),
              HasSubstr("one argument of the name 'x'"));
}

} // namespace
