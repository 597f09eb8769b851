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
  std::string text =
      withArguments(argument("w", "input", "3", "uint8", R"(["N", 10])",
                             R"(["N", 4])", R"(, "codes": 5)"));
  std::string error;
  std::optional<Manifest> manifest =
      parseManifest(text.data(), text.size(), error);
  ASSERT_TRUE(manifest) << error;
  const Argument &w = manifest->entries[0].arguments[0];
  EXPECT_EQ(w.bits, 3u);
  EXPECT_EQ(toString(w.shape), "[N, 10]");
  EXPECT_EQ(toString(w.storage), "[N, 4]");
  EXPECT_EQ(w.codes, 5u);
}

/// A manifest with these binaries, two constants, and an entry e(x) -> y.
std::string withBinaries(const std::string &binaries) {
  return R"({"producer": "p", "constants": [
               {"name": "a", "offset": 0, "bytes": 1},
               {"name": "b", "offset": 64, "bytes": 1}],
             "binaries": [)" +
         binaries + R"(], "entries": [{"name": "e", "arguments": [)" +
         argument("x", "input", "32", "float32", "[1]", "[1]") + "," +
         argument("y", "output", "32", "float32", "[1]", "[1]") + "]}]}";
}

TEST(Manifest, EachBinaryHasConstantsPackingsAndKernelsOfItsOwn) {
  std::string text = withBinaries(
      R"({"target": "cpu:x86-64", "section": 0, "constants": [1],
          "packed": [{"entry": "e", "argument": "x", "function": "f",
                      "bytes": 99}]},
         {"target": "cuda:sm_80", "section": 1, "constants": [1, 0],
          "kernels": ["k", "l"],
          "device": [{"kind": "cubin", "section": 2},
                     {"kind": "ptx", "section": 3}]},
         {"target": "sim:cuda:sm_80", "section": 4, "kernels": ["k"],
          "device": [{"kind": "sim", "section": 5}]})");
  std::string error;
  std::optional<Manifest> manifest =
      parseManifest(text.data(), text.size(), error);
  ASSERT_TRUE(manifest) << error;
  const Binary &cpu = manifest->binaries[0], &cuda = manifest->binaries[1];
  EXPECT_THAT(cpu.constants, ::testing::ElementsAre(1));
  ASSERT_TRUE(cpu.packing(0, 0));
  EXPECT_EQ(cpu.packing(0, 0)->function, "f");
  EXPECT_EQ(cpu.packing(0, 0)->bytes, 99u);
  EXPECT_FALSE(cpu.packing(0, 1));
  EXPECT_THAT(cuda.constants, ::testing::ElementsAre(1, 0));
  EXPECT_FALSE(cuda.packing(0, 0));
  EXPECT_THAT(cuda.kernels, ::testing::ElementsAre("k", "l"));
  ASSERT_EQ(cuda.device.size(), 2u);
  EXPECT_EQ(cuda.device[1].kind, "ptx");
  EXPECT_EQ(cuda.device[1].section, 3u);
}

TEST(Manifest, SaysWhatIsWrongWithABinary) {
  auto binary = [](const std::string &target, const std::string &more) {
    return errorOf(withBinaries(R"({"target": ")" + target +
                                R"(", "section": 0)" + more + "}"));
  };
  auto packed = [&](const char *entry, const char *argument, int times = 1) {
    std::string item = std::string(R"({"entry": ")") + entry +
                       R"(", "argument": ")" + argument +
                       R"(", "function": "f", "bytes": 9})";
    return binary("cpu:any", R"(, "packed": [)" + item +
                                 (times == 2 ? "," + item : "") + "]");
  };
  EXPECT_EQ(packed("e", "x"), "");
  EXPECT_EQ(packed("f", "x"), "manifest: binaries[0].packed[0].entry is \"f\", "
                              "expected the name of an entry");
  EXPECT_THAT(packed("e", "z"), HasSubstr("expected the name of an argument"));
  EXPECT_THAT(packed("e", "y"), HasSubstr("expected an input"));
  EXPECT_THAT(packed("e", "x", 2), HasSubstr("one packing of this argument"));
  EXPECT_EQ(binary("cpu:any", R"(, "constants": [0, 2])"),
            "manifest: binaries[0].constants[1] is 2, expected the index of "
            "one of 2 constants");
  EXPECT_THAT(binary("cpu:any", R"(, "kernels": ["k"])"),
              HasSubstr("expected none for a CPU"));
  EXPECT_THAT(binary("cuda:sm_80", ""), HasSubstr("has no \"kernels\""));
  auto device = [&](const char *kernels, const char *code) {
    return binary("cuda:sm_80", std::string(R"(, "kernels": [)") + kernels +
                                    R"(], "device": [)" + code + "]");
  };
  EXPECT_EQ(device("", ""), "");
  EXPECT_THAT(device(R"("k")", ""), HasSubstr("expected code of the kernels"));
  EXPECT_THAT(device("", R"({"kind": "ptx", "section": 1})"),
              HasSubstr("expected none without kernels"));
  EXPECT_THAT(device(R"("k", "k")", ""), HasSubstr("a name for each kernel"));
  EXPECT_THAT(device(R"("k")", R"({"kind": "sim", "section": 1})"),
              HasSubstr("expected \"cubin\" or \"ptx\""));
  EXPECT_THAT(device(R"("k")", R"({"kind": "ptx", "section": -1})"),
              HasSubstr("device[0].section is -1"));
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
