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

/// True if each list behind `opening` has only items of that kind.
static bool
allListsHold(StringRef text, StringRef opening,
             llvm::function_ref<bool(ArrayRef<StringRef>)> isRight) {
  for (size_t at = text.find(opening); at != StringRef::npos;
       at = text.find(opening, at + 1))
    if (!isRight(itemsOf(text.drop_front(at + opening.size()))))
      return false;
  return true;
}

bool rung::fuzz::endsUpstreamParser(StringRef text) {
  auto isMap = [&](StringRef item) {
    return item.starts_with("affine_map<") ||
           (item.starts_with("#") &&
            text.contains((item + " = affine_map<").str()));
  };
  auto isNumber = [](StringRef item) {
    return item.empty() ||
           all_of(item.drop_front(item.front() == '-'), isDigit);
  };
  // linalg casts every element to an AffineMapAttr.
  return !allListsHold(
             text, "indexing_maps = [",
             [&](ArrayRef<StringRef> items) { return all_of(items, isMap); }) ||
         // A list of linalg.transpose, broadcast or reduce that does not parse
         // is set as a null attribute.
         !allListsHold(text, "permutation = [",
                       [&](ArrayRef<StringRef> items) {
                         return all_of(items, isNumber);
                       }) ||
         !allListsHold(text, "dimensions = [",
                       [&](ArrayRef<StringRef> items) {
                         return all_of(items, isNumber);
                       }) ||
         // The element type of a dense array is asked for its width.
         !allListsHold(text, "array<", [](ArrayRef<StringRef> items) {
           StringRef type = items.empty() ? "" : items[0].split(':').first;
           return is_contained({"i1", "i8", "i16", "i32", "i64", "f32", "f64"},
                               type.trim());
         });
}
