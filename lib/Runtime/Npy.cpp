//===- Npy.cpp - Arrays in numpy's file format ------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The format is described in numpy's documentation, numpy.lib.format.

#include "rung/Runtime/Npy.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace rung;

static constexpr char kMagic[] = "\x93NUMPY";
static constexpr size_t kMagicBytes = 6;
static constexpr size_t kAlignment = 64;
static constexpr size_t kMaxRank = 64; // numpy's own limit

std::shared_ptr<void> rung::allocateAligned(uint64_t bytes) {
  if (bytes > uint64_t(INT64_MAX) - kAlignment)
    return nullptr;
  uint64_t rounded = (std::max<uint64_t>(bytes, 1) + kAlignment - 1) &
                     ~uint64_t(kAlignment - 1);
  void *memory = std::aligned_alloc(kAlignment, rounded);
  return memory ? std::shared_ptr<void>(memory, std::free) : nullptr;
}

/// Text of a file for an error: printable, not long, in quotes.
static std::string quote(const std::string &text) {
  constexpr size_t longest = 40;
  std::string result = "'";
  for (char c : text.substr(0, longest)) {
    char escape[8];
    bool printable = c >= ' ' && c <= '~';
    std::snprintf(escape, sizeof(escape), printable ? "%c" : "\\x%02x",
                  static_cast<unsigned char>(c));
    result += escape;
  }
  return result + (text.size() > longest ? "...'" : "'");
}

namespace {

/// The file's header: a Python dictionary of three items.
struct Header {
  std::string descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Reads that dictionary. `problem` says what is wrong with it.
class HeaderParser {
public:
  HeaderParser(const char *begin, const char *end) : at_(begin), end_(end) {}

  bool parse(Header &header) {
    bool seen[3] = {};
    if (!expect('{'))
      return false;
    while (!accept('}')) {
      std::string key;
      if (!string(key) || !expect(':'))
        return false;
      int which = key == "descr"           ? 0
                  : key == "fortran_order" ? 1
                  : key == "shape"         ? 2
                                           : -1;
      if (which < 0)
        return fail("the unknown key " + quote(key));
      if (seen[which])
        return fail("the key '" + key + "' twice");
      seen[which] = true;
      if (!(which == 0   ? type(header.descr)
            : which == 1 ? boolean(header.fortranOrder)
                         : shape(header.shape)))
        return false;
      if (!accept(',') && !peek('}'))
        return fail("no ',' after '" + key + "'");
    }
    skipSpace();
    if (at_ != end_)
      return fail("text after the dictionary");
    if (!seen[0] || !seen[1] || !seen[2])
      return fail("no 'descr', 'fortran_order' or 'shape'");
    return true;
  }

  std::string problem;

private:
  bool fail(const std::string &what) {
    if (problem.empty())
      problem = what;
    return false;
  }
  void skipSpace() {
    while (at_ != end_ && std::strchr(" \t\r\n", *at_) && *at_)
      ++at_;
  }
  bool peek(char c) {
    skipSpace();
    return at_ != end_ && *at_ == c;
  }
  bool accept(char c) {
    if (!peek(c))
      return false;
    ++at_;
    return true;
  }
  bool expect(char c) {
    return accept(c) || fail(std::string("no '") + c + "' where it belongs");
  }
  bool string(std::string &text) {
    if (!peek('\'') && !peek('"'))
      return fail("no string where one belongs");
    char quote = *at_++;
    const char *close = std::find(at_, end_, quote);
    if (close == end_)
      return fail("a string without its end");
    text.assign(at_, close);
    at_ = close + 1;
    return true;
  }
  bool type(std::string &text) {
    if (peek('['))
      return fail("a structured dtype; expected plain numbers");
    return string(text);
  }
  bool boolean(bool &value) {
    skipSpace();
    for (bool candidate : {true, false}) {
      const std::string word = candidate ? "True" : "False";
      if (size_t(end_ - at_) >= word.size() &&
          std::equal(word.begin(), word.end(), at_)) {
        at_ += word.size();
        value = candidate;
        return true;
      }
    }
    return fail("a 'fortran_order' that is not True or False");
  }
  bool shape(std::vector<int64_t> &sizes) {
    if (!expect('('))
      return false;
    while (!accept(')')) {
      int64_t size = 0;
      skipSpace();
      const char *first = at_;
      for (; at_ != end_ && *at_ >= '0' && *at_ <= '9'; ++at_)
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, *at_ - '0', &size))
          return fail("a size that does not fit into 64 bits");
      if (at_ == first)
        return fail("a 'shape' that is no tuple of sizes");
      accept('L'); // a long integer of Python 2
      sizes.push_back(size);
      if (sizes.size() > kMaxRank)
        return fail("more than " + std::to_string(kMaxRank) + " sizes");
      if (!accept(',') && !peek(')'))
        return fail("no ',' in the shape");
    }
    return true;
  }

