//===- MatrixTest.cpp - Matrix instructions ---------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every matrix instruction of the L40's table. Which lane holds what is written
// here as the PTX ISA manual has it (with g = lane / 4, t = lane % 4).
//
//===----------------------------------------------------------------------===//

#include "OneInstruction.h"

#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Numerics/NumberFormat.h"
#include "rung/Target/NVIDIADevice.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace rung;
using namespace rung::sim;

namespace {

std::mt19937_64 &generator() {
  static std::mt19937_64 engine(6);
  return engine;
}

/// One instruction with k = 16 (16 bits) or 32 (8 bits).
struct Case {
  std::string intrinsic;
  NumberFormat a, b;
  bool integer;

  unsigned bits() const { return a.bits(); }
  unsigned depth() const { return bits() == 16 ? 16 : 32; }
  unsigned perWord() const { return 32 / bits(); }
};

std::vector<Case> allCases() {
  mlir::MLIRContext context;
  DeviceAttr device = llvm::cantFail(getNVIDIADevice(&context, "sm_89"));
  std::vector<Case> cases;
  for (auto row : device.getProperties()
                      .getAs<mlir::ArrayAttr>("matrix")
                      .getAsRange<MatrixInstructionAttr>())
    cases.push_back({row.getIntrinsic().str(), *numberFormatOf(row.getA()),
                     *numberFormatOf(row.getB()), row.getC().isInteger(32)});
  return cases;
}

/// Where element e of register r of A is: row and k.
std::pair<unsigned, unsigned> placeOfA(const Case &of, unsigned lane,
                                       unsigned r, unsigned e) {
  unsigned g = lane / 4, t = lane % 4, half = of.depth() / 2;
  return {g + 8 * (r % 2), of.perWord() * t + e + half * (r / 2)};
}
/// Of B: k and column.
std::pair<unsigned, unsigned> placeOfB(const Case &of, unsigned lane,
                                       unsigned r, unsigned e) {
  unsigned g = lane / 4, t = lane % 4, half = of.depth() / 2;
  return {of.perWord() * t + e + half * r, g};
}
/// Of C: row and column.
std::pair<unsigned, unsigned> placeOfC(unsigned lane, unsigned r) {
  return {lane / 4 + 8 * (r / 2), 2 * (lane % 4) + r % 2};
}

class Matrix : public testing::TestWithParam<Case> {
protected:
  OneInstruction makeInstruction() {
    const Case &of = GetParam();
    bool pairs = of.intrinsic.find("m16n8k16.row.col.f32.f32") !=
                 std::string::npos; // halves are vectors
    std::string type = of.integer ? "i32" : "float";
    std::vector<std::string> operands(6, pairs ? "<2 x half>" : "i32");
    operands.insert(operands.end(), 4, type);
    return OneInstruction::call(of.intrinsic, operands,
                                std::vector<std::string>(4, type), "sm_89");
  }

  /// Registers 0..3 are A, 4 and 5 are B, 6..9 are C; codes from `code`.
  WarpWords
  makeOperands(const std::function<unsigned(const NumberFormat &)> &code,
               const std::function<double()> &c) {
    const Case &of = GetParam();
    WarpWords words(10);
    for (unsigned operand = 0; operand != 10; ++operand)
      for (uint64_t &word : words[operand]) {
        word = 0;
        if (operand >= 6) {
          word = of.integer ? uint32_t(int32_t(c()))
                            : bitsAs<uint32_t>(float(c()));
          continue;
        }
        for (unsigned e = 0; e != of.perWord(); ++e)
          word |= uint64_t(code(operand < 4 ? of.a : of.b)) << of.bits() * e;
      }
    return words;
  }

  using Values = std::vector<std::vector<double>>;
  static double decode(const NumberFormat &format, uint64_t word, unsigned e) {
    uint64_t code = word >> format.bits() * e & ((1u << format.bits()) - 1);
    return format.valueAsDouble(code);
  }
  Values matrixA(const WarpWords &words) {
    Values a(16, std::vector<double>(GetParam().depth()));
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned r = 0; r != 4; ++r)
        for (unsigned e = 0; e != GetParam().perWord(); ++e) {
          auto [row, k] = placeOfA(GetParam(), lane, r, e);
          a[row][k] = decode(GetParam().a, words[r][lane], e);
        }
    return a;
  }
  Values matrixB(const WarpWords &words) {
    Values b(GetParam().depth(), std::vector<double>(8));
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned r = 0; r != 2; ++r)
        for (unsigned e = 0; e != GetParam().perWord(); ++e) {
          auto [k, column] = placeOfB(GetParam(), lane, r, e);
          b[k][column] = decode(GetParam().b, words[4 + r][lane], e);
        }
    return b;
  }
  double accumulator(uint64_t word) {
    return GetParam().integer ? double(int32_t(word))
                              : double(bitsAs<float>(word));
  }
};

