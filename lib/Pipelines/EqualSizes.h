//===- EqualSizes.h - Which dynamic sizes are one -------------*- C++ -*-===//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#ifndef RUNG_LIB_PIPELINES_EQUALSIZES_H
#define RUNG_LIB_PIPELINES_EQUALSIZES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/IntEqClasses.h"

namespace rung {

/// Classes of (value, dimension) pairs that an execution without undefined
/// behaviour must find equal, from the operations of one function. A size that
/// a loop carries is that of its initial value if the loop's body, where that
/// is taken for granted, keeps it.
class EqualSizes {
public:
  explicit EqualSizes(mlir::func::FuncOp function);

  /// A number that equal sizes share.
  unsigned classOf(mlir::Value value, int64_t dim);

  /// True if two tensors have one shape.
  bool haveEqualShapes(mlir::Value a, mlir::Value b);

private:
  /// Two sizes.
  using Pair = std::pair<unsigned, unsigned>;
  struct Implication {
    Pair premise, conclusion;
  };
  struct Carried {
    unsigned init, argument, yielded;
  };

  unsigned key(mlir::Value value, int64_t dim);
  bool isEqual(Pair pair) const {
    return classes.findLeader(pair.first) == classes.findLeader(pair.second);
  }
  void join(mlir::Value a, int64_t dimA, mlir::Value b, int64_t dimB) {
    facts.push_back({key(a, dimA), key(b, dimB)});
  }
  void joinSize(mlir::Value value, int64_t dim, mlir::OpFoldResult size);
  void joinAll(mlir::Value a, mlir::Value b);

  void visit(mlir::Operation *op);
  void visitLinalg(mlir::linalg::LinalgOp op);
  void visitReshape(mlir::Value narrow, mlir::Value wide,
                    mlir::ArrayRef<mlir::ReassociationIndices> groups);
  void visitFor(mlir::scf::ForOp op);
  void visitWhile(mlir::scf::WhileOp op);
  void visitIf(mlir::scf::IfOp op);
  void solve();

  mlir::DenseMap<std::pair<mlir::Value, int64_t>, unsigned> keys;
  mlir::SmallVector<Pair> facts;
  mlir::SmallVector<Implication> implications;
  mlir::SmallVector<Carried> carried;
  llvm::IntEqClasses classes;
};

} // namespace rung

#endif // RUNG_LIB_PIPELINES_EQUALSIZES_H
