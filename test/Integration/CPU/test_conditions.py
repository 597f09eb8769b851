# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tensors of i1: bits, 8 to the byte, where they are arguments and results; conditions in between."""

import numpy as np
import pytest

X, Y = np.random.default_rng(0).standard_normal((2, 3, 11), np.float32)
P = X < 0.5


def bits(conditions):
    return np.packbits(conditions, axis=-1, bitorder="little")


LINALG = """%e = tensor.empty() : tensor<3x11xi1>
  %r = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
    iterator_types = ["parallel", "parallel"]} ins(%x, %y : tensor<3x11xf32>, tensor<3x11xf32>) outs(%e : tensor<3x11xi1>) {
  ^bb0(%a: f32, %b: f32, %c: i1):
    %q = arith.cmpf ogt, %a, %b : f32
    linalg.yield %q : i1
  } -> tensor<3x11xi1>"""
# name: type of the rows, type of the result, operations from %x, %y and the conditions %p to %r, the same in numpy
ENTRIES = {
    "compare": ("3", "3x11xi1", "%r = arith.cmpf ogt, %x, %y : tensor<3x11xf32>", lambda: bits(X > Y)),
    "compare_in_linalg": ("3", "3x11xi1", LINALG, lambda: bits(X > Y)),
    "compare_any_rows": ("?", "?x11xi1", "%r = arith.cmpf ogt, %x, %y : tensor<?x11xf32>", lambda: bits(X > Y)),
    "select": ("3", "3x11xf32", "%r = arith.select %p, %x, %y : tensor<3x11xi1>, tensor<3x11xf32>", lambda: np.where(P, X, Y)),
    "select_any_rows": ("?", "?x11xf32", "%r = arith.select %p, %x, %y : tensor<?x11xi1>, tensor<?x11xf32>", lambda: np.where(P, X, Y)),
    "and": ("3", "3x11xi1", "%g = arith.cmpf ogt, %x, %y : tensor<3x11xf32> %r = arith.andi %g, %p : tensor<3x11xi1>",
            lambda: bits((X > Y) & P)),
    "slice": ("3", "2x5xi1", "%r = tensor.extract_slice %p [1, 3] [2, 5] [1, 1] : tensor<3x11xi1> to tensor<2x5xi1>",
              lambda: bits(P[1:, 3:8])),
    "scalar": ("3", "i1", "%c0 = arith.constant 0 : index %a = tensor.extract %x[%c0, %c0] : tensor<3x11xf32> "
                          "%b = tensor.extract %y[%c0, %c0] : tensor<3x11xf32> %q = arith.cmpf ogt, %a, %b : f32 "
                          "%r = tensor.from_elements %q : tensor<i1>", lambda: np.array([X[0, 0] > Y[0, 0]], np.uint8)),
    "constant": ("3", "3xi1", "%r = arith.constant dense<[true, false, true]> : tensor<3xi1>", lambda: np.array([5], np.uint8)),
}


def entry(name, rows, result, operations):
    return (f"func.func @{name}(%x: tensor<{rows}x11xf32>, %y: tensor<{rows}x11xf32>, %p: tensor<{rows}x11xi1>) -> tensor<{result}> {{\n"
            f"  {operations}\n  return %r : tensor<{result}>\n}}\n")


@pytest.fixture(scope="module")
def bundle(load):
    return load("".join(entry(name, *spec[:3]) for name, spec in ENTRIES.items()))


@pytest.mark.parametrize("name", ENTRIES)
def test_conditions(name, bundle):
    result = bundle[name](X, Y, bits(P))
    np.testing.assert_array_equal(np.asarray(result).reshape(-1), np.asarray(ENTRIES[name][3]()).reshape(-1))
