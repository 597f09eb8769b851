// RUN: rung-opt --rung-separate-storage --split-input-file %s | FileCheck %s

// A weight that is an argument arrives packed: words of decode units for 16 rows side by side, here
// [32 / 16 tiles of rows, 64 / 8 units, 1 load, 16 lanes]. Its scales follow the lanes. A function packs each.

// CHECK: func.func @linear(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<1x64xf32>
// CHECK-SAME: %[[W:[a-z0-9]+]]: tensor<2x8x1x16xi32> {rung.name = "w", rung.pack = @linear.pack.w, rung.storage = #rung.storage<!rung.int<4>, [32, 64], words, layout = "{{.*}}">}
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<2x2x16xf16> {rung.pack = @linear.pack.arg2, rung.storage = #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>}
func.func @linear(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>> {rung.name = "w"}, %s: tensor<32x2xf16>) -> tensor<1x32xf32> {
  %e = tensor.empty() : tensor<1x32xf32>
  // CHECK: rung.matmul x(%[[X]] : tensor<1x64xf32>) weight(%[[W]] : tensor<2x8x1x16xi32>) scale(%[[S]] : tensor<2x2x16xf16>)
  // CHECK-SAME: storage = [#rung.storage<f32, [1, 64], canonical>, #rung.storage<!rung.int<4>, [32, 64], words, {{.*}}>, #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>, #rung.storage<f32, [1, 32], canonical>]
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 32>} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}
// CHECK: func.func @linear.pack.arg2(%{{.*}}: tensor<32x2xf16> {rung.name = "arg2"}) -> (tensor<2x2x16xf16> {rung.name = "packed"}) attributes {rung.packer}
// CHECK: func.func @linear.pack.w(%[[C:.*]]: tensor<32x32xi8> {rung.name = "w"}) -> (tensor<2x8x1x16xi32> {rung.name = "packed"}) attributes {rung.packer}
// CHECK-NEXT: rung.pack %[[C]] into <!rung.int<4>, [32, 64], words, {{.*}}> : tensor<32x32xi8> -> tensor<2x8x1x16xi32>

// -----

// Any width, and rows that are no multiple of 16: 3-bit codes come 32 to 3 words, 5 rows take a whole tile.

// CHECK-LABEL: func @odd
// CHECK-SAME: tensor<1x2x3x16xi32>
func.func @odd(%x: tensor<1x60xf32>, %w: tensor<5x60x!rung.codebook<3, [-2.5, -1, 0, 1, 2.5]>>, %e: tensor<1x5xf32>) -> tensor<1x5xf32> {
  %y = rung.matmul x(%x : tensor<1x60xf32>) weight(%w : tensor<5x60x!rung.codebook<3, [-2.5, -1, 0, 1, 2.5]>>) init(%e : tensor<1x5xf32>) -> tensor<1x5xf32>
  return %y : tensor<1x5xf32>
}

// -----

// Scales in blocks of rows: each is repeated for the rows that it serves. Zero points under 8 bits take a byte each.

// CHECK-LABEL: func @blocks_of_rows
// CHECK-SAME: tensor<2x2x16xf16> {{.*}}#rung.storage<f16, [8, 2], lanes, rows_per_block = 4>
// CHECK-SAME: tensor<2x2x16xi8> {{.*}}#rung.storage<!rung.uint<4>, [8, 2], lanes, rows_per_block = 4>
func.func @blocks_of_rows(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.uint<4>>, %s: tensor<8x2xf16>, %z: tensor<8x2x!rung.uint<4>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.uint<4>>) scale(%s : tensor<8x2xf16>) zero_point(%z : tensor<8x2x!rung.uint<4>>) integer
      init(%e : tensor<1x32xf32>) {block = array<i64: 4, 32>} -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// A weight is stored once: two kernels, a gather of its rows and its parameter share one packed order.

