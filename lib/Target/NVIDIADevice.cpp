//===- NVIDIADevice.cpp - Tables of NVIDIA's devices -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sources: CUDA C++ Programming Guide, "Technical Specifications per Compute
// Capability" (shared memory, registers); PTX ISA, "mma" (instructions and the
// architectures that have them); NVIDIA's architecture whitepapers of A100,
// GA102, Ada and H100 and data sheets of A100 80GB, RTX 3090, L40 and H200
// (multiprocessors, caches, bandwidth). Rates follow from the dense peak at the
// boost clock of the sheets.
//
//===----------------------------------------------------------------------===//

#include "rung/Target/NVIDIADevice.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace rung;

namespace {
/// A row of MatrixInstructionAttr but for its rate. Types are MLIR's text.
struct Instruction {
  StringLiteral intrinsic, a, b, c, fragments;
};

struct Rate {
  const Instruction &instruction;
  int64_t products; ///< added by one multiprocessor in a cycle
};

/// One chip stands for its architecture.
struct Chip {
  StringLiteral architecture;
  unsigned ptxVersion;  ///< the first that has all of its instructions here
  StringLiteral decode; ///< the row of DecodeCost.cpp
  int64_t multiprocessors;
  int64_t globalGBs;   ///< 10^9 bytes a second
  int64_t l2Bytes;     ///< of the chip
  int64_t sharedBytes; ///< most for one block
  ArrayRef<StringLiteral> asyncCopies;
  ArrayRef<Rate> rates;
};
} // namespace

static constexpr Instruction kF16 = {"llvm.nvvm.mma.m16n8k16.row.col.f32.f32",
                                     "f16", "f16", "f32", "mma.m16n8k16.f16"};
static constexpr Instruction kBF16 = {"llvm.nvvm.mma.m16n8k16.row.col.bf16",
                                      "bf16", "bf16", "f32",
                                      "mma.m16n8k16.f16"};
static constexpr Instruction kS8S8 = {"llvm.nvvm.mma.m16n8k32.row.col.s8", "i8",
                                      "i8", "i32", "mma.m16n8k32.s8"};
static constexpr Instruction kU8S8 = {"llvm.nvvm.mma.m16n8k32.row.col.u8.s8",
                                      "!rung.uint<8>", "i8", "i32",
                                      "mma.m16n8k32.s8"};
static constexpr Instruction kE4M3E4M3 = {
    "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32", "f8E4M3FN", "f8E4M3FN",
    "f32", "mma.m16n8k32.s8"};
static constexpr Instruction kE4M3E5M2 = {
    "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e5m2.f32", "f8E4M3FN", "f8E5M2",
    "f32", "mma.m16n8k32.s8"};
static constexpr Instruction kE5M2E4M3 = {
    "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e4m3.f32", "f8E5M2", "f8E4M3FN",
    "f32", "mma.m16n8k32.s8"};
static constexpr Instruction kE5M2E5M2 = {
    "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e5m2.f32", "f8E5M2", "f8E5M2",
    "f32", "mma.m16n8k32.s8"};

// Fastest first, integers before floats: their sums are exact.
static constexpr Rate kSM80Rates[] = {
    {kS8S8, 2048}, {kU8S8, 2048}, {kF16, 1024}, {kBF16, 1024}};
static constexpr Rate kSM86Rates[] = {
    {kS8S8, 1024}, {kU8S8, 1024}, {kF16, 256}, {kBF16, 256}};
static constexpr Rate kSM89Rates[] = {
    {kS8S8, 512},     {kU8S8, 512},     {kE4M3E4M3, 512}, {kE4M3E5M2, 512},
    {kE5M2E4M3, 512}, {kE5M2E5M2, 512}, {kF16, 256},      {kBF16, 256}};
/// Of mma.sync: 60% of what wgmma reaches (shared/design/kernels.md).
static constexpr Rate kSM90Rates[] = {
    {kS8S8, 2458},     {kU8S8, 2458},     {kE4M3E4M3, 2458}, {kE4M3E5M2, 2458},
    {kE5M2E4M3, 2458}, {kE5M2E5M2, 2458}, {kF16, 1229},      {kBF16, 1229}};

static constexpr StringLiteral kCpAsync[] = {"cp.async"};
static constexpr StringLiteral kCpAsyncAndTMA[] = {"cp.async",
                                                   "cp.async.bulk.tensor"};

static constexpr int64_t kKiB = 1024, kMiB = 1024 * kKiB;

static constexpr Chip kChips[] = {
    // A100 80GB
    {"sm_80", 80, "cuda:sm_80", 108, 2039, 40 * kMiB, 163 * kKiB, kCpAsync,
     kSM80Rates},
    // RTX 3090
    {"sm_86", 80, "cuda:sm_86", 82, 936, 6 * kMiB, 99 * kKiB, kCpAsync,
     kSM86Rates},
    // L40
    {"sm_89", 84, "cuda:sm_89", 142, 864, 96 * kMiB, 99 * kKiB, kCpAsync,
     kSM89Rates},
    // H200
    {"sm_90a", 84, "cuda:sm_90a", 132, 4800, 50 * kMiB, 227 * kKiB,
     kCpAsyncAndTMA, kSM90Rates},
};

