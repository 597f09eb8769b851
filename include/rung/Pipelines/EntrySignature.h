//===- EntrySignature.h - What a caller passes to an entry ------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
//
// The attribute `rung.signature` of an entry, as `rung-describe-entries` writes
// it and the bundle's manifest reads it: one dictionary for each argument, then
// one for each ordinary result.
//
//===----------------------------------------------------------------------===//
#ifndef RUNG_PIPELINES_ENTRYSIGNATURE_H
#define RUNG_PIPELINES_ENTRYSIGNATURE_H

#include "llvm/ADT/StringRef.h"

namespace rung {

/// Of a function: ArrayAttr of dictionaries with the keys below.
inline constexpr llvm::StringLiteral kSignatureAttr = "rung.signature";
/// StringAttr, the argument's name for users.
inline constexpr llvm::StringLiteral kNameKey = "name";
/// StringAttr, "input", "inout" or "output".
inline constexpr llvm::StringLiteral kKindKey = "kind";
/// TypeAttr of the ranked tensor type that the front end wrote.
inline constexpr llvm::StringLiteral kTypeKey = "type";
/// ArrayAttr, an i64 for a static size, a StringAttr for a dynamic one.
inline constexpr llvm::StringLiteral kShapeKey = "shape";
/// Of an argument that arrives packed: StringAttr, the entry that packs it, and
/// IntegerAttr, the bytes of the packed array.
inline constexpr llvm::StringLiteral kPackerKey = "packer";
inline constexpr llvm::StringLiteral kPackedBytesKey = "packed_bytes";

/// Of a memref.global without a value: the index of its bytes in the
/// context's constants.
inline constexpr llvm::StringLiteral kConstantAttr = "rung.constant";
/// Of a module for a GPU: ArrayAttr of StringAttr, the names of its kernels by
/// the numbers that they are launched with.
inline constexpr llvm::StringLiteral kKernelsAttr = "rung.kernels";
/// Of an scf.parallel: scalar operations of one iteration.
inline constexpr llvm::StringLiteral kCostAttr = "rung.cost";

} // namespace rung

#endif // RUNG_PIPELINES_ENTRYSIGNATURE_H
