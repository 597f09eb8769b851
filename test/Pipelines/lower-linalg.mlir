// RUN: rung-opt %s --pass-pipeline="builtin.module(func.func(rung-lower-linalg),canonicalize)" | FileCheck %s

// CHECK: #[[GROUP:.*]] = #llvm.access_group<id = distinct[0]<>>
// CHECK: #[[LOOP:.*]] = #llvm.loop_annotation<parallelAccesses = #[[GROUP]]>

// The sums of a row are innermost, in registers, and may be reassociated; four
// rows are summed side by side, sixteen are one parallel iteration.
// CHECK-LABEL: func.func @row_sums(
// CHECK-SAME:    %[[X:.*]]: memref<?x64xf32>, %[[S:.*]]: memref<?xf32>)
// CHECK:         %[[BLOCKS:.*]] = arith.ceildivsi %{{.*}}, %c16
// CHECK:         scf.parallel (%{{.*}}) = (%c0) to (%[[BLOCKS]])
// CHECK:           scf.for %[[M:.*]] = %{{.*}} to %[[MAIN:.*]] step %c4
// CHECK:             scf.for %[[K:.*]] = %c0 to %c64 step %c1 iter_args(%[[A:[^ ]+]] = %{{[^,]*}}, {{.*}}) -> (f32, f32, f32, f32)
// CHECK:               %[[V:.*]] = memref.load %[[X]][%[[M]], %[[K]]]
// CHECK:               arith.addf %[[A]], %[[V]] fastmath<reassoc,contract>
// CHECK:             } {loop_annotation = #[[LOOP]]}
// CHECK-COUNT-4:     memref.store %{{.*}}, %[[S]]
// CHECK:           scf.for %{{.*}} = %[[MAIN]] to
// CHECK:             scf.for
// CHECK:             memref.store
// CHECK:         {rung.cost = 2048 : i64}
func.func @row_sums(%x: memref<?x64xf32>, %s: memref<?xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      ins(%x : memref<?x64xf32>) outs(%s : memref<?xf32>) {
  ^bb0(%a: f32, %out: f32):
    %0 = arith.addf %out, %a : f32
    linalg.yield %0 : f32
  }
  return
}

// The reduction walks %v with a stride, so the parallel d is innermost and four
// steps of the reduction share one pass over the output row. What d does not
// move is read before its loop.
// CHECK-LABEL: func.func @mix(
// CHECK-SAME:    %[[P:.*]]: memref<?x?xf32>, %[[V:.*]]: memref<?x64xf32>, %[[O:.*]]: memref<?x64xf32>)
// CHECK:         scf.parallel (%[[M:.*]]) =
// CHECK:           scf.for %[[T:.*]] = %c0 to %{{.*}} step %c4
// CHECK-COUNT-4:     memref.load %[[P]]
// CHECK:             scf.for %[[D:.*]] = %c0 to %c64
// CHECK:               memref.load %[[O]][%[[M]], %[[D]]]
// CHECK-COUNT-4:       memref.load %[[V]]
// CHECK:               memref.store %{{.*}}, %[[O]][%[[M]], %[[D]]]
func.func @mix(%p: memref<?x?xf32>, %v: memref<?x64xf32>, %o: memref<?x64xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, d, t) -> (m, t)>, affine_map<(m, d, t) -> (t, d)>, affine_map<(m, d, t) -> (m, d)>], iterator_types = ["parallel", "parallel", "reduction"]}
      ins(%p, %v : memref<?x?xf32>, memref<?x64xf32>) outs(%o : memref<?x64xf32>) {
  ^bb0(%a: f32, %b: f32, %out: f32):
    %0 = arith.mulf %a, %b : f32
    %1 = arith.addf %out, %0 : f32
    linalg.yield %1 : f32
  }
  return
}

// An output that moves with the reduction is stored in each step beside the
// accumulator of the other one.
// CHECK-LABEL: func.func @exp_and_sum(
// CHECK-SAME:    %[[X:.*]]: memref<4x?xf32>, %[[S:.*]]: memref<4xf32>)
// CHECK:         scf.parallel (%[[M:.*]]) =
// CHECK:           scf.for %[[K:.*]] = {{.*}} iter_args(%[[A:.*]] = %{{.*}}) -> (f32)
// CHECK:             %[[E:.*]] = math.exp
// CHECK:             memref.store %[[E]], %[[X]][%[[M]], %[[K]]]
// CHECK:             scf.yield
// CHECK:           memref.store %{{.*}}, %[[S]][%[[M]]]
func.func @exp_and_sum(%x: memref<4x?xf32>, %s: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(m, k) -> (m, k)>, affine_map<(m, k) -> (m)>], iterator_types = ["parallel", "reduction"]}
      outs(%x, %s : memref<4x?xf32>, memref<4xf32>) {
  ^bb0(%a: f32, %sum: f32):
    %0 = math.exp %a : f32
    %1 = arith.addf %sum, %0 : f32
    linalg.yield %0, %1 : f32, f32
  }
  return
}

// One long loop is parallel in blocks.
// CHECK-LABEL: func.func @copy(
// CHECK:         scf.parallel
// CHECK:           scf.for
// CHECK:             memref.load
// CHECK:             memref.store
// CHECK:         {rung.cost = 4096 : i64}
func.func @copy(%x: memref<?xf32>, %y: memref<?xf32>) {
  memref.copy %x, %y : memref<?xf32> to memref<?xf32>
  return
}
