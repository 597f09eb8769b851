//===- ScalarInstructionsTest.cpp - Instructions of one lane ----*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Against APFloat and Numerics, which share no code with the virtual GPU.
//
//===----------------------------------------------------------------------===//

#include "OneInstruction.h"

#include "rung/Numerics/NumberFormat.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>
#include <gmock/gmock.h>

using namespace rung;
using namespace rung::sim;
using llvm::APFloat;
using llvm::APInt;

namespace {

std::mt19937_64 &generator() {
  static std::mt19937_64 engine(7);
  return engine;
}

uint64_t codeOf(const APFloat &value) {
  return value.bitcastToAPInt().getZExtValue();
}

/// Values of a float format of `bits` bits that matter: zeroes, subnormals,
/// ends, neighbours of 1, and random ones, half of them of like exponents.
uint64_t pickCode(unsigned bits, unsigned mantissaBits) {
  uint64_t code = generator()() >> (64 - bits),
           sign = code >> (bits - 1) << (bits - 1);
  uint64_t one = ((uint64_t(1) << (bits - mantissaBits - 2)) - 1)
                 << mantissaBits;
  switch (generator()() % 8) {
  case 0:
    return sign;
  case 1: // a subnormal
    return sign | (code & ((uint64_t(1) << mantissaBits) - 1));
  case 2: // the greatest finite numbers, infinity, NaN
    return sign | ((uint64_t(1) << (bits - 1)) - (uint64_t(1) << mantissaBits) -
                   2 + generator()() % 5);
  case 3:
  case 4:
    return sign | (one + (generator()() % 8 << mantissaBits) +
                   (code & ((uint64_t(1) << mantissaBits) - 1)));
  default:
    return code;
  }
}

struct FloatFormat {
  const char *name; ///< in LLVM IR
  const llvm::fltSemantics &semantics;
  unsigned bits, mantissaBits;

  uint64_t pick() const { return pickCode(bits, mantissaBits); }
  APFloat value(uint64_t code) const {
    return APFloat(semantics, APInt(bits, code & ((uint64_t(1) << bits) - 1)));
  }
};

const FloatFormat kHalf = {"half", APFloat::IEEEhalf(), 16, 10},
                  kBFloat = {"bfloat", APFloat::BFloat(), 16, 7};

/// Equal codes, or both NaN.
void expectSame(const FloatFormat &format, uint64_t found,
                const APFloat &expected, const std::string &what) {
  APFloat value = format.value(found);
  if (expected.isNaN())
    EXPECT_TRUE(value.isNaN()) << what;
  else
    EXPECT_EQ(codeOf(value), codeOf(expected)) << what;
}

class Floats : public testing::TestWithParam<FloatFormat> {};

/// An operation of LLVM on this format with up to three operands.
void checkOperation(const FloatFormat &format, const std::string &declaration,
                    const std::string &operation, unsigned count,
                    std::function<APFloat(std::vector<APFloat>)> model,
                    bool pairs) {
  std::string type =
      pairs ? std::string("<2 x ") + format.name + ">" : format.name;
  OneInstruction instruction(declaration, "  %r0 = " + operation,
                             std::vector<std::string>(count, type), {type});
  auto warps = makeOperands(
      600, count, [&](size_t) { return format.pick() << 16 | format.pick(); });
  auto results = instruction.run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane)
      for (unsigned half = 0; half <= pairs; ++half) {
        std::vector<APFloat> operands;
        std::string what = operation;
        for (unsigned j = 0; j != count; ++j) {
          operands.push_back(format.value(warps[i][j][lane] >> 16 * half));
          what += " " + std::to_string(codeOf(operands.back()));
        }
        expectSame(format, results[i][0][lane] >> 16 * half, model(operands),
                   what);
        if (testing::Test::HasFailure())
          return;
      }
}

constexpr auto kNearest = APFloat::rmNearestTiesToEven;

