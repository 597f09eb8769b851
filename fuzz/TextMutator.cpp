//===- TextMutator.cpp - Changes text by its tokens -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TextMutator.h"

#include <algorithm>
#include <cstring>

using namespace rung::fuzz;

using Random = std::minstd_rand;

static size_t below(Random &random, size_t count) { return random() % count; }

template <typename T>
static const T &anyOf(const std::vector<T> &list, Random &random) {
  return list[below(random, list.size())];
}

static std::string replaced(const std::string &text, size_t begin, size_t end,
                            std::string_view by) {
  std::string result = text.substr(0, begin);
  result += by;
  return result.append(text, end, std::string::npos);
}

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isWord(char c) {
  return isDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         c == '_' || c == '.' || c == '$';
}

/// Behind the '>' of the '<' at `at`; `at` if there is none.
static size_t endOfGroup(const std::string &text, size_t at) {
  size_t depth = 0;
  for (size_t end = at; end != text.size(); ++end) {
    depth += text[end] == '<';
    depth -= text[end] == '>';
    if (depth == 0)
      return end + 1;
  }
  return at;
}

std::vector<TextMutator::Token> TextMutator::tokens(const std::string &text) {
  std::vector<Token> result;
  for (size_t at = 0; at != text.size();) {
    size_t begin = at;
    char c = text[at++];
    if (std::strchr(" \t\n\r", c))
      continue;
    if (isDigit(c)) {
      // The x of a shape, as in 4x8xf32, ends a number.
      while (at != text.size() && (isDigit(text[at]) || text[at] == '.'))
        ++at;
      result.push_back({begin, at, 'n'});
      if (at != text.size() && text[at] == 'x')
        ++at;
    } else if (isWord(c) || std::strchr("%@#!^", c)) {
      while (at != text.size() && isWord(text[at]))
        ++at;
      if (c == '!' && at != text.size() && text[at] == '<')
        at = endOfGroup(text, at); // a type with its parameters
      result.push_back({begin, at, std::strchr("%@#!^", c) ? c : 'w'});
    } else if (c == '"') {
      while (at != text.size() && text[at] != '"' && text[at] != '\n')
        ++at;
      at = std::min(at + 1, text.size());
      result.push_back({begin, at, 'w'});
    } else {
      if (c == '-' && at != text.size() && text[at] == '>')
        ++at; // an arrow closes nothing
      result.push_back({begin, at, c});
    }
  }
  return result;
}

/// From each opening bracket to its closing one.
std::vector<TextMutator::Token> TextMutator::groups(const std::string &text) {
  std::vector<Token> result, open;
  for (const Token &token : tokens(text)) {
    if (std::strchr("([{<", token.kind)) {
      open.push_back(token);
    } else if (std::strchr(")]}>", token.kind)) {
      char wanted = token.kind == ')'   ? '('
                    : token.kind == ']' ? '['
                    : token.kind == '}' ? '{'
                                        : '<';
      if (!open.empty() && open.back().kind == wanted) {
        result.push_back({open.back().begin, token.end, wanted});
        open.pop_back();
      }
    }
  }
  return result;
}

std::vector<TextMutator::Token> TextMutator::lines(const std::string &text) {
  std::vector<Token> result;
  for (size_t begin = 0; begin != text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    result.push_back({begin, end, 'l'});
    begin = end;
  }
  return result;
}

static std::string anyNumber(const std::string &old, Random &random) {
  static const std::vector<std::string> numbers = {
      "0",  "1",  "2",   "3",    "4",    "5",          "7",
      "8",  "9",  "15",  "16",   "31",   "32",         "33",
      "63", "64", "127", "128",  "4096", "2147483648", "9223372036854775807",
      "-1", "-3", "0.5", "1e308"};
  int64_t value = std::atoll(old.c_str());
  switch (below(random, 4)) {
  case 0:
    return value < INT64_MAX ? std::to_string(value + 1) : old;
  case 1:
    return value > INT64_MIN ? std::to_string(value - 1) : old;
  default:
    return anyOf(numbers, random);
  }
}

std::string TextMutator::changeToken(const std::string &text, bool everywhere,
                                     Random &random) const {
  std::vector<Token> all = tokens(text);
  if (all.empty())
    return text;
  const Token &token = anyOf(all, random);
  std::string old = text.substr(token.begin, token.end - token.begin), now;
  if (token.kind == 'n') {
    now = anyNumber(old, random);
  } else {
    bool isListed = std::find(words.begin(), words.end(), old) != words.end();
    if (!words.empty() && (isListed || token.kind == '!')) {
      now = anyOf(words, random);
    } else {
      std::vector<Token> same;
      for (const Token &other : all)
        if (other.kind == token.kind)
          same.push_back(other);
      const Token &other = anyOf(same, random);
      now = text.substr(other.begin, other.end - other.begin);
    }
  }
  if (!everywhere)
    return replaced(text, token.begin, token.end, now);
  std::string result;
  size_t done = 0;
  for (const Token &other : all)
    if (text.compare(other.begin, other.end - other.begin, old) == 0) {
      result.append(text, done, other.begin - done) += now;
      done = other.end;
    }
  return result.append(text, done, std::string::npos);
}

std::string TextMutator::change(const std::string &text, Random &random) const {
  size_t choice = below(random, 16);
  if (choice < 6)
    return changeToken(text, /*everywhere=*/true, random);
  if (choice < 9)
    return changeToken(text, /*everywhere=*/false, random);
  if (choice < 13)
    return cross(text, text, static_cast<unsigned>(random()));
  std::vector<Token> all = choice == 13 ? groups(text) : lines(text);
  if (all.empty())
    return text;
  const Token &token = anyOf(all, random);
  std::string old = text.substr(token.begin, token.end - token.begin);
  if (choice == 14) // twice
    return replaced(text, token.end, token.end, old);
  return replaced(text, token.begin, token.end, "");
}

std::string TextMutator::mutate(const std::string &text, unsigned seed) const {
  Random random(seed + 1);
  std::string result = text;
  for (size_t i = 0, e = 1 + below(random, 4); i != e; ++i)
    result = change(result, random);
  return result;
}

std::string TextMutator::cross(const std::string &text,
                               const std::string &other, unsigned seed) const {
  Random random(seed + 1);
  bool byLine = below(random, 2) != 0;
  std::vector<Token> here = byLine ? lines(text) : groups(text),
                     there = byLine ? lines(other) : groups(other);
  if (here.empty() || there.empty())
    return text;
  const Token &from = anyOf(there, random);
  std::vector<Token> same;
  for (const Token &token : here)
    if (token.kind == from.kind)
      same.push_back(token);
  if (same.empty())
    return text;
  const Token &to = anyOf(same, random);
  bool insert = byLine && below(random, 2) != 0;
  return replaced(text, to.begin, insert ? to.begin : to.end,
                  other.substr(from.begin, from.end - from.begin));
}
