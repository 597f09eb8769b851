# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every number format of ml_dtypes: all codes, and rounding to nearest even bit for bit."""

import ml_dtypes
import numpy as np
import pytest

import numerics

# ml_dtypes name -> format of ours.
FLOATS = {
    "float4_e2m1fn": "e2m1",
    "float6_e2m3fn": "e2m3",
    "float6_e3m2fn": "e3m2",
    "float8_e3m4": "e3m4",
    "float8_e4m3": "float/4/3/7/ieee",
    "float8_e4m3b11fnuz": "e4m3b11fnuz",
    "float8_e4m3fn": "e4m3",
    "float8_e4m3fnuz": "e4m3fnuz",
    "float8_e5m2": "e5m2",
    "float8_e5m2fnuz": "e5m2fnuz",
    "float8_e8m0fnu": "e8m0",
    "bfloat16": "bf16",
}
INTEGERS = {name: name for name in ("int1", "int2", "int4", "uint1", "uint2", "uint4")}
# These have no NaN. ml_dtypes makes -0 of it; ours cannot be encoded.
WITHOUT_NAN = {"float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"}


def test_no_format_of_ml_dtypes_is_left_out():
    scalars = {
        name
        for name in dir(ml_dtypes)
        if isinstance(getattr(ml_dtypes, name), type) and issubclass(getattr(ml_dtypes, name), np.generic)
    }
    # Complex numbers are pairs.
    assert {name for name in scalars if "complex" not in name} == FLOATS.keys() | INTEGERS.keys()


def storage(name: str):
    dtype = np.dtype(getattr(ml_dtypes, name))
    return dtype, np.dtype(f"u{dtype.itemsize}")


