# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arguments that are updated in place, where the old value is still read when the new one is written."""

import numpy as np
import pytest

X = np.arange(16, dtype=np.float32).reshape(4, 4)
Z = X + 100
CODES = np.arange(12, dtype=np.uint8).reshape(4, 3)
A, D, C = "tensor<4x4xf32>", "tensor<?x4xf32>", "tensor<4x6x!rung.int<4>>"

# name: (types of the inouts, types of outputs, body), arrays, expected outputs, expected inouts.
CASES = {
    "swap": (([A, A], [], "return %b, %a : {A}, {A}"), [X, Z], [], [Z, X]),
    "swap_dynamic": (([D, D], [], "return %b, %a : {D}, {D}"), [X, Z], [], [Z, X]),
    "swap_codes": (([C, C], [], "return %b, %a : {C}, {C}"), [CODES, CODES + 100], [], [CODES + 100, CODES]),
    "rotate": (([A, A, A], [], "return %b, %c, %a : {A}, {A}, {A}"), [X, Z, 2 * Z], [], [Z, 2 * Z, X]),
    "transpose": (([A], [], """
  %e = tensor.empty() : {A}
  %t = linalg.transpose ins(%a : {A}) outs(%e : {A}) permutation = [1, 0]
  return %t : {A}"""), [X], [], [X.T]),
    "old_and_new": (([A], ["tensor<2x4xf32>"], """
  %n = arith.addf %a, %a : {A}
  %old = tensor.extract_slice %a[1, 0] [2, 4] [1, 1] : {A} to tensor<2x4xf32>
  return %old, %n : tensor<2x4xf32>, {A}"""), [X], [X[1:3]], [X + X]),
    "shift": (([A], [], """
  %old = tensor.extract_slice %a[0, 0] [3, 4] [1, 1] : {A} to tensor<3x4xf32>
  %n = tensor.insert_slice %old into %a[1, 0] [3, 4] [1, 1] : tensor<3x4xf32> into {A}
  return %n : {A}"""), [X], [], [np.vstack([X[:1], X[:3]])]),
    "square": (([A], [], """
  %zero = arith.constant dense<0.0> : {A}
  %n = linalg.matmul ins(%a, %a : {A}, {A}) outs(%zero : {A}) -> {A}
  return %n : {A}"""), [X], [], [X @ X]),
}


@pytest.fixture(scope="module")
def bundle(load):
    text = ""
    for name, ((inouts, outputs, body), *_) in CASES.items():
        arguments = ", ".join(f"%{'abc'[i]}: {type} {{rung.inout}}" for i, type in enumerate(inouts))
        for key, type in (("{A}", A), ("{D}", D), ("{C}", C)):
            body = body.replace(key, type)
        text += f"func.func @{name}({arguments}) -> ({', '.join(outputs + inouts)}) {{ {body}\n}}\n"
    return load(text)


@pytest.mark.parametrize("name", CASES)
def test_inouts(bundle, name):
    _, arrays, outputs, updated = CASES[name]
    arrays = [array.copy() for array in arrays]
    result = bundle[name](*arrays)
    for found, expected in zip([] if result is None else [result], outputs, strict=True):
        np.testing.assert_array_equal(found, expected)
    for found, expected in zip(arrays, updated, strict=True):
        np.testing.assert_array_equal(found, expected)
