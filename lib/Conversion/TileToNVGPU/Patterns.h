//===- Patterns.h - what the patterns of convert-tile-to-nvgpu share -*- C++
//-*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fragment becomes one scalar for each register of a lane; a packed one, one
// i32 for each word of its units (unit * R + word).
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_LIB_CONVERSION_TILETONVGPU_PATTERNS_H
#define RUNG_LIB_CONVERSION_TILETONVGPU_PATTERNS_H

#include "../Common/GlobalTables.h"
#include "mlir/Transforms/DialectConversion.h"
#include "rung/Dialect/Tile/IR/Tile.h"
#include <map>

namespace rung {

/// Lanes of a warp. They are the x of a block's threads, its warps the y.
constexpr int64_t warpLanes = 32;

/// What is known of an index of a load or store, found out before loops move.
struct IndexFact {
  int64_t divisor; ///< 0: all
  std::optional<int64_t> maximum;
};

/// Of one run of the pass.
struct WarpConversion {
  mlir::TypeConverter types;
  llvm::DenseMap<mlir::Operation *, llvm::SmallVector<IndexFact>> facts;
  /// Why an operation was not converted.
  llvm::DenseMap<mlir::Operation *, std::string> reasons;

  /// The table of a lookup in its module. All are made before the conversion,
  /// which may take back what it makes.
  mlir::memref::GlobalOp findTable(tile::LookupOp op);

private:
  std::map<mlir::Operation *, GlobalTables> tables;
};

/// A pattern that remembers why it did not match.
template <typename Op>
class WarpPattern : public mlir::OpConversionPattern<Op> {
public:
  using OneToNOpAdaptor =
      typename mlir::OpConversionPattern<Op>::OneToNOpAdaptor;

  explicit WarpPattern(WarpConversion &conversion, mlir::MLIRContext *context)
      : mlir::OpConversionPattern<Op>(conversion.types, context),
        conversion(conversion) {}

protected:
  mlir::LogicalResult refuse(Op op, mlir::ConversionPatternRewriter &rewriter,
                             const llvm::Twine &reason) const {
    conversion.reasons[op] = reason.str();
    return rewriter.notifyMatchFailure(op, reason);
  }

  WarpConversion &conversion;
};

/// tile.load, tile.store.
void populateMemoryPatterns(WarpConversion &conversion,
                            mlir::RewritePatternSet &patterns);
/// tile.splat, tile.map, tile.slice.
void populateComputePatterns(WarpConversion &conversion,
                             mlir::RewritePatternSet &patterns);
/// tile.mma.
void populateMmaPatterns(WarpConversion &conversion,
                         mlir::RewritePatternSet &patterns);
/// tile.launch, tile.warp, tile.barrier, tile.reduce_warps.
void populateLaunchPatterns(WarpConversion &conversion,
                            mlir::RewritePatternSet &patterns);

/// tile.lookup.
void populateLookupPatterns(WarpConversion &conversion,
                            mlir::RewritePatternSet &patterns);
/// tile.reduce, tile.relayout.
void populateShufflePatterns(WarpConversion &conversion,
                             mlir::RewritePatternSet &patterns);

} // namespace rung

#endif // RUNG_LIB_CONVERSION_TILETONVGPU_PATTERNS_H
