// RUN: rung-opt %s -tile-pipeline -split-input-file -verify-diagnostics | FileCheck %s

#packed = #tile.layout<"(code:3, register:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}", order = "sequential<4>">
#plain = #tile.layout<"(register:3, lane:4) -> (row:4, col:3) {register[0..2] -> col[0..2], lane[0..3] -> row[0..3]}">
#words = #rung.storage<!rung.int<4>, [64, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">

// Two iterations ahead. The load of x, which is not packed, stays where it is.

// CHECK-LABEL: func @ahead
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<4x8x1x16xi32>, %[[X:[a-z0-9]+]]: memref<16x64xf32>
func.func @ahead(%w: memref<4x8x1x16xi32>, %x: memref<16x64xf32>, %none: !tile.fragment<16x8xf32, #plain>) -> !tile.fragment<16x8xf32, #plain> {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  // CHECK: %[[FIRST:.*]] = tile.load %[[W]][%{{.*}}, %c0]
  // CHECK: %[[AT:.*]] = arith.addi %c0, %{{.*}}
  // CHECK: %[[IN:.*]] = arith.cmpi ult, %[[AT]], %c64
  // CHECK: %[[CLAMPED:.*]] = arith.select %[[IN]], %[[AT]], %c0
  // CHECK: %[[SECOND:.*]] = tile.load %[[W]][%{{.*}}, %[[CLAMPED]]]
  // CHECK: %[[LOOP:.*]]:3 = scf.for %[[K:.*]] = %c0 to %c64 step %c8 iter_args(%[[ACC:.*]] = %{{.*}}, %[[W0:.*]] = %[[FIRST]], %[[W1:.*]] = %[[SECOND]])
  // CHECK:   %[[MORE:.*]] = arith.cmpi ult, %[[AHEAD:.*]], %c64
  // CHECK:   %[[NEXT:.*]] = scf.if %[[MORE]]
  // CHECK:     %[[L:.*]] = tile.load %[[W]][%{{.*}}, %[[AHEAD]]]
  // CHECK:     scf.yield %[[L]]
  // CHECK:   } else {
  // CHECK:     scf.yield %[[W1]]
  // CHECK:   tile.load %[[X]][%{{.*}}, %[[K]]]
  // CHECK:   tile.convert %[[W0]]
  // CHECK:   scf.yield %{{.*}}, %[[W1]], %[[NEXT]]
  // CHECK: return %[[LOOP]]#0
  %sum = scf.for %k = %c0 to %c64 step %c8 iter_args(%acc = %none) -> (!tile.fragment<16x8xf32, #plain>) {
    %codes = tile.load %w[%c0, %k] {storage = #words} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
    %xs = tile.load %x[%c0, %k] : memref<16x64xf32> -> !tile.fragment<16x8xf32, #plain>
    %v = tile.convert %codes : !tile.fragment<16x8x!rung.int<4>, #packed> -> !tile.fragment<16x8xf32, #plain>
    %next = tile.map %acc, %xs, %v : !tile.fragment<16x8xf32, #plain>, !tile.fragment<16x8xf32, #plain>, !tile.fragment<16x8xf32, #plain> -> !tile.fragment<16x8xf32, #plain> {
    ^bb0(%a: f32, %b: f32, %c: f32):
      %f = math.fma %b, %c, %a : f32
      tile.yield %f : f32
    }
    scf.yield %next : !tile.fragment<16x8xf32, #plain>
  } {tile.stages = 3 : i64}
  return %sum : !tile.fragment<16x8xf32, #plain>
}

// One stage is none ahead. A load at an index that the loop carries cannot come early.

// CHECK-LABEL: func @stays
// CHECK: scf.for {{.*}} -> (index)
// CHECK-NEXT: tile.load
// CHECK-NOT: tile.stages
func.func @stays(%w: memref<4x8x1x16xi32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c64 = arith.constant 64 : index
  scf.for %k = %c0 to %c64 step %c8 {
    %codes = tile.load %w[%c0, %k] {storage = #words} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
  } {tile.stages = 1 : i64}
  %last = scf.for %k = %c0 to %c64 step %c8 iter_args(%at = %c0) -> (index) {
    %codes = tile.load %w[%c0, %at] {storage = #words} : memref<4x8x1x16xi32> -> !tile.fragment<16x8x!rung.int<4>, #packed>
    %next = arith.addi %at, %c8 : index
    scf.yield %next : index
  } {tile.stages = 2 : i64}
  return
}

// -----

func.func @wrong(%w: memref<4xf32>) {
  %c0 = arith.constant 0 : index
  // expected-error@+1 {{has 'tile.stages' = 0 : i64, expected an integer of at least 1 on an scf.for}}
  scf.for %k = %c0 to %c0 step %c0 {
  } {tile.stages = 0 : i64}
  return
}
