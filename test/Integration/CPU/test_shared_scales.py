# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One tensor serves several kernels that need it in different orders: scales and zero points of blocks of 1 and 2 rows,
and the weight of a third one."""

import numpy as np
import pytest
from safetensors.numpy import save_file

BODY = """
  %d1 = rung.dequantize %w1 scale(%s : tensor<20x2xf16>) zero_point(%z : tensor<20x2x!rung.uint<4>>) integer block [1, 32]
    : tensor<20x60xi8> -> tensor<20x60xf32>
  %d2 = rung.dequantize %w2 scale(%s : tensor<20x2xf16>) zero_point(%z : tensor<20x2x!rung.uint<4>>) integer block [2, 32]
    : tensor<40x60xi8> -> tensor<40x60xf32>
  %d3 = rung.dequantize %s : tensor<20x2xf16> -> tensor<20x2xf32>
  %e1 = arith.constant dense<0.0> : tensor<3x20xf32>
  %e2 = arith.constant dense<0.0> : tensor<3x40xf32>
  %y1 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %d1 : tensor<3x60xf32>, tensor<20x60xf32>) outs(%e1 : tensor<3x20xf32>) -> tensor<3x20xf32>
  %y2 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x, %d2 : tensor<3x60xf32>, tensor<40x60xf32>) outs(%e2 : tensor<3x40xf32>) -> tensor<3x40xf32>
  %y3 = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%x3, %d3 : tensor<3x2xf32>, tensor<20x2xf32>) outs(%e1 : tensor<3x20xf32>) -> tensor<3x20xf32>
  return %y1, %y2, %y3 : tensor<3x20xf32>, tensor<3x40xf32>, tensor<3x20xf32>
}
"""
MAPS = """#mk = affine_map<(m, n, k) -> (m, k)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
"""
ARGUMENTS = "%x: tensor<3x60xf32>, %x3: tensor<3x2xf32>, %w1: tensor<20x60xi8>, %w2: tensor<40x60xi8>"
RESULTS = "(tensor<3x20xf32>, tensor<3x40xf32>, tensor<3x20xf32>)"
SOURCES = {
    "arguments": (", %s: tensor<20x2xf16>, %z: tensor<20x2x!rung.uint<4>>", ""),
    "parameters": ("", "%s = rung.parameter @s : tensor<20x2xf16> %z = rung.parameter @z : tensor<20x2x!rung.uint<4>>"),
    "computed": (", %t: tensor<20x2xf32>, %z: tensor<20x2x!rung.uint<4>>",
                 "%s = rung.convert %t nearest_even : tensor<20x2xf32> -> tensor<20x2xf16>"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_one_tensor_in_several_orders(source, load, tmp_path):
    random = np.random.default_rng(0)
    x, x3 = random.standard_normal((3, 60), np.float32), random.standard_normal((3, 2), np.float32)
    w1, w2 = (random.integers(-128, 128, (n, 60)).astype(np.int8) for n in (20, 40))
    s, z = random.standard_normal((20, 2)).astype(np.float16), random.integers(0, 16, (20, 2)).astype(np.uint8)
    stored = z[:, :1] | z[:, 1:] << 4  # two codes to the byte
    save_file({"s": s, "z": stored}, tmp_path / "parameters.safetensors")

    more, before = SOURCES[source]
    bundle = load(f"{MAPS}func.func @f({ARGUMENTS}{more}) -> {RESULTS} {{\n  {before}{BODY}",
                  *([f"--parameters={tmp_path / 'parameters.safetensors'}"] if source == "parameters" else []))
    scales = {"arguments": [s, stored], "parameters": [], "computed": [s.astype(np.float32), stored]}[source]
    results = bundle["f"](x, x3, w1, w2, *scales)

    def value(w, rows):
        spread = [np.repeat(np.repeat(t.astype(np.float64), 32, 1), rows, 0)[:, :60] for t in (s, z)]
        return spread[0] * (w - spread[1])

    expected = [x.astype(np.float64) @ value(w1, 1).T, x.astype(np.float64) @ value(w2, 2).T, x3.astype(np.float64) @ s.astype(np.float64).T]
    for result, exact in zip(results, expected, strict=True):
        assert np.linalg.norm(result - exact) <= 1e-6 * np.linalg.norm(exact)  # sums of 60 products in f32
