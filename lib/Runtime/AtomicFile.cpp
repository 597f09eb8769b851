//===- AtomicFile.cpp - A file that appears whole or not at all -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Runtime/AtomicFile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace rung;

/// The permissions that open(…, 0666) would give.
static mode_t defaultMode() {
  // There is no way to read the mask but to set it; the tools that write files
  // do so from one thread.
  mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), target_(path_) {
  if (path_.empty()) {
    error_ = "cannot write a file without a name";
    return;
  }
  struct stat status;
  bool exists = stat(path_.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) {
    fail("cannot write", EISDIR);
    return;
  }
  if (exists && !S_ISREG(status.st_mode)) {
    descriptor_ = memfd_create("rung-output", MFD_CLOEXEC);
    if (descriptor_ < 0)
      fail("cannot collect the output for", errno);
    return;
  }
  // A symbolic link stays; what it points at is replaced.
  if (exists) {
    if (char *resolved = realpath(path_.c_str(), nullptr)) {
      target_ = resolved;
      std::free(resolved);
    }
  }
  // A file without a name, which the system removes however this process ends.
  size_t slash = target_.rfind('/');
  std::string folder =
      slash == std::string::npos ? "." : target_.substr(0, slash + 1);
  isRegular_ = true;
  descriptor_ = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor_ < 0) { // not every file system has them
    temporary_ = temporaryName();
    descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
  }
  if (descriptor_ < 0) {
    int code = errno;
    temporary_.clear();
    fail("cannot write", code);
    return;
  }
  fchmod(descriptor_, exists ? status.st_mode & 07777 : defaultMode());
}

std::string AtomicFile::temporaryName() const {
  return target_ + ".partial-XXXXXX";
}

/// Gives a file without a name one beside its target: a link cannot replace.
bool AtomicFile::nameFile() {
  temporary_ = temporaryName();
  int file = mkostemp(temporary_.data(), O_CLOEXEC); // a name that is free
  if (file < 0) {
    int code = errno;
    temporary_.clear();
    return fail("cannot write", code);
  }
  close(file);
  unlink(temporary_.c_str());
  std::string self = "/proc/self/fd/" + std::to_string(descriptor_);
  if (linkat(AT_FDCWD, self.c_str(), AT_FDCWD, temporary_.c_str(),
             AT_SYMLINK_FOLLOW) == 0)
    return true;
  int code = errno;
  temporary_.clear();
  return fail("cannot write", code);
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() {
  if (descriptor_ >= 0)
    close(descriptor_);
  descriptor_ = -1;
  if (!temporary_.empty() && !committed_)
    unlink(temporary_.c_str());
  temporary_.clear();
}

bool AtomicFile::fail(const std::string &what, int code) {
  if (error_.empty())
    error_ = what + " '" + path_ + "': " + std::strerror(code);
  discard();
  return false;
}

static bool writeAll(int descriptor, const void *data, uint64_t bytes,
                     uint64_t offset, bool seekable) {
  auto *from = static_cast<const char *>(data);
  while (bytes) {
    ssize_t done =
        seekable ? pwrite(descriptor, from, bytes, static_cast<off_t>(offset))
                 : ::write(descriptor, from, bytes);
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0) {
      if (done == 0)
        errno = ENOSPC;
      return false;
    }
    from += done;
    offset += static_cast<uint64_t>(done);
    bytes -= static_cast<uint64_t>(done);
  }
  return true;
}

bool AtomicFile::write(uint64_t offset, const void *data, uint64_t bytes) {
  if (!error_.empty())
    return false;
  if (!writeAll(descriptor_, data, bytes, offset, /*seekable=*/true))
    return fail("cannot write", errno);
  return true;
}

bool AtomicFile::resize(uint64_t bytes) {
  if (!error_.empty())
    return false;
  if (ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0)
    return fail("cannot write", errno);
  int code =
      bytes ? posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes)) : 0;
  if (code != 0 && code != EOPNOTSUPP && code != EINVAL)
    return fail("cannot write", code);
  return true;
}

bool AtomicFile::copyToDevice() {
  int device = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (device < 0)
    return fail("cannot write", errno);
  char buffer[1 << 16];
  uint64_t offset = 0;
  ssize_t count = 0;
  int code = 0;
  while (!code && (count = pread(descriptor_, buffer, sizeof(buffer),
                                 static_cast<off_t>(offset))) > 0) {
    if (!writeAll(device, buffer, static_cast<uint64_t>(count), 0, false))
      code = errno;
    offset += static_cast<uint64_t>(count);
  }
  if (count < 0)
    code = errno;
  if (close(device) != 0 && !code)
    code = errno;
  return code == 0 || fail("cannot write", code);
}

bool AtomicFile::commit() {
  if (!error_.empty() || committed_)
    return error_.empty();
  if (!isRegular_) {
    if (!copyToDevice())
      return false;
  } else {
    if (temporary_.empty() && !nameFile())
      return false;
    if (rename(temporary_.c_str(), target_.c_str()) != 0)
      return fail("cannot write", errno);
  }
  committed_ = true;
  discard();
  return true;
}

std::string rung::writeOutput(const std::string &path, const void *data,
                              uint64_t bytes) {
  if (path == "-")
    return writeAll(STDOUT_FILENO, data, bytes, 0, /*seekable=*/false)
               ? ""
               : "cannot write to standard output: " +
                     std::string(std::strerror(errno));
  AtomicFile file(path);
  file.write(0, data, bytes);
  file.commit();
  return file.error();
}