/// The same for all of these architectures.
static constexpr int64_t kLanes = 32, kRegistersOfLane = 255,
                         kRegistersOfMultiprocessor = 65536,
                         kTransactionBytes = 32, kSharedBanks = 32;

static MatrixInstructionAttr makeInstruction(MLIRContext *context,
                                             const Rate &rate) {
  auto type = [&](StringRef text) { return parseType(text, context); };
  const Instruction &row = rate.instruction;
  return MatrixInstructionAttr::get(context, row.intrinsic, type(row.a),
                                    type(row.b), type(row.c), row.fragments,
                                    rate.products);
}

/// The formats that both operands of an instruction have, and those which have
/// multiply-adds: i32, where integers do not fit in a matrix instruction's, in
/// front of floats whose sums would not be exact.
static ArrayAttr computeFormats(Builder &builder,
                                ArrayRef<MatrixInstructionAttr> instructions) {
  SmallVector<Attribute> narrow, wide;
  for (MatrixInstructionAttr instruction : instructions)
    if (instruction.getA() == instruction.getB())
      (numberFormatOf(instruction.getA())->bits() <= 8 ? narrow : wide)
          .push_back(TypeAttr::get(instruction.getA()));
  narrow.push_back(TypeAttr::get(builder.getI32Type()));
  llvm::append_range(narrow, wide);
  for (Type type : {Type(builder.getF32Type()), Type(builder.getF64Type())})
    narrow.push_back(TypeAttr::get(type));
  return builder.getArrayAttr(narrow);
}

/// Null if there is none.
static const Chip *findChip(StringRef architecture) {
  const Chip *chip = llvm::find_if(kChips, [&](const Chip &row) {
    return row.architecture == architecture;
  });
  return chip == std::end(kChips) ? nullptr : chip;
}

llvm::Error rung::checkNVIDIAArchitecture(StringRef architecture) {
  if (findChip(architecture))
    return llvm::Error::success();
  auto names =
      llvm::map_range(kChips, [](const Chip &row) { return row.architecture; });
  return llvm::createStringError(
      "unknown CUDA architecture '" + architecture +
      "'; expected one of: " + llvm::join(names, ", "));
}

unsigned rung::getPTXVersion(StringRef architecture) {
  const Chip *chip = findChip(architecture);
  return chip ? chip->ptxVersion : 0;
}

llvm::Expected<DeviceAttr> rung::getNVIDIADevice(MLIRContext *context,
                                                 StringRef architecture) {
  if (llvm::Error error = checkNVIDIAArchitecture(architecture))
    return std::move(error);
  const Chip *chip = findChip(architecture);
  context->loadDialect<RungDialect>();
  Builder builder(context);
  auto number = [&](int64_t value) -> Attribute {
    return builder.getI64IntegerAttr(value);
  };
  auto text = [&](StringRef value) -> Attribute {
    return builder.getStringAttr(value);
  };
  auto dictionary =
      [&](std::initializer_list<std::pair<StringRef, Attribute>> entries)
      -> DictionaryAttr {
    SmallVector<NamedAttribute> named;
    for (auto [name, value] : entries)
      named.push_back(builder.getNamedAttr(name, value));
    return builder.getDictionaryAttr(named);
  };
  auto instructions = llvm::map_to_vector(chip->rates, [&](const Rate &rate) {
    return makeInstruction(context, rate);
  });
  return DeviceAttr::get(
      context, builder.getStringAttr("cuda:" + architecture),
      dictionary(
          {{"async_copies",
            builder.getArrayAttr(llvm::map_to_vector(chip->asyncCopies, text))},
           {"compute", computeFormats(builder, instructions)},
           {"decode", text(chip->decode)},
           {"lanes", number(kLanes)},
           {"matrix", builder.getArrayAttr(SmallVector<Attribute>(
                          instructions.begin(), instructions.end()))},
           {"memory",
            builder.getArrayAttr(
                {dictionary({{"name", text("global")},
                             {"gigabytes_per_second", number(chip->globalGBs)},
                             {"transaction", number(kTransactionBytes)}}),
                 dictionary({{"name", text("l2")},
                             {"bytes", number(chip->l2Bytes)},
                             {"transaction", number(kTransactionBytes)}}),
                 dictionary({{"name", text("shared")},
                             {"bytes", number(chip->sharedBytes)},
                             {"transaction", number(4 * kSharedBanks)}}),
                 dictionary({{"name", text("registers")},
                             {"bytes", number(4 * kRegistersOfMultiprocessor)},
                             {"transaction", number(4)}})})},
           {"multiprocessors", number(chip->multiprocessors)},
           {"registers", number(kRegistersOfLane)}}));
}