// CHECK-LABEL: func @shared
func.func @shared(%x: tensor<1x64xf32>, %xs: tensor<?x64xf32>, %i: tensor<?xi32>, %e1: tensor<1x32xf32>, %e2: tensor<?x32xf32>, %e3: tensor<?x64x!rung.int<8>>)
    -> (tensor<1x32xf32>, tensor<?x32xf32>, tensor<?x64x!rung.int<8>>) {
  // CHECK: %[[W:.*]] = rung.parameter @head {storage = #rung.storage<!rung.int<8>, [32, 64], words, {{.*}}>} : tensor<2x16x1x16xi32>
  // CHECK-NOT: rung.pack
  // CHECK: rung.matmul {{.*}}weight(%[[W]] :
  // CHECK: rung.matmul {{.*}}weight(%[[W]] :
  // CHECK: rung.gather source(%[[W]] : tensor<2x16x1x16xi32>) {{.*}} -> tensor<?x64xi8>
  %w = rung.parameter @head : tensor<32x64x!rung.int<8>>
  %a = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<8>>) init(%e1 : tensor<1x32xf32>) -> tensor<1x32xf32>
  %b = rung.matmul x(%xs : tensor<?x64xf32>) weight(%w : tensor<32x64x!rung.int<8>>) init(%e2 : tensor<?x32xf32>) -> tensor<?x32xf32>
  %c = rung.gather source(%w : tensor<32x64x!rung.int<8>>) indices(%i : tensor<?xi32>) init(%e3 : tensor<?x64x!rung.int<8>>) -> tensor<?x64x!rung.int<8>>
  return %a, %b, %c : tensor<1x32xf32>, tensor<?x32xf32>, tensor<?x64x!rung.int<8>>
}

// -----

// A weight that is computed is packed at run time.

