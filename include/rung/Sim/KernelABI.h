//===- KernelABI.h - Kernels on a CPU and what runs them --------*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The device part of a bundle for `sim:cuda:sm_NN` is an ELF shared object of
// x86-64 code without undefined symbols (Sim/Compile.h makes it), which the
// virtual GPU (Sim/VirtualGPU.h) runs. This is what both agree on.
//
// The object has one symbol, `rung_sim_module`, of type ModuleInfo. Before the
// first launch the host stores its table of functions to `*table`. A kernel is
// run once for each thread of the grid, on a stack of its own. It calls
//
//   self      at the start of a function, for the thread's special registers;
//   access    before each load, store and atomic operation on memory;
//   perform   for each instruction that a GPU has and this CPU has not. The
//             operands are in `slots`, one 64-bit word for each (narrower ones
//             in its low bits), and so are the results afterwards, one for each
//             member of the instruction's result, from the first slot on.
//
// None of them returns once the launch has failed.
//
//===----------------------------------------------------------------------===//

#ifndef RUNG_SIM_KERNELABI_H
#define RUNG_SIM_KERNELABI_H

#include <cstdint>

namespace rung::sim {

/// ModuleInfo::version of this header.
constexpr uint64_t kABIVersion = 1;

#define RUNG_SIM_MODULE_SYMBOL "rung_sim_module"

constexpr unsigned kWarpLanes = 32;

/// Special registers of one thread, under their names in PTX.
struct LaneRegisters {
  uint32_t tid[3], ntid[3], ctaid[3], nctaid[3];
  uint32_t laneid, warpid, nwarpid, dynamicSharedBytes;
  /// Where the shared memory of the block begins; below 4 GiB.
  char *shared;
};

/// Instructions that `perform` knows. Unless said otherwise a name is that of
/// PTX, and operands and results are in the order of LLVM's intrinsic.
enum class Op : uint32_t {
  // Of the lanes of a mask, the first operand.
  ShflIdx,
  ShflUp,
  ShflDown,
  ShflBfly,
  VoteAll,
  VoteAny,
  VoteUni,
  VoteBallot,
  MatchAny,
  ReduxAdd,
  ReduxAnd,
  ReduxOr,
  ReduxXor,
  ReduxMin,
  ReduxMax,
  ReduxUMin,
  ReduxUMax,
  WarpSync,
  // Of all lanes of a warp. Mma: the first operand points at a MatrixInfo.
  // LdMatrix, StMatrix: 1, 2 or 4 matrices; 1 if .trans, else 0; the others.
  Mma,
  LdMatrix,
  StMatrix,
  // Of the block: id, then threads (0: all), then for Red a predicate.
  Barrier,
  BarrierRedAnd,
  BarrierRedOr,
  BarrierRedPopc,
  BarrierArrive,
  // Of one lane.
  CpAsync, ///< to, from, bytes, bytes that are read (the others become 0)
  CpAsyncCommit,
  CpAsyncWait,
  CpAsyncWaitAll,
  Nanosleep,
  Prmt,
  Dp4aSS,
  Dp4aSU,
  Dp4aUS,
  Dp4aUU,
  Ex2,
  Lg2,
  Rcp,
  Rsqrt,
  Sqrt,
  Sin,
  Cos,
  Tanh,
  Ex2F16, ///< f16 or, each half by itself, f16x2
  Ex2BF16,
  TanhF16,
  TanhBF16,
  E4M3x2ToF16x2,
  E5M2x2ToF16x2,
  F16x2ToE4M3x2,
  F16x2ToE5M2x2,
  F32x2ToE4M3x2,
  F32x2ToE5M2x2,
  // Of this ABI.
  LocalAccess, ///< address, bytes, variable, bytes of the variable
  Poison,      ///< a value that was never computed is used
  Trap,
};

/// Added to an Op on f32: subnormal operands and results are zeroes.
constexpr uint32_t kFlushSubnormals = 1 << 16;

/// The last argument but one of `access`: what happens to the bytes.
struct AccessKind {
  static constexpr uint32_t kWrite = 1, kAtomic = 2, kVolatile = 4;
  static constexpr unsigned kAlignmentShift = 8; ///< log2, 8 bits
  /// LLVM's address space, 8 bits: 0 generic, 1 global, 3 shared, 4 constant,
  /// 5 local.
  static constexpr unsigned kSpaceShift = 16;
  /// 1 + the number of the kernel's parameter that the address comes from, or
  /// 0; 8 bits.
  static constexpr unsigned kParameterShift = 24;
};

/// The functions of the host.
struct HostTable {
  LaneRegisters *(*self)();
  /// `site` is the index of the instruction in ModuleInfo::sites.
  void (*access)(LaneRegisters *self, const void *address, uint64_t bytes,
                 uint32_t kind, uint32_t site);
  void (*perform)(LaneRegisters *self, Op op, uint64_t *slots, uint32_t site);
};

/// One operand of a matrix instruction. A lane holds `elements` of it, `bits`
/// wide, in order from the low bits of its first 32-bit register on.
struct MatrixOperand {
  enum Kind : uint64_t {
    F16,
    BF16,
    F32,
    I32,
    FloatTable,  ///< of 8 bits; `values` is float[256]
    IntegerTable ///< of 8 bits; `values` is int32_t[256]
  };
  uint64_t kind, bits, elements;
  const void *values;
  /// row * columns + column of element e of lane l at [l * elements + e].
  const uint16_t *places;
};

/// D = C + A · B: A is rows × depth, B is depth × columns. Where A holds
/// integers C does, too; else C is f32.
struct MatrixInfo {
  const char *name;
  uint64_t rows, columns, depth;
  MatrixOperand a, b, c;
};

/// An instruction that may fail, for the message.
struct SiteInfo {
  const char *function, *text;
  /// Null without debug information.
  const char *file;
  uint64_t line, column;
};

struct KernelInfo {
  const char *name;
  /// `arguments[i]` points at the value of parameter i.
  void (*run)(void *const *arguments);
  uint64_t parameters;
  /// For each parameter whether it is a pointer.
  const uint8_t *isPointer;
  /// Most threads of a block, 0: any number that the device allows.
  uint64_t maxThreads;
};

/// A variable of shared memory (`offset` in the block's), or of the module
/// (`address`).
struct VariableInfo {
  const char *name;
  uint64_t offset;
  void *address;
  uint64_t bytes;
  uint64_t writable;
};

struct ModuleInfo {
  uint64_t version;
  const HostTable **table;
  uint64_t kernelCount;
  const KernelInfo *kernels;
  uint64_t siteCount;
  const SiteInfo *sites;
  uint64_t sharedCount;
  const VariableInfo *shared;
  uint64_t globalCount;
  const VariableInfo *globals;
  /// Bytes of all `shared`; memory whose size the launch gives follows.
  uint64_t sharedBytes;
};

} // namespace rung::sim

#endif // RUNG_SIM_KERNELABI_H
