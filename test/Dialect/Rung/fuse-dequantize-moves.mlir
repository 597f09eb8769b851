// RUN: rung-opt %s -split-input-file -rung-fuse-dequantize | FileCheck %s

// Codes 3 to 7 of a row are no whole bytes: they move as i8, which has all their values.

// CHECK-LABEL: func @bits(
// CHECK-SAME: %[[A:.*]]: tensor<4x24x!rung.int<3>>
func.func @bits(%a: tensor<4x24x!rung.int<3>>) -> tensor<4x5x!rung.int<3>> {
  // CHECK: %[[WIDE:.*]] = rung.elementwise convert input(%[[A]] : tensor<4x24x!rung.int<3>>) {{.*}} -> tensor<4x24xi8>
  // CHECK: %[[S:.*]] = tensor.extract_slice %[[WIDE]][0, 3] [4, 5] [1, 1] : tensor<4x24xi8> to tensor<4x5xi8>
  // CHECK: rung.elementwise convert input(%[[S]] : tensor<4x5xi8>) {{.*}} -> tensor<4x5x!rung.int<3>>
  %s = tensor.extract_slice %a [0, 3] [4, 5] [1, 1] : tensor<4x24x!rung.int<3>> to tensor<4x5x!rung.int<3>>
  return %s : tensor<4x5x!rung.int<3>>
}

// -----

// Whole bytes stay codes.

// CHECK-LABEL: func @bytes(
// CHECK-NOT: rung.elementwise
// CHECK: tensor.extract_slice %{{.*}}[0, 8] [4, 8] [1, 1] : tensor<4x24x!rung.int<3>> to tensor<4x8x!rung.int<3>>
func.func @bytes(%a: tensor<4x24x!rung.int<3>>) -> tensor<4x8x!rung.int<3>> {
  %s = tensor.extract_slice %a [0, 8] [4, 8] [1, 1] : tensor<4x24x!rung.int<3>> to tensor<4x8x!rung.int<3>>
  return %s : tensor<4x8x!rung.int<3>>
}

// -----

// Upstream's casts of codes are conversions.

// CHECK-LABEL: func @casts(
// CHECK-SAME: %[[A:.*]]: tensor<8xf8E5M2>, %[[B:.*]]: tensor<8xi4>
func.func @casts(%a: tensor<8xf8E5M2>, %b: tensor<8xi4>) -> (tensor<8xf32>, tensor<8xf32>) {
  // CHECK: rung.elementwise convert input(%[[A]] : tensor<8xf8E5M2>) {{.*}} -> tensor<8xf32>
  // CHECK: rung.elementwise convert input(%[[B]] : tensor<8xi4>) {{.*}} -> tensor<8xf32>
  %x = arith.extf %a : tensor<8xf8E5M2> to tensor<8xf32>
  %e = tensor.empty() : tensor<8xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>], iterator_types = ["parallel"]}
      ins(%b : tensor<8xi4>) outs(%e : tensor<8xf32>) {
  ^bb0(%code: i4, %out: f32):
    %value = arith.sitofp %code : i4 to f32
    linalg.yield %value : f32
  } -> tensor<8xf32>
  return %x, %y : tensor<8xf32>, tensor<8xf32>
}

// -----

// i1 is a format at a function's boundary, and a condition to upstream operations: -1 is true, the code 1.

// CHECK-LABEL: func @conditions(
// CHECK-SAME: %[[P:.*]]: tensor<9xi1>, %[[X:.*]]: tensor<9xf32>, %[[Y:.*]]: tensor<9xf32>
func.func @conditions(%p: tensor<9xi1>, %x: tensor<9xf32>, %y: tensor<9xf32>) -> (tensor<9xf32>, tensor<9xi1>) {
  // CHECK: %[[V:.*]] = rung.elementwise convert input(%[[P]] : tensor<9xi1>) {{.*}} -> tensor<9xi8>
  // CHECK: %[[C:.*]] = arith.trunci %[[V]] : tensor<9xi8> to tensor<9xi1>
  // CHECK: arith.select %[[C]], %[[X]], %[[Y]]
  %s = arith.select %p, %x, %y : tensor<9xi1>, tensor<9xf32>
  // CHECK: %[[G:.*]] = arith.cmpf ogt, %[[X]], %[[Y]]
  // CHECK: %[[W:.*]] = arith.extsi %[[G]] : tensor<9xi1> to tensor<9xi8>
  // CHECK: %[[R:.*]] = rung.elementwise convert input(%[[W]] : tensor<9xi8>) {{.*}} -> tensor<9xi1>
  // CHECK: return %{{.*}}, %[[R]]
  %g = arith.cmpf ogt, %x, %y : tensor<9xf32>
  return %s, %g : tensor<9xf32>, tensor<9xi1>
}

// -----

// A static slice of a parameter is a parameter, which is packed when the bundle is written.

// CHECK-LABEL: func @parameter_slices(
// CHECK-DAG: %[[W:.*]] = rung.parameter @w {offsets = array<i64: 2, 0, 0>, sizes = array<i64: 1, 32, 64>, whole = tensor<4x32x64x!rung.int<4>>} : tensor<32x64x!rung.int<4>>
// CHECK-DAG: %[[S:.*]] = rung.parameter @s {offsets = array<i64: 16, 0>, sizes = array<i64: 32, 1>, whole = tensor<64x1xf16>} : tensor<32x1xf16>
// CHECK: rung.elementwise dequantize input(%[[W]] : {{.*}}) scale(%[[S]] :
func.func @parameter_slices() -> tensor<32x64xf32> {
  %w = rung.parameter @w : tensor<4x32x64x!rung.int<4>>
  %s = rung.parameter @s : tensor<64x1xf16>
  %v = tensor.extract_slice %w [2, 0, 0] [1, 32, 64] [1, 1, 1] : tensor<4x32x64x!rung.int<4>> to tensor<32x64x!rung.int<4>>
  %t = tensor.extract_slice %s [16, 0] [32, 1] [1, 1] : tensor<64x1xf16> to tensor<32x1xf16>
  %d = rung.dequantize %v scale(%t : tensor<32x1xf16>) : tensor<32x64x!rung.int<4>> -> tensor<32x64xf32>
  return %d : tensor<32x64xf32>
}