TEST_P(Floats, Arithmetic) {
  const FloatFormat &format = GetParam();
  for (bool pairs : {false, true}) {
    std::string type =
        pairs ? std::string("<2 x ") + format.name + ">" : format.name;
    std::string operands = type + " %a0, %a1";
    auto check = [&](const std::string &operation, auto model) {
      checkOperation(
          format, "", operation + " " + operands, 2,
          [&](auto x) {
            model(x[0], x[1]);
            return x[0];
          },
          pairs);
    };
    check("fadd", [](APFloat &a, APFloat &b) { a.add(b, kNearest); });
    check("fsub", [](APFloat &a, APFloat &b) { a.subtract(b, kNearest); });
    check("fmul", [](APFloat &a, APFloat &b) { a.multiply(b, kNearest); });
    check("fdiv", [](APFloat &a, APFloat &b) { a.divide(b, kNearest); });
    checkOperation(
        format, "", "fneg " + type + " %a0", 1,
        [](auto x) {
          x[0].changeSign();
          return x[0];
        },
        pairs);
  }
}

TEST_P(Floats, FusedMultiplyAdd) {
  const FloatFormat &format = GetParam();
  auto model = [](auto x) {
    x[0].fusedMultiplyAdd(x[1], x[2], kNearest);
    return x[0];
  };
  std::string f = format.mantissaBits == 10 ? "f16" : "bf16";
  for (auto [name, pairs] :
       {std::pair{"llvm.fma." + f, false}, std::pair{"llvm.fma.v2" + f, true},
        std::pair{"llvm.nvvm.fma.rn." + f, false},
        std::pair{"llvm.nvvm.fma.rn." + f + "x2", true}}) {
    std::string type =
        pairs ? std::string("<2 x ") + format.name + ">" : format.name;
    checkOperation(format,
                   "declare " + type + " @" + name + "(" + type + ", " + type +
                       ", " + type + ")",
                   "call " + type + " @" + name + "(" + type + " %a0, " + type +
                       " %a1, " + type + " %a2)",
                   3, model, pairs);
  }
}

TEST_P(Floats, Conversions) {
  const FloatFormat &format = GetParam();
  std::string type = format.name;
  // From doubles that are near to a tie, and from single precision.
  for (bool wide : {true, false}) {
    OneInstruction narrow("",
                          std::string("  %r0 = fptrunc ") +
                              (wide ? "double" : "float") + " %a0 to " + type,
                          {wide ? "double" : "float"}, {type});
    auto warps = makeOperands(600, 1, [&](size_t) {
      APFloat value = format.value(format.pick());
      bool lost;
      value.convert(wide ? APFloat::IEEEdouble() : APFloat::IEEEsingle(),
                    kNearest, &lost);
      uint64_t tie = uint64_t(1)
                     << ((wide ? 52 : 23) - format.mantissaBits - 1);
      return codeOf(value) + generator()() % 2 * tie + generator()() % 3 - 1;
    });
    auto results = narrow.run(warps);
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane) {
        APFloat value(wide ? APFloat::IEEEdouble() : APFloat::IEEEsingle(),
                      APInt(wide ? 64 : 32, wide
                                                ? warps[i][0][lane]
                                                : uint32_t(warps[i][0][lane])));
        bool lost;
        value.convert(format.semantics, kNearest, &lost);
        expectSame(format, results[i][0][lane], value, "fptrunc");
      }
  }
  // From integers.
  OneInstruction convert("", "  %r0 = sitofp i32 %a0 to " + type, {"i32"},
                         {type});
  auto warps = makeOperands(100, 1, [&](size_t) {
    return uint32_t(int32_t(generator()()) >> generator()() % 32);
  });
  auto results = convert.run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane) {
      APFloat expected(format.semantics);
      expected.convertFromAPInt(
          APInt(32, int32_t(warps[i][0][lane]), /*isSigned=*/true), true,
          kNearest);
      expectSame(format, results[i][0][lane], expected, "sitofp");
    }
}

INSTANTIATE_TEST_SUITE_P(Formats, Floats, testing::Values(kHalf, kBFloat),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

//===----------------------------------------------------------------------===//
// 8-bit floats
//===----------------------------------------------------------------------===//

struct EightBits {
  const char *name;
  NumberFormat format;
};

std::vector<EightBits> eightBits() {
  return {
      {"e4m3", llvm::cantFail(NumberFormat::minifloat(4, 3, 7, Specials::FN))},
      {"e5m2",
       llvm::cantFail(NumberFormat::minifloat(5, 2, 15, Specials::IEEE))}};
}

TEST(EightBitFloats, ToHalf) {
  for (const auto &[name, format] : eightBits()) {
    std::vector<uint64_t> codes;
    for (uint64_t low = 0; low != 256; ++low)
      codes.push_back((low * 77 & 0xff) << 8 | low);
    auto warps = oneOperand(codes);
    auto results = OneInstruction::call(std::string("llvm.nvvm.") + name +
                                            "x2.to.f16x2.rn",
                                        {"i16"}, {"<2 x half>"})
                       .run(warps);
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane)
        for (unsigned half = 0; half != 2; ++half) {
          double expected =
              format.valueAsDouble(warps[i][0][lane] >> 8 * half & 0xff);
          double found =
              kHalf.value(results[i][0][lane] >> 16 * half).convertToDouble();
          if (std::isnan(expected))
            EXPECT_TRUE(std::isnan(found));
          else
            EXPECT_EQ(found, expected) << name << " " << warps[i][0][lane];
        }
  }
}

