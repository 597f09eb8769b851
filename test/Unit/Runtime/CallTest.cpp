//===- CallTest.cpp - Calls of a bundle's entries ---------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung-c/Runtime.h"
#include "rung/Runtime/CpuFeatures.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <thread>
#include <vector>

using namespace rung;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

/// test/Runtime/kernels.c as a bundle.
class Call : public ::testing::Test {
protected:
  Call() {
    char *error = nullptr;
    EXPECT_EQ(rung_bundle_open(RUNG_TEST_BUNDLE, &bundle, &error), 0) << error;
    EXPECT_EQ(rung_bundle_load(bundle, "cpu", &error), 0) << error;
  }
  ~Call() override { rung_bundle_close(bundle); }

  /// The error of a call; empty on success.
  std::string call(const char *name, std::vector<rung_tensor> tensors) {
    size_t entry = 0;
    char *error = nullptr;
    if (rung_bundle_find_entry(bundle, name, &entry, &error) == 0)
      rung_call(bundle, entry, tensors.data(), tensors.size(), &error);
    std::string text = error ? error : "";
    rung_string_free(error);
    return text;
  }

  /// A row-major tensor; its sizes live as long as the test.
  rung_tensor tensor(void *data, std::vector<int64_t> sizes) {
    kept.push_back(std::make_unique<std::vector<int64_t>>(std::move(sizes)));
    return {data, static_cast<uint32_t>(kept.back()->size()),
            kept.back()->data(), nullptr, RUNG_HOST};
  }

  rung_bundle *bundle = nullptr;
  std::vector<std::unique_ptr<std::vector<int64_t>>> kept;
};

TEST_F(Call, ChoosesABinaryThatThisProcessorRuns) {
  EXPECT_STREQ(rung_bundle_loaded_target(bundle), "cpu:x86-64");
  EXPECT_THAT(missingCpuFeatures({"sse2", "telepathy"}),
              ::testing::ElementsAre("telepathy"));
}

TEST_F(Call, RunsOnAnyNumberOfThreads) {
  std::vector<float> x(1000), y(1000);
  for (int i = 0; i < 1000; ++i)
    x[i] = static_cast<float>(i);
  for (uint32_t threads : {1, 2, 5, 1}) {
    ASSERT_EQ(rung_bundle_set_threads(bundle, threads, nullptr), 0);
    std::fill(y.begin(), y.end(), -1.0f);
    ASSERT_EQ(
        call("twice", {tensor(x.data(), {1000}), tensor(y.data(), {1000})}),
        "");
    for (int i = 0; i < 1000; ++i)
      ASSERT_EQ(y[i], 2.0f * static_cast<float>(i));
    int32_t seen = 0;
    ASSERT_EQ(call("threads", {tensor(&seen, {})}), "");
    EXPECT_EQ(static_cast<uint32_t>(seen), threads);
  }
  EXPECT_NE(rung_bundle_set_threads(bundle, 0, nullptr), 0);
}

TEST_F(Call, GivesConstantsAsTheyLieInTheFile) {
  std::vector<uint8_t> y(100);
  int32_t aligned = 0;
  ASSERT_EQ(call("constant", {tensor(y.data(), {100}), tensor(&aligned, {})}),
            "");
  EXPECT_EQ(aligned, 1);
  EXPECT_NE(y[0], 0); // the weights are the text of kernels.c
}

TEST_F(Call, UpdatesInPlace) {
  std::vector<float> cache = {1, 2, 3};
  float x = 7, old = 0;
  int32_t position = 1;
  std::vector<rung_tensor> tensors = {tensor(cache.data(), {3}), tensor(&x, {}),
                                      tensor(&position, {}), tensor(&old, {})};
  ASSERT_EQ(call("store", tensors), "");
  EXPECT_THAT(cache, ::testing::ElementsAre(1, 7, 3));
  EXPECT_EQ(old, 2);
  position = 3;
  EXPECT_EQ(call("store", tensors),
            "entry 'store': position is outside the cache");
  position = 0;
  EXPECT_EQ(call("store", tensors), ""); // an error does not stay
}

