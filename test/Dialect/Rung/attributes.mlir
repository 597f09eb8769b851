// RUN: rung-opt %s | rung-opt | FileCheck %s
// RUN: rung-opt %s -emit-bytecode | rung-opt | FileCheck %s

// CHECK: module @attributes attributes {
module @attributes attributes {
  // CHECK-SAME: a.codes = #rung.codes<[0, 1, 2, 3]> : tensor<2x2x!rung.uint<2>>
  a.codes = #rung.codes<[0, 1, 2, 3]> : tensor<2x2x!rung.uint<2>>,
  // CHECK-SAME: b.splat = #rung.codes<7> : tensor<64x64xf4E2M1FN>
  b.splat = #rung.codes<7> : tensor<64x64xf4E2M1FN>,
  // CHECK-SAME: c.empty = #rung.codes<[]> : tensor<0x!rung.int<4>>
  c.empty = #rung.codes<[]> : tensor<0x!rung.int<4>>,
  // CHECK-SAME: d.scalar = #rung.codes<[200]> : tensor<f8E8M0FNU>
  d.scalar = #rung.codes<200> : tensor<f8E8M0FNU>,
  // CHECK-SAME: e.device = #rung.device<"cpu:x86-64-v4", {lanes = 16 : i64}>
  e.device = #rung.device<"cpu:x86-64-v4", {lanes = 16 : i64}>,
  // CHECK-SAME: f.schedule = #rung.schedule<rows = 8, columns = 16, depth = 8, up_to = 1, scale = decode, stages = 4, split_k = 2, warps = 8>
  f.schedule = #rung.schedule<rows = 8, columns = 16, depth = 8, up_to = 1, scale = decode, stages = 4, split_k = 2, warps = 8>,
  // CHECK-SAME: g.defaults = #rung.schedule<rows = 1, columns = 32, depth = 4, scale = accumulator>
  g.defaults = #rung.schedule<depth = 4, columns = 32, rows = 1>,
  // CHECK-SAME: h.canonical = #rung.storage<!rung.int<4>, [?, 65], canonical>
  h.canonical = #rung.storage<!rung.int<4>, [?, 65], canonical>,
  // CHECK-SAME: i.lanes = #rung.storage<f16, [24, 2], lanes, rows_per_block = 4>
  i.lanes = #rung.storage<f16, [24, 2], lanes, rows_per_block = 4>,
  // CHECK-SAME: j.scalar = #rung.storage<f32, [], canonical>
  j.scalar = #rung.storage<f32, [], canonical>,
  // CHECK-SAME: k.mode = #rung<zero_point_mode rescale>
  k.mode = #rung<zero_point_mode rescale>,
  // CHECK-SAME: l.rounding = #rung<rounding toward_zero>
  l.rounding = #rung<rounding toward_zero>,
  // CHECK-SAME: m.activation = #rung<activation gelu>
  m.activation = #rung<activation gelu>,
  // CHECK-SAME: n.instruction = #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>
  n.instruction = #rung.matrix_instruction<"llvm.nvvm.mma.m16n8k16.row.col.f32.f32", a = f16, b = f16, c = f32, fragments = "mma.m16n8k16.f16", rate = 1024>
} {}
