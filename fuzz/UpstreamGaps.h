//===- UpstreamGaps.h - What upstream's parsers do not survive -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_FUZZ_UPSTREAMGAPS_H
#define RUNG_FUZZ_UPSTREAMGAPS_H

#include "llvm/ADT/StringRef.h"

namespace rung::fuzz {

/// True of text with something in it that ends mlir-opt 22.1, too: a release
/// build takes the attribute for what it should have been. Nothing in rung can
/// mend it, so such text is not looked at.
bool endsUpstreamParser(llvm::StringRef text);

} // namespace rung::fuzz

#endif // RUNG_FUZZ_UPSTREAMGAPS_H