def same(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Equal values, NaN and the sign of zero included."""
    return np.array_equal(ours, theirs, equal_nan=True) and np.array_equal(np.signbit(ours), np.signbit(theirs))


@pytest.mark.parametrize("name", FLOATS)
def test_all_codes_of_floats(name):
    dtype, code_type = storage(name)
    bits = ml_dtypes.finfo(dtype).bits
    codes = np.arange(1 << bits, dtype=code_type)
    theirs = as_f64(codes.view(dtype))
    ours = numerics.table(FLOATS[name], bits)
    numbers = ~np.isnan(theirs)
    assert np.array_equal(np.isnan(ours), ~numbers)
    assert same(ours[numbers], theirs[numbers])


@pytest.mark.parametrize("name", INTEGERS)
def test_all_codes_of_integers(name):
    dtype = np.dtype(getattr(ml_dtypes, name))
    bits = int(name.lstrip("uint"))
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if name.startswith("i") else (0, (1 << bits) - 1)
    integers = np.arange(low, high + 1)
    codes = integers & ((1 << bits) - 1)
    assert np.array_equal(numerics.decode(name, codes), integers.astype(dtype).astype(np.float64))
    assert np.array_equal(numerics.encode(name, integers), codes)


def all_of(kind: str) -> np.ndarray:
    return np.arange(1 << 16, dtype=np.uint16).view(np.float16 if kind == "float16" else ml_dtypes.bfloat16)


def random_f32(name: str) -> np.ndarray:
    """2^20 random bit patterns, then what is hard: subnormals, the values of the format, ties between them, and the
    floats on either side of both."""
    generator = np.random.default_rng(20261122)
    patterns = generator.integers(0, 1 << 32, 1 << 20, dtype=np.uint64).astype(np.uint32).view(np.float32)
    subnormals = generator.integers(0, 1 << 23, 1 << 14, dtype=np.uint32).view(np.float32)
    # Random numbers of f32 are mostly far out of the range of 8 bits: these are not.
    near = np.exp2(generator.uniform(-20, 18, 1 << 16)).astype(np.float32)
    dtype, code_type = storage(name)
    bits = ml_dtypes.finfo(dtype).bits
    values = as_f64(np.arange(1 << bits, dtype=code_type).view(dtype))
    values = np.unique(values[np.isfinite(values)])
    step = values[-1] - values[-2]
    with np.errstate(over="ignore"):
        ties = np.concatenate([values, (values[1:] + values[:-1]) / 2, [values[-1] + step / 2, values[-1] + step]])
        edges = ties.astype(np.float32)
    edges = np.concatenate([edges, np.nextafter(edges, np.float32(np.inf)), np.nextafter(edges, np.float32(-np.inf))])
    positive = np.concatenate([subnormals, near, edges])
    return np.concatenate([patterns, positive, -positive])


def as_f64(values: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return values.astype(np.float64)


def assert_same_rounding(name: str, values: np.ndarray, wide: np.ndarray):
    """`wide` holds `values` as float64, `values` what ml_dtypes casts."""
    dtype, code_type = storage(name)
    if name == "float8_e8m0fnu":
        # ml_dtypes makes NaN of 0 and 2^-126 of all subnormals of f32; ours rounds to nearest and saturates there.
        keep = ~(wide < 2.0**-126)
        values, wide = values[keep], wide[keep]
    with np.errstate(all="ignore"):
        theirs = values.astype(dtype).view(code_type).astype(np.uint64)
    ours = numerics.encode(FLOATS[name], wide)
    if name in WITHOUT_NAN:
        theirs[np.isnan(wide)] = numerics.NONE
    wrong = np.flatnonzero(ours != theirs)
    assert wrong.size == 0, [(wide[i].hex(), hex(ours[i]), hex(theirs[i])) for i in wrong[:5]]


@pytest.mark.parametrize("source", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", FLOATS)
def test_rounding_of_every_16_bit_value(name, source):
    values = all_of(source)
    if name == source:
        values = values[~np.isnan(as_f64(values))]  # the same type: ml_dtypes copies NaNs of every kind
    assert_same_rounding(name, values, as_f64(values))


@pytest.mark.parametrize("name", FLOATS)
def test_rounding_of_random_f32(name):
    values = random_f32(name)
    assert_same_rounding(name, values, as_f64(values))


@pytest.mark.parametrize("fmt, dtype", [("f16", np.float16), ("f32", np.float32)])
def test_rounding_into_numpy_floats(fmt, dtype):
    generator = np.random.default_rng(7)
    values = generator.integers(0, 1 << 63, 1 << 18, dtype=np.uint64).view(np.float64)
    near = generator.standard_normal(1 << 16) * np.exp2(generator.integers(-30, 17, 1 << 16).astype(np.float64))
    values = np.concatenate([values, near, -near])
    with np.errstate(over="ignore", invalid="ignore"):
        theirs = values.astype(dtype).view(f"u{np.dtype(dtype).itemsize}")
    numbers = ~np.isnan(values)
    assert np.array_equal(numerics.encode(fmt, values)[numbers], theirs[numbers])


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("signed", [True, False])
def test_integers_round_to_even_and_saturate(bits, signed):
    """ml_dtypes truncates and wraps; numpy's rint and clip are our rule."""
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    generator = np.random.default_rng(bits)
    values = np.concatenate([np.arange(-600, 600) / 2, generator.uniform(-300, 300, 4096), [np.inf, -np.inf, 1e300]])
    expected = np.clip(np.rint(values), low, high).astype(np.int64) & ((1 << bits) - 1)
    fmt = f"{'int' if signed else 'uint'}{bits}"
    assert np.array_equal(numerics.encode(fmt, values), expected)
    assert np.array_equal(numerics.encode(fmt, values, "saturate"), expected)
    truncated = np.clip(np.trunc(values), low, high).astype(np.int64) & ((1 << bits) - 1)
    assert np.array_equal(numerics.encode(fmt, values, "toward_zero"), truncated)


def test_e8m0_saturates_below_and_refuses_negative_numbers():
    least, nan = 0, 255
    values = [0.0, -0.0, 2.0**-149, 2.0**-128, 1.4 * 2.0**-127, 1.4 * 2.0**127, 1.5 * 2.0**127, np.inf, -1.0, np.nan]
    codes = [least, least, least, least, least, 254, nan, nan, nan, nan]
    assert numerics.encode("e8m0", values).tolist() == codes
    # Saturating, only NaN stays NaN.
    codes = [least, least, least, least, least, 254, 254, 254, least, nan]
    assert numerics.encode("e8m0", values, "saturate").tolist() == codes
