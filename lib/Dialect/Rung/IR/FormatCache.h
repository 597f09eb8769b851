//===- FormatCache.h - Number formats of a context's types ------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_DIALECT_RUNG_IR_FORMATCACHE_H
#define RUNG_LIB_DIALECT_RUNG_IR_FORMATCACHE_H

#include "mlir/IR/DialectInterface.h"
#include "mlir/IR/Types.h"
#include "rung/Numerics/NumberFormat.h"
#include "llvm/ADT/DenseMap.h"
#include <mutex>
#include <optional>

namespace rung {

/// Making a number format fills its value table, and passes ask for that of one
/// type over and over: each is made once for a context.
class FormatCache final : public mlir::DialectInterface::Base<FormatCache> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(FormatCache)

  explicit FormatCache(mlir::Dialect *dialect) : Base(dialect) {}

  template <typename Make>
  std::optional<NumberFormat> get(mlir::Type type, Make make) const {
    std::lock_guard<std::mutex> lock(mutex);
    auto it = formats.find(type);
    if (it == formats.end())
      it = formats.try_emplace(type, make()).first;
    return it->second;
  }

private:
  mutable std::mutex mutex;
  mutable llvm::DenseMap<mlir::Type, std::optional<NumberFormat>> formats;
};

} // namespace rung

#endif // RUNG_LIB_DIALECT_RUNG_IR_FORMATCACHE_H
