// RUN: rung-opt %s -split-input-file -rung-fuse-dequantize | FileCheck %s

// An embedding shared with the head: rows of codes and scales are gathered, and the head reads the same codes.

// CHECK-LABEL: func @embedding
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<?xi32>, %[[X:[a-z0-9]+]]: tensor<1x64xf32>
func.func @embedding(%tokens: tensor<?xi32>, %x: tensor<1x64xf32>) -> (tensor<?x64xf32>, tensor<1x100xf32>) {
  // CHECK-DAG: %[[W:.*]] = rung.parameter @embedding.codes : tensor<100x64x!rung.int<5>>
  // CHECK-DAG: %[[S:.*]] = rung.parameter @embedding.scales : tensor<100x2xf16>
  // CHECK: %[[ROWS:.*]] = rung.gather source(%[[W]] : tensor<100x64x!rung.int<5>>) indices(%[[T]] : tensor<?xi32>) init(%{{.*}} : tensor<?x64x!rung.int<5>>)
  // CHECK: %[[SCALES:.*]] = rung.gather source(%[[S]] : tensor<100x2xf16>) indices(%[[T]] : tensor<?xi32>) init(%{{.*}} : tensor<?x2xf16>)
  // CHECK: %[[E:.*]] = rung.elementwise dequantize input(%[[ROWS]] : tensor<?x64x!rung.int<5>>) scale(%[[SCALES]] : tensor<?x2xf16>)
  // CHECK-SAME: init(%{{.*}} : tensor<?x64xf32>) {block = array<i64: 1, 32>}
  // CHECK: %[[H:.*]] = rung.matmul x(%[[X]] : tensor<1x64xf32>) weight(%[[W]] : tensor<100x64x!rung.int<5>>)
  // CHECK: return %[[E]], %[[H]]
  %w = rung.parameter @embedding.codes : tensor<100x64x!rung.int<5>>
  %s = rung.parameter @embedding.scales : tensor<100x2xf16>
  %table = rung.dequantize %w scale(%s : tensor<100x2xf16>) block [1, 32] : tensor<100x64x!rung.int<5>> -> tensor<100x64xf32>
  %c0 = arith.constant 0 : index
  %m = tensor.dim %tokens, %c0 : tensor<?xi32>
  %e = tensor.empty(%m) : tensor<?x64xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(m, k) -> (m)>, affine_map<(m, k) -> (m, k)>], iterator_types = ["parallel", "parallel"]}
      ins(%tokens : tensor<?xi32>) outs(%e : tensor<?x64xf32>) {
  ^bb0(%token: i32, %o: f32):
    %row = arith.index_cast %token : i32 to index
    %column = linalg.index 1 : index
    %value = tensor.extract %table[%row, %column] : tensor<100x64xf32>
    linalg.yield %value : f32
  } -> tensor<?x64xf32>
  %f = arith.constant dense<0.0> : tensor<1x100xf32>
  %head = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %table : tensor<1x64xf32>, tensor<100x64xf32>) outs(%f : tensor<1x100xf32>) -> tensor<1x100xf32>
  return %rows, %head : tensor<?x64xf32>, tensor<1x100xf32>
}

// -----

// Scales of 4 rows together: row i of the table has the scales of row i / 4. Per-tensor scales stay; a batch of lists is one list.