  const char *at_, *end_;
};

/// Where things are in the file.
struct Contents {
  std::shared_ptr<void> memory;
  uint64_t bytes = 0;
  const char *data() const { return static_cast<const char *>(memory.get()); }
};

} // namespace

/// Reads a file, or a pipe to its end.
static std::string readFile(const std::string &path, Contents &contents) {
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return std::string("cannot open: ") + std::strerror(errno);
  struct stat status;
  uint64_t capacity = 1 << 16;
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
    capacity = static_cast<uint64_t>(status.st_size) + 1; // + 1 sees its end
  std::string problem;
  contents.memory = allocateAligned(capacity);
  for (;;) {
    if (contents.bytes == capacity && contents.memory) {
      std::shared_ptr<void> larger = allocateAligned(2 * capacity);
      if (larger)
        std::memcpy(larger.get(), contents.memory.get(), contents.bytes);
      contents.memory = larger;
      capacity *= 2;
    }
    if (!contents.memory) {
      problem = "out of memory: " + std::to_string(capacity) + " bytes";
      break;
    }
    ssize_t count =
        read(file, static_cast<char *>(contents.memory.get()) + contents.bytes,
             capacity - contents.bytes);
    if (count == 0)
      break;
    if (count > 0)
      contents.bytes += static_cast<uint64_t>(count);
    else if (errno != EINTR) {
      problem = std::string("cannot read: ") + std::strerror(errno);
      break;
    }
  }
  close(file);
  return problem;
}

static uint64_t readLittleEndian(const char *data, unsigned bytes) {
  uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i)
    value |= uint64_t(static_cast<unsigned char>(data[i])) << (8 * i);
  return value;
}

/// Finds the header; `start` is where the data begins.
static std::string readHeader(const Contents &contents, Header &header,
                              uint64_t &start) {
  const char *data = contents.data();
  uint64_t total = contents.bytes;
  if (total < kMagicBytes || std::memcmp(data, kMagic, kMagicBytes) != 0)
    return "not a .npy file: it does not begin as one";
  if (total < kMagicBytes + 2)
    return "truncated: it ends in its header";
  unsigned major = static_cast<unsigned char>(data[kMagicBytes]);
  unsigned minor = static_cast<unsigned char>(data[kMagicBytes + 1]);
  if (major < 1 || major > 3 || minor != 0)
    return ".npy version " + std::to_string(major) + "." +
           std::to_string(minor) + ", expected 1.0, 2.0 or 3.0";
  unsigned width = major == 1 ? 2 : 4;
  start = kMagicBytes + 2 + width;
  if (total < start)
    return "truncated: it ends in its header";
  uint64_t length = readLittleEndian(data + kMagicBytes + 2, width);
  if (length > total - start)
    return "truncated: a header of " + std::to_string(length) + " bytes, but " +
           std::to_string(total - start) + " follow";
  HeaderParser parser(data + start, data + start + length);
  start += length;
  if (!parser.parse(header))
    return "corrupt header: " + parser.problem;
  return "";
}

/// Understands a type such as "<f4".
static std::string readType(const std::string &descr, NpyArray &array,
                            bool &swap) {
  struct {
    const char *code, *name;
    uint32_t bytes;
  } static constexpr kTypes[] = {
      {"f2", "float16", 2}, {"f4", "float32", 4}, {"f8", "float64", 8},
      {"i1", "int8", 1},    {"i2", "int16", 2},   {"i4", "int32", 4},
      {"i8", "int64", 8},   {"u1", "uint8", 1},   {"u2", "uint16", 2},
      {"u4", "uint32", 4},  {"u8", "uint64", 8},  {"b1", "bool", 1},
      {"V1", "void1", 1},   {"V2", "void2", 2},   {"f1", "float8", 1},
  };
  if (!descr.empty() && std::strchr("<>|=", descr[0]))
    for (const auto &type : kTypes)
      if (descr.substr(1) == type.code) {
        array.type = type.name;
        array.elementBytes = type.bytes;
        swap = descr[0] == '>' && type.bytes > 1;
        return "";
      }
  return "elements of dtype " + quote(descr) +
         ", expected integers or floating-point numbers of 1 to 8 bytes";
}

