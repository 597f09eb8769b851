//===- Device.cpp - Tables of devices as attributes -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Target/Device.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "rung/Target/NVIDIADevice.h"

using namespace mlir;
using namespace rung;

namespace {
/// An x86-64 vector extension: what code for it may use.
struct VectorExtension {
  StringLiteral feature; ///< LLVM's name; "" is baseline x86-64
  int64_t bits;          ///< of a vector register
  int64_t registers;     ///< of that width
  StringLiteral lookup;
  int64_t lookupEntries;
};
} // namespace

/// Widest first. Source: Intel SDM volume 2, VPERMPS.
static constexpr VectorExtension kVectorExtensions[] = {
    {"avx512f", 512, 32, "permvar512", 16},
    {"avx2", 256, 16, "permps", 16},
    {"", 128, 16, "gather", 0},
};

/// Weights are packed for 16 lanes on every x86-64, so that one bundle's
/// weights serve all of its code; narrower machines use several registers.
static constexpr int64_t kLanes = 16;

/// Far enough that memory answers in time also while other cores use it, and
/// little against the second-level cache (measured on Zen 4: from 8 KiB on it
/// makes no difference in huge pages; in small ones, 32 KiB gain 5% more).
static constexpr int64_t kPrefetchBytes = 16384;

/// Zen 4 has two of its four vector pipes for multiply-adds, of which one also
/// permutes (measured: throughputs of pairs of instructions). With 2 of the 8
/// codes of a word of 4 bits computed, a matrix in the second-level cache takes
/// 3% less time; more computed codes gain nothing.
static constexpr int64_t kComputedLookups = 11;

DeviceAttr rung::getDevice(MLIRContext *context, const CPUTarget &target) {
  const VectorExtension *extension =
      llvm::find_if(kVectorExtensions, [&](const VectorExtension &row) {
        return row.feature.empty() ||
               (target.has(row.feature) && target.vectorBits() >= row.bits);
      });
  Builder builder(context);
  auto types = [&](ArrayRef<Type> list) {
    return builder.getArrayAttr(llvm::map_to_vector(
        list, [](Type type) -> Attribute { return TypeAttr::get(type); }));
  };
  return DeviceAttr::get(
      context, builder.getStringAttr(target.str()),
      builder.getDictionaryAttr({
          builder.getNamedAttr("lanes", builder.getI64IntegerAttr(kLanes)),
          builder.getNamedAttr(
              "registers",
              builder.getI64IntegerAttr(extension->registers * extension->bits /
                                        (32 * kLanes))),
          builder.getNamedAttr("lookup",
                               builder.getStringAttr(extension->lookup)),
          builder.getNamedAttr("lookup_entries", builder.getI64IntegerAttr(
                                                     extension->lookupEntries)),
          builder.getNamedAttr(
              "lookup_halves",
              builder.getI64IntegerAttr(
                  extension->bits == 512 && target.has("avx512bw") ? 64 : 0)),
          builder.getNamedAttr("computed_lookups",
                               builder.getI64IntegerAttr(
                                   StringRef(target.cpu).starts_with("znver") &&
                                           extension->bits == 512
                                       ? kComputedLookups
                                       : 0)),
          builder.getNamedAttr("prefetch",
                               builder.getI64IntegerAttr(kPrefetchBytes)),
          builder.getNamedAttr(
              "compute", types({builder.getI32Type(), builder.getF32Type(),
                                builder.getF64Type()})),
      }));
}

llvm::Expected<DeviceAttr> rung::getDevice(MLIRContext *context,
                                           StringRef target) {
  StringRef architecture = target;
  if (architecture.consume_front("cuda:"))
    return getNVIDIADevice(context, architecture);
  llvm::Expected<CPUTarget> cpu = parseCPUTarget(target);
  if (!cpu)
    return cpu.takeError();
  return getDevice(context, *cpu);
}

DeviceAttr rung::findDevice(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto device =
            op->getAttrOfType<DeviceAttr>(RungDialect::kDeviceAttrName))
      return device;
  return {};
}

DeviceAttr rung::getDevice(ModuleOp module) {
  if (DeviceAttr device = findDevice(module))
    return device;
  return getDevice(module.getContext(), cantFail(parseCPUTarget("cpu:x86-64")));
}

SmallVector<MatrixInstructionAttr>
rung::getMatrixInstructions(DeviceAttr device) {
  SmallVector<MatrixInstructionAttr> instructions;
  if (auto list = device.getProperties().getAs<ArrayAttr>("matrix"))
    llvm::append_range(instructions, list.getAsRange<MatrixInstructionAttr>());
  return instructions;
}

MatrixInstructionAttr rung::findMatrixInstruction(DeviceAttr device, Type a,
                                                  Type b) {
  for (MatrixInstructionAttr instruction : getMatrixInstructions(device))
    if (instruction.getA() == a && instruction.getB() == b)
      return instruction;
  return {};
}

Type rung::sumFormat(DeviceAttr device, Type compute) {
  MatrixInstructionAttr instruction =
      findMatrixInstruction(device, compute, compute);
  return instruction ? instruction.getC() : compute;
}