// CHECK-LABEL: func @blocks_of_rows
// CHECK-SAME: %[[T:[a-z0-9]+]]: tensor<2x3xi64>
func.func @blocks_of_rows(%tokens: tensor<2x3xi64>, %w: tensor<100x64xf4E2M1FN>, %s: tensor<25x4xf8E4M3FN>, %t: tensor<f32>) -> tensor<2x3x64xf32> {
  // CHECK: %[[LIST:.*]] = tensor.collapse_shape %[[T]] {{\[\[}}0, 1]] : tensor<2x3xi64> into tensor<6xi64>
  // CHECK: %[[ROWS:.*]] = rung.gather source(%{{.*}} : tensor<100x64xf4E2M1FN>) indices(%[[LIST]] : tensor<6xi64>)
  // CHECK: %[[BY_FOUR:.*]] = linalg.generic {{.*}} ins(%[[LIST]] : tensor<6xi64>)
  // CHECK:   arith.divui %{{.*}}, %c4_i64
  // CHECK: %[[SCALES:.*]] = rung.gather source(%{{.*}} : tensor<25x4xf8E4M3FN>) indices(%[[BY_FOUR]] : tensor<6xi64>)
  // CHECK: %[[D:.*]] = rung.elementwise dequantize input(%[[ROWS]] : tensor<6x64xf4E2M1FN>) scale(%[[SCALES]] : tensor<6x4xf8E4M3FN>)
  // CHECK-SAME: second_scale(%{{.*}} : tensor<f32>) init(%{{.*}}) {block = array<i64: 1, 16>}
  // CHECK: tensor.expand_shape %[[D]] {{\[\[}}0, 1], [2]] output_shape [2, 3, 64]
  %table = rung.dequantize %w scale(%s : tensor<25x4xf8E4M3FN>) second_scale(%t : tensor<f32>) block [4, 16]
      : tensor<100x64xf4E2M1FN> -> tensor<100x64xf32>
  %e = tensor.empty() : tensor<2x3x64xf32>
  %rows = linalg.generic {indexing_maps = [affine_map<(b, m, k) -> (b, m)>, affine_map<(b, m, k) -> (b, m, k)>],
                          iterator_types = ["parallel", "parallel", "parallel"]}
      ins(%tokens : tensor<2x3xi64>) outs(%e : tensor<2x3x64xf32>) {
  ^bb0(%token: i64, %o: f32):
    %row = arith.index_cast %token : i64 to index
    %column = linalg.index 2 : index
    %value = tensor.extract %table[%row, %column] : tensor<100x64xf32>
    linalg.yield %value : f32
  } -> tensor<2x3x64xf32>
  return %rows : tensor<2x3x64xf32>
}

// -----

// One row, by an index of rank 0.

// CHECK-LABEL: func @one_row
func.func @one_row(%token: tensor<i32>, %w: tensor<100x64xi8>, %s: tensor<100x1xf16>, %z: tensor<100x1xf16>) -> tensor<64xf32> {
  // CHECK: %[[LIST:.*]] = tensor.expand_shape %{{.*}} [] output_shape [1] : tensor<i32> into tensor<1xi32>
  // CHECK-COUNT-3: rung.gather {{.*}} indices(%[[LIST]] : tensor<1xi32>)
  // CHECK: %[[D:.*]] = rung.elementwise dequantize {{.*}} zero_point(%{{.*}} : tensor<1x1xf16>) rescale
  // CHECK: tensor.collapse_shape %[[D]] {{\[\[}}0, 1]] : tensor<1x64xf32> into tensor<64xf32>
  %table = rung.dequantize %w scale(%s : tensor<100x1xf16>) zero_point(%z : tensor<100x1xf16>) rescale : tensor<100x64xi8> -> tensor<100x64xf32>
  %e = tensor.empty() : tensor<64xf32>
  %row = linalg.generic {indexing_maps = [affine_map<(k) -> ()>, affine_map<(k) -> (k)>], iterator_types = ["parallel"]}
      ins(%token : tensor<i32>) outs(%e : tensor<64xf32>) {
  ^bb0(%t: i32, %o: f32):
    %r = arith.index_cast %t : i32 to index
    %column = linalg.index 0 : index
    %value = tensor.extract %table[%r, %column] : tensor<100x64xf32>
    linalg.yield %value : f32
  } -> tensor<64xf32>
  return %row : tensor<64xf32>
}

// -----

// Not sunk: columns are gathered, not rows. The table is dequantized.