static std::string toString(const std::vector<int64_t> &shape) {
  std::string text = "(";
  for (int64_t size : shape)
    text += std::to_string(size) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1)
    text.resize(text.size() - 2);
  return text + ")";
}

/// The array with its first dimension varying slowest.
static void toRowMajor(const NpyArray &array, const char *from, char *to) {
  size_t rank = array.shape.size();
  std::vector<int64_t> index(rank, 0);
  std::vector<uint64_t> strides(rank);
  uint64_t stride = array.elementBytes;
  for (size_t i = 0; i < rank; ++i) {
    strides[i] = stride;
    stride *= static_cast<uint64_t>(array.shape[i]);
  }
  uint64_t offset = 0;
  for (uint64_t done = 0; done < array.bytes; done += array.elementBytes) {
    std::memcpy(to + done, from + offset, array.elementBytes);
    for (size_t i = rank; i-- > 0;) {
      offset += strides[i];
      if (++index[i] < array.shape[i])
        break;
      offset -= strides[i] * static_cast<uint64_t>(array.shape[i]);
      index[i] = 0;
    }
  }
}

static std::string readArray(const std::string &path, NpyArray &array) {
  Contents contents;
  if (std::string problem = readFile(path, contents); !problem.empty())
    return problem;
  Header header;
  uint64_t start = 0;
  if (std::string problem = readHeader(contents, header, start);
      !problem.empty())
    return problem;
  bool swap = false;
  if (std::string problem = readType(header.descr, array, swap);
      !problem.empty())
    return problem;
  array.shape = header.shape;
  bool isEmpty = std::count(array.shape.begin(), array.shape.end(), 0) != 0;
  array.bytes = isEmpty ? 0 : array.elementBytes;
  for (int64_t size : array.shape)
    if (__builtin_mul_overflow(array.bytes, static_cast<uint64_t>(size),
                               &array.bytes))
      return "shape " + toString(array.shape) + " is too large for any memory";
  uint64_t found = contents.bytes - start;
  if (found != array.bytes)
    return std::string(found < array.bytes ? "truncated: " : "corrupt: ") +
           std::to_string(found) + " bytes of data, expected " +
           std::to_string(array.bytes) + " for " + array.type + " " +
           toString(array.shape);

  // Numpy pads its headers so that the data is aligned in the file.
  char *data = const_cast<char *>(contents.data()) + start;
  if (header.fortranOrder && array.shape.size() > 1) {
    array.data = allocateAligned(array.bytes);
    if (!array.data)
      return "out of memory: " + std::to_string(array.bytes) + " bytes";
    toRowMajor(array, data, static_cast<char *>(array.data.get()));
  } else if (start % kAlignment == 0) {
    array.data = std::shared_ptr<void>(contents.memory, data);
  } else {
    std::memmove(contents.memory.get(), data, array.bytes);
    array.data = contents.memory;
  }
  if (swap) {
    auto *bytes = static_cast<char *>(array.data.get());
    for (uint64_t i = 0; i < array.bytes; i += array.elementBytes)
      std::reverse(bytes + i, bytes + i + array.elementBytes);
  }
  return "";
}

bool rung::readNpy(const std::string &path, NpyArray &array,
                   std::string &error) {
  std::string problem = readArray(path, array);
  if (problem.empty())
    return true;
  error = "'" + path + "': " + problem;
  return false;
}

bool rung::writeNpy(AtomicFile &file, const std::string &type,
                    const std::vector<int64_t> &shape, const void *data,
                    uint64_t bytes) {
  // "float16" is 'f2': the kind is the first letter, the size the number.
  size_t digits = type.find_first_of("0123456789");
  unsigned width = static_cast<unsigned>(std::stoul(type.substr(digits))) / 8;
  std::string header =
      std::string("{'descr': '") + (width == 1 ? '|' : '<') + type[0] +
      std::to_string(width) +
      "', 'fortran_order': False, 'shape': " + toString(shape) + ", }";
  size_t prefix = kMagicBytes + 4;
  header.append(kAlignment - 1 - (prefix + header.size()) % kAlignment, ' ');
  header += '\n';
  std::string start(kMagic, kMagicBytes);
  start += '\1';
  start += '\0';
  start += static_cast<char>(header.size() & 0xff);
  start += static_cast<char>(header.size() >> 8);
  start += header;
  return file.write(0, start.data(), start.size()) &&
         file.write(start.size(), data, bytes);
}
