//===- UpstreamGaps.cpp - What upstream's parsers do not survive -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "UpstreamGaps.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

/// The items that `list` continues with.
static SmallVector<StringRef> itemsOf(StringRef list) {
  SmallVector<StringRef> items;
  size_t begin = 0, depth = 0;
  for (size_t at = 0; at != list.size(); ++at) {
    char c = list[at];
    bool isArrow = c == '>' && at && list[at - 1] == '-';
    bool closes = StringRef(")]}>").contains(c) && !isArrow;
    if (closes && depth-- == 0) {
      items.push_back(list.slice(begin, at).trim());
      return items;
    }
    if (StringRef("([{<").contains(c))
      ++depth;
    if (c == ',' && depth == 0) {
      items.push_back(list.slice(begin, at).trim());
      begin = at + 1;
    }
  }
  return items; // unfinished: the parser says so
}

/// True if a list behind `opening` has an item that is not right.
static bool hasWrongItem(StringRef text, StringRef opening,
                         function_ref<bool(StringRef)> isRight) {
  for (size_t at = text.find(opening); at != StringRef::npos;
       at = text.find(opening, at + 1))
    if (!all_of(itemsOf(text.drop_front(at + opening.size())), isRight))
      return true;
  return false;
}

bool rung::fuzz::endsUpstreamParser(StringRef text) {
  auto isMap = [&](StringRef item) {
    return item.starts_with("affine_map<") ||
           (item.starts_with("#") &&
            text.contains((item + " = affine_map<").str()));
  };
  auto hasTwoResults = [&](StringRef item) {
    StringRef map =
        text.substr(text.find((item + " = ").str())).split('\n').first;
    StringRef results =
        (item.starts_with("#") ? map : item).rsplit("->").second;
    return results.count(',') == 1;
  };
  auto isText = [](StringRef item) { return item.starts_with("\""); };
  auto isNumber = [](StringRef item) {
    return item.empty() ||
           all_of(item.drop_front(item.front() == '-'), isDigit);
  };
  auto hasWidth = [](StringRef item) {
    return is_contained({"i1", "i8", "i16", "i32", "i64", "f32", "f64"},
                        item.split(':').first.trim());
  };
  // linalg.generic casts elements to what they should be.
  return hasWrongItem(text, "indexing_maps = [", isMap) ||
         hasWrongItem(text, "iterator_types = [", isText) ||
         // Its verifier reads the second result of each.
         hasWrongItem(text, "linalg.matmul indexing_maps = [", hasTwoResults) ||
         // A list of linalg.transpose, broadcast or reduce that does not parse
         // is set as a null attribute.
         hasWrongItem(text, "permutation = [", isNumber) ||
         hasWrongItem(text, "dimensions = [", isNumber) ||
         // The element type of a dense array is asked for its width.
         hasWrongItem(text, "array<", [&](StringRef item) {
           return hasWidth(item) || isNumber(item) || item == "true" ||
                  item == "false";
         });
}
