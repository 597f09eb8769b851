//===- BundleTest.cpp - Bundle files: written, read, damaged ----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TemporaryFolder.h"
#include "rung/Runtime/BundleReader.h"
#include "rung/Runtime/BundleWriter.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace rung;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace {

class BundleFile : public ::testing::Test {
protected:
  /// Code "code", weights "first" and 100 times 'w' in two pieces.
  bool write(const std::string &path) {
    BundleWriter writer(path);
    writer.append(SectionKind::Code, "code", 4);
    writer.begin(SectionKind::Weights);
    writer.write("first", 5, kConstantAlignment);
    uint64_t offset = 0;
    if (char *memory = writer.map(100, kConstantAlignment, offset))
      std::memset(memory, 'w', 100);
    bool done = writer.finish(R"({
      "producer": "test", "entries": [],
      "constants": [{"name": "a", "offset": 0, "bytes": 5},
                    {"name": "b", "offset": 64, "bytes": 100}],
      "binaries": [{"target": "cpu:any", "section": 0}]})");
    error = writer.error();
    return done;
  }

  /// The error of opening a file with these bytes; empty when it opens.
  std::string openError(const std::string &bytes) {
    std::string path = folder / "damaged.rung";
    writeFile(path, bytes);
    error.clear();
    BundleReader::open(path, error);
    return error;
  }

  TemporaryFolder folder;
  std::string path = folder / "test.rung", error;
};

TEST_F(BundleFile, ReadsWhatWasWritten) {
  ASSERT_TRUE(write(path)) << error;
  std::unique_ptr<BundleReader> bundle = BundleReader::open(path, error);
  ASSERT_TRUE(bundle) << error;
  const Manifest &manifest = bundle->manifest();
  EXPECT_EQ(manifest.producer, "test");
  auto text = [](BundleReader::Bytes bytes) {
    return std::string(bytes.data, bytes.size);
  };
  EXPECT_EQ(text(bundle->code(manifest.binaries[0])), "code");
  EXPECT_EQ(text(bundle->constant(manifest.constants[0])), "first");
  EXPECT_EQ(text(bundle->constant(manifest.constants[1])),
            std::string(100, 'w'));
  for (const Constant &constant : manifest.constants)
    EXPECT_EQ(uintptr_t(bundle->constant(constant).data) % 64, 0u);
}

TEST_F(BundleFile, SameCallsGiveSameBytes) {
  ASSERT_TRUE(write(path));
  ASSERT_TRUE(write(folder / "second.rung"));
  EXPECT_EQ(readFile(path), readFile(folder / "second.rung"));
}

TEST_F(BundleFile, RefusesEveryFlippedBit) {
  ASSERT_TRUE(write(path));
  std::string bytes = readFile(path);
  ASSERT_EQ(openError(bytes), "");
  ASSERT_EQ(bytes.size(), 4 * kBundlePage);
  std::string damaged = folder / "damaged.rung";
  for (size_t i = 0; i < bytes.size(); ++i) {
    // One bit of each byte, and all of them where the header says something.
    for (unsigned bit = i < 256 ? 0 : i % 8; bit < 8; bit += i < 256 ? 1 : 8) {
      patchFile(damaged, i, static_cast<char>(bytes[i] ^ (1 << bit)));
      ASSERT_FALSE(BundleReader::open(damaged, error))
          << "byte " << i << " bit " << bit;
    }
    patchFile(damaged, i, bytes[i]);
  }
  EXPECT_TRUE(BundleReader::open(damaged, error));
}

TEST_F(BundleFile, RefusesEveryTruncation) {
  ASSERT_TRUE(write(path));
  std::string bytes = readFile(path);
  for (size_t length = bytes.size(); length-- > 0;) {
    truncateFile(path, length);
    ASSERT_FALSE(BundleReader::open(path, error)) << length << " bytes";
  }
}