/// Nearest even, saturated; NaN becomes 0x7f.
uint64_t expectedCode(const NumberFormat &format, double value) {
  return std::isnan(value) ? 0x7f
                           : *format.encode(value, {}, /*saturate=*/true);
}

TEST(EightBitFloats, FromHalf) {
  for (const auto &[name, format] : eightBits()) {
    std::vector<uint64_t> codes;
    for (uint64_t low = 0; low != 1 << 16; ++low)
      codes.push_back((low * 77 & 0xffff) << 16 | low);
    auto warps = oneOperand(codes);
    auto results = OneInstruction::call(std::string("llvm.nvvm.f16x2.to.") +
                                            name + "x2.rn",
                                        {"<2 x half>"}, {"i16"})
                       .run(warps);
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane)
        for (unsigned half = 0; half != 2; ++half)
          EXPECT_EQ(
              results[i][0][lane] >> 8 * half & 0xff,
              expectedCode(format, kHalf.value(warps[i][0][lane] >> 16 * half)
                                       .convertToDouble()))
              << name << " " << warps[i][0][lane];
  }
}

TEST(EightBitFloats, FromSingle) {
  for (const EightBits &row : eightBits()) {
    const auto &[name, format] = row;
    auto warps = makeOperands(600, 2, [&](size_t) -> uint64_t {
      if (generator()() % 2)
        return pickCode(32, 23);
      // Near to a tie.
      double value = row.format.valueAsDouble(generator()() % 120);
      auto code = bitsAs<uint32_t>(float(value));
      return code + (1 << (22 - row.format.mantissaBits())) +
             generator()() % 3 - 1;
    });
    auto results =
        OneInstruction::call(std::string("llvm.nvvm.ff.to.") + name + "x2.rn",
                             {"float", "float"}, {"i16"})
            .run(warps);
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane)
        for (unsigned operand = 0; operand != 2; ++operand) // the first is high
          EXPECT_EQ(
              results[i][0][lane] >> 8 * (1 - operand) & 0xff,
              expectedCode(format, bitsAs<float>(warps[i][operand][lane])))
              << name << " " << warps[i][operand][lane];
  }
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

TEST(IntegerInstructions, Permute) {
  auto warps = makeOperands(200, 3, [](size_t) { return generator()(); });
  auto results =
      OneInstruction::call("llvm.nvvm.prmt", {"i32", "i32", "i32"}, {"i32"})
          .run(warps);
  for (size_t i = 0; i != warps.size(); ++i)
    for (unsigned lane = 0; lane != kLanes; ++lane) {
      uint8_t bytes[8];
      auto a = uint32_t(warps[i][0][lane]), b = uint32_t(warps[i][1][lane]);
      std::memcpy(bytes, &a, 4);
      std::memcpy(bytes + 4, &b, 4);
      for (unsigned j = 0; j != 4; ++j) {
        unsigned selector = warps[i][2][lane] >> 4 * j & 0xf;
        int8_t byte = bytes[selector & 7];
        uint8_t expected = selector & 8 ? byte >> 7 : byte;
        EXPECT_EQ(results[i][0][lane] >> 8 * j & 0xff, expected);
      }
    }
}

