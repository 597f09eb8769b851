// RUN: rung-opt %s --rung-set-device=target=cuda:sm_89 --convert-tile-to-nvgpu --canonicalize | FileCheck %s
// RUN: rung-opt %s --pass-pipeline='builtin.module(rung-set-device{target=cuda:sm_89},convert-tile-to-nvgpu,canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining,nvvm-attach-target{chip=sm_89 features=+ptx84},gpu.module(convert-scf-to-cf,convert-math-to-llvm,convert-gpu-to-nvvm{use-bare-ptr-memref-call-conv=1},canonicalize,cse,reconcile-unrealized-casts),gpu-module-to-binary{format=isa})' | %python %S/Inputs/extract_ptx.py | FileCheck %s --check-prefix=PTX
// RUN: not rung-opt %s --rung-set-device=target=cuda:sm_80 --convert-tile-to-nvgpu 2>&1 | FileCheck %s --check-prefix=SM80

// Each matrix instruction of an L40, on operands in memory: b is n × k, as tile.mma wants it. An A100 has no 8-bit floats.

// SM80: 'tile.mma' op multiplies f8E4M3FN by f8E4M3FN into f32; the device has i8 by i8 into i32, !rung.uint<8> by i8 into i32, f16 by f16 into f32, bf16 by bf16 into f32

#a16 = #tile.layout<"(register:3, lane:5) -> (row:4, col:4) {register[0] -> col[0], register[1] -> row[3], register[2] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#b16 = #tile.layout<"(register:2, lane:5) -> (row:3, col:4) {register[0] -> col[0], register[1] -> col[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">
#a8 = #tile.layout<"(register:4, lane:5) -> (row:4, col:5) {register[0..1] -> col[0..1], register[2] -> row[3], register[3] -> col[4], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}">
#b8 = #tile.layout<"(register:3, lane:5) -> (row:3, col:5) {register[0..1] -> col[0..1], register[2] -> col[4], lane[0..1] -> col[2..3], lane[2..4] -> row[0..2]}">
#c = #tile.layout<"(register:2, lane:5) -> (row:4, col:3) {register[0] -> col[0], register[1] -> row[3], lane[0..1] -> col[1..2], lane[2..4] -> row[0..2]}">

// CHECK-LABEL: func @f16_f16
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.f32.f32"({{.*}}) : (vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, vector<2xf16>, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry f16_f16_kernel
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
func.func @f16_f16(%a: memref<16x16xf16>, %b: memref<8x16xf16>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] : memref<16x16xf16> -> !tile.fragment<16x16xf16, #a16>
    %y = tile.load %b[%c0, %c0] : memref<8x16xf16> -> !tile.fragment<8x16xf16, #b16>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x16xf16, #a16>, !tile.fragment<8x16xf16, #b16>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}

// CHECK-LABEL: func @bf16_bf16
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k16.row.col.bf16"({{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry bf16_bf16_kernel
// PTX: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
func.func @bf16_bf16(%a: memref<16x16xbf16>, %b: memref<8x16xbf16>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] : memref<16x16xbf16> -> !tile.fragment<16x16xbf16, #a16>
    %y = tile.load %b[%c0, %c0] : memref<8x16xbf16> -> !tile.fragment<8x16xbf16, #b16>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x16xbf16, #a16>, !tile.fragment<8x16xbf16, #b16>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}

// CHECK-LABEL: func @i8_i8
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.s8"({{.*}}) : (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
// PTX: .entry i8_i8_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32
func.func @i8_i8(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<i8, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32xi8, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<i8, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xi8, #b8>
    %z = tile.splat %zero : i32 -> !tile.fragment<16x8xi32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32xi8, #a8>, !tile.fragment<8x32xi8, #b8>, !tile.fragment<16x8xi32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xi32, #c>, memref<16x8xi32>
  }
  return
}

// CHECK-LABEL: func @u8_i8
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.u8.s8"({{.*}}) : (i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) -> !llvm.struct<(i32, i32, i32, i32)>
// PTX: .entry u8_i8_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32
func.func @u8_i8(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xi32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0 : i32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<!rung.uint<8>, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32x!rung.uint<8>, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<i8, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xi8, #b8>
    %z = tile.splat %zero : i32 -> !tile.fragment<16x8xi32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32x!rung.uint<8>, #a8>, !tile.fragment<8x32xi8, #b8>, !tile.fragment<16x8xi32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xi32, #c>, memref<16x8xi32>
  }
  return
}

// CHECK-LABEL: func @f8e4m3fn_f8e4m3fn
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e4m3.f32"({{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry f8e4m3fn_f8e4m3fn_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32
func.func @f8e4m3fn_f8e4m3fn(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<f8E4M3FN, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32xf8E4M3FN, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<f8E4M3FN, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xf8E4M3FN, #b8>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32xf8E4M3FN, #a8>, !tile.fragment<8x32xf8E4M3FN, #b8>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}

// CHECK-LABEL: func @f8e4m3fn_f8e5m2
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.e4m3.e5m2.f32"({{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry f8e4m3fn_f8e5m2_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32
func.func @f8e4m3fn_f8e5m2(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<f8E4M3FN, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32xf8E4M3FN, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<f8E5M2, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xf8E5M2, #b8>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32xf8E4M3FN, #a8>, !tile.fragment<8x32xf8E5M2, #b8>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}

// CHECK-LABEL: func @f8e5m2_f8e4m3fn
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e4m3.f32"({{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry f8e5m2_f8e4m3fn_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e4m3.f32
func.func @f8e5m2_f8e4m3fn(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<f8E5M2, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32xf8E5M2, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<f8E4M3FN, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xf8E4M3FN, #b8>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32xf8E5M2, #a8>, !tile.fragment<8x32xf8E4M3FN, #b8>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}

// CHECK-LABEL: func @f8e5m2_f8e5m2
// CHECK: llvm.call_intrinsic "llvm.nvvm.mma.m16n8k32.row.col.f32.e5m2.e5m2.f32"({{.*}}) : (i32, i32, i32, i32, i32, i32, f32, f32, f32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
// PTX: .entry f8e5m2_f8e5m2_kernel
// PTX: mma.sync.aligned.m16n8k32.row.col.f32.e5m2.e5m2.f32
func.func @f8e5m2_f8e5m2(%a: memref<16x32xi8>, %b: memref<8x32xi8>, %d: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%i) in (%c1) {
    %x = tile.load %a[%c0, %c0] {storage = #rung.storage<f8E5M2, [16, 32], canonical>} : memref<16x32xi8> -> !tile.fragment<16x32xf8E5M2, #a8>
    %y = tile.load %b[%c0, %c0] {storage = #rung.storage<f8E5M2, [8, 32], canonical>} : memref<8x32xi8> -> !tile.fragment<8x32xf8E5M2, #b8>
    %z = tile.splat %zero : f32 -> !tile.fragment<16x8xf32, #c>
    %r = tile.mma %x, %y, %z : !tile.fragment<16x32xf8E5M2, #a8>, !tile.fragment<8x32xf8E5M2, #b8>, !tile.fragment<16x8xf32, #c>
    tile.store %r, %d[%c0, %c0] : !tile.fragment<16x8xf32, #c>, memref<16x8xf32>
  }
  return
}
