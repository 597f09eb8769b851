//===- TemporaryFolder.h - Files that live as long as a test ----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_TEST_UNIT_RUNTIME_TEMPORARYFOLDER_H
#define RUNG_TEST_UNIT_RUNTIME_TEMPORARYFOLDER_H

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace rung {

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "rung-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string &name) const {
    return (path_ / name).string();
  }
  bool isEmpty() const { return std::filesystem::is_empty(path_); }

private:
  std::filesystem::path path_;
};

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void writeFile(const std::string &path, const std::string &bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Changes one byte.
inline void patchFile(const std::string &path, uint64_t offset, char byte) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(offset)).put(byte);
}

inline void truncateFile(const std::string &path, uint64_t bytes) {
  std::filesystem::resize_file(path, bytes);
}

} // namespace rung

#endif // RUNG_TEST_UNIT_RUNTIME_TEMPORARYFOLDER_H
