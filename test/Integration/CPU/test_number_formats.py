# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The reference itself, against ml_dtypes, numpy, and the value tables that rung-format prints."""

import json
import subprocess

import ml_dtypes
import numpy as np
import pytest

import number_formats
from kernels import BUILD

ML_DTYPES = {
    "e2m1": ml_dtypes.float4_e2m1fn, "e2m3": ml_dtypes.float6_e2m3fn, "e3m2": ml_dtypes.float6_e3m2fn,
    "e4m3": ml_dtypes.float8_e4m3fn, "e5m2": ml_dtypes.float8_e5m2, "e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "e5m2fnuz": ml_dtypes.float8_e5m2fnuz, "e3m4": ml_dtypes.float8_e3m4, "e4m3b11fnuz": ml_dtypes.float8_e4m3b11fnuz,
    "e8m0": ml_dtypes.float8_e8m0fnu,
}
UNNAMED = ["!rung.uint<5, offset = 16>", "!rung.float<e3m4, bias = 5, specials = none>", "!rung.float<e4m4, unsigned>",
           "!rung.float<e2m2, specials = fn>", "!rung.codebook<3, [-4, -2.5, 0, 1, 2, 3.25, 8]>", "f4E2M1FN", "f8E8M0FNU", "f8E4M3",
           "i4", "ui8", "si3"]


@pytest.mark.parametrize("name", ML_DTYPES)
def test_values_are_those_of_ml_dtypes(name):
    format = number_formats.parse(name)
    codes = np.arange(1 << format.bits, dtype=np.uint8)
    np.testing.assert_array_equal(format.table, codes.view(ML_DTYPES[name]).astype(float))


@pytest.mark.parametrize("name", [name for name in ML_DTYPES if name != "e8m0"])
def test_rounding_is_that_of_ml_dtypes(name):
    format = number_formats.parse(name)
    values = np.random.default_rng(1).normal(size=20000) * format.max / 3
    grid = format.table[format.finite_codes]
    values = np.concatenate([values, grid, (np.sort(grid)[1:] + np.sort(grid)[:-1]) / 2])
    values = values[np.abs(values) <= format.max].astype(np.float32)
    np.testing.assert_array_equal(format.round(values), values.astype(ML_DTYPES[name]).astype(float))


def test_bf16_rounding_is_that_of_ml_dtypes():
    values = np.random.default_rng(2).normal(size=100000) * 2.0 ** np.random.default_rng(3).integers(-140, 127, 100000)
    values = values.astype(np.float32)
    ties = ((np.arange(0x7F7F, dtype=np.uint32) << 16) | 0x8000).view(np.float32)
    for part in (values, ties):
        np.testing.assert_array_equal(number_formats.parse("bf16").round(part.astype(float)),
                                      part.astype(ml_dtypes.bfloat16).astype(float))


def test_bf16_rounds_once():
    """1 + 2^-8 + 2^-40 lies above a tie that f32 would fall upon."""
    assert number_formats.parse("bf16").round(np.array([1 + 2.0**-8 + 2.0**-40])) == 1 + 2.0**-7


@pytest.mark.parametrize("bits", range(1, 8))
def test_canonical_storage_puts_the_first_code_in_the_lowest_bits(bits):
    codes = np.random.default_rng(bits).integers(0, 1 << bits, (3, 13)).astype(np.uint64)
    stored = number_formats.pack(codes, bits)
    assert stored.shape == (3, (13 * bits + 7) // 8)
    for row, data in zip(codes, stored):
        word = int.from_bytes(data.tobytes(), "little")
        assert [(word >> (bits * i)) & ((1 << bits) - 1) for i in range(13)] == row.tolist()
    np.testing.assert_array_equal(number_formats.unpack(stored, bits, 13), codes)


@pytest.mark.parametrize("text", [name for name in number_formats.NAMED if number_formats.parse(name).bits <= 8] + UNNAMED)
def test_rung_format_prints_these_values(text):
    printed = json.loads(subprocess.check_output([BUILD / "bin" / "rung-format", text, "--json"], text=True))
    format = number_formats.parse(text)
    assert printed["bits"] == format.bits
    for entry in printed["values"]:
        code, value = entry["code"], entry["value"]
        if code >= format.valid:
            assert value is None
        else:
            np.testing.assert_equal(float.fromhex(value), format.table[code])
    assert len(printed["values"]) == 1 << format.bits
