//===- OneInstruction.cpp - A kernel of one instruction ---------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OneInstruction.h"

using namespace rung::sim;

/// "%NAME = getelementptr ..." of word `index` of %count in the block's slice.
static std::string placeOf(const std::string &name, const char *base,
                           size_t index, size_t count) {
  std::string text;
  text += "  %" + name + "b = mul i32 %block, " + std::to_string(count * 32);
  text += "\n  %" + name + "i = add i32 %" + name + "b, " +
          std::to_string(index * 32);
  text += "\n  %" + name + "l = add i32 %" + name + "i, %lane";
  text += "\n  %" + name + " = getelementptr i64, ptr %" + base + ", i32 %" +
          name + "l\n";
  return text;
}

static bool isConstant(const std::string &operand) {
  return operand.find(' ') != std::string::npos && operand[0] != '<';
}

OneInstruction::OneInstruction(const std::string &declarations,
                               const std::string &body,
                               std::vector<std::string> operands,
                               std::vector<std::string> results,
                               const std::string &device)
    : resultCount(results.size()) {
  for (const std::string &operand : operands)
    operandCount += !isConstant(operand);
  std::string text = declarations + R"(
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
define ptx_kernel void @k(ptr %in, ptr %out) {
  %lane = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %block = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
)";
  size_t index = 0;
  for (size_t i = 0; i != operands.size(); ++i) {
    if (isConstant(operands[i]))
      continue;
    std::string number = std::to_string(i);
    text += placeOf("p" + number, "in", index++, operandCount) + "  %a" +
            number + " = load " + operands[i] + ", ptr %p" + number + "\n";
  }
  text += body + "\n";
  for (size_t i = 0; i != results.size(); ++i) {
    std::string number = std::to_string(i);
    text += placeOf("q" + number, "out", i, resultCount);
    std::string type = results[i], value = "%r" + number;
    if (type == "i1") {
      text += "  %z" + number + " = zext i1 " + value + " to i32\n";
      type = "i32", value = "%z" + number;
    }
    text += "  store " + type + " " + value + ", ptr %q" + number + "\n";
  }
  kernel = std::make_unique<KernelRunner>(text + "  ret void\n}\n", device);
  EXPECT_EQ(kernel->error, "") << text;
}

OneInstruction OneInstruction::call(const std::string &intrinsic,
                                    std::vector<std::string> operands,
                                    std::vector<std::string> results,
                                    const std::string &device) {
  std::string types, values, members;
  for (size_t i = 0; i != operands.size(); ++i) {
    bool constant = isConstant(operands[i]);
    types +=
        (i ? ", " : "") +
        (constant ? operands[i].substr(0, operands[i].find(' ')) : operands[i]);
    values +=
        (i ? ", " : "") +
        (constant ? operands[i] : operands[i] + " %a" + std::to_string(i));
  }
  for (size_t i = 0; i != results.size(); ++i)
    members += (i ? ", " : "") + results[i];
  bool several = results.size() > 1;
  std::string type = several ? "{ " + members + " }" : members;
  std::string body = std::string(several ? "  %r" : "  %r0") + " = call " +
                     type + " @" + intrinsic + "(" + values + ")\n";
  for (size_t i = 0; several && i != results.size(); ++i)
    body += "  %r" + std::to_string(i) + " = extractvalue " + type + " %r, " +
            std::to_string(i) + "\n";
  return OneInstruction("declare " + type + " @" + intrinsic + "(" + types +
                            ")\n",
                        body, operands, results, device);
}

std::vector<WarpWords>
OneInstruction::run(const std::vector<WarpWords> &warps) {
  std::vector<uint64_t> in, out(warps.size() * resultCount * kLanes);
  for (const WarpWords &warp : warps) {
    EXPECT_EQ(warp.size(), operandCount);
    for (const auto &words : warp)
      in.insert(in.end(), words.begin(), words.end());
  }
  EXPECT_EQ(kernel->run({uint32_t(warps.size())}, {kLanes},
                        {Argument(in), Argument(out)}, /*seed=*/in.size()),
            "");
  std::vector<WarpWords> results(warps.size(), WarpWords(resultCount));
  auto word = out.begin();
  for (WarpWords &warp : results)
    for (auto &lanes : warp)
      for (uint64_t &result : lanes)
        result = *word++;
  return results;
}

std::vector<WarpWords>
rung::sim::makeOperands(size_t count, size_t operands,
                        std::function<uint64_t(size_t)> word) {
  std::vector<WarpWords> warps(count, WarpWords(operands));
  for (WarpWords &warp : warps)
    for (size_t operand = 0; operand != operands; ++operand)
      for (uint64_t &value : warp[operand])
        value = word(operand);
  return warps;
}

std::vector<WarpWords>
rung::sim::oneOperand(const std::vector<uint64_t> &values) {
  size_t next = 0;
  return makeOperands((values.size() + kLanes - 1) / kLanes, 1,
                      [&](size_t) { return values[next++ % values.size()]; });
}
