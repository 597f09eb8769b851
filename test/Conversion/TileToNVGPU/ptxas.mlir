// REQUIRES: ptxas
// RUN: rung-opt %S/int4-gemv.mlir --pass-pipeline='builtin.module(tile-expand-convert,convert-tile-to-nvgpu,canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining,nvvm-attach-target{chip=sm_80 features=+ptx80},gpu.module(convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-math-to-llvm,convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1},canonicalize,cse,reconcile-unrealized-casts),gpu-module-to-binary{format=isa})' \
// RUN:   | %python %S/Inputs/extract_ptx.py > %t.ptx
// RUN: ptxas -arch=sm_80 -v %t.ptx -o %t.cubin 2>&1 | FileCheck %s

// CHECK: Compiling entry function 'int4_gemv_kernel' for 'sm_80'
// CHECK: 0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
