//===- DecodeCost.cpp - what instructions of a device cost -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "rung/Dialect/Tile/Transforms/DecodeCost.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

#include <limits>

using namespace mlir;
using namespace rung;
using namespace rung::tile;

//===----------------------------------------------------------------------===//
// Tables
//===----------------------------------------------------------------------===//

static constexpr int64_t kAnySize = std::numeric_limits<int64_t>::max();

/// As LookupTables.cpp of convert-tile-to-vector lowers them: two halves of a
/// table are joined by a select on a bit of the index, a table in memory needs
/// its index masked. Upper halves are looked up for two codes at once.
static constexpr LookupCost kAVX512Lookups[] = {
    {"vpermps", 16, {1, 1}},
    {"vpermi2ps", 32, {1, 2}},
    {"vpermi2w, vpslld", 64, {2, 2}, /*upperHalves=*/true},
    {"(vpermi2w, vpermi2w, vptestmw, vpblendmw) / 2, vpslld",
     128,
     {3, 3},
     /*upperHalves=*/true},
    {"(4 x vpermi2w, 2 x vptestmw, 3 x vpblendmw) / 2, vpslld",
     256,
     {5.5, 5},
     /*upperHalves=*/true},
    {"vpermi2ps, vpermi2ps, vptestmd, vblendmps", 64, {4, 5.5}},
    {"vpandd, vgatherdps", kAnySize, {2, 11}},
};
static constexpr LookupCost kAVX2Lookups[] = {
    {"vpermps", 8, {1, 1}},
    {"vpermps, vpermps, vpslld, vblendvps", 16, {4, 3.2}},
    {"vpand, vgatherdps", kAnySize, {2, 5.3}},
};
/// Four lanes: each index extracted, its entry loaded and inserted.
static constexpr LookupCost kBaselineLookups[] = {
    {"pand, 4 x (movd, movss, unpcklps)", kAnySize, {13, 6.5}},
};

static constexpr FusedPair kAVX512Pairs[] = {
    {"arith.andi", "arith.cmpi"},      // vptestmd, vptestnmd
    {"arith.ori", "arith.select"},     // merged under a mask
    {"llvm.intr.fma", "arith.select"}, // merged under a mask
    {"arith.mulf", "arith.select"},    // merged under a mask
};

static constexpr FusedPair kGFX9Pairs[] = {
    {"arith.andi", "arith.ori"},   // v_and_or_b32
    {"arith.ori", "arith.ori"},    // v_or3_b32
    {"arith.shli", "arith.ori"},   // v_lshl_or_b32
    {"arith.shli", "arith.addi"},  // v_lshl_add_u32
    {"arith.xori", "arith.addi"},  // v_xad_u32
    {"arith.addi", "arith.addi"},  // v_add3_u32
    {"arith.shrui", "arith.andi"}, // v_bfe_u32
};

// PTX ISA, prmt (default mode; the selectors here never set bit 3, which would
// replicate a sign) and cvt; CDNA2 ISA, V_PERM_B32.
static constexpr PairConversion kPairsOfSM89[] = {
    {"cvt.rn.f16x2.e4m3x2", 4, Specials::FN},
    {"cvt.rn.f16x2.e5m2x2", 5, Specials::IEEE},
};
static constexpr InstructionCost kNvidiaInstructions[] = {
    {"prmt.b32", {1, 2}, "llvm.nvvm.prmt", "i32", "i32"},
    {"fma.rn.bf16x2",
     {1, 2},
     "llvm.nvvm.fma.rn.bf16x2",
     "vector<2xbf16>",
     "vector<2xbf16>"},
    {"cvt.rn.f16x2.e4m3x2",
     {1, 2},
     "llvm.nvvm.e4m3x2.to.f16x2.rn",
     "i16",
     "vector<2xf16>"},
    {"cvt.rn.f16x2.e5m2x2",
     {1, 2},
     "llvm.nvvm.e5m2x2.to.f16x2.rn",
     "i16",
     "vector<2xf16>"},
};
static constexpr InstructionCost kGFX9Instructions[] = {
    {"v_perm_b32", {1, 4}},
};

