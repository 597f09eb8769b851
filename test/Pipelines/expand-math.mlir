// RUN: rung-opt %s --pass-pipeline="builtin.module(func.func(rung-expand-math))" | FileCheck %s --check-prefixes=CHECK,BASE
// RUN: rung-opt %s --pass-pipeline="builtin.module(func.func(rung-expand-math{features=fma,f16c,sse4.1}))" | FileCheck %s --check-prefixes=CHECK,RICH
// The values are tested by test_math.py.

// CHECK-LABEL: func.func @exp
// CHECK-NOT:     math.exp
// CHECK-NOT:     call
// CHECK:         return
func.func @exp(%x: f32, %v: vector<16xf32>) -> (f32, vector<16xf32>) {
  %0 = math.exp %x : f32
  %1 = math.exp %v : vector<16xf32>
  return %0, %1 : f32, vector<16xf32>
}

// Without F16C the bits are moved by integer operations.
// CHECK-LABEL: func.func @halves
// BASE-NOT:      arith.extf
// BASE-NOT:      arith.truncf
// RICH:          arith.extf
// RICH:          arith.truncf
// CHECK:         return
func.func @halves(%x: f16, %y: f32) -> (f32, f16) {
  %0 = arith.extf %x : f16 to f32
  %1 = arith.truncf %y : f32 to f16
  return %0, %1 : f32, f16
}

// CHECK-LABEL: func.func @instructions
// BASE-NOT:      math.fma
// BASE-NOT:      math.floor
// RICH:          math.fma
// RICH:          math.floor
// CHECK:         return
func.func @instructions(%x: f32) -> (f32, f32) {
  %0 = math.fma %x, %x, %x : f32
  %1 = math.floor %x : f32
  return %0, %1 : f32, f32
}