TEST_F(Call, RefusesCodesWithoutAValue) {
  // Five codes of two bits in two bytes: 0 1 2 0 1, and padding bits.
  std::vector<uint8_t> codes = {0b00100100, 0b11111101};
  std::vector<float> y(5);
  auto run = [&] {
    return call("ternary",
                {tensor(codes.data(), {1, 2}), tensor(y.data(), {1, 5})});
  };
  ASSERT_EQ(run(), "");
  EXPECT_THAT(y, ::testing::ElementsAre(-1, 0, 1, -1, 0));
  codes[1] = 0b00000011;
  EXPECT_EQ(run(), "entry 'ternary': argument 'codes' holds code 3 in row 0, "
                   "column 4; !rung.codebook<2, [-1, 0, 1]> has values for "
                   "codes 0 to 2 only");
}

TEST_F(Call, ChecksSizes) {
  std::vector<float> x(10), y(10);
  EXPECT_EQ(call("twice", {tensor(x.data(), {3}), tensor(y.data(), {4})}),
            "entry 'twice': argument 'y' has shape [4], expected [3]");
  EXPECT_EQ(call("twice", {tensor(x.data(), {3, 1}), tensor(y.data(), {3})}),
            "entry 'twice': argument 'x' has shape [3, 1], expected [M]");
  EXPECT_THAT(call("twice", {tensor(x.data(), {0}), tensor(y.data(), {0})}),
              HasSubstr("every size is at least 1"));
  EXPECT_THAT(call("twice", {tensor(x.data(), {-3}), tensor(y.data(), {-3})}),
              HasSubstr("every size is at least 1"));
  EXPECT_THAT(call("twice", {tensor(x.data(), {INT64_MAX}),
                             tensor(y.data(), {INT64_MAX})}),
              HasSubstr("too large"));
  EXPECT_EQ(call("twice", {tensor(nullptr, {3}), tensor(y.data(), {3})}),
            "entry 'twice': argument 'x' has no data");
  EXPECT_THAT(
      call("twice", {tensor(reinterpret_cast<char *>(x.data()) + 1, {3}),
                     tensor(y.data(), {3})}),
      HasSubstr("no multiple of 4"));
  EXPECT_EQ(call("twice", {tensor(x.data(), {3}), tensor(x.data() + 2, {3})}),
            "entry 'twice': argument 'y' shares memory with argument 'x'; what "
            "is written needs memory of its own");
  EXPECT_THAT(call("nothing", {}), HasSubstr("has no entry 'nothing'; it has "
                                             "twice, matmul"));
}

TEST_F(Call, PackedWeightsServeTheirBundleOnly) {
  std::vector<uint8_t> w(9, 0x11);
  std::vector<float> x(5, 1), y(3);
  rung_tensor weight = tensor(w.data(), {3, 3});
  rung_packed *packed = nullptr;
  ASSERT_EQ(rung_pack(bundle, 1, 1, &weight, &packed, nullptr), 0);
  rung_tensor stand{nullptr, 0, nullptr, packed, RUNG_HOST};
  std::vector<rung_tensor> tensors = {tensor(x.data(), {1, 5}), stand,
                                      tensor(y.data(), {1, 3})};
  EXPECT_EQ(call("matmul", tensors), "");
  EXPECT_THAT(y, ::testing::Each(5));
  EXPECT_THAT(call("twice", {stand, tensor(y.data(), {3})}),
              HasSubstr("packed weight for another argument"));
  rung_bundle *other = nullptr;
  ASSERT_EQ(rung_bundle_open(RUNG_TEST_BUNDLE, &other, nullptr), 0);
  std::swap(other, bundle);
  ASSERT_EQ(rung_bundle_load(bundle, "cpu", nullptr), 0);
  EXPECT_THAT(call("matmul", tensors), HasSubstr("another bundle"));
  rung_bundle_close(other);
  rung_packed_free(packed);
}

