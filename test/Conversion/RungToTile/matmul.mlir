// RUN: rung-opt --convert-rung-to-tile --canonicalize --cse --split-input-file %s | FileCheck %s

// Layouts below are those of a CPU of 16 lanes: a fragment has 16 rows of the weight in 16 lanes, its columns in registers.

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#s = #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>
#y = #rung.storage<f32, [1, 32], canonical>

// Scale at the accumulator: one multiplication for each group of 32 and row.

// CHECK-LABEL: func @accumulator(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x64xf32>, %[[W:[a-z0-9]+]]: memref<2x8x1x16xi32>, %[[S:[a-z0-9]+]]: memref<2x2x16xf16>, %[[Y:[a-z0-9]+]]: memref<1x32xf32>)
func.func @accumulator(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %s: memref<2x2x16xf16>, %y: memref<1x32xf32>) {
  // CHECK: tile.launch (%[[TILE:.*]]) in (%c2) {
  // CHECK:   %[[N:.*]] = arith.muli %[[TILE]], %c16
  // CHECK:   %[[ZERO:.*]] = tile.splat %cst
  // CHECK:   %[[SUM:.*]] = scf.for %[[G:.*]] = %c0 to %c2 step %c1 iter_args(%[[ACC:.*]] = %[[ZERO]])
  // CHECK:     %[[K0:.*]] = arith.muli %[[G]], %c32
  // CHECK:     %[[PART:.*]] = scf.for %[[K:.*]] = %[[K0]] to %{{.*}} step %c8 iter_args(%[[P:.*]] = %[[ZERO]])
  // CHECK:       %[[CODES:.*]] = tile.load %[[W]][%[[N]], %[[K]]] {storage = {{.*}}} : memref<2x8x1x16xi32> -> <16x8x!rung.int<4>, {{.*}}order = "sequential<4>">>
  // CHECK:       %[[VALUES:.*]] = tile.convert %[[CODES]] : {{.*}} -> <16x8xf32, {{.*}}>
  // CHECK:       %[[XS:.*]] = tile.load %[[X]][%c0, %[[K]]] bounds[%c1, %c64] : memref<1x64xf32> -> <1x8xf32, {{.*}}>
  // CHECK:       tile.mma %[[VALUES]], %[[XS]], %[[P]]
  // CHECK:     %[[SCALES:.*]] = tile.load %[[S]][%[[N]], %[[K0]]] block [1, 32] {storage = {{.*}}} : memref<2x2x16xf16> -> <16x1xf16, {{.*}}>
  // CHECK:     %[[SF:.*]] = tile.convert %[[SCALES]]
  // CHECK:     tile.map %[[ACC]], %[[PART]], %[[SF]]
  // CHECK:     ^bb0(%[[A:.*]]: f32, %[[B:.*]]: f32, %[[C:.*]]: f32):
  // CHECK:       math.fma %[[C]], %[[B]], %[[A]] : f32
  // CHECK:   tile.store %[[SUM]], %[[Y]][%c0, %[[N]]] bounds[%c1, %c32] transposed
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x2x16xf16>) init(%y : memref<1x32xf32>)
    {block = array<i64: 1, 32>, compute = f32, storage = [#x, #w, #s, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#s = #rung.storage<f16, [32, 6], lanes, rows_per_block = 1>
#y = #rung.storage<f32, [1, 32], canonical>

// Scale at decode, for groups that steps of 8 do not divide: one loop over K, a scale for each weight.

// CHECK-LABEL: func @decode(
// CHECK-SAME: %{{.*}}, %[[W:[a-z0-9]+]]: memref<2x8x1x16xi32>, %[[S:[a-z0-9]+]]: memref<2x6x16xf16>
func.func @decode(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %s: memref<2x6x16xf16>, %y: memref<1x32xf32>) {
  // CHECK: scf.for %[[K:.*]] = %c0 to %c64 step %c8
  // CHECK:   %[[CODES:.*]] = tile.load %[[W]]
  // CHECK:   %[[VALUES:.*]] = tile.convert %[[CODES]]
  // CHECK:   %[[SCALES:.*]] = tile.load %[[S]][%{{.*}}, %[[K]]] bounds[%c32, %c64] block [1, 12] {{.*}} -> <16x8xf16,
  // CHECK:   %[[SF:.*]] = tile.convert %[[SCALES]]
  // CHECK:   %[[SCALED:.*]] = tile.map %[[VALUES]], %[[SF]]
  // CHECK:     arith.mulf
  // CHECK:   tile.mma %[[SCALED]],
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x6x16xf16>) init(%y : memref<1x32xf32>)
    {block = array<i64: 1, 12>, compute = f32, storage = [#x, #w, #s, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = decode>]}
  return
}

// -----

#x = #rung.storage<f16, [?, 60], canonical>
#w = #rung.storage<!rung.int<4>, [30, 60], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#y = #rung.storage<f16, [?, 30], canonical>

// Two schedules; the number of rows chooses. Activations are brought into the compute format once, their rows filled up with
// zeros. 30 rows of the weight are stored under a bound, for they end inside a tile.

// CHECK-LABEL: func @schedules(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<?x60xf16>, %[[W:[a-z0-9]+]]: {{.*}}, %[[Y:[a-z0-9]+]]: memref<?x30xf16>)
func.func @schedules(%x: memref<?x60xf16>, %w: memref<2x8x1x16xi32>, %y: memref<?x30xf16>) {
  // CHECK: %[[M:.*]] = memref.dim %[[Y]], %c0
  // CHECK: %[[P:.*]] = memref.alloc(%[[M]]) : memref<?x64xf32>
  // CHECK: tile.launch (%[[ROW:.*]]) in (%[[M]]) {
  // CHECK:   scf.for %[[K:.*]] = %c0 to %c48 step %c16 {
  // CHECK:     %[[L:.*]] = tile.load %[[X]][%[[ROW]], %[[K]]] :
  // CHECK:     %[[F:.*]] = tile.convert %[[L]]
  // CHECK:     tile.store %[[F]], %[[P]][%[[ROW]], %[[K]]] :
  // CHECK:   tile.store %{{.*}}, %[[P]][%[[ROW]], %c48] :
  // CHECK:   tile.load %[[X]][%[[ROW]], %c48] bounds[%[[M]], %c60]
  // CHECK:   tile.store %{{.*}}, %[[P]][%[[ROW]], %c48] bounds[%[[M]], %c60]
  // CHECK: %[[ONE:.*]] = arith.cmpi ule, %[[M]], %c1
  // CHECK: scf.if %[[ONE]] {
  // CHECK:   tile.launch (%{{.*}}) in (%c2) {
  // CHECK:     scf.for %{{.*}} = %c0 to %[[M]] step %c1 {
  // CHECK:       tile.mma {{.*}}<16x1xf32,
  // CHECK: } else {
  // CHECK:   tile.launch (%{{.*}}) in (%c2) {
  // CHECK:     scf.for %[[FIRST:.*]] = %c0 to %[[M]] step %c4 {
  // CHECK:       tile.mma {{.*}}<16x4xf32,
  // CHECK:       %[[R:.*]] = tile.convert %{{.*}} {rounding = #rung<rounding nearest_even>}
  // CHECK:       tile.store %[[R]], %[[Y]][%[[FIRST]], %{{.*}}] bounds[%[[M]], %c30] transposed
  // CHECK: memref.dealloc %[[P]]
  rung.matmul x(%x : memref<?x60xf16>) weight(%w : memref<2x8x1x16xi32>) init(%y : memref<?x30xf16>)
    {compute = f32, storage = [#x, #w, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, up_to = 1, scale = accumulator>,
                  #rung.schedule<rows = 4, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.uint<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#s = #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>
#z = #rung.storage<!rung.uint<4>, [32, 2], lanes, rows_per_block = 1>
#y = #rung.storage<f32, [1, 32], canonical>

// Zero points at the accumulator: s * (sum of v * x - z * sum of x), so that weights are decoded without them. The sums of x are
// taken once for all rows of the weight.

// CHECK-LABEL: func @zero_points(
// CHECK-SAME: %[[X:[a-z0-9]+]]: memref<1x64xf32>, %{{.*}}, %{{.*}}, %[[Z:[a-z0-9]+]]: memref<2x2x16xi8>
func.func @zero_points(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %s: memref<2x2x16xf16>, %z: memref<2x2x16xi8>, %y: memref<1x32xf32>) {
  // CHECK: %[[T:.*]] = memref.alloc() : memref<2x1xf32>
  // CHECK: tile.launch
  // CHECK:   tile.reduce
  // CHECK:   tile.store %{{.*}}, %[[T]][
  // CHECK: tile.launch
  // CHECK:   tile.mma
  // CHECK:   tile.load %[[T]]
  // CHECK:   tile.load %[[Z]]{{.*}} -> <16x1x!rung.uint<4>,
  // CHECK:   tile.map
  // CHECK:   ^bb0(%[[ACC:.*]]: f32, %[[SUM:.*]]: f32, %[[SV:.*]]: f32, %[[ZV:.*]]: f32, %[[TV:.*]]: f32):
  // CHECK:     %[[NEG:.*]] = arith.negf %[[ZV]]
  // CHECK:     %[[CENTRED:.*]] = math.fma %[[NEG]], %[[TV]], %[[SUM]]
  // CHECK:     math.fma %[[SV]], %[[CENTRED]], %[[ACC]]
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x2x16xf16>) zero_point(%z : memref<2x2x16xi8>) integer init(%y : memref<1x32xf32>)
    {block = array<i64: 1, 32>, compute = f32, storage = [#x, #w, #s, #z, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.uint<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#s = #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>
#y = #rung.storage<f32, [1, 32], canonical>

// The other rule, s * v - z, at both places.

// CHECK-LABEL: func @rescale(
func.func @rescale(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %s: memref<2x2x16xf16>, %z: memref<2x2x16xf16>, %y: memref<1x32xf32>) {
  // CHECK:   ^bb0(%[[ACC:.*]]: f32, %[[SUM:.*]]: f32, %[[SV:.*]]: f32, %[[ZV:.*]]: f32, %[[TV:.*]]: f32):
  // CHECK:     %[[NEG:.*]] = arith.negf %[[ZV]]
  // CHECK:     %[[LESS:.*]] = math.fma %[[NEG]], %[[TV]], %[[ACC]]
  // CHECK:     math.fma %[[SV]], %[[SUM]], %[[LESS]]
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x2x16xf16>) zero_point(%z : memref<2x2x16xf16>) rescale init(%y : memref<1x32xf32>)
    {block = array<i64: 1, 32>, compute = f32, storage = [#x, #w, #s, #s, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
  // CHECK:   ^bb0(%[[V:.*]]: f32, %[[S:.*]]: f32, %[[Z:.*]]: f32):
  // CHECK:     %[[SCALED:.*]] = arith.mulf %[[V]], %[[S]]
  // CHECK:     arith.subf %[[SCALED]], %[[Z]]
  // CHECK:   tile.mma
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) scale(%s : memref<2x2x16xf16>) zero_point(%z : memref<2x2x16xf16>) rescale init(%y : memref<1x32xf32>)
    {block = array<i64: 1, 32>, compute = f32, storage = [#x, #w, #s, #s, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = decode>]}
  return
}

// -----

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.uint<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#z = #rung.storage<!rung.uint<4>, [32, 1], lanes, rows_per_block = 1>
#y = #rung.storage<f32, [1, 32], canonical>

// A zero point without a scale.

// CHECK-LABEL: func @zero_point_alone(
// CHECK-SAME: %[[Z:[a-z0-9]+]]: memref<2x1x16xi8>
func.func @zero_point_alone(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %z: memref<2x1x16xi8>, %y: memref<1x32xf32>) {
  // CHECK: tile.mma
  // CHECK: tile.load %[[Z]]
  // CHECK: ^bb0(%[[ACC:.*]]: f32, %[[SUM:.*]]: f32, %[[ZV:.*]]: f32, %[[TV:.*]]: f32):
  // CHECK:   %[[NEG:.*]] = arith.negf %[[ZV]]
  // CHECK:   %[[CENTRED:.*]] = math.fma %[[NEG]], %[[TV]], %[[SUM]]
  // CHECK:   arith.addf %[[CENTRED]], %[[ACC]]
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) zero_point(%z : memref<2x1x16xi8>) integer init(%y : memref<1x32xf32>)
    {compute = f32, storage = [#x, #w, #z, #y],
     schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [2, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#b = #rung.storage<f16, [32], canonical>
#y = #rung.storage<f16, [2, 32], canonical>

// The epilogue: bias, then the activation, then the residual, in f32; one rounding at the end.

// CHECK-LABEL: func @epilogue(
// CHECK-SAME: %[[B:[a-z0-9]+]]: memref<32xf16>, %[[R:[a-z0-9]+]]: memref<2x32xf16>, %[[Y:[a-z0-9]+]]: memref<2x32xf16>)
func.func @epilogue(%x: memref<2x64xf32>, %w: memref<2x8x1x16xi32>, %b: memref<32xf16>, %r: memref<2x32xf16>, %y: memref<2x32xf16>) {
  // CHECK: %[[SUM:.*]] = scf.for
  // CHECK:   tile.mma
  // CHECK: tile.load %[[B]][%{{.*}}] bounds[%c32] transposed
  // CHECK: tile.load %[[R]][%{{.*}}, %{{.*}}] bounds[%c2, %c32] transposed
  // CHECK: %[[E:.*]] = tile.map %[[SUM]],
  // CHECK: ^bb0(%[[V:.*]]: f32, %[[BV:.*]]: f32, %[[RV:.*]]: f32):
  // CHECK:   %[[BIASED:.*]] = arith.addf %[[V]], %[[BV]]
  // CHECK:   %[[NEG:.*]] = arith.negf %[[BIASED]]
  // CHECK:   %[[EXP:.*]] = math.exp %[[NEG]]
  // CHECK:   %[[D:.*]] = arith.addf %[[EXP]], %{{.*}}
  // CHECK:   %[[SILU:.*]] = arith.divf %[[BIASED]], %[[D]]
  // CHECK:   arith.addf %[[SILU]], %[[RV]]
  // CHECK: %[[ROUNDED:.*]] = tile.convert %[[E]] {rounding = #rung<rounding nearest_even>} : {{.*}} -> <16x2xf16,
  // CHECK: tile.store %[[ROUNDED]], %[[Y]]
  rung.matmul x(%x : memref<2x64xf32>) weight(%w : memref<2x8x1x16xi32>) bias(%b : memref<32xf16>) residual(%r : memref<2x32xf16>) init(%y : memref<2x32xf16>)
    {activation = #rung<activation silu>, compute = f32, storage = [#x, #w, #b, #y, #y],
     schedules = [#rung.schedule<rows = 2, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<i8, [1, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#y = #rung.storage<i32, [1, 32], canonical>

// Integers are summed as integers, and without a scale they stay so.

// CHECK-LABEL: func @integers(
func.func @integers(%x: memref<1x64xi8>, %w: memref<2x8x1x16xi32>, %y: memref<1x32xi32>) {
  // CHECK: memref.alloc() : memref<1x64xi32>
  // CHECK: tile.mma {{.*}} !tile.fragment<16x1xi32,
  // CHECK-NOT: tile.convert
  // CHECK: tile.store {{.*}}<16x1xi32,
  rung.matmul x(%x : memref<1x64xi8>) weight(%w : memref<2x8x1x16xi32>) init(%y : memref<1x32xi32>)
    {compute = i32, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [2, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#b = #rung.storage<f64, [32], canonical>
#y = #rung.storage<f64, [2, 32], canonical>

// With a bias in f64 the whole epilogue is in f64.

// CHECK-LABEL: func @wide_epilogue(
func.func @wide_epilogue(%x: memref<2x64xf32>, %w: memref<2x8x1x16xi32>, %b: memref<32xf64>, %y: memref<2x32xf64>) {
  // CHECK: ^bb0(%[[V:.*]]: f64, %[[B:.*]]: f64):
  // CHECK:   %[[X:.*]] = arith.addf %[[V]], %[[B]] : f64
  // CHECK:   %[[ARGUMENT:.*]] = arith.mulf %[[X]], %{{.*}} : f64
  // CHECK:   %[[ERF:.*]] = math.erf %[[ARGUMENT]] : f64
  // CHECK:   arith.addf %[[ERF]], %{{.*}} : f64
  rung.matmul x(%x : memref<2x64xf32>) weight(%w : memref<2x8x1x16xi32>) bias(%b : memref<32xf64>) init(%y : memref<2x32xf64>)
    {activation = #rung<activation gelu>, compute = f32, storage = [#x, #w, #b, #y],
     schedules = [#rung.schedule<rows = 2, columns = 16, depth = 8, scale = accumulator>]}
  return
}

// -----

#x = #rung.storage<f32, [1, 64], canonical>
#w = #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">
#y = #rung.storage<f32, [1, 32], canonical>

// A step of four decode units: a lane holds four words.

// CHECK-LABEL: func @deep_steps(
func.func @deep_steps(%x: memref<1x64xf32>, %w: memref<2x8x1x16xi32>, %y: memref<1x32xf32>) {
  // CHECK: scf.for %[[K:.*]] = %c0 to %c64 step %c32
  // CHECK:   %[[CODES:.*]] = tile.load %{{.*}}[%{{.*}}, %[[K]]] {{.*}} -> <16x32x!rung.int<4>, {{.*}}register[0..1] -> col[3..4]
  // CHECK:   %[[VALUES:.*]] = tile.convert %[[CODES]] : {{.*}} -> <16x32xf32,
  // CHECK:   tile.mma %[[VALUES]],
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<2x8x1x16xi32>) init(%y : memref<1x32xf32>)
    {compute = f32, storage = [#x, #w, #y], schedules = [#rung.schedule<rows = 1, columns = 16, depth = 32, scale = accumulator>]}
  return
}
