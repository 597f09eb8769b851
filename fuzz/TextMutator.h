//===- TextMutator.h - Changes text by its tokens -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Bytes changed at random make text that no parser takes for long. This changes
// tokens, balanced groups and lines, so that much of what it makes parses.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_FUZZ_TEXTMUTATOR_H
#define RUNG_FUZZ_TEXTMUTATOR_H

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace rung::fuzz {

class TextMutator {
public:
  /// `words` may stand where another word stands.
  explicit TextMutator(std::vector<std::string_view> words)
      : words(std::move(words)) {}

  /// `text` after one to four changes.
  std::string mutate(const std::string &text, unsigned seed) const;

  /// `text` with groups or lines of `other` in it.
  std::string cross(const std::string &text, const std::string &other,
                    unsigned seed) const;

private:
  struct Token {
    size_t begin, end;
    char kind; // 'w'ord, 'n'umber, a bracket, or other punctuation
  };
  static std::vector<Token> tokens(const std::string &text);
  static std::vector<Token> groups(const std::string &text);
  static std::vector<Token> lines(const std::string &text);

  std::string change(const std::string &text, std::minstd_rand &random) const;
  std::string changeToken(const std::string &text, bool everywhere,
                          std::minstd_rand &random) const;

  std::vector<std::string_view> words;
};

} // namespace rung::fuzz

#endif // RUNG_FUZZ_TEXTMUTATOR_H
