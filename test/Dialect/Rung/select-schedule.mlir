// RUN: rung-opt --rung-select-schedule --split-input-file %s | FileCheck %s

// A step multiplies whole decode units, the fewest codes that fill whole 32-bit words: one, where there are few registers.

// CHECK-LABEL: func @one_row
func.func @one_row(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %v: tensor<32x64x!rung.int<3>>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  // CHECK: schedules = [#rung.schedule<rows = 1, columns = 16, depth = 8, scale = accumulator>]
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) {compute = f32} -> tensor<1x32xf32>
  // CHECK: schedules = [#rung.schedule<rows = 1, columns = 16, depth = 32, scale = accumulator>]
  %z = rung.matmul x(%x : tensor<1x64xf32>) weight(%v : tensor<32x64x!rung.int<3>>) init(%e : tensor<1x32xf32>) {compute = f32} -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}

// -----

// A number of rows that is known at run time: a schedule for one row, and one for more.

module attributes {rung.device = #rung.device<"cpu:znver4", {lanes = 16 : i64, registers = 32 : i64}>} {
  // CHECK-LABEL: func @dynamic
  func.func @dynamic(%x: tensor<?x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<?x32xf32>) -> tensor<?x32xf32> {
    // CHECK: schedules = [#rung.schedule<rows = 1, columns = 16, depth = 32, up_to = 1, scale = accumulator>,
    // CHECK-SAME: #rung.schedule<rows = 8, columns = 16, depth = 8, scale = accumulator>]
    %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<?x32xf32>) {compute = f32} -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }

  // No deeper than what divides the columns and the groups.
  // CHECK-LABEL: func @groups_of_16
  func.func @groups_of_16(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %s: tensor<32x4xf16>, %x40: tensor<1x40xf32>, %w40: tensor<32x40x!rung.int<4>>,
                          %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
    // CHECK: depth = 16
    %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x4xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 16>, compute = f32} -> tensor<1x32xf32>
    // CHECK: depth = 8
    %z = rung.matmul x(%x40 : tensor<1x40xf32>) weight(%w40 : tensor<32x40x!rung.int<4>>) init(%e : tensor<1x32xf32>) {compute = f32} -> tensor<1x32xf32>
    return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
  }

  // As many rows as memory can hold.
  // CHECK-LABEL: func @most_rows
  func.func @most_rows(%x: tensor<549755813887x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<549755813887x32xf32>) -> tensor<549755813887x32xf32> {
    // CHECK: schedules = [#rung.schedule<rows = 8, columns = 16, depth = 8, scale = accumulator>]
    %y = rung.matmul x(%x : tensor<549755813887x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<549755813887x32xf32>) {compute = f32} -> tensor<549755813887x32xf32>
    return %y : tensor<549755813887x32xf32>
  }

  // Three rows take the tile of four.
  // CHECK-LABEL: func @three_rows
  func.func @three_rows(%x: tensor<3x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<3x32xf32>) -> tensor<3x32xf32> {
    // CHECK: schedules = [#rung.schedule<rows = 4, columns = 16, depth = 8, scale = accumulator>]
    %y = rung.matmul x(%x : tensor<3x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<3x32xf32>) {compute = f32} -> tensor<3x32xf32>
    return %y : tensor<3x32xf32>
  }
}

// -----

// Few registers, few rows.

module attributes {rung.device = #rung.device<"cpu:x86-64", {lanes = 16 : i64, registers = 4 : i64}>} {
  // CHECK-LABEL: func @few_registers
  func.func @few_registers(%x: tensor<?x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<?x32xf32>) -> tensor<?x32xf32> {
    // CHECK: schedules = [#rung.schedule<rows = 1, {{.*}}up_to = 1{{.*}}>, #rung.schedule<rows = 2,
    %y = rung.matmul x(%x : tensor<?x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<?x32xf32>) {compute = f32} -> tensor<?x32xf32>
    return %y : tensor<?x32xf32>
  }
}

// -----

// Scales go to the sum of a group if groups are whole steps, else to each weight; then integers are summed as floats.

// CHECK-LABEL: func @places_of_scales
func.func @places_of_scales(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %s32: tensor<32x2xf16>, %s12: tensor<32x6xf16>, %s64: tensor<32x1xf16>,
                            %xi: tensor<1x64xi8>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>) {
  // CHECK: scale = accumulator
  %a = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s32 : tensor<32x2xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 32>, compute = f32} -> tensor<1x32xf32>
  // CHECK: scale = decode
  %b = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s12 : tensor<32x6xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 12>, compute = f32} -> tensor<1x32xf32>
  // CHECK: scale = accumulator
  %c = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s64 : tensor<32x1xf16>) init(%e : tensor<1x32xf32>) {compute = f32} -> tensor<1x32xf32>
  // CHECK: compute = f64, schedules = [{{.*}}scale = decode
  %d = rung.matmul x(%xi : tensor<1x64xi8>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s12 : tensor<32x6xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 12>, compute = i32} -> tensor<1x32xf32>
  return %a, %b, %c, %d : tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>, tensor<1x32xf32>
}

// -----

// A zero point has groups, too: here each weight has its own.

// CHECK-LABEL: func @zero_points
func.func @zero_points(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %z: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: scale = decode
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) zero_point(%z : tensor<32x64x!rung.int<4>>) integer init(%e : tensor<1x32xf32>) {compute = f32} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// CHECK-LABEL: func @by_hand
func.func @by_hand(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: schedules = [#rung.schedule<rows = 2, columns = 16, depth = 8, scale = accumulator>]
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>)
      {compute = f32, schedules = [#rung.schedule<rows = 2, columns = 16, depth = 8, scale = accumulator>]} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
