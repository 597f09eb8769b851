# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Each GGUF tensor type, split into canonical codes, scales and zeros, has exactly the values that `gguf` gives it."""

import re

import gguf
import ml_dtypes
import numpy as np
import pytest
from gguf.constants import GGMLQuantizationType as Type
from tiny_llama import quantized

from rung.importer.gguf_formats import FORMATS, pack_canonical, split_rows

SHAPE = (3, 512)


def unpack(stored: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Canonical storage read bit by bit, as docs/formats defines it."""
    if bits >= 8:
        return stored
    planes = np.unpackbits(stored, axis=-1, bitorder="little")[:, : count * bits].reshape(len(stored), count, bits)
    return (planes << np.arange(bits)).sum(axis=-1)


def values_of(type_: str, codes: np.ndarray) -> np.ndarray:
    """Exact values (f64) of codes in an MLIR number format."""
    if match := re.fullmatch(r"!rung\.uint<\d+(?:, offset = (\d+))?>", type_):
        return codes.astype(np.float64) - int(match[1] or 0)
    if match := re.fullmatch(r"!rung\.codebook<4, \[(.*)\]>", type_):
        return np.array([float(value) for value in match[1].split(",")])[codes]
    if type_ in ("f4E2M1FN", "f8E8M0FNU"):
        dtype = {"f4E2M1FN": ml_dtypes.float4_e2m1fn, "f8E8M0FNU": ml_dtypes.float8_e8m0fnu}[type_]
        return codes.astype(np.uint8).view(dtype).astype(np.float64)
    if type_ == "bf16":
        return codes.view(ml_dtypes.bfloat16).astype(np.float64)
    assert type_ in ("i8", "f16", "f32")
    return codes.astype(np.float64)


def rebuilt(kind: Type, rows: np.ndarray) -> np.ndarray:
    """scale · second_scale · v - zero, in f64, from the stored arrays."""
    layout, parts = FORMATS[kind], split_rows(kind, rows)

    def spread(field):
        codes = unpack(parts[field.suffix], field.bits, SHAPE[1] // field.block)
        assert parts[field.suffix].shape == field.stored_shape(SHAPE)
        return np.repeat(values_of(field.type, codes), field.block, axis=1)

    value = spread(layout.codes)
    for scale in (layout.scale, layout.second_scale):
        value = value * spread(scale) if scale else value
    if layout.zero:
        value = value + spread(layout.zero) * (1 if layout.zero_is_minimum else -1)
    return value


@pytest.mark.parametrize("kind", FORMATS, ids=lambda kind: kind.name)
def test_values_are_those_of_gguf(kind):
    rows = quantized(np.random.default_rng(1), SHAPE, kind)
    expected = gguf.quants.dequantize(rows, kind)
    assert np.count_nonzero(expected) > 0.1 * expected.size
    np.testing.assert_array_equal(rebuilt(kind, rows.view(np.uint8)).astype(np.float32), expected)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("count", [1, 7, 8, 13])
def test_canonical_packing_is_least_significant_bit_first(bits, count):
    codes = np.random.default_rng(2).integers(0, 1 << bits, (2, count), np.uint8)
    stream = ["".join(f"{code:0{bits}b}"[::-1] for code in row) for row in codes]
    expected = [[int(text[i : i + 8].ljust(8, "0")[::-1], 2) for i in range(0, len(text), 8)] for text in stream]
    assert pack_canonical(codes, bits).tolist() == expected
