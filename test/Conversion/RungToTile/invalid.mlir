// RUN: rung-opt --convert-rung-to-tile --verify-diagnostics --split-input-file %s

func.func @tensor(%w: tensor<4x64xi8>, %e: tensor<4x64xf32>) -> tensor<4x64xf32> {
  // expected-error @+1 {{is left: it must be on memrefs, and a matmul needs storage, schedules and compute (run rung-select-compute, rung-select-schedule, rung-separate-storage and bufferization first)}}
  %d = rung.elementwise dequantize input(%w : tensor<4x64xi8>) init(%e : tensor<4x64xf32>) -> tensor<4x64xf32>
  return %d : tensor<4x64xf32>
}

// -----

func.func @gather_of_tensors(%w: tensor<4x64xi8>, %i: tensor<2xi32>, %e: tensor<2x64xi8>) -> tensor<2x64xi8> {
  // expected-error @+1 {{is left: it must be on memrefs}}
  %r = rung.gather source(%w : tensor<4x64xi8>) indices(%i : tensor<2xi32>) init(%e : tensor<2x64xi8>) -> tensor<2x64xi8>
  return %r : tensor<2x64xi8>
}

// -----

func.func @no_schedule(%x: memref<1x64xf32>, %w: memref<32x64xf32>, %y: memref<1x32xf32>) {
  // expected-error @+1 {{is left: it must be on memrefs, and a matmul needs storage, schedules and compute}}
  rung.matmul x(%x : memref<1x64xf32>) weight(%w : memref<32x64xf32>) init(%y : memref<1x32xf32>) {compute = f32}
  return
}

// -----

func.func @sums_of_codes(%x: memref<1x64xi8>, %w: memref<2x8x1x16xi32>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{computes in 'f8E4M3FN', in which there are no sums; expected i32, f16, bf16, f32 or f64 in its `compute`, or in that of the device}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x64xi8>) weight(%w : memref<2x8x1x16xi32>) init(%y : memref<1x32xf32>) {
      compute = f8E4M3FN,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>],
      storage = [#rung.storage<f8E4M3FN, [1, 64], canonical>,
                 #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @sums_of_bytes(%x: memref<1x64xi8>, %w: memref<2x8x1x16xi32>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{computes in 'i8', in which there are no sums; expected i32, f16, bf16, f32 or f64 in its `compute`, or in that of the device}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x64xi8>) weight(%w : memref<2x8x1x16xi32>) init(%y : memref<1x32xf32>) {
      compute = i8,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>],
      storage = [#rung.storage<f8E4M3FN, [1, 64], canonical>,
                 #rung.storage<!rung.int<4>, [32, 64], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @half_units(%x: memref<1x96xf32>, %w: memref<2x12x1x16xi32>, %s: memref<2x6x16xf16>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{but its weights are packed for columns = 16 and depth = 8}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x96xf32>) weight(%w : memref<2x12x1x16xi32>) init(%y : memref<1x32xf32>) {
      compute = f32,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 4, scale = accumulator>],
      storage = [#rung.storage<f32, [1, 96], canonical>,
                 #rung.storage<!rung.int<4>, [32, 96], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @long_steps(%x: memref<1x96xf32>, %w: memref<2x12x1x16xi32>, %s: memref<2x6x16xf16>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{but its 96 columns are no whole steps of 64; say depth = 8}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x96xf32>) weight(%w : memref<2x12x1x16xi32>) init(%y : memref<1x32xf32>) {
      compute = f32,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 64, scale = accumulator>],
      storage = [#rung.storage<f32, [1, 96], canonical>,
                 #rung.storage<!rung.int<4>, [32, 96], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @short_groups(%x: memref<1x96xf32>, %w: memref<2x12x1x16xi32>, %s: memref<2x6x16xf16>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{but groups of 16 columns do not hold whole steps of 32; say scale = decode}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x96xf32>) weight(%w : memref<2x12x1x16xi32>) scale(%s : memref<2x6x16xf16>) init(%y : memref<1x32xf32>) {
      block = array<i64: 1, 16>, compute = f32,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 32, scale = accumulator>],
      storage = [#rung.storage<f32, [1, 96], canonical>,
                 #rung.storage<!rung.int<4>, [32, 96], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f16, [32, 6], lanes, rows_per_block = 1>,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @pipelined(%x: memref<1x96xf32>, %w: memref<2x12x1x16xi32>, %s: memref<2x6x16xf16>, %y: memref<1x32xf32>) {
  // expected-error @+2 {{expected at most 64 rows, and 1 for stages, split_k and warps}}
  // expected-error @+1 {{is left}}
  rung.matmul x(%x : memref<1x96xf32>) weight(%w : memref<2x12x1x16xi32>) init(%y : memref<1x32xf32>) {
      compute = f32,
      schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator, stages = 2>],
      storage = [#rung.storage<f32, [1, 96], canonical>,
                 #rung.storage<!rung.int<4>, [32, 96], words, layout = "(code:3, unit:0, lane:4) -> (row:4, col:3) {code[0..2] -> col[0..2], lane[0..3] -> row[0..3]}, order = sequential<4>, load = 1">,
                 #rung.storage<f32, [1, 32], canonical>]}
  return
}

// -----

func.func @codes_in_memory(%x: memref<4x!rung.codebook<2, [-1, 0, 1]>>, %y: memref<4xf64>) {
  // expected-error @+1 {{has operand #0 of 'memref<4x!rung.codebook<2, [-1, 0, 1]>>', which is no memory without `storage`; run rung-separate-storage first}}
  rung.elementwise convert input(%x : memref<4x!rung.codebook<2, [-1, 0, 1]>>) init(%y : memref<4xf64>)
  return
}
