//===- AtomicFile.h - A file that appears whole or not at all ---*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_ATOMICFILE_H
#define RUNG_RUNTIME_ATOMICFILE_H

#include <cstdint>
#include <string>

namespace rung {

/// Writes a file that has no name before it is complete (on file systems that
/// know no such files, a temporary one beside it). Destroyed before commit()
/// has succeeded, it leaves nothing behind; nor does a process that is killed.
/// Where the path is no regular file (a device, a pipe) the bytes are collected
/// in memory and written in commit().
///
/// Errors are kept: after the first one every call returns false and does
/// nothing, so a caller may look at the result of commit() alone.
class AtomicFile {
public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  /// Writes at any offset; bytes never written read as zero.
  bool write(uint64_t offset, const void *data, uint64_t bytes);
  /// Sets the length, with its space on the disk reserved, so that writing
  /// through a mapping cannot fail.
  bool resize(uint64_t bytes);
  /// Gives the file its name.
  bool commit();

  const std::string &path() const { return path_; }
  /// Empty when there was no error; else it names the file and the reason.
  const std::string &error() const { return error_; }
  /// The open file, for mappings; -1 after an error.
  int descriptor() const { return descriptor_; }

private:
  bool fail(const std::string &what, int code);
  bool copyToDevice();
  void discard();
  std::string temporaryName() const;
  bool nameFile();

  std::string path_, target_, temporary_, error_;
  int descriptor_ = -1;
  bool isRegular_ = false, committed_ = false;
};

/// Writes all that a tool has to say to a file or, where the path is "-", to
/// standard output. Returns what went wrong; empty if nothing did.
std::string writeOutput(const std::string &path, const void *data,
                        uint64_t bytes);

} // namespace rung

#endif // RUNG_RUNTIME_ATOMICFILE_H