// CHECK-LABEL: func @computed
func.func @computed(%x: tensor<1x64xf32>, %v: tensor<32x64xf32>, %q: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> tensor<1x32xf32> {
  // CHECK: %[[Q:.*]] = rung.elementwise quantize {{.*}} -> tensor<32x32xi8>
  // CHECK: %[[P:.*]] = rung.pack %[[Q]] into {{.*}} : tensor<32x32xi8> -> tensor<2x8x1x16xi32>
  // CHECK: rung.matmul {{.*}}weight(%[[P]] :
  %w = rung.elementwise quantize input(%v : tensor<32x64xf32>) init(%q : tensor<32x64x!rung.int<4>>) {saturate} -> tensor<32x64x!rung.int<4>>
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y : tensor<1x32xf32>
}

// -----

// Everything else is in canonical storage: codes of a row one after the other, each row padded to a byte.

// CHECK-LABEL: func @canonical
// CHECK-SAME: (%{{.*}}: tensor<?x2xi8> {rung.storage = #rung.storage<!rung.int<3>, [?, 5], canonical>}
// CHECK-SAME: -> (tensor<?x5xi8> {rung.storage = #rung.storage<f8E4M3FN, [?, 5], canonical>})
func.func @canonical(%w: tensor<?x5x!rung.int<3>>, %e: tensor<?x5xf8E4M3FN>) -> tensor<?x5xf8E4M3FN> {
  %c = rung.elementwise convert input(%w : tensor<?x5x!rung.int<3>>) init(%e : tensor<?x5xf8E4M3FN>) -> tensor<?x5xf8E4M3FN>
  return %c : tensor<?x5xf8E4M3FN>
}

// -----

// Constants become bytes, least significant bits first.

// CHECK-LABEL: func @constant
func.func @constant() -> tensor<2x3x!rung.uint<2>> {
  // CHECK: arith.constant dense<{{\[}}[57], [27]]> : tensor<2x1xi8>
  %c = rung.constant #rung.codes<[1, 2, 3, 3, 2, 1]> : tensor<2x3x!rung.uint<2>>
  return %c : tensor<2x3x!rung.uint<2>>
}

// -----

// Declarations take storage too.

// CHECK: func.func private @declared(tensor<4x2xi8> {rung.storage = #rung.storage<!rung.int<3>, [4, 5], canonical>}) -> (tensor<4x3xi8> {rung.storage = #rung.storage<i4, [4, 6], canonical>})
// CHECK: call @declared(%{{.*}}) : (tensor<4x2xi8>) -> tensor<4x3xi8>
func.func private @declared(tensor<4x5x!rung.int<3>>) -> tensor<4x6xi4>
func.func @declaration(%a: tensor<4x5x!rung.int<3>>) -> tensor<4x6xi4> {
  %0 = call @declared(%a) : (tensor<4x5x!rung.int<3>>) -> tensor<4x6xi4>
  return %0 : tensor<4x6xi4>
}

// -----

// Integers of 16 and 32 bits are stored as signless ones, whatever their sign.

// CHECK-LABEL: func @wide_integers
// CHECK-SAME: tensor<4xi16> {rung.storage = #rung.storage<ui16, [4], canonical>}
// CHECK-SAME: -> (tensor<4xi32> {rung.storage = #rung.storage<si32, [4], canonical>})
func.func @wide_integers(%x: tensor<4xui16>) -> tensor<4xsi32> {
  %e = tensor.empty() : tensor<4xsi32>
  %y = rung.elementwise convert input(%x : tensor<4xui16>) init(%e : tensor<4xsi32>) -> tensor<4xsi32>
  return %y : tensor<4xsi32>
}

// -----

// Who calls a function passes canonical storage: it packs its weights itself.

// CHECK-LABEL: func private @callee
// CHECK-SAME: tensor<32x32xi8>
// CHECK: %[[P:.*]] = rung.pack %{{.*}} : tensor<32x32xi8> -> tensor<2x8x1x16xi32>
// CHECK: rung.matmul {{.*}} weight(%[[P]] :
// CHECK: rung.matmul {{.*}} weight(%[[P]] :
func.func private @callee(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %z = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) {activation = #rung<activation relu>} -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}
// CHECK-LABEL: func @caller
// CHECK: call @callee(%{{.*}}) : (tensor<1x64xf32>, tensor<32x32xi8>,
func.func @caller(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  %0:2 = call @callee(%x, %w, %e) : (tensor<1x64xf32>, tensor<32x64x!rung.int<4>>, tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>)
  return %0#0, %0#1 : tensor<1x32xf32>, tensor<1x32xf32>
}

// -----

// A parameter that is also read as it is gets packed apart.

// CHECK-LABEL: func @parameter_in_two_ways
// CHECK: %[[W:.*]] = rung.parameter @w {storage = #rung.storage<!rung.int<4>, [32, 64], canonical>} : tensor<32x32xi8>
// CHECK: rung.pack %[[W]]
// CHECK: return %{{.*}}, %[[W]] : tensor<1x32xf32>, tensor<32x32xi8>
func.func @parameter_in_two_ways(%x: tensor<1x64xf32>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<32x64x!rung.int<4>>) {
  %w = rung.parameter @w : tensor<32x64x!rung.int<4>>
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  return %y, %w : tensor<1x32xf32>, tensor<32x64x!rung.int<4>>
}

// -----

// Bytes tell the size of a row of 8-bit codes, and every operation knows what its constants stand for.

// CHECK-LABEL: func @rows_of_bytes
// CHECK: tensor.dim %{{.*}}, %{{.*}} : tensor<4x?xi8>
func.func @rows_of_bytes(%a: tensor<4x?xf8E4M3FN>) -> index {
  %c1 = arith.constant 1 : index
  %n = tensor.dim %a, %c1 : tensor<4x?xf8E4M3FN>
  return %n : index
}

// CHECK-LABEL: func @constant_operand
// CHECK: %[[C:.*]] = arith.constant dense<{{.*}}> : tensor<1xi8>
// CHECK: rung.elementwise dequantize input(%[[C]] : tensor<1xi8>) {{.*}}storage = [#rung.storage<!rung.int<3>, [2], canonical>, #rung.storage<f32, [2], canonical>]
func.func @constant_operand(%e: tensor<2xf32>) -> tensor<2xf32> {
  %c = rung.constant #rung.codes<[1, 7]> : tensor<2x!rung.int<3>>
  %y = rung.elementwise dequantize input(%c : tensor<2x!rung.int<3>>) init(%e : tensor<2xf32>) -> tensor<2xf32>
  return %y : tensor<2xf32>
}

// -----

// What only moves elements moves bytes, if they are whole: here 3-bit codes 8 to 15 are bytes 3 to 5.

// CHECK-LABEL: func @moves
// CHECK-SAME: %[[A:[a-z0-9]+]]: tensor<4x9xi8>
func.func @moves(%c: i1, %a: tensor<4x24x!rung.int<3>>) -> tensor<2x2x8x!rung.int<3>> {
  // CHECK: %[[S:.*]] = tensor.extract_slice %[[A]][0, 3] [4, 3] [1, 1] : tensor<4x9xi8> to tensor<4x3xi8>
  %s = tensor.extract_slice %a [0, 8] [4, 8] [1, 1] : tensor<4x24x!rung.int<3>> to tensor<4x8x!rung.int<3>>
  // CHECK: %[[T:.*]] = scf.if %{{.*}} -> (tensor<4x3xi8>)
  // CHECK: scf.yield %[[S]] : tensor<4x3xi8>
  %t = scf.if %c -> tensor<4x8x!rung.int<3>> {
    scf.yield %s : tensor<4x8x!rung.int<3>>
  } else {
    %e = tensor.empty() : tensor<4x8x!rung.int<3>>
    scf.yield %e : tensor<4x8x!rung.int<3>>
  }
  // CHECK: tensor.expand_shape %[[T]] {{.*}} output_shape [2, 2, 3] : tensor<4x3xi8> into tensor<2x2x3xi8>
  %r = tensor.expand_shape %t [[0, 1], [2]] output_shape [2, 2, 8] : tensor<4x8x!rung.int<3>> into tensor<2x2x8x!rung.int<3>>
  return %r : tensor<2x2x8x!rung.int<3>>
}

// -----

// Conditions of upstream operations keep a byte each; at a function's boundary i1 is the format of one bit.

// CHECK-LABEL: func @conditions
// CHECK-SAME: tensor<9xf32>, %{{.*}}: tensor<2xi8>
// CHECK-SAME: -> (tensor<9xf32>, tensor<2xi8> {rung.storage = #rung.storage<i1, [9], canonical>})
func.func @conditions(%x: tensor<9xf32>, %bits: tensor<9xi1>) -> (tensor<9xf32>, tensor<9xi1>) {
  // CHECK: arith.cmpf ogt, %{{.*}} : tensor<9xf32>
  %c = arith.constant dense<0.0> : tensor<9xf32>
  %m = arith.cmpf ogt, %x, %c : tensor<9xf32>
  // CHECK: arith.select %{{.*}} : tensor<9xi1>, tensor<9xf32>
  %y = arith.select %m, %x, %c : tensor<9xi1>, tensor<9xf32>
  return %y, %bits : tensor<9xf32>, tensor<9xi1>
}

// -----

// Indices are no codes: they stay as they are.

// CHECK-LABEL: func @wide_indices
// CHECK: rung.gather {{.*}} indices(%{{.*}} : tensor<6xi64>) {{.*}}#rung.storage<i64, [6], canonical>
func.func @wide_indices(%w: tensor<100x64x!rung.int<4>>, %i: tensor<6xi64>) -> tensor<6x64x!rung.int<4>> {
  %e = tensor.empty() : tensor<6x64x!rung.int<4>>
  %r = rung.gather source(%w : tensor<100x64x!rung.int<4>>) indices(%i : tensor<6xi64>) init(%e : tensor<6x64x!rung.int<4>>) -> tensor<6x64x!rung.int<4>>
  return %r : tensor<6x64x!rung.int<4>>
}

// -----

// Scales that serve blocks of 1 row in one kernel and of 2 rows in another: an argument stays in canonical storage and is
// packed twice.

// CHECK-LABEL: func @scale_in_two_ways
// CHECK-SAME: %[[S:[a-z0-9]+]]: tensor<32x2xf16>,
func.func @scale_in_two_ways(%x: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %v: tensor<64x64x!rung.int<4>>, %s: tensor<32x2xf16>, %e: tensor<1x32xf32>, %f: tensor<1x64xf32>)
    -> (tensor<1x32xf32>, tensor<1x64xf32>) {
  // CHECK-DAG: %[[P1:.*]] = rung.pack %[[S]] into <f16, [32, 2], lanes, rows_per_block = 1>
  // CHECK-DAG: %[[P2:.*]] = rung.pack %[[S]] into <f16, [32, 2], lanes, rows_per_block = 2>
  // CHECK: rung.matmul {{.*}}scale(%[[P1]] :
  // CHECK: rung.matmul {{.*}}scale(%[[P2]] :
  %y = rung.matmul x(%x : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 32>} -> tensor<1x32xf32>
  %z = rung.matmul x(%x : tensor<1x64xf32>) weight(%v : tensor<64x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>) init(%f : tensor<1x64xf32>) {block = array<i64: 2, 32>} -> tensor<1x64xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x64xf32>
}

// -----

// A parameter that is a weight here and scales there is in the bundle in both orders: none is packed by a call.

// CHECK-LABEL: func @parameter_in_two_orders
func.func @parameter_in_two_orders(%x: tensor<1x2xf32>, %x2: tensor<1x64xf32>, %w: tensor<32x64x!rung.int<4>>, %e: tensor<1x32xf32>) -> (tensor<1x32xf32>, tensor<1x32xf32>) {
  // CHECK-NOT: rung.pack %
  // CHECK-DAG: %[[W:.*]] = rung.parameter @s {storage = #rung.storage<f16, [32, 2], words, {{.*}}>}
  // CHECK-DAG: %[[S:.*]] = rung.parameter @s {storage = #rung.storage<f16, [32, 2], lanes, rows_per_block = 1>}
  // CHECK: rung.matmul {{.*}}weight(%[[W]] :
  // CHECK: rung.matmul {{.*}}scale(%[[S]] :
  %s = rung.parameter @s : tensor<32x2xf16>
  %y = rung.matmul x(%x : tensor<1x2xf32>) weight(%s : tensor<32x2xf16>) init(%e : tensor<1x32xf32>) -> tensor<1x32xf32>
  %z = rung.matmul x(%x2 : tensor<1x64xf32>) weight(%w : tensor<32x64x!rung.int<4>>) scale(%s : tensor<32x2xf16>) init(%e : tensor<1x32xf32>) {block = array<i64: 1, 32>} -> tensor<1x32xf32>
  return %y, %z : tensor<1x32xf32>, tensor<1x32xf32>
}
