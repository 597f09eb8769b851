# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A zero point without a scale, which rung-gen cannot spell: one for each row, each block and each weight."""

import numpy as np
import pytest

MODULE = """
func.func @matmul(%x: tensor<3x60xf32>, %w: tensor<20x60xi8>, %z: tensor<20x{groups}x{format}>) -> (tensor<3x20xf32>, tensor<20x60xf32>) {{
  %d = rung.dequantize %w zero_point(%z : tensor<20x{groups}x{format}>) {mode} {block} : tensor<20x60xi8> -> tensor<20x60xf32>
  %zero = arith.constant dense<0.0> : tensor<3x20xf32>
  %y = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
    ins(%x, %d : tensor<3x60xf32>, tensor<20x60xf32>) outs(%zero : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %y, %d : tensor<3x20xf32>, tensor<20x60xf32>
}}
"""


@pytest.mark.parametrize("groups, mode, format", [(1, "integer", "i8"), (60, "integer", "i8"), (1, "rescale", "f32"), (60, "float", "f32"),
                                                  (2, "integer", "i8"), (3, "float", "f32"), (8, "rescale", "f32")])
def test_zero_point_alone(groups, mode, format, load):
    size = -(-60 // groups)  # groups of 30, 20 and 8 weights: the last one of a row may be shorter
    bundle = load(MODULE.format(groups=groups, mode=mode, format=format, block=f"block [1, {size}]" if 1 < groups < 60 else ""))
    random = np.random.default_rng(0)
    x = random.standard_normal((3, 60), np.float32)
    w = random.integers(-128, 128, (20, 60)).astype(np.int8)
    z = random.integers(-128, 128, (20, groups)).astype(np.int8) if format == "i8" else random.standard_normal((20, groups), np.float32)
    value = w.astype(np.float64) - np.repeat(z, size, 1)[:, :60]
    exact = x.astype(np.float64) @ value.T
    y, d = bundle["matmul"](x, w, z)
    assert np.linalg.norm(y - exact) <= 1e-6 * np.linalg.norm(exact)  # sums of 60 products in f32
    np.testing.assert_array_equal(d, value.astype(np.float32))