// Columns: logic, shift, add, int to float, float math, compare, select, half
// convert, wide convert, narrow. A call counts as one instruction: x86-64 alone
// has none between f32 and f16.
static constexpr DecodeDevice kX86Devices[] = {
    {"x86-64 with AVX-512",
     16,
     true,
     true,
     true,
     true,
     kAVX512Pairs,
     kAVX512Lookups,
     {{1, 0.5},
      {1, 1},
      {1, 0.5},
      {1, 1},
      {1, 0.5},
      {1, 1},
      {1, 0.5},
      {1, 1},
      {1, 1},
      {1, 2}}},
    {"x86-64 with AVX2",
     8,
     true,
     false,
     true,
     false,
     {},
     kAVX2Lookups,
     {{1, 0.33},
      {1, 0.5},
      {1, 0.33},
      {1, 0.5},
      {1, 0.5},
      {1, 0.5},
      {1, 0.67},
      {1, 1},
      {1, 1},
      {2, 2}}},
    {"x86-64",
     4,
     true,
     false,
     false,
     false,
     {},
     kBaselineLookups,
     {{1, 0.33},
      {1, 0.5},
      {1, 0.33},
      {1, 0.5},
      {1, 0.5},
      {1, 0.5},
      {3, 1},
      {4, 40},
      {1, 1},
      {3, 2}}},
};

/// An NVIDIA chip: its costs of integers to floats, of float arithmetic,
/// between f32 and f16, and to and from f64 are its own.
static constexpr DecodeDevice nvidia(llvm::StringLiteral name,
                                     OpCost intToFloat, OpCost floatMath,
                                     OpCost halfConvert, OpCost wideConvert,
                                     llvm::ArrayRef<PairConversion> pairs) {
  constexpr OpCost simple = {1, 2};
  return {name,
          1,
          false,
          true,
          true,
          true,
          {},
          {},
          {simple, simple, simple, intToFloat, floatMath, simple, simple,
           halfConvert, wideConvert, simple},
          true,
          "prmt.b32",
          4,
          "fma.rn.bf16x2",
          pairs,
          kNvidiaInstructions};
}

static constexpr DecodeDevice kGPUDevices[] = {
    nvidia("cuda:sm_80", {1, 8}, {1, 2}, {1, 8}, {1, 8}, {}),
    nvidia("cuda:sm_86", {1, 8}, {1, 2}, {1, 8}, {1, 64}, {}),
    nvidia("cuda:sm_89", {1, 8}, {1, 2}, {1, 8}, {1, 64}, kPairsOfSM89),
    nvidia("cuda:sm_90a", {1, 2}, {1, 1}, {1, 2}, {1, 8}, kPairsOfSM89),
    {"hip:gfx90a",
     1,
     false,
     false,
     true,
     true,
     kGFX9Pairs,
     {},
     {{1, 4},
      {1, 4},
      {1, 4},
      {1, 4},
      {1, 4},
      {1, 4},
      {1, 4},
      {1, 4},
      {1, 8},
      {1, 4}},
     false,
     "v_perm_b32",
     8,
     "",
     {},
     kGFX9Instructions},
};

const DecodeDevice &tile::getX86DecodeDevice(unsigned vectorBits) {
  for (const DecodeDevice &device : kX86Devices)
    if (vectorBits >= 32 * device.lanes)
      return device;
  return std::end(kX86Devices)[-1];
}

const DecodeDevice *tile::findGPUDecodeDevice(StringRef name) {
  for (const DecodeDevice &device : kGPUDevices)
    if (device.name == name)
      return &device;
  return nullptr;
}

const DecodeDevice *tile::findDecodeDevice(DeviceAttr device) {
  auto property = [&](StringRef name) {
    return device ? device.getProperties().getAs<StringAttr>(name)
                  : StringAttr();
  };
  if (StringAttr name = property(kDecodeProperty))
    return findGPUDecodeDevice(name);
  StringAttr lookup = property("lookup");
  if (!lookup)
    return nullptr;
  return &getX86DecodeDevice(lookup == "permvar512" ? 512
                             : lookup == "permps"   ? 256
                                                    : 128);
}

