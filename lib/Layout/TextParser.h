//===- TextParser.h - Reading the text forms of layouts --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_LAYOUT_TEXTPARSER_H
#define RUNG_LIB_LAYOUT_TEXTPARSER_H

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>

namespace rung {

/// A cursor in the text form of a layout. Blanks between tokens are skipped.
class TextParser {
public:
  explicit TextParser(llvm::StringRef text) : rest(text) {}

  /// Takes `token` if it is next.
  bool consume(llvm::StringRef token) {
    rest = rest.ltrim();
    return rest.consume_front(token);
  }

  /// Takes a name ([A-Za-z_][A-Za-z_0-9]*) or returns an empty string.
  llvm::StringRef identifier() {
    rest = rest.ltrim();
    if (rest.empty() || llvm::isDigit(rest.front()))
      return {};
    llvm::StringRef name =
        rest.take_while([](char c) { return llvm::isAlnum(c) || c == '_'; });
    rest = rest.drop_front(name.size());
    return name;
  }

  std::optional<unsigned> integer() {
    rest = rest.ltrim();
    unsigned value;
    if (rest.empty() || !llvm::isDigit(rest.front()) ||
        rest.consumeInteger(10, value))
      return std::nullopt;
    return value;
  }

  /// A number of at most 32 bits as `0x80808080`.
  std::optional<uint32_t> hexadecimal() {
    uint32_t value;
    if (!consume("0x") || rest.empty() || !llvm::isHexDigit(rest.front()) ||
        rest.consumeInteger(16, value))
      return std::nullopt;
    return value;
  }

  bool atEnd() {
    rest = rest.ltrim();
    return rest.empty();
  }

  /// "expected WHAT, found 'the next few characters'".
  llvm::Error expected(const llvm::Twine &what) {
    rest = rest.ltrim();
    std::string next =
        rest.empty() ? "the end" : "'" + rest.take_front(16).str() + "'";
    return llvm::createStringError("expected " + what + ", found " + next);
  }

  /// Takes everything up to `token`, and `token`; or nothing if it never comes.
  std::optional<llvm::StringRef> takeUntil(llvm::StringRef token) {
    size_t at = rest.find(token);
    if (at == llvm::StringRef::npos)
      return std::nullopt;
    llvm::StringRef taken = rest.take_front(at);
    rest = rest.drop_front(at + token.size());
    return taken;
  }

  llvm::StringRef remaining() const { return rest; }

private:
  llvm::StringRef rest;
};

} // namespace rung

#endif // RUNG_LIB_LAYOUT_TEXTPARSER_H
