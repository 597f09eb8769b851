//===- Options.cpp - Command line of rung-run -------------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Options.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <iterator>

using namespace rung;

const char *const rung::kRunHelp =
    R"(OVERVIEW: runs an entry of a bundle that rung-compile made

USAGE: rung-run BUNDLE [options]

OPTIONS:
  --list              print the entries, their arguments, and the targets
  --entry=NAME        the entry to run; may be left out when there is one
  --input=FILE.npy    an array, once for each input, in the order of --list
  --output=FILE.npy   where to write a result: first the outputs, then the
                      updated inouts, in the order of --list
  --device=DEVICE     cpu (the default), cuda[:i], hip[:i], sim or sim:cuda:ARCH
  --repeat=N          run N times more and print the median time; on a GPU its
                      arrays lie there meanwhile
  --threads=N         threads to use (default: RUNG_NUM_THREADS, else all cores)
  --help              print this

Formats that numpy has are arrays of that dtype; bf16 is uint16, an 8-bit format
uint8. A narrower format is canonical storage: uint8 of shape
[..., ceil(K * bits / 8)], the codes of a row packed least significant bit first.

EXAMPLE:
  rung-gen matmul --n=64 --k=128 --m=1 --activation=f32 --weight=int4 \
           --result=f32 -o matmul.mlir
  rung-compile matmul.mlir --target=cpu --emit=bundle -o matmul.rung
  rung-run matmul.rung --list
  rung-run matmul.rung --input=x.npy --input=w.npy --output=y.npy --repeat=100
)";

static bool parseNumber(const std::string &text, long long low, long long high,
                        long long &value) {
  char *end = nullptr;
  errno = 0;
  value = std::strtoll(text.c_str(), &end, 10);
  return !text.empty() && *end == 0 && errno == 0 && value >= low &&
         value <= high;
}

/// Takes one option; `value` is what follows its '='.
static std::string takeOption(const std::string &name, const std::string &value,
                              RunOptions &options) {
  long long number = 0;
  static constexpr const char *kNames[] = {"entry",  "device", "input",
                                           "output", "repeat", "threads"};
  if (std::find(std::begin(kNames), std::end(kNames), name) == std::end(kNames))
    return "unknown option '--" + name + "'; rung-run --help lists them";
  if (value.empty())
    return "--" + name + " is empty, expected --" + name + "=VALUE";
  if (name == "entry") {
    options.entry = value;
  } else if (name == "device") {
    std::string kind = value.substr(0, value.find(':'));
    bool indexed = kind != value;
    bool known = indexed ? kind == "cuda" || kind == "hip"
                         : kind == "cpu" || kind == "cuda" || kind == "hip" ||
                               kind == "sim";
    if (indexed && known)
      known = parseNumber(value.substr(kind.size() + 1), 0, 1023, number);
    // One of several targets of the bundle.
    if (indexed && kind == "sim")
      known = value.rfind("sim:cuda:", 0) == 0;
    if (!known)
      return "--device=" + value +
             ", expected cpu, cuda, cuda:i, hip, hip:i, sim or sim:cuda:ARCH";
    options.device = value;
  } else if (name == "input") {
    options.inputs.push_back(value);
  } else if (name == "output") {
    options.outputs.push_back(value);
  } else if (name == "repeat") {
    if (!parseNumber(value, 1, 1000000000, number))
      return "--repeat=" + value + ", expected a number from 1";
    options.repeat = number;
  } else {
    if (!parseNumber(value, 1, 1024, number))
      return "--threads=" + value + ", expected a number from 1 to 1024";
    options.threads = static_cast<uint32_t>(number);
  }
  return "";
}

std::string rung::parseOptions(int argc, const char *const *argv,
                               RunOptions &options) {
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      options.help = true;
      return "";
    }
    if (argument == "--list") {
      options.list = true;
      continue;
    }
    if (argument.size() < 2 || argument[0] != '-') {
      if (!options.bundle.empty())
        return "two bundles, '" + options.bundle + "' and '" + argument +
               "', expected one";
      options.bundle = argument;
      continue;
    }
    std::string name = argument.substr(argument[1] == '-' ? 2 : 1);
    size_t equals = name.find('=');
    std::string value;
    if (equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i]; // "--input x.npy" is as good
    }
    if (std::string problem = takeOption(name, value, options);
        !problem.empty())
      return problem;
  }
  if (options.bundle.empty())
    return "no bundle given; rung-run --help shows how";
  return "";
}