TEST_F(Call, OutOfMemoryIsAnError) {
  std::vector<int32_t> x(100), y(100);
  for (uint32_t threads : {1, 4}) {
    ASSERT_EQ(rung_bundle_set_threads(bundle, threads, nullptr), 0);
    for (int32_t inLoop : {0, 1}) {
      EXPECT_THAT(call("exhaust", {tensor(&inLoop, {})}),
                  HasSubstr("out of memory: a workspace of 288230376151711744 "
                            "bytes"));
      EXPECT_NE(inLoop, -1);
    }
    // And the bundle goes on working.
    ASSERT_EQ(
        call("workspace", {tensor(x.data(), {100}), tensor(y.data(), {100})}),
        "");
    for (int i = 0; i < 100; ++i)
      ASSERT_EQ(y[i], i);
  }
}

TEST_F(Call, MayComeFromSeveralThreads) {
  ASSERT_EQ(rung_bundle_set_threads(bundle, 2, nullptr), 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([this, t] {
      std::vector<float> x(50, static_cast<float>(t)), y(50);
      int64_t sizes[] = {50};
      rung_tensor tensors[] = {{x.data(), 1, sizes, nullptr, RUNG_HOST},
                               {y.data(), 1, sizes, nullptr, RUNG_HOST}};
      for (int i = 0; i < 200; ++i) {
        EXPECT_EQ(rung_call(bundle, 0, tensors, 2, nullptr), 0);
        EXPECT_THAT(y, ::testing::Each(2.0f * static_cast<float>(t)));
      }
    });
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(Call, MemoryOfADeviceIsThatOfTheHost) {
  void *memory = nullptr;
  ASSERT_EQ(rung_device_allocate(bundle, 8, &memory, nullptr), 0);
  int64_t value = 7, found = 0;
  EXPECT_EQ(rung_device_write(bundle, memory, &value, 8, nullptr), 0);
  EXPECT_EQ(rung_device_read(bundle, &found, memory, 8, nullptr), 0);
  EXPECT_EQ(found, 7);
  EXPECT_EQ(rung_bundle_memory(bundle), RUNG_HOST);
  EXPECT_EQ(rung_device_synchronize(bundle, nullptr, nullptr), 0);
  rung_device_free(bundle, memory);
  float x = 1, y = 0;
  rung_tensor onGPU = tensor(&x, {1});
  onGPU.memory = RUNG_DEVICE;
  EXPECT_EQ(call("twice", {onGPU, tensor(&y, {1})}),
            "entry 'twice': argument 'x' is said to lie on a GPU, but the "
            "bundle is loaded for cpu; pass memory of the host");
  char *error = nullptr;
  int stream = 0;
  rung_tensor tensors[] = {tensor(&x, {1}), tensor(&y, {1})};
  EXPECT_NE(rung_call_on_stream(bundle, 0, tensors, 2, &stream, &error), 0);
  EXPECT_THAT(error, HasSubstr("a stream is given, but a CPU has none"));
  rung_string_free(error);
}

TEST_F(Call, OtherDevicesAreRefused) {
  rung_bundle *other = nullptr;
  ASSERT_EQ(rung_bundle_open(RUNG_TEST_BUNDLE, &other, nullptr), 0);
  char *error = nullptr;
  EXPECT_NE(rung_bundle_load(other, "cuda:0", &error), 0);
  EXPECT_THAT(error, HasSubstr("no binary for device 'cuda:0'; the bundle "
                               "holds cpu:impossible, sim:cuda:sm_80, "
                               "cpu:x86-64"));
  rung_string_free(error);
  EXPECT_NE(rung_bundle_load(other, "sim", &error), 0);
  EXPECT_THAT(error,
              HasSubstr("cannot load the kernels for sim:cuda:sm_80: the "
                        "object holds no kernels for the virtual GPU"));
  rung_string_free(error);
  EXPECT_NE(rung_bundle_load(other, "sim:cuda:sm_90a", &error), 0);
  EXPECT_THAT(error, HasSubstr("no binary for device 'sim:cuda:sm_90a'; the "
                               "bundle holds cpu:impossible, sim:cuda:sm_80"));
  rung_string_free(error);
  rung_bundle_close(other);
}

} // namespace