// CHECK-LABEL: func @columns
func.func @columns(%index: tensor<100xi32>, %w: tensor<100x64xi8>, %s: tensor<100x1xf16>) -> tensor<100xf32> {
  // CHECK: rung.elementwise dequantize {{.*}} -> tensor<100x64xf32>
  // CHECK: tensor.extract
  %table = rung.dequantize %w scale(%s : tensor<100x1xf16>) : tensor<100x64xi8> -> tensor<100x64xf32>
  %e = tensor.empty() : tensor<100xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(m) -> (m)>, affine_map<(m) -> (m)>], iterator_types = ["parallel"]}
      ins(%index : tensor<100xi32>) outs(%e : tensor<100xf32>) {
  ^bb0(%t: i32, %o: f32):
    %column = arith.index_cast %t : i32 to index
    %r = linalg.index 0 : index
    %value = tensor.extract %table[%r, %column] : tensor<100x64xf32>
    linalg.yield %value : f32
  } -> tensor<100xf32>
  return %y : tensor<100xf32>
}

// -----

// A slice along whole blocks is a slice of codes and one of scales.

// CHECK-LABEL: func @slice
func.func @slice(%w: tensor<96x64xi8>, %s: tensor<48x2xf16>) -> tensor<32x32xf32> {
  // CHECK: %[[W:.*]] = tensor.extract_slice %{{.*}}[32, 32] [32, 32] [1, 1] : tensor<96x64xi8> to tensor<32x32xi8>
  // CHECK: rung.elementwise dequantize input(%[[W]] : tensor<32x32xi8>) scale(%[[S:.*]] : tensor<16x1xf16>)
  %d = rung.dequantize %w scale(%s : tensor<48x2xf16>) block [2, 32] : tensor<96x64xi8> -> tensor<96x64xf32>
  %y = tensor.extract_slice %d[32, 32] [32, 32] [1, 1] : tensor<96x64xf32> to tensor<32x32xf32>
  return %y : tensor<32x32xf32>
}

// -----

// Rows of codes that share bytes with nothing: a dynamic slice of rows, multiplied without dequantizing the rest.

// CHECK-LABEL: func @slice_of_rows
func.func @slice_of_rows(%w: tensor<96x64x!rung.int<3>>, %s: tensor<96x2xf16>, %i: index, %x: tensor<1x64xf32>) -> tensor<1x32xf32> {
  // CHECK: %[[NUMBERS:.*]] = linalg.generic {{.*}} outs(%{{.*}} : tensor<32xi32>)
  // CHECK: %[[W:.*]] = rung.gather source(%{{.*}} : tensor<96x64x!rung.int<3>>) indices(%[[NUMBERS]] : tensor<32xi32>)
  // CHECK: %[[S:.*]] = rung.gather source(%{{.*}} : tensor<96x2xf16>) indices(%[[NUMBERS]] : tensor<32xi32>)
  // CHECK: rung.matmul {{.*}} weight(%[[W]] : tensor<32x64x!rung.int<3>>) scale(%[[S]] : tensor<32x2xf16>)
  %d = rung.dequantize %w scale(%s : tensor<96x2xf16>) block [1, 32] : tensor<96x64x!rung.int<3>> -> tensor<96x64xf32>
  %rows = tensor.extract_slice %d[%i, 0] [32, 64] [1, 1] : tensor<96x64xf32> to tensor<32x64xf32>
  %f = arith.constant dense<0.0> : tensor<1x32xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%x, %rows : tensor<1x64xf32>, tensor<32x64xf32>) outs(%f : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// Not sunk: the slice cuts a block.

// CHECK-LABEL: func @cut_block
func.func @cut_block(%w: tensor<96x64xi8>, %s: tensor<96x2xf16>) -> tensor<96x32xf32> {
  // CHECK: %[[D:.*]] = rung.elementwise dequantize {{.*}} -> tensor<96x64xf32>
  // CHECK: tensor.extract_slice %[[D]][0, 16]
  %d = rung.dequantize %w scale(%s : tensor<96x2xf16>) block [1, 32] : tensor<96x64xi8> -> tensor<96x64xf32>
  %y = tensor.extract_slice %d[0, 16] [96, 32] [1, 1] : tensor<96x64xf32> to tensor<96x32xf32>
  return %y : tensor<96x32xf32>
}
