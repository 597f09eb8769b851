// RUN: rung-opt %S/int4-gemv.mlir --pass-pipeline='builtin.module(tile-expand-convert,convert-tile-to-nvgpu,canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining,nvvm-attach-target{chip=sm_80 features=+ptx80},gpu.module(convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-math-to-llvm,convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1},canonicalize,cse,reconcile-unrealized-casts),gpu-module-to-binary{format=isa})' \
// RUN:   | %python %S/Inputs/extract_ptx.py | FileCheck %s

// The kernel of int4-gemv.mlir as PTX: for each 64 columns one 16-byte load of weights, four multiplies; nothing
// in local memory.

// CHECK: .target sm_80
// CHECK-NOT: .local
// CHECK: .entry int4_gemv_kernel(
// CHECK-NOT: .local
// CHECK: .maxntid 32, 1, 1
// CHECK-NOT: .local
// CHECK: ld.global.v4.b32
// CHECK-NOT: .local
// CHECK-COUNT-4: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// CHECK-NOT: mma.sync
// CHECK-NOT: .local
// CHECK: fma.rn.f32
// CHECK: st.global.b32
