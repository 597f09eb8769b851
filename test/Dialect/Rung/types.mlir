// RUN: rung-opt %s | rung-opt | FileCheck %s
// RUN: rung-opt %s -emit-bytecode | rung-opt | FileCheck %s

// Every format is a type; what a spelling leaves out is its default.

// CHECK-LABEL: func private @integers(
// CHECK-SAME: tensor<4x!rung.int<1>>, tensor<4x!rung.int<8>>, tensor<4x!rung.uint<3>>, tensor<4x!rung.uint<5, offset = 16>>, tensor<4x!rung.uint<2>>, tensor<4x!rung.uint<4, offset = -3>>)
func.func private @integers(tensor<4x!rung.int<1>>, tensor<4x!rung.int<8>>, tensor<4x!rung.uint<3>>, tensor<4x!rung.uint<5, offset = 16>>,
                            tensor<4x!rung.uint<2, offset = 0>>, tensor<4x!rung.uint<4, offset = -3>>)

// CHECK-LABEL: func private @floats(
// CHECK-SAME: !rung.float<e3m4, bias = 5>, !rung.float<e4m3>, !rung.float<e4m3, specials = fn>, !rung.float<e5m2, specials = ieee>,
// CHECK-SAME: !rung.float<e4m3, bias = 8, specials = fnuz>, !rung.float<e4m4, unsigned>, !rung.float<e8m0, unsigned>, !rung.float<e1m0>,
// CHECK-SAME: !rung.float<e2m3, bias = -4, specials = ieee, unsigned>)
func.func private @floats(!rung.float<e3m4, bias = 5, specials = none>, !rung.float<e4m3, bias = 7>, !rung.float<e4m3, specials = fn>,
                          !rung.float<e5m2, specials = ieee>, !rung.float<e4m3, specials = fnuz, bias = 8>, !rung.float<e4m4, unsigned>,
                          !rung.float<e8m0, unsigned, bias = 127>, !rung.float<e1m0>,
                          !rung.float<e2m3, unsigned, specials = ieee, bias = -4>)

// Entries are binary64 values; decimal integers and floats may be mixed.

// CHECK-LABEL: func private @codebooks(
// CHECK-SAME: !rung.codebook<2, [-1, 0, 1]>, !rung.codebook<1, [-1, 1]>, !rung.codebook<3, [0.1, 1.0e-07, -2.5, 123456789012, 0.6961928009986877, 1, 2, 3]>)
func.func private @codebooks(!rung.codebook<2, [-1, 0, 1]>, !rung.codebook<1, [-1.0, 1.0]>,
                             !rung.codebook<3, [0.1, 1.0e-7, -2.5, 123456789012, 0.69619280099868774, 1, 2.0, 3]>)

// An exponent needs no point, though MLIR's own floats do, and -0 keeps its sign.

// CHECK-LABEL: func private @entries(
// CHECK-SAME: !rung.codebook<3, [0.001, 2000, -15000, -0.0, 0, 1.0e+30, 18446744073709551616.0]>)
func.func private @entries(!rung.codebook<3, [1e-3, 2E+3, -1.5e4, -0.0, 0, 1e30, 18446744073709551616]>)

// Formats live in tensors, memrefs and vectors, as builtin types do.

// CHECK-LABEL: func private @containers(
// CHECK-SAME: tensor<?x4x!rung.int<3>>, memref<4x!rung.codebook<2, [-1, 0, 1]>, strided<[2]>>, vector<16x!rung.float<e3m2>>)
func.func private @containers(tensor<?x4x!rung.int<3>>, memref<4x!rung.codebook<2, [-1, 0, 1]>, strided<[2]>>, vector<16x!rung.float<e3m2>>)
