# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whole kernels of tiles, run on this machine: a quantised matmul, every way to load and store, and layouts."""

import numpy as np
import pytest

from tile_kernels import (DEVICES, build, call, codes_of_unit, lanes_are_columns, lanes_are_rows, layout, numerics,
                          pack_canonical, pack_words, packed_layout, supported, unpack_canonical, words_storage)

RNG = np.random.default_rng(11)


@pytest.fixture(params=DEVICES)
def device(request):
    if not supported(request.param):
        pytest.skip(f"this machine cannot run {request.param}")
    return request.param


@pytest.fixture
def best():
    return "permvar512" if supported("permvar512") else "gather"


def replicated(rows: int, columns: int) -> str:
    """Lanes hold the same; registers run along columns, then rows."""
    row_bits, column_bits = rows.bit_length() - 1, columns.bit_length() - 1
    maps = [f"register[{i}] -> col[{i}]" for i in range(column_bits)]
    maps += [f"register[{column_bits + i}] -> row[{i}]" for i in range(row_bits)]
    return layout(row_bits + column_bits, row_bits, column_bits, *maps, "lane[0..3] -> 0")


def matmul(name: str, fmt: str, width: int, n: int, k: int, group: int, m: int, rows: int) -> str:
    """y[m, n] = sum of x[m, k] s[n, k / group] w[n, k], `rows` rows of x at a time."""
    count = codes_of_unit(width)
    order = "sequential"
    n16, units, words = -(-n // 16), -(-k // count), count * width // 32
    groups, padded = -(-k // group), units * count
    w, s, x, y = (f"memref<{n16}x{units}x{words}x16xi32>", f"memref<{n16}x{groups}x16xf16>", f"memref<{m}x{padded}xf32>",
                  f"memref<{m}x{n}xf32>")
    packed, plain = packed_layout(width, order), lanes_are_rows(count)
    sums, column, spread = lanes_are_rows(rows), lanes_are_rows(1), replicated(rows, count)
    acc = f"!tile.fragment<16x{rows}xf32, {sums}>"
    return f"""
func.func @{name}(%w: {w}, %s: {s}, %x: {x}, %y: {y}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %tiles = arith.constant {n16} : index
  %groups = arith.constant {groups} : index
  %group = arith.constant {group} : index
  %steps = arith.constant {padded} : index
  %step = arith.constant {count} : index
  %M = arith.constant {m} : index
  %N = arith.constant {n} : index
  %MT = arith.constant {rows} : index
  %zero = arith.constant 0.0 : f32
  tile.launch (%tile) in (%tiles) {{
    %row = arith.muli %tile, %c16 overflow<nsw> : index
    scf.for %m = %c0 to %M step %MT {{
      %init = tile.splat %zero : f32 -> {acc}
      %total = scf.for %g = %c0 to %groups step %c1 iter_args(%acc = %init) -> ({acc}) {{
        %first = arith.muli %g, %group overflow<nsw> : index
        %next = arith.addi %first, %group overflow<nsw> : index
        %end = arith.minui %next, %steps : index
        %part = scf.for %k = %first to %end step %step iter_args(%sum = %init) -> ({acc}) {{
          %codes = tile.load %w[%row, %k] {{storage = {words_storage(fmt, width, (n, k), order)}}}
            : {w} -> !tile.fragment<16x{count}x{fmt}, {packed}>
          %v = tile.convert %codes : !tile.fragment<16x{count}x{fmt}, {packed}> -> !tile.fragment<16x{count}xf32, {plain}>
          %a = tile.load %x[%m, %k] bounds [%M, %steps] : {x} -> !tile.fragment<{rows}x{count}xf32, {spread}>
          %d = tile.mma %v, %a, %sum : !tile.fragment<16x{count}xf32, {plain}>, !tile.fragment<{rows}x{count}xf32, {spread}>, {acc}
          scf.yield %d : {acc}
        }}
        %sc = tile.load %s[%row, %first] block [1, {group}] {{storage = #rung.storage<f16, [{n}, {groups}], lanes, rows_per_block = 1>}}
          : {s} -> !tile.fragment<16x1xf16, {column}>
        %sf = tile.convert %sc : !tile.fragment<16x1xf16, {column}> -> !tile.fragment<16x1xf32, {column}>
        %next_acc = tile.map %acc, %part, %sf : {acc}, {acc}, !tile.fragment<16x1xf32, {column}> -> {acc} {{
        ^bb0(%a0: f32, %p0: f32, %s0: f32):
          %r = math.fma %p0, %s0, %a0 : f32
          tile.yield %r : f32
        }}
        scf.yield %next_acc : {acc}
      }}
      tile.store %total, %y[%m, %row] bounds [%M, %N] transposed : {acc}, {y}
    }}
  }}
  return
}}"""


@pytest.mark.parametrize("fmt,width,name", [
    ("!rung.int<4>", 4, "int4"), ("!rung.uint<3>", 3, "uint3"), ("f4E2M1FN", 4, "e2m1"), ("!rung.int<8>", 8, "int8"),
    ("f8E4M3FN", 8, "e4m3"), ("!rung.int<5>", 5, "int5"), ("!rung.uint<1>", 1, "uint1"), ("f6E3M2FN", 6, "e3m2"),
    ("!rung.int<2>", 2, "int2"), ("!rung.uint<7>", 7, "uint7")])
def test_quantised_matmul(device, fmt, width, name, tmp_path):
    shapes = [(48, 256, 64, 1, 1), (37, 100, 32, 3, 1), (16, 320, 320, 5, 4), (33, 96, 32, 9, 8)]
    library = build("\n".join(matmul(f"f{i}", fmt, width, n, k, g, m, rows) for i, (n, k, g, m, rows) in enumerate(shapes)),
                    device, tmp_path)
    for i, (n, k, group, m, rows) in enumerate(shapes):
        count = codes_of_unit(width)
        codes = RNG.integers(0, 1 << width, (n, k))
        if name == "e4m3":
            codes = np.where((codes & 0x7F) == 0x7F, 0, codes)
        groups, padded = -(-k // group), -(-k // count) * count
        scales = RNG.standard_normal((n, groups)).astype(np.float16)
        x = np.zeros((m, padded), np.float32)
        x[:, :k] = RNG.standard_normal((m, k))
        lanes = np.zeros((-(-n // 16) * 16, groups), np.float16)
        lanes[:n] = scales
        lanes = np.ascontiguousarray(lanes.reshape(-1, 16, groups).transpose(0, 2, 1))
        y = np.full((m + 1, n), np.nan, np.float32)
        call(library, f"f{i}", pack_words(codes, width), lanes, x, y)
        weights = numerics.decode(name, codes) * np.repeat(scales.astype(np.float64), group, 1)[:, :k]
        expected = x[:, :k].astype(np.float64) @ weights.T
        assert np.isnan(y[m]).all()  # nothing is written behind the result
        assert np.linalg.norm(y[:m] - expected) <= 1e-6 * np.linalg.norm(expected)