TEST_F(BundleFile, SaysWhatIsWrong) {
  ASSERT_TRUE(write(path));
  std::string good = readFile(path);
  EXPECT_THAT(openError(""), HasSubstr("damaged.rung': not a bundle"));
  EXPECT_THAT(openError("\x7f"
                        "ELF and so on"),
              HasSubstr("not a bundle"));
  EXPECT_THAT(openError(good + "x"),
              AllOf(HasSubstr("16385 bytes"), HasSubstr("expected 16384")));
  EXPECT_THAT(openError(good.substr(0, 5000)),
              HasSubstr("truncated: 5000 bytes, expected 16384"));
  std::string other = good;
  other[8] = 3;
  EXPECT_THAT(openError(other),
              HasSubstr("bundle version 3, expected version 2"));
  other = good;
  other[2 * kBundlePage] ^= 1;
  EXPECT_THAT(openError(other), HasSubstr("section 1 of 4096 bytes at 8192 "
                                          "does not match its checksum"));
  error.clear();
  EXPECT_FALSE(BundleReader::open(folder / "missing", error));
  EXPECT_THAT(error, HasSubstr("missing': cannot open: No such file"));
  EXPECT_FALSE(BundleReader::open(folder / "", error));
  EXPECT_THAT(error, HasSubstr("no regular file"));
}

TEST_F(BundleFile, LeavesNothingBehindUnlessFinished) {
  {
    BundleWriter writer(path);
    writer.append(SectionKind::Code, "code", 4);
  }
  EXPECT_TRUE(folder.isEmpty());

  BundleWriter twice(path);
  twice.begin(SectionKind::Weights);
  twice.begin(SectionKind::Weights);
  EXPECT_FALSE(twice.finish("{}"));
  EXPECT_THAT(twice.error(), HasSubstr("at most one section of weights"));
}

TEST_F(BundleFile, KeepsTheOldFileWhenItCannotWrite) {
  ASSERT_TRUE(write(path));
  std::string good = readFile(path);
  BundleWriter writer(path);
  writer.write("no section", 10);
  EXPECT_FALSE(writer.finish("{}"));
  EXPECT_THAT(writer.error(), HasSubstr("no section was begun"));
  EXPECT_EQ(readFile(path), good);
  EXPECT_FALSE(write(folder / "no-such-folder/x.rung"));
  EXPECT_THAT(error, HasSubstr("no-such-folder/x.rung': No such file"));
  EXPECT_FALSE(write("/dev/full"));
  EXPECT_THAT(error, HasSubstr("'/dev/full': No space left on device"));
  EXPECT_FALSE(write(folder / ""));
  EXPECT_THAT(error, HasSubstr("Is a directory"));
}

TEST_F(BundleFile, WritesLargeSectionsInPlace) {
  // Several checksum pieces, the pieces filled in any order.
  const uint64_t piece = kChecksumPiece + 12345;
  BundleWriter writer(path);
  writer.begin(SectionKind::Weights);
  char *memory[5];
  uint64_t offsets[5];
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE((memory[i] = writer.map(piece, 64, offsets[i])));
  for (int i = 5; i-- > 0;)
    std::memset(memory[i], 'a' + i, piece);
  std::string constants;
  for (int i = 0; i < 5; ++i)
    constants += std::string(i ? "," : "") + R"({"name": "c", "offset": )" +
                 std::to_string(offsets[i]) + R"(, "bytes": )" +
                 std::to_string(piece) + "}";
  ASSERT_TRUE(writer.finish(R"({"producer": "", "entries": [], "binaries": [],
                               "constants": [)" +
                            constants + "]}"))
      << writer.error();
  std::unique_ptr<BundleReader> bundle = BundleReader::open(path, error);
  ASSERT_TRUE(bundle) << error;
  for (int i = 0; i < 5; ++i) {
    BundleReader::Bytes bytes =
        bundle->constant(bundle->manifest().constants[i]);
    EXPECT_EQ(bytes.data[0], 'a' + i);
    EXPECT_EQ(bytes.data[bytes.size - 1], 'a' + i);
  }
  std::string middle = folder / "test.rung";
  patchFile(middle, kBundlePage + 3 * kChecksumPiece + 99, '!');
  EXPECT_FALSE(BundleReader::open(path, error));
}

} // namespace