TEST(IntegerInstructions, DotProducts) {
  for (bool signedA : {false, true})
    for (bool signedB : {false, true}) {
      auto warps = makeOperands(60, 3, [](size_t) { return generator()(); });
      auto results = OneInstruction::call(std::string("llvm.nvvm.idp4a.") +
                                              (signedA ? "s." : "u.") +
                                              (signedB ? "s" : "u"),
                                          {"i32", "i32", "i32"}, {"i32"})
                         .run(warps);
      for (size_t i = 0; i != warps.size(); ++i)
        for (unsigned lane = 0; lane != kLanes; ++lane) {
          int64_t sum = uint32_t(warps[i][2][lane]);
          for (unsigned j = 0; j != 4; ++j) {
            auto byte = [&](unsigned operand, bool isSigned) -> int64_t {
              uint8_t code = warps[i][operand][lane] >> 8 * j;
              return isSigned && code > 127 ? code - 256 : code;
            };
            sum += byte(0, signedA) * byte(1, signedB);
          }
          EXPECT_EQ(uint32_t(results[i][0][lane]), uint32_t(sum));
        }
    }
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

TEST(Functions, Single) {
  struct {
    const char *name;
    double (*model)(double);
    bool flush;
    double from, to;
  } functions[] = {
      {"llvm.nvvm.ex2.approx.f32", std::exp2, false, -160, 140},
      {"llvm.nvvm.ex2.approx.ftz.f32", std::exp2, true, -160, 140},
      {"llvm.exp2.f32", std::exp2, false, -160, 140},
      {"llvm.nvvm.lg2.approx.f", std::log2, false, 0, 1e6},
      {"llvm.log2.f32", std::log2, false, 0, 1e6},
      {"llvm.nvvm.rcp.approx.ftz.f", [](double x) { return 1 / x; }, true,
       -0x1p127, 0x1p127},
      {"llvm.nvvm.rcp.rn.f", [](double x) { return 1 / x; }, false, -1e3, 1e3},
      {"llvm.nvvm.rsqrt.approx.f", [](double x) { return 1 / std::sqrt(x); },
       false, 0, 1e3},
      {"llvm.nvvm.sqrt.approx.f", std::sqrt, false, 0, 1e3},
      {"llvm.nvvm.sin.approx.f", std::sin, false, -3, 3},
      {"llvm.nvvm.cos.approx.f", std::cos, false, -3, 3},
      {"llvm.tanh.f32", std::tanh, false, -10, 10},
  };
  for (const auto &function : functions) {
    std::uniform_real_distribution<double> uniform(function.from, function.to);
    size_t next = 0;
    const float special[] = {0.0f,  -0.0f,     INFINITY,   -INFINITY,
                             NAN,   0x1p-140f, -0x1p-130f, 1.0f,
                             -1.0f, 0x1p127f};
    auto warps = makeOperands(30, 1, [&](size_t) {
      float x = next < std::size(special) ? special[next]
                                          : float(uniform(generator()));
      ++next;
      return bitsAs<uint32_t>(x);
    });
    auto results =
        OneInstruction::call(function.name, {"float"}, {"float"}).run(warps);
    auto flushed = [&](float x) {
      return function.flush && std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x)
                                                        : x;
    };
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane) {
        float x = bitsAs<float>(warps[i][0][lane]);
        float expected = flushed(float(function.model(flushed(x))));
        float found = bitsAs<float>(results[i][0][lane]);
        // An ulp, or two of the smallest subnormal.
        if (std::isnan(expected))
          EXPECT_TRUE(std::isnan(found)) << function.name << " " << x;
        else if (std::isinf(expected) || expected == 0)
          EXPECT_EQ(found, expected) << function.name << " " << x;
        else
          EXPECT_NEAR(found, expected, std::fabs(expected) * 0x1p-22 + 0x1p-148)
              << function.name << " " << x;
      }
  }
}

TEST(Functions, Half) {
  struct {
    const char *name;
    double (*model)(double);
  } functions[] = {{"llvm.nvvm.ex2.approx.f16", std::exp2},
                   {"llvm.exp2.f16", std::exp2},
                   {"llvm.tanh.f16", std::tanh}};
  std::vector<uint64_t> codes;
  for (uint64_t code = 0; code != 1 << 16; ++code)
    codes.push_back(code);
  auto warps = oneOperand(codes);
  for (const auto &function : functions) {
    auto results =
        OneInstruction::call(function.name, {"half"}, {"half"}).run(warps);
    for (size_t i = 0; i != warps.size(); ++i)
      for (unsigned lane = 0; lane != kLanes; ++lane) {
        APFloat expected(
            function.model(kHalf.value(warps[i][0][lane]).convertToDouble()));
        bool lost;
        expected.convert(APFloat::IEEEhalf(), kNearest, &lost);
        expectSame(kHalf, results[i][0][lane], expected, function.name);
      }
  }
}

} // namespace
