// RUN: rung-opt %s --rung-to-cpu=target=cpu:x86-64-v3 | FileCheck %s
// RUN: not rung-opt %s --rung-to-cpu=target=cpu:z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: unknown CPU 'z80'; expected one of: {{.*}}x86-64-v3

// CHECK-NOT: func.func
// CHECK:     llvm.func @rung_entry_relu(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
func.func @relu(%x: tensor<?xf32>) -> tensor<?xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.maximumf %a, %zero : f32
    linalg.yield %0 : f32
  } -> tensor<?xf32>
  return %y : tensor<?xf32>
}

// What an entry calls is a part of it, also where it gives the size of a result.

// CHECK-LABEL: llvm.func @rung_entry_caller(
// CHECK-NOT:   @helper
func.func private @helper(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = arith.mulf %x, %x : tensor<?xf32>
  return %y : tensor<?xf32>
}
func.func @caller(%x: tensor<?xf32>) -> tensor<?xf32> {
  %y = func.call @helper(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return %y : tensor<?xf32>
}