std::string tile::listGPUDecodeDevices() {
  return llvm::join(llvm::map_range(kGPUDevices,
                                    [](const DecodeDevice &device) {
                                      return device.name.str();
                                    }),
                    ", ");
}

const LookupCost *tile::findLookup(const DecodeDevice &device, int64_t entries,
                                   unsigned bits, bool upperHalves) {
  for (const LookupCost &row : device.lookups)
    if (row.mostEntries == kAnySize ||
        (bits == 32 && entries <= row.mostEntries &&
         (upperHalves || !row.upperHalves)))
      return &row;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Counting
//===----------------------------------------------------------------------===//

static unsigned widthOf(Value value) {
  Type type = value.getType();
  return type.isIntOrFloat() ? type.getIntOrFloatBitWidth() : 0;
}

static bool isFree(Operation &op) {
  StringRef name = op.getName().getStringRef();
  return op.hasTrait<OpTrait::ConstantLike>() ||
         op.hasTrait<OpTrait::IsTerminator>() || name == "arith.bitcast" ||
         name == "vector.extract" || name == "vector.from_elements" ||
         name == "vector.bitcast" || name == "vector.broadcast";
}

static std::optional<OpClass> classOf(Operation &op) {
  if (isa<arith::TruncFOp, arith::ExtFOp>(op)) {
    bool wide =
        widthOf(op.getOperand(0)) == 64 || widthOf(op.getResult(0)) == 64;
    return wide ? OpClass::WideConvert : OpClass::HalfConvert;
  }
  static constexpr std::pair<StringLiteral, OpClass> kClasses[] = {
      {"arith.andi", OpClass::Logic},
      {"arith.ori", OpClass::Logic},
      {"arith.xori", OpClass::Logic},
      {"arith.shli", OpClass::Shift},
      {"arith.shrui", OpClass::Shift},
      {"arith.shrsi", OpClass::Shift},
      {"arith.addi", OpClass::Add},
      {"arith.subi", OpClass::Add},
      {"arith.sitofp", OpClass::IntToFloat},
      {"arith.uitofp", OpClass::IntToFloat},
      {"arith.mulf", OpClass::FloatMath},
      {"arith.addf", OpClass::FloatMath},
      {"arith.subf", OpClass::FloatMath},
      {"math.fma", OpClass::FloatMath},
      {"llvm.intr.fma", OpClass::FloatMath},
      {"arith.cmpi", OpClass::Compare},
      {"arith.cmpf", OpClass::Compare},
      {"arith.select", OpClass::Select},
      {"arith.trunci", OpClass::Narrow},
      {"arith.extui", OpClass::Narrow},
      {"arith.extsi", OpClass::Narrow},
  };
  for (auto [name, opClass] : kClasses)
    if (op.getName().getStringRef() == name)
      return opClass;
  return std::nullopt;
}

namespace {
/// Which operations are part of their user's instruction.
class Fusion {
public:
  Fusion(Block &block, const DecodeDevice &device) : device(device) {
    for (Operation &op : block) {
      if (device.rotates && absorbRotation(op))
        continue;
      if (device.ternaryLogic && isLogic(&op))
        absorbLogic(op);
      else
        absorbPair(op);
    }
  }
  bool isAbsorbed(Operation &op) const { return absorbed.contains(&op); }
  bool isRotation(Operation &op) const { return rotations.contains(&op); }

private:
  bool isLogic(Operation *op) const {
    return op && classOf(*op) == OpClass::Logic && !isRotation(*op);
  }

  /// x >> n | x << (width - n).
  bool absorbRotation(Operation &op) {
    auto join = dyn_cast<arith::OrIOp>(op);
    if (!join)
      return false;
    auto right = join.getLhs().getDefiningOp<arith::ShRUIOp>();
    auto left = join.getRhs().getDefiningOp<arith::ShLIOp>();
    llvm::APInt n, m;
    if (!right || !left || right.getLhs() != left.getLhs() ||
        !right->hasOneUse() || !left->hasOneUse() ||
        !matchPattern(right.getRhs(), m_ConstantInt(&n)) ||
        !matchPattern(left.getRhs(), m_ConstantInt(&m)) ||
        (n + m).getZExtValue() != widthOf(join))
      return false;
    absorbed.insert(right);
    absorbed.insert(left);
    rotations.insert(&op);
    return true;
  }

  /// The instruction of `op` takes over those of its operands as long as it has
  /// three inputs.
  void absorbLogic(Operation &op) {
    llvm::SmallSetVector<Value, 4> inputs(op.operand_begin(), op.operand_end());
    for (Value operand : op.getOperands()) {
      Operation *inner = operand.getDefiningOp();
      if (!isLogic(inner) || !operand.hasOneUse())
        continue;
      llvm::SmallSetVector<Value, 4> merged = inputs;
      merged.remove(operand);
      for (Value input : inputsOf[inner])
        merged.insert(input);
      if (merged.size() > 3)
        continue;
      inputs = merged;
      absorbed.insert(inner);
    }
    inputsOf[&op] = SmallVector<Value, 4>(inputs.begin(), inputs.end());
  }

  /// A test for zero or not, as far as that matters.
  static bool isTest(Operation &op) {
    auto compare = dyn_cast<arith::CmpIOp>(op);
    return !compare || ((compare.getPredicate() == arith::CmpIPredicate::eq ||
                         compare.getPredicate() == arith::CmpIPredicate::ne) &&
                        matchPattern(compare.getRhs(), m_Zero()));
  }

  void absorbPair(Operation &op) {
    if (!isTest(op))
      return;
    for (Value operand : op.getOperands()) {
      Operation *inner = operand.getDefiningOp();
      if (!inner || !operand.hasOneUse() || outers.contains(inner))
        continue;
      for (const FusedPair &pair : device.fusedPairs)
        if (inner->getName().getStringRef() == pair.inner &&
            op.getName().getStringRef() == pair.outer) {
          absorbed.insert(inner);
          outers.insert(&op);
          return;
        }
    }
  }

  const DecodeDevice &device;
  llvm::DenseMap<Operation *, SmallVector<Value, 4>> inputsOf;
  llvm::DenseSet<Operation *> absorbed, outers, rotations;
};
} // namespace

/// The cost of a called instruction, or null.
static const OpCost *costOf(func::CallOp call, const DecodeDevice &device) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      call, call.getCalleeAttr());
  auto name = callee ? callee->getAttrOfType<StringAttr>(kInstructionAttrName)
                     : StringAttr();
  for (const LookupCost &row : device.lookups)
    if (name && row.instruction == name.getValue())
      return &row.cost;
  for (const InstructionCost &row : device.instructions)
    if (name && row.instruction == name.getValue())
      return &row.cost;
  return nullptr;
}

