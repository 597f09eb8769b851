//===- Fragments.cpp - Fragment maps of matrix instructions, as data -----===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources: the PTX ISA manual, "Matrix fragments" of mma.m16n8k16, mma.m16n8k32
// and ldmatrix; the AMD CDNA2 ISA manual and AMD's matrix instruction
// calculator for v_mfma_*. The literal formulas are in
// test/Unit/Layout/FragmentsTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "rung/Layout/Fragments.h"

using namespace llvm;

namespace rung {

static constexpr FragmentMap table[] = {
    // mma.sync.m16n8k16, f16 and bf16; the accumulator is f32 (or i32).
    {"mma.m16n8k16.f16.a",
     "(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], "
     "register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], "
     "lane[2..4] -> row[0..2]}"},
    {"mma.m16n8k16.f16.b",
     "(register:2, lane:5) -> (row:4, col:3) {register[0] -> row[0], "
     "register[1] -> row[3], lane[0..1] -> row[1..2], lane[2..4] -> "
     "col[0..2]}"},
    {"mma.m16n8k16.f16.c",
     "(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], "
     "register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> "
     "row[0..2]}"},
    // mma.sync.m16n8k32, s8 and u8.
    {"mma.m16n8k32.s8.a",
     "(register:4, lane:5) -> (row:4, col:5) {register[0..1] -> col[0..1], "
     "register[2] -> row[3], register[3] -> col[4], lane[0..1] -> col[2..3], "
     "lane[2..4] -> row[0..2]}"},
    {"mma.m16n8k32.s8.b",
     "(register:3, lane:5) -> (row:5, col:3) {register[0..1] -> row[0..1], "
     "register[2] -> row[4], lane[0..1] -> row[2..3], lane[2..4] -> "
     "col[0..2]}"},
    {"mma.m16n8k32.s8.c",
     "(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], "
     "register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> "
     "row[0..2]}"},
    // ldmatrix.x4 of 16-bit elements: four 8x8 matrices; `address` says whose
    // row
    // a lane points at.
    {"ldmatrix.x4.b16",
     "(register:3, lane:5) -> (row:3, col:3, matrix:2) {register[0] -> col[0], "
     "register[1..2] -> matrix[0..1], lane[0..1] -> col[1..2], "
     "lane[2..4] -> row[0..2]}"},
    {"ldmatrix.x4.trans.b16",
     "(register:3, lane:5) -> (row:3, col:3, matrix:2) {register[0] -> row[0], "
     "register[1..2] -> matrix[0..1], lane[0..1] -> row[1..2], "
     "lane[2..4] -> col[0..2]}"},
    {"ldmatrix.x4.address",
     "(lane:5) -> (row:3, matrix:2) {lane[0..2] -> row[0..2], "
     "lane[3..4] -> matrix[0..1]}"},
    // v_mfma_f32_16x16x16 f16 and bf16_1k, v_mfma_i32_16x16x16i8 (a byte in
    // place
    // of a half).
    {"mfma.16x16x16.f16.a",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> col[0..1], "
     "lane[0..3] -> row[0..3], lane[4..5] -> col[2..3]}"},
    {"mfma.16x16x16.f16.b",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> row[0..1], "
     "lane[0..3] -> col[0..3], lane[4..5] -> row[2..3]}"},
    {"mfma.16x16x16.f16.d",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> row[0..1], "
     "lane[0..3] -> col[0..3], lane[4..5] -> row[2..3]}"},
    {"mfma.16x16x16.i8.a",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> col[0..1], "
     "lane[0..3] -> row[0..3], lane[4..5] -> col[2..3]}"},
    {"mfma.16x16x16.i8.b",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> row[0..1], "
     "lane[0..3] -> col[0..3], lane[4..5] -> row[2..3]}"},
    {"mfma.16x16x16.i8.d",
     "(register:2, lane:6) -> (row:4, col:4) {register[0..1] -> row[0..1], "
     "lane[0..3] -> col[0..3], lane[4..5] -> row[2..3]}"},
    // v_mfma_f32_32x32x8 f16 and bf16_1k, v_mfma_i32_32x32x8i8.
    {"mfma.32x32x8.f16.a",
     "(register:2, lane:6) -> (row:5, col:3) {register[0..1] -> col[0..1], "
     "lane[0..4] -> row[0..4], lane[5] -> col[2]}"},
    {"mfma.32x32x8.f16.b",
     "(register:2, lane:6) -> (row:3, col:5) {register[0..1] -> row[0..1], "
     "lane[0..4] -> col[0..4], lane[5] -> row[2]}"},
    {"mfma.32x32x8.f16.d",
     "(register:4, lane:6) -> (row:5, col:5) {register[0..1] -> row[0..1], "
     "register[2..3] -> row[3..4], lane[0..4] -> col[0..4], lane[5] -> "
     "row[2]}"},
    {"mfma.32x32x8.i8.a",
     "(register:2, lane:6) -> (row:5, col:3) {register[0..1] -> col[0..1], "
     "lane[0..4] -> row[0..4], lane[5] -> col[2]}"},
    {"mfma.32x32x8.i8.b",
     "(register:2, lane:6) -> (row:3, col:5) {register[0..1] -> row[0..1], "
     "lane[0..4] -> col[0..4], lane[5] -> row[2]}"},
    {"mfma.32x32x8.i8.d",
     "(register:4, lane:6) -> (row:5, col:5) {register[0..1] -> row[0..1], "
     "register[2..3] -> row[3..4], lane[0..4] -> col[0..4], lane[5] -> "
     "row[2]}"},
};

ArrayRef<FragmentMap> fragmentMaps() { return table; }

std::optional<LinearLayout> lookupFragment(StringRef name) {
  for (const FragmentMap &fragment : table)
    if (fragment.name == name)
      return cantFail(LinearLayout::parse(fragment.map));
  return std::nullopt;
}

} // namespace rung
