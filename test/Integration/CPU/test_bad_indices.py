# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Indices that come from a caller: one outside of its tensor is an error, before an argument is updated."""

import numpy as np
import pytest

import lookups
from rung import runtime

MODULE = f"""
func.func @rows(%t: tensor<10x4xf32>, %i: tensor<3xi32>) -> tensor<3x4xf32> {{
  %into = tensor.empty() : tensor<3x4xf32>
  {lookups.rows("10x4xf32", "3xi32")}
  return %r : tensor<3x4xf32>
}}
func.func @embed(%w: tensor<10x16x!rung.int<4>>, %i: tensor<2xi32>, %into: tensor<2x16xf32> {{rung.inout}}) -> tensor<2x16xf32> {{
  %t = rung.dequantize %w : tensor<10x16x!rung.int<4>> -> tensor<10x16xf32>
  {lookups.rows("10x16xf32", "2xi32")}
  return %r : tensor<2x16xf32>
}}
""" + """
func.func @element(%t: tensor<?xf32>, %i: tensor<i64>) -> tensor<f32> {
  %k = tensor.extract %i[] : tensor<i64>
  %row = arith.index_cast %k : i64 to index
  %v = tensor.extract %t[%row] : tensor<?xf32>
  %e = tensor.from_elements %v : tensor<f32>
  return %e : tensor<f32>
}
func.func @store(%x: tensor<?x4xf32>, %i: tensor<i32>, %c: tensor<8x4xf32> {rung.inout}) -> tensor<8x4xf32> {
  %c0 = arith.constant 0 : index
  %k = tensor.extract %i[] : tensor<i32>
  %at = arith.index_cast %k : i32 to index
  %m = tensor.dim %x, %c0 : tensor<?x4xf32>
  %n = tensor.insert_slice %x into %c[%at, 0] [%m, 4] [1, 1] : tensor<?x4xf32> into tensor<8x4xf32>
  return %n : tensor<8x4xf32>
}
func.func @loop(%x: tensor<4xf32>) -> tensor<f32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %sum = scf.for %i = %c0 to %c4 step %c1 iter_args(%a = %zero) -> f32 {
    %v = tensor.extract %x[%i] : tensor<4xf32>
    %ok = arith.cmpf oge, %v, %zero : f32
    cf.assert %ok, "a negative number"
    %b = arith.addf %a, %v : f32
    scf.yield %b : f32
  }
  %e = tensor.from_elements %sum : tensor<f32>
  return %e : tensor<f32>
}

func.func @add_each(%x: tensor<4xf32>, %y: tensor<4xf32> {rung.inout}) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %r = scf.for %i = %c0 to %c4 step %c1 iter_args(%t = %y) -> tensor<4xf32> {
    %v = tensor.extract %x[%i] : tensor<4xf32>
    %ok = arith.cmpf oge, %v, %zero : f32
    cf.assert %ok, "a negative number"
    %old = tensor.extract %t[%i] : tensor<4xf32>
    %new = arith.addf %old, %v : f32
    %u = tensor.insert %new into %t[%i] : tensor<4xf32>
    scf.yield %u : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}
"""


@pytest.fixture(scope="module")
def bundle(load):
    return load(MODULE)


OUTSIDE = [-1, 10, 1 << 20, -(1 << 31)]


@pytest.mark.parametrize("index", OUTSIDE)
def test_rows(bundle, index):
    table = np.arange(40, dtype=np.float32).reshape(10, 4)
    np.testing.assert_array_equal(bundle["rows"](table, np.int32([0, 9, 5])), table[[0, 9, 5]])
    with pytest.raises(runtime.Error, match="tensor.extract reaches outside of dimension 0 of tensor<10x4xf32>"):
        bundle["rows"](table, np.int32([0, index, 5]))


@pytest.mark.parametrize("index", [*OUTSIDE, 1 << 62, -(1 << 63)])
def test_an_element(bundle, index):
    x = np.arange(10, dtype=np.float32)
    assert bundle["element"](x, np.int64(9)) == 9
    with pytest.raises(runtime.Error, match="tensor.extract reaches outside"):
        bundle["element"](x, np.int64(index))


@pytest.mark.parametrize("index, rows", [(-1, 1), (7, 2), (8, 1), (0, 9), ((1 << 31) - 1, 1)])
def test_a_slice_that_is_stored(bundle, index, rows):
    cache = np.zeros((8, 4), np.float32)
    with pytest.raises(runtime.Error, match="tensor.insert_slice reaches outside of dimension 0 of tensor<8x4xf32>"):
        bundle["store"](np.ones((rows, 4), np.float32), np.int32(index), cache)
    assert not cache.any()
    bundle["store"](np.ones((2, 4), np.float32), np.int32(6), cache)
    assert cache[:, 0].tolist() == [0] * 6 + [1, 1]


@pytest.mark.parametrize("index", OUTSIDE)
def test_a_refused_call_updates_nothing(bundle, index):
    state = np.full((2, 16), 7, np.float32)
    with pytest.raises(runtime.Error, match="outside the rows"):
        bundle["embed"](np.full((10, 8), 0x11, np.uint8), np.int32([1, index]), state)
    assert (state == 7).all()
    bundle["embed"](np.full((10, 8), 0x11, np.uint8), np.int32([1, 9]), state)
    assert (state == 1).all()


def test_an_assertion_in_a_loop_is_the_error_of_the_call(bundle):
    assert bundle["loop"](np.float32([1, 2, 3, 4])) == 10
    with pytest.raises(runtime.Error, match="a negative number"):
        bundle["loop"](np.float32([1, -2, 3, 4]))
    assert bundle["loop"](np.float32([1, 2, 3, 4])) == 10


def test_an_inout_after_an_error(bundle):
    """What it holds is undefined; with its old contents the next call is right again."""
    y = np.ones(4, np.float32)
    with pytest.raises(runtime.Error, match="a negative number"):
        bundle["add_each"](np.float32([1, 2, -3, 4]), y)
    y[:] = 1
    bundle["add_each"](np.float32([1, 2, 3, 4]), y)
    assert y.tolist() == [2, 3, 4, 5]
