// RUN: rung-opt --convert-rung-to-tile --canonicalize --cse --split-input-file %s | FileCheck %s

// Conversions that stand alone go along the last dimension, 16 elements at a time; a launch has an iteration for each row.

#codes = #rung.storage<!rung.uint<4>, [?, 40], canonical>
#s = #rung.storage<f16, [?, 2], canonical>
#z = #rung.storage<!rung.uint<4>, [?, 2], canonical>
#y = #rung.storage<f16, [?, 40], canonical>

// CHECK-LABEL: func @dequantize(
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<?x20xi8>, %[[S:[a-z0-9]+]]: memref<?x2xf16>, %[[Z:[a-z0-9]+]]: memref<?x1xi8>, %[[Y:[a-z0-9]+]]: memref<?x40xf16>)
func.func @dequantize(%w: memref<?x20xi8>, %s: memref<?x2xf16>, %z: memref<?x1xi8>, %y: memref<?x40xf16>) {
  // CHECK: %[[M:.*]] = memref.dim %[[Y]], %c0
  // CHECK: tile.launch (%[[ROW:.*]]) in (%[[M]]) {
  // CHECK:   scf.for %[[K:.*]] = %c0 to %c40 step %c16 {
  // CHECK:     %[[CODES:.*]] = tile.load %[[W]][%[[ROW]], %[[K]]] bounds[%[[M]], %c40] {storage = {{.*}}canonical>} : memref<?x20xi8> -> <1x16x!rung.uint<4>,
  // CHECK:     %[[V:.*]] = tile.convert %[[CODES]] : {{.*}} -> <1x16xf32,
  // CHECK:     %[[SL:.*]] = tile.load %[[S]][%[[ROW]], %[[K]]] bounds[%[[M]], %c40] block [1, 20]
  // CHECK:     %[[SV:.*]] = tile.convert %[[SL]]
  // CHECK:     %[[ZL:.*]] = tile.load %[[Z]][%[[ROW]], %[[K]]] bounds[%[[M]], %c40] block [1, 20] {storage = {{.*}}}
  // CHECK:     %[[ZV:.*]] = tile.convert %[[ZL]]
  // CHECK:     %[[R:.*]] = tile.map %[[V]], %[[SV]], %[[ZV]]
  // CHECK:     ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
  // CHECK:       %[[D:.*]] = arith.subf %[[A]], %[[C]]
  // CHECK:       arith.mulf %[[D]], %[[B]]
  // CHECK:     %[[F:.*]] = tile.convert %[[R]] {rounding = #rung<rounding nearest_even>} : {{.*}} -> <1x16xf16,
  // CHECK:     tile.store %[[F]], %[[Y]][%[[ROW]], %[[K]]] bounds[%[[M]], %c40] :
  rung.elementwise dequantize input(%w : memref<?x20xi8>) scale(%s : memref<?x2xf16>) zero_point(%z : memref<?x1xi8>) integer init(%y : memref<?x40xf16>)
    {block = array<i64: 1, 20>, storage = [#codes, #s, #z, #y]}
  return
}

// -----

#x = #rung.storage<f32, [3, 40], canonical>
#s = #rung.storage<f32, [], canonical>
#q = #rung.storage<!rung.int<5>, [3, 40], canonical>

// One scale for the whole tensor.

// CHECK-LABEL: func @quantize(
// CHECK-SAME: %{{.*}}, %[[S:[a-z0-9]+]]: memref<f32>, %[[Q:[a-z0-9]+]]: memref<3x25xi8>)
func.func @quantize(%x: memref<3x40xf32>, %s: memref<f32>, %q: memref<3x25xi8>) {
  // CHECK: %[[LINE:.*]] = memref.expand_shape %[[S]] [] output_shape [1] : memref<f32> into memref<1xf32>
  // CHECK: tile.launch (%{{.*}}) in (%c3) {
  // CHECK:   tile.load %[[LINE]][%c0]
  // CHECK:   arith.divf
  // CHECK:   tile.convert %{{.*}} {rounding = #rung<rounding toward_zero>, saturate} : {{.*}} -> <1x16x!rung.int<5>,
  // CHECK:   tile.store %{{.*}}, %[[Q]][%{{.*}}, %{{.*}}] bounds[%c3, %c40] {storage = {{.*}}canonical>}
  rung.elementwise quantize input(%x : memref<3x40xf32>) scale(%s : memref<f32>) init(%q : memref<3x25xi8>)
    {rounding = #rung<rounding toward_zero>, saturate, storage = [#x, #s, #q]}
  return
}

// -----

#a = #rung.storage<!rung.float<e3m4, bias = 5>, [2, 3, 40], canonical>
#b = #rung.storage<f16, [2, 3, 40], canonical>

// No arithmetic where none is asked for; any rank.

// CHECK-LABEL: func @convert(
func.func @convert(%a: memref<2x3x40xi8>, %b: memref<2x3x40xf16>) {
  // CHECK: tile.launch (%[[I:.*]], %[[J:.*]]) in (%c2, %c3) {
  // CHECK:   %[[L:.*]] = tile.load %{{.*}}[%[[I]], %[[J]], %[[K:.*]]] bounds
  // CHECK:   %[[C:.*]] = tile.convert %[[L]] : <1x16x!rung.float<e3m4, bias = 5>, {{.*}} -> <1x16xf16,
  // CHECK:   tile.store %[[C]], %{{.*}}[%[[I]], %[[J]], %[[K]]]
  // CHECK-NOT: tile.map
  rung.elementwise convert input(%a : memref<2x3x40xi8>) init(%b : memref<2x3x40xf16>) {storage = [#a, #b]}
  return
}

// -----

#head = #rung.storage<i8, [100, 64], words, layout = "(code:2, unit:0, lane:4) -> (row:4, col:2) {code[0..1] -> col[0..1], lane[0..3] -> row[0..3]}, order = sequential<8>, load = 1">
#i = #rung.storage<i32, [?], canonical>
#r = #rung.storage<i8, [?, 64], canonical>

// Rows of an embedding from the packed head. All indices are checked before anything is read; then none reads outside.

// CHECK-LABEL: func @gather(
// CHECK-SAME: %[[W:[a-z0-9]+]]: memref<7x16x1x16xi32>, %[[I:[a-z0-9]+]]: memref<?xi32>, %[[R:[a-z0-9]+]]: memref<?x64xi8>)
func.func @gather(%w: memref<7x16x1x16xi32>, %i: memref<?xi32>, %r: memref<?x64xi8>) {
  // CHECK: %[[M:.*]] = memref.dim %[[R]], %c0
  // CHECK: %[[ALL:.*]] = scf.for %[[N:.*]] = %c0 to %[[M]] step %c1 iter_args(%[[BEFORE:.*]] = %true) -> (i1) {
  // CHECK:   %[[L:.*]] = memref.load %[[I]][%[[N]]]
  // CHECK:   %[[INDEX:.*]] = arith.index_cast %[[L]]
  // CHECK:   %[[INSIDE:.*]] = arith.cmpi ult, %[[INDEX]], %c100
  // CHECK:   %[[BOTH:.*]] = arith.andi %[[BEFORE]], %[[INSIDE]]
  // CHECK:   scf.yield %[[BOTH]]
  // CHECK: cf.assert %[[ALL]], "an index is outside the rows of the table that it selects from"
  // CHECK: tile.launch (%[[N:.*]]) in (%[[M]]) {
  // CHECK:   %[[FROM:.*]] = arith.select %{{.*}}, %{{.*}}, %c0
  // CHECK:   scf.for %[[K:.*]] = %c0 to %c64 step %c16 {
  // CHECK:     %[[CODES:.*]] = tile.load %[[W]][%[[FROM]], %[[K]]] bounds[%c100, %c64]
  // CHECK:     tile.store %[[CODES]], %[[R]][%[[N]], %[[K]]] bounds[%[[M]], %c64]
  rung.gather source(%w : memref<7x16x1x16xi32>) indices(%i : memref<?xi32>) init(%r : memref<?x64xi8>) {storage = [#head, #i, #r]}
  return
}

// -----

#x = #rung.storage<f32, [8], canonical>

// Kernels take rows of elements side by side; a column is copied out of its matrix, and a result into it.

// CHECK-LABEL: func @columns(
// CHECK-SAME: %[[X:.*]]: memref<8xf32, strided<[12], offset: 7>>, %[[Y:.*]]: memref<8xf64, strided<[?], offset: ?>>)
func.func @columns(%x: memref<8xf32, strided<[12], offset: 7>>, %y: memref<8xf64, strided<[?], offset: ?>>) {
  // CHECK: %[[IN:.*]] = memref.alloc() : memref<8xf32>
  // CHECK: memref.copy %[[X]], %[[IN]]
  // CHECK: %[[OUT:.*]] = memref.alloc() : memref<8xf64>
  // CHECK: tile.load %[[IN]]
  // CHECK: tile.store %{{.*}}, %[[OUT]]
  // CHECK: memref.copy %[[OUT]], %[[Y]]
  rung.elementwise convert input(%x : memref<8xf32, strided<[12], offset: 7>>) init(%y : memref<8xf64, strided<[?], offset: ?>>)
  return
}
