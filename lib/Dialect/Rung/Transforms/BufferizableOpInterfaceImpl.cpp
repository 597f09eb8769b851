//===- BufferizableOpInterfaceImpl.cpp - rung on buffers -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Rung/Transforms/BufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferUtils.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "rung/Dialect/Rung/IR/Rung.h"

using namespace mlir;
using namespace mlir::bufferization;
using namespace rung;

namespace {

/// Operations that overwrite their destination.
template <typename OpTy>
struct DestinationModel final
    : DstBufferizableOpInterfaceExternalModel<DestinationModel<OpTy>, OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &) const {
    return !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto destination = cast<DestinationStyleOpInterface>(op);
    if (destination.hasPureBufferSemantics())
      return success();
    OpBuilder::InsertionGuard guard(rewriter);
    rewriter.setInsertionPoint(op);
    SmallVector<Value> buffers;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        buffers.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      buffers.push_back(*buffer);
    }
    SmallVector<Value> results;
    for (OpOperand &init : destination.getDpsInitsMutable())
      results.push_back(buffers[init.getOperandNumber()]);
    OperationState clone(op->getLoc(), op->getName(), buffers, TypeRange(),
                         op->getAttrs());
    clone.propertiesAttr = op->getPropertiesAsAttribute();
    rewriter.create(clone);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

/// A tensor of a file: read-only memory.
struct ParameterModel final
    : BufferizableOpInterface::ExternalModel<ParameterModel, ParameterOp> {
  bool isWritable(Operation *, Value, const AnalysisState &) const {
    return false;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &,
                          BufferizationState &) const {
    auto parameter = cast<ParameterOp>(op);
    auto tensor = dyn_cast<RankedTensorType>(parameter.getType());
    if (!tensor)
      return success();
    auto memref = MemRefType::get(tensor.getShape(), tensor.getElementType());
    auto replacement = ParameterOp::create(
        rewriter, op->getLoc(), memref, parameter.getNameAttr(),
        parameter.getStorageAttr(), parameter.getNegatedAttr(),
        parameter.getWholeAttr(), parameter.getOffsetsAttr(),
        parameter.getSizesAttr());
    replaceOpWithBufferizedValues(rewriter, op, replacement.getResult());
    return success();
  }
};

/// Constant codes whose canonical storage is their own type: read-only memory.
struct ConstantModel final
    : BufferizableOpInterface::ExternalModel<ConstantModel, ConstantOp> {
  bool isWritable(Operation *, Value, const AnalysisState &) const {
    return false;
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    DenseElementsAttr bytes =
        cast<ConstantOp>(op).getValue().getCanonicalStorage();
    if (bytes.getType() != op->getResult(0).getType())
      return op->emitOpError()
             << "of " << op->getResult(0).getType()
             << " has no storage of its own; run rung-separate-storage first";
    auto constant = arith::ConstantOp::create(rewriter, op->getLoc(), bytes);
    FailureOr<memref::GlobalOp> global = getGlobalFor(
        constant, state.getSymbolTables(), options.bufferAlignment);
    if (failed(global))
      return failure();
    rewriter.eraseOp(constant);
    auto buffer = memref::GetGlobalOp::create(
        rewriter, op->getLoc(), global->getType(), global->getName());
    replaceOpWithBufferizedValues(rewriter, op, buffer.getResult());
    return success();
  }
};

} // namespace

void rung::registerBufferizableOpInterfaceExternalModels(
    DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, RungDialect *) {
    MatmulOp::attachInterface<DestinationModel<MatmulOp>>(*context);
    ElementwiseOp::attachInterface<DestinationModel<ElementwiseOp>>(*context);
    GatherOp::attachInterface<DestinationModel<GatherOp>>(*context);
    ParameterOp::attachInterface<ParameterModel>(*context);
    ConstantOp::attachInterface<ConstantModel>(*context);
  });
}