/// A code of a finite value below 16 in magnitude with few bits, so that sums
/// are exact in any order.
unsigned smallCode(const NumberFormat &format) {
  for (;;) {
    unsigned code = generator()() & ((1u << format.bits()) - 1);
    double value = format.valueAsDouble(code);
    if (std::isfinite(value) && std::fabs(value) <= 16 &&
        value * 4 == std::floor(value * 4))
      return code;
  }
}

TEST_P(Matrix, ExactSums) {
  OneInstruction instruction = makeInstruction();
  std::vector<WarpWords> warps;
  for (int i = 0; i != 20; ++i)
    warps.push_back(makeOperands(smallCode, [] {
      return double(int64_t(generator()() % 2001) - 1000);
    }));
  auto results = instruction.run(warps);
  for (size_t i = 0; i != warps.size(); ++i) {
    Values a = matrixA(warps[i]), b = matrixB(warps[i]);
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned r = 0; r != 4; ++r) {
        auto [row, column] = placeOfC(lane, r);
        double expected = accumulator(warps[i][6 + r][lane]);
        for (unsigned k = 0; k != GetParam().depth(); ++k)
          expected += a[row][k] * b[k][column];
        ASSERT_EQ(accumulator(results[i][r][lane]), expected)
            << "row " << row << " column " << column;
      }
  }
}

/// Any operands: one rounding to f32 for each product that is added, in the
/// order of k; integers wrap.
TEST_P(Matrix, RoundsInTheOrderOfK) {
  OneInstruction instruction = makeInstruction();
  auto anyFinite = [](const NumberFormat &format) -> unsigned {
    for (;;) {
      unsigned code = generator()() & ((1u << format.bits()) - 1);
      double value = format.valueAsDouble(code);
      // Products of bf16 that f32 does not hold are another matter.
      if (std::isfinite(value) && std::fabs(value) < 0x1p15 &&
          (value == 0 || std::fabs(value) > 0x1p-40))
        return code;
    }
  };
  std::normal_distribution<double> normal(0, 0x1p30);
  std::vector<WarpWords> warps;
  for (int i = 0; i != 20; ++i)
    warps.push_back(
        makeOperands(anyFinite, [&] { return normal(generator()); }));
  auto results = instruction.run(warps);
  for (size_t i = 0; i != warps.size(); ++i) {
    Values a = matrixA(warps[i]), b = matrixB(warps[i]);
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned r = 0; r != 4; ++r) {
        auto [row, column] = placeOfC(lane, r);
        uint64_t c = warps[i][6 + r][lane];
        float sum = bitsAs<float>(c);
        uint32_t count = uint32_t(c);
        for (unsigned k = 0; k != GetParam().depth(); ++k) {
          double product = a[row][k] * b[k][column];
          sum = std::fmaf(a[row][k], b[k][column], sum);
          count += uint32_t(int64_t(product));
        }
        uint32_t expected = GetParam().integer ? count : bitsAs<uint32_t>(sum);
        ASSERT_EQ(uint32_t(results[i][r][lane]), expected);
      }
  }
}

TEST_P(Matrix, SpecialValues) {
  const Case &of = GetParam();
  if (!of.a.hasNaN())
    return; // integers: every code is in the tests above
  OneInstruction instruction = makeInstruction();
  WarpWords words = makeOperands(smallCode, [] { return 0.0; });
  unsigned nan = *of.a.encode(double(NAN));
  words[0][0] = nan; // A's row 0, k 0
  auto result = instruction.run({words})[0];
  for (unsigned lane = 0; lane != kLanes; ++lane)
    for (unsigned r = 0; r != 4; ++r)
      EXPECT_EQ(std::isnan(accumulator(result[r][lane])),
                placeOfC(lane, r).first == 0);
}

INSTANTIATE_TEST_SUITE_P(Table, Matrix, testing::ValuesIn(allCases()),
                         [](const auto &info) {
                           std::string name = info.param.intrinsic.substr(
                               std::strlen("llvm.nvvm.mma."));
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

} // namespace
