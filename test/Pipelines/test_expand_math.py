# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""exp and erf as plain arithmetic, compiled and run: off by a few units in the last place of the type that was asked for."""

import math

import numpy as np
import pytest

MODULE = """
#same = affine_map<(d0) -> (d0)>
func.func @math(%x: tensor<?xT>) -> (tensor<?xT>, tensor<?xT>) {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xT>
  %out = tensor.empty(%n) : tensor<?xT>
  %y:2 = linalg.generic {indexing_maps = [#same, #same, #same], iterator_types = ["parallel"]}
    ins(%x : tensor<?xT>) outs(%out, %out : tensor<?xT>, tensor<?xT>) {
  ^bb0(%v: T, %0: T, %1: T):
    %exp = math.exp %v : T
    %erf = math.erf %v : T
    linalg.yield %exp, %erf : T, T
  } -> (tensor<?xT>, tensor<?xT>)
  return %y#0, %y#1 : tensor<?xT>, tensor<?xT>
}
"""


@pytest.mark.parametrize("type, low, high", [("f64", -700, 700), ("f32", -87, 88)])
def test_functions_are_exact_to_a_few_units_in_the_last_place(type, low, high, load):
    bundle = load(MODULE.replace("xT", f"x{type}").replace(" T", f" {type}"))
    x = np.concatenate([np.linspace(-7, 7, 14001), np.linspace(low, high, 2001), [1e-30, -1e-5]]).astype(f"f{int(type[1:]) // 8}")
    for found, function in zip(bundle["math"](x), (math.exp, math.erf)):
        exact = np.array([function(v) for v in x.astype(float)])
        assert np.all(np.abs(found - exact) <= 4 * np.finfo(x.dtype).eps * np.abs(exact)), function
