// RUN: rung-opt %s --rung-to-nvvm=target=cuda:sm_80 | FileCheck %s
// RUN: not rung-opt %s --rung-to-nvvm=target=cuda:sm_1 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not rung-opt %s --rung-to-nvvm=target=cpu:x86-64 2>&1 | FileCheck %s --check-prefix=KIND
// RUN: not rung-opt %s --rung-to-cpu=target=cuda:sm_80 2>&1 | FileCheck %s --check-prefix=GPU

// UNKNOWN: unknown CUDA architecture 'sm_1'; expected one of: sm_80, sm_86, sm_89, sm_90a
// KIND: 'cpu:x86-64' is no target of this pipeline
// GPU: 'cuda:sm_80' is no target of this pipeline

// The host's code launches kernel 0 of the list, with 7 values for each matrix.

// CHECK: rung.kernels = ["dequantize_kernel"]
// CHECK-NOT: gpu.launch
// CHECK: llvm.func @rung_entry_dequantize(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK: gpu.module @kernels
// CHECK: llvm.func @dequantize_kernel(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: i64,
// CHECK-SAME: attributes {{.*}}gpu.kernel
// CHECK-DAG: nvvm.read.ptx.sreg.ctaid.x
// CHECK-DAG: nvvm.read.ptx.sreg.tid.x
// CHECK: llvm.return
func.func @dequantize(%w: tensor<?x64x!rung.int<8>>, %s: tensor<?x4xf16>) -> tensor<?x64xf16> {
  %d = rung.dequantize %w scale(%s : tensor<?x4xf16>) block [1, 16] : tensor<?x64x!rung.int<8>> -> tensor<?x64xf16>
  return %d : tensor<?x64xf16>
}