llvm::Expected<OpCost> tile::countBlock(Block &block,
                                        const DecodeDevice &device) {
  Fusion fusion(block, device);
  OpCost sum = {0, 0};
  for (Operation &op : block) {
    if (isFree(op) || fusion.isAbsorbed(op))
      continue;
    std::optional<OpCost> cost;
    if (auto call = dyn_cast<func::CallOp>(op)) {
      if (const OpCost *row = costOf(call, device))
        cost = *row;
    } else if (std::optional<OpClass> opClass =
                   fusion.isRotation(op) ? OpClass::Shift : classOf(op)) {
      cost = device.costs[static_cast<unsigned>(*opClass)];
      if (device.isVector && opClass == OpClass::IntToFloat &&
          widthOf(op.getResult(0)) == 16) {
        const OpCost &half =
            device.costs[static_cast<unsigned>(OpClass::HalfConvert)];
        cost->instructions += half.instructions;
        cost->cycles += half.cycles;
      }
    }
    if (!cost)
      return llvm::createStringError(
          "the cost table of " + device.name + " has no row for " +
          op.getName().getStringRef() + "; add one to DecodeCost.cpp");
    unsigned width = widthOf(op.getResult(0));
    for (Value operand : op.getOperands())
      width = std::max(width, widthOf(operand));
    double times = device.isVector && width == 64 ? 2 : 1;
    sum.instructions += times * cost->instructions;
    sum.cycles += times * cost->cycles;
  }
  return sum;
}
