//===- Fragments.h - Fragment maps, as data --------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How matrix instructions spread their operands over lanes, each a linear
// layout (register, lane) -> (row, col). `register` counts the elements that
// one lane holds, in order: of m16n8k16 f16, element 2r + h is half h of 32-bit
// register a_r. A is row × k, B is k × column, C (or D) row × column.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LAYOUT_FRAGMENTS_H
#define RUNG_LAYOUT_FRAGMENTS_H

#include "rung/Layout/LinearLayout.h"

namespace rung {

/// One row of the table.
struct FragmentMap {
  /// INSTRUCTION.ELEMENT.OPERAND, e.g. "mma.m16n8k16.f16.a".
  llvm::StringLiteral name;
  /// The text form of the layout.
  llvm::StringLiteral map;
};

/// All of them, in the order of documentation.
llvm::ArrayRef<FragmentMap> fragmentMaps();

/// The map of this name, nullopt if there is none.
std::optional<LinearLayout> lookupFragment(llvm::StringRef name);

} // namespace rung

#endif // RUNG_LAYOUT_FRAGMENTS_H
