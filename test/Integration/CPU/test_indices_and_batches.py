# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What front ends write around a quantized weight: token ids in i64, batches and tokens both of dynamic size."""

import numpy as np
import pytest

import lookups
import number_formats
from rung import runtime

MODULE = f"""
func.func @embed(%i: tensor<2x3xi64>, %w: tensor<100x64xf4E2M1FN>, %s: tensor<25x4xf8E4M3FN>) -> tensor<2x3x64xf32> {{
  %t = rung.dequantize %w scale(%s : tensor<25x4xf8E4M3FN>) block [4, 16] : tensor<100x64xf4E2M1FN> -> tensor<100x64xf32>
  %into = tensor.empty() : tensor<2x3x64xf32>
  {lookups.rows("100x64xf32", "2x3xi64")}
  return %r : tensor<2x3x64xf32>
}}
""" + """
func.func @project(%x: tensor<?x?x64xf32>, %w: tensor<20x64x!rung.int<4>>) -> tensor<?x?x20xf32> {
  %d = rung.dequantize %w : tensor<20x64x!rung.int<4>> -> tensor<20x64xf32>
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %b = tensor.dim %x, %c0 : tensor<?x?x64xf32>
  %m = tensor.dim %x, %c1 : tensor<?x?x64xf32>
  %e = tensor.empty(%b, %m) : tensor<?x?x20xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  %y = linalg.contract indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>, affine_map<(b, m, n, k) -> (n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>]
      ins(%x, %d : tensor<?x?x64xf32>, tensor<20x64xf32>) outs(%f : tensor<?x?x20xf32>) -> tensor<?x?x20xf32>
  return %y : tensor<?x?x20xf32>
}
"""


@pytest.fixture(scope="module")
def bundle(load):
    return load(MODULE)


def test_tokens_in_i64(bundle):
    random = np.random.default_rng(0)
    e2m1, e4m3 = number_formats.parse("e2m1"), number_formats.parse("e4m3")
    w, s = random.choice(e2m1.finite_codes, (100, 64)), random.choice(e4m3.finite_codes, (25, 4))
    table = e2m1.decode(w) * np.repeat(np.repeat(e4m3.decode(s), 4, 0), 16, 1)
    tokens = np.int64([[0, 99, 7], [7, 50, 3]])
    np.testing.assert_array_equal(bundle["embed"](tokens, e2m1.store(w), e4m3.store(s)), table[tokens].astype(np.float32))
    with pytest.raises(runtime.Error, match="outside the rows"):
        bundle["embed"](tokens + (1 << 32), e2m1.store(w), e4m3.store(s))


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (3, 1)])
def test_batches_of_tokens(shape, bundle):
    random, int4 = np.random.default_rng(1), number_formats.parse("int4")
    x, w = random.integers(-3, 4, (*shape, 64)).astype(np.float32), random.choice(int4.finite_codes, (20, 64))
    np.testing.assert_array_equal(bundle["project"](x, int4.store(w)), x @ int4.decode(w).T)
