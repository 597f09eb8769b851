//===- Decode.cpp - rung-format --decode -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Decode.h"
#include "rung/Dialect/Rung/IR/Rung.h"
#include "rung/Dialect/Tile/Transforms/DecodeProgram.h"
#include "rung/Numerics/Lossless.h"
#include "rung/Numerics/NamedFormats.h"
#include "rung/Numerics/Report.h"
#include "rung/Target/Device.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <cmath>

using namespace mlir;
using namespace rung;
using namespace rung::tile;
namespace json = llvm::json;

/// Fills in the device, or says which targets there are.
static llvm::Error setTarget(DecodeRequest &request, StringRef target) {
  // The simulator runs the device's own sequences.
  StringRef simulated = target;
  simulated.consume_front("sim:");
  request.device = findGPUDecodeDevice(simulated);
  if (request.device)
    return llvm::Error::success();
  if (target != "cpu" && !target.starts_with("cpu:"))
    return llvm::createStringError(
        "unknown target '" + target +
        "' for --decode, expected cpu, cpu:NAME (an LLVM CPU name such as "
        "znver4), " +
        listGPUDecodeDevices());
  llvm::Expected<CPUTarget> cpu = parseCPUTarget(target);
  if (!cpu)
    return cpu.takeError();
  request.device = &getX86DecodeDevice(cpu->vectorBits());
  request.lookupEntries =
      getDevice(request.from.getContext(), *cpu).getInt("lookup_entries", 0);
  return llvm::Error::success();
}

static void printJson(llvm::raw_ostream &os, const DecodeProgram &program,
                      const DecodeDevice &device, StringRef mlir) {
  const BitOrder &order = program.order;
  json::OStream out(os);
  out.object([&] {
    out.attribute("registers", order.words());
    out.attribute("values", order.codes());
    out.attributeArray("order", [&] {
      for (unsigned code = 0; code != order.codes(); ++code)
        out.array([&] {
          for (unsigned bit = 0; bit != order.bits(); ++bit)
            out.value(order.position(code, bit));
        });
    });
    out.attributeArray("xor", [&] {
      for (uint32_t flips : order.flips())
        out.value(flips);
    });
    out.attribute("instructions",
                  static_cast<int64_t>(program.cost.instructions));
    out.attribute("instructions_per_8", program.instructionsPer8(device));
    out.attribute("cycles_per_8", program.cyclesPer8(device));
    out.attributeArray("factor", [&] {
      for (double factor : program.factors)
        out.value(factor);
    });
    out.attribute("offset", program.offset);
    out.attribute("proved_codes", static_cast<int64_t>(program.provedCodes));
    out.attribute("mlir", mlir);
  });
  os << "\n";
}

/// One number if all are equal.
static std::string factorsText(ArrayRef<double> factors) {
  if (llvm::all_equal(factors))
    return formatDecimal(factors.front());
  return "[" +
         llvm::join(llvm::map_range(factors,
                                    [](double x) { return formatDecimal(x); }),
                    ", ") +
         "]";
}

static void printText(llvm::raw_ostream &os, const DecodeProgram &program,
                      const DecodeRequest &request, StringRef mlir,
                      const DecodeOptions &options) {
  const DecodeDevice &device = *request.device;
  const BitOrder &order = program.order;
  os << options.from << " to " << options.to << " on " << device.name << "\n";
  os << llvm::formatv("  unit          {0} values in {1} words of 32 bits, {2}",
                      order.codes(), order.words(), order.str());
  if (device.lanes != 1)
    os << "; " << device.lanes << " units at a time";
  os << "\n";
  if (!isLossless(*numberFormatOf(request.from), *numberFormatOf(request.to)))
    os << "  rounds        values that " << options.to
       << " lacks, to nearest even\n";
  os << "  method        " << program.method << "\n";
  os << llvm::formatv("  instructions  {0} ({1:F2} per 8 values)\n",
                      static_cast<int64_t>(program.cost.instructions),
                      program.instructionsPer8(device));
  os << llvm::formatv("  cycles        {0:F2} per 8 values\n",
                      program.cyclesPer8(device));
  if (options.freeScale)
    os << "  value         " << factorsText(program.factors) << " * result "
       << (program.offset < 0 ? "+ " : "- ")
       << formatDecimal(std::fabs(program.offset)) << "\n";
  for (const DecodeAlternative &other : program.alternatives)
    os << llvm::formatv("  instead of    {0:F2} by {1}{2}{3}\n",
                        other.instructions, other.method,
                        other.refusal.empty() ? "" : ": ", other.refusal);
  os << llvm::formatv("  proved        {0} codes, each in {1} positions\n\n{2}",
                      program.provedCodes, order.codes(), mlir);
}

llvm::Error printDecode(llvm::raw_ostream &os, Type from, Type to,
                        const DecodeOptions &options) {
  DecodeRequest request;
  request.from = from;
  request.to = to;
  request.freeScale = options.freeScale;
  if (llvm::Error error = setTarget(request, options.target))
    return error;
  llvm::Expected<DecodeProgram> program = makeDecodeProgram(request);
  if (!program)
    return llvm::createStringError(options.from + " to " + options.to + ": " +
                                   llvm::toString(program.takeError()));
  std::string mlir;
  llvm::raw_string_ostream stream(mlir);
  program->module->print(stream);
  stream << "\n";
  if (options.json)
    printJson(os, *program, *request.device, mlir);
  else
    printText(os, *program, request, mlir, options);
  return llvm::Error::success();
}
