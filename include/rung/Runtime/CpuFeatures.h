//===- CpuFeatures.h - What this processor can do ---------------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_RUNTIME_CPUFEATURES_H
#define RUNG_RUNTIME_CPUFEATURES_H

#include <string>
#include <vector>

namespace rung {

/// Whether this processor has an instruction set extension, by LLVM's name
/// ("avx512f", "f16c"), and the operating system saves its registers. False
/// for a name that is not known.
bool cpuHasFeature(const std::string &name);

/// Those of `names` that this processor has not, in their order.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &names);

} // namespace rung

#endif // RUNG_RUNTIME_CPUFEATURES_H
