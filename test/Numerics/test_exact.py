# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Formats that no package has, and exactness, against rational arithmetic in Python."""

import bisect
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

import numerics


def float_value(code: int, exponent_bits: int, mantissa_bits: int, bias: int, specials: str, signed: bool) -> float:
    """The definition in cli.md, code by code."""
    width = exponent_bits + mantissa_bits
    negative = signed and code >> width
    field = code & ((1 << width) - 1)
    exponent, mantissa = field >> mantissa_bits, field & ((1 << mantissa_bits) - 1)
    if specials == "ieee" and exponent == (1 << exponent_bits) - 1:
        return math.nan if mantissa else -math.inf if negative else math.inf
    if specials == "fn" and field == (1 << width) - 1:
        return math.nan
    if specials == "fnuz" and negative and field == 0:
        return math.nan
    if exponent == 0:
        value = Fraction(mantissa, 1 << mantissa_bits) * Fraction(2) ** (1 - bias)
    else:
        value = (1 + Fraction(mantissa, 1 << mantissa_bits)) * Fraction(2) ** (exponent - bias)
    return -float(value) if negative else float(value)


def minifloats():
    for exponent_bits, mantissa_bits, signed in itertools.product(range(1, 9), range(8), [True, False]):
        bits = exponent_bits + mantissa_bits + signed
        if not 2 <= bits <= 8:
            continue
        for specials in ["none", "ieee", "fn", "fnuz"] if signed else ["none", "ieee", "fn"]:
            for bias in [(1 << exponent_bits - 1) - 1, 5, -3]:
                yield bits, exponent_bits, mantissa_bits, bias, specials, signed


def test_every_minifloat_has_its_values():
    cases = list(minifloats())
    values = numerics.tables([numerics.minifloat(*parameters) for _, *parameters in cases])
    expected = [[float_value(code, *parameters) for code in range(1 << bits)] for bits, *parameters in cases]
    assert np.array_equal(values, np.concatenate(expected), equal_nan=True)


def nearest(ends: list[float], x: float) -> set[float]:
    """The values nearest to x among ascending ones; two for a tie."""
    place = bisect.bisect(ends, x)
    around = ends[max(place - 1, 0) : place + 1]
    distances = {value: abs(Fraction(value) - Fraction(x)) for value in around}
    least = min(distances.values())
    return {value for value, distance in distances.items() if distance == least}


@pytest.mark.parametrize(
    "fmt, bits",
    [("float/3/4/5/none", 8), ("float/4/3/7/none/unsigned", 7), ("float/5/0/15/ieee", 6), ("float/1/6/0/fn", 8)]
    + [("codebook/3/-7.5/-1/-0.25/0.1/0.3/2/11/1000", 3), ("nf4", 4), ("uint/5/16", 5), ("codebook/2/3/-1/1", 2)],
)
def test_saturating_nearest_of_any_format(fmt, bits):
    codes = np.arange(3 if fmt == "codebook/2/3/-1/1" else 1 << bits)
    values = [float(v) for v in numerics.decode(fmt, codes) if math.isfinite(v)]
    generator = np.random.default_rng(bits)
    xs = np.concatenate([generator.standard_normal(300) * 2.0 ** generator.integers(-12, 12, 300), values])
    ends = sorted(set(values))
    xs = np.concatenate([xs, [(a + b) / 2 for a, b in itertools.pairwise(ends)]])
    got = numerics.decode(fmt, numerics.encode(fmt, xs, "saturate"))
    for x, value in zip(xs, got):
        candidates = nearest(ends, x)
        assert value in candidates, (x, value)
        if len(candidates) == 2:
            low, high = sorted(candidates)
            distance = Fraction(high) - Fraction(low)
            if (Fraction(low) / distance).denominator == 1:
                assert (Fraction(value) / distance) % 2 == 0, f"tie at {x}"


@pytest.mark.parametrize("fmt", ["e4m3", "e2m1", "int4", "bf16", "nf4", "f64"])
def test_toward_zero(fmt):
    generator = np.random.default_rng(1)
    xs = generator.uniform(-1, 1, 2000) * (6 if fmt != "nf4" else 1)
    got = numerics.decode(fmt, numerics.encode(fmt, xs, "toward_zero"))
    assert np.all(np.abs(got) <= np.abs(xs)) and np.all(got * xs >= 0)
    # Nothing of the format lies between: rounding the result's successor away from zero would pass x.
    near = numerics.decode(fmt, numerics.encode(fmt, xs))
    assert np.all((np.abs(near) <= np.abs(got)) | (np.abs(near) >= np.abs(xs)))


def test_toward_zero_does_not_overflow():
    assert numerics.decode("e5m2", numerics.encode("e5m2", [1e9, -1e9], "toward_zero")).tolist() == [57344, -57344]
    assert numerics.decode("f16", numerics.encode("f16", [1e9], "toward_zero")).tolist() == [65504]


@pytest.mark.parametrize("fmt", ["e4m3", "int4", "bf16", "codebook/2/-1/0/1/4"])
def test_stochastic_rounding_compares_the_fraction_with_the_random_number(fmt):
    bits = 10
    generator = np.random.default_rng(2)
    xs = generator.uniform(-1, 3.9, 4000)
    random = generator.integers(0, 1 << bits, xs.size)
    got = numerics.decode(fmt, numerics.encode(fmt, xs, f"stochastic={bits}", random=random))
    zero = numerics.decode(fmt, numerics.encode(fmt, xs, "toward_zero"))
    # The neighbours, by rounding with the extreme random numbers: 0 rounds all but values up.
    high = numerics.decode(fmt, numerics.encode(fmt, xs, "stochastic=62", random=np.zeros(xs.size)))
    low = numerics.decode(fmt, numerics.encode(fmt, xs, "stochastic=62", random=np.full(xs.size, (1 << 62) - 1)))
    assert np.all(np.where(xs > 0, low, high) == zero)
    for x, r, value, a, b in zip(xs, random, got, low, high):
        fraction = (Fraction(x) - Fraction(a)) / (Fraction(b) - Fraction(a))
        assert value == (b if fraction > Fraction(int(r), 1 << bits) else a)


def test_stochastic_rounding_is_right_on_average():
    """Over all 4-bit random numbers, a quarter of the way up rounds up four times of sixteen."""
    got = numerics.decode("int8", numerics.encode("int8", [2.25] * 16, "stochastic=4", random=np.arange(16)))
    assert sorted(got) == [2] * 12 + [3] * 4
    got = numerics.decode("int8", numerics.encode("int8", [-2.25] * 16, "stochastic=4", random=np.arange(16)))
    assert sorted(got) == [-3] * 4 + [-2] * 12


def blocks_of(shape, block):
    return [-(-size // step) for size, step in zip(shape, block)]


def spread(values: np.ndarray, shape, block) -> np.ndarray:
    """A value per block, repeated for each element."""
    for axis, step in enumerate(block):
        values = np.repeat(values, step, axis=axis)
    return values[tuple(slice(size) for size in shape)]


@pytest.mark.parametrize("shape, block", [((7,), (3,)), ((3, 50), (1, 16)), ((5, 6), (2, 4)), ((2, 3, 5), (1, 2, 4))])
@pytest.mark.parametrize("rule", ["subtract", "rescale", None])
@pytest.mark.parametrize("second", ["none", "tensor", "blocks"])
def test_dequantize_is_exact_and_rounded_once(shape, block, rule, second):
    generator = np.random.default_rng(len(shape))
    grid = blocks_of(shape, block)
    codes = generator.integers(0, 16, shape)
    scales = generator.standard_normal(grid) * 1e-3
    zeros = generator.integers(0, 16, grid) if rule == "subtract" else numerics.encode("f64", generator.normal(size=grid))
    operands = {"input": ("uint4", codes), "scale": ("f64", scales.view(np.uint64))}
    options = [f"block={numerics.shape_text(block)}"] + ([rule] if rule else [])
    s = [Fraction(v) for v in spread(scales, shape, block).ravel()]
    if second != "none":
        twice = [2 * step for step in block]
        t = generator.standard_normal([] if second == "tensor" else blocks_of(shape, twice))
        operands["second"] = ("f64", np.asarray(t).view(np.uint64))
        if second == "blocks":
            options.append(f"second_block={numerics.shape_text(twice)}")
        wide = np.broadcast_to(t, shape) if second == "tensor" else spread(t, shape, twice)
        s = [a * Fraction(b) for a, b in zip(s, wide.ravel())]
    z = [Fraction(0)] * len(s)
    if rule:
        fmt = "uint4" if rule == "subtract" else "f64"
        operands["zero"] = (fmt, zeros)
        z = [Fraction(v) for v in spread(numerics.decode(fmt, zeros), shape, block).ravel()]
    formula = (lambda s, v, z: s * v - z) if rule == "rescale" else (lambda s, v, z: s * (v - z))
    expected = np.array([float(formula(*each)) for each in zip(s, map(int, codes.ravel()), z)]).reshape(shape)
    assert np.array_equal(numerics.dequantize(operands, *options), expected)


@pytest.mark.parametrize("rule", ["subtract", "rescale", None])
def test_quantize_is_exact_and_rounded_once(rule):
    generator = np.random.default_rng(9)
    shape, block = (6, 40), (1, 8)
    x = generator.standard_normal(shape)
    scales = generator.uniform(0.1, 1, blocks_of(shape, block))
    zeros = generator.standard_normal(scales.shape)
    operands = {"input": ("f64", x.view(np.uint64)), "scale": ("f64", scales.view(np.uint64))}
    options = ["block=1x8"]
    if rule:
        operands["zero"] = ("f64", zeros.view(np.uint64))
        options.append(rule)
    s, z = spread(scales, shape, block), spread(zeros, shape, block)
    exact = {
        None: lambda x, s, z: x / s,
        "subtract": lambda x, s, z: x / s + z,
        "rescale": lambda x, s, z: (x + z) / s,
    }[rule]
    rational = [exact(*map(Fraction, each)) for each in zip(x.ravel(), s.ravel(), z.ravel())]
    got = numerics.decode("f64", numerics.scaled("quantize", "f64", operands, *options))
    assert np.array_equal(got.ravel(), [float(value) for value in rational])
    got = numerics.decode("int4", numerics.scaled("quantize", "int4", operands, *options))
    assert np.array_equal(got.ravel(), [min(max(round(value), -8), 7) for value in rational])


@pytest.mark.parametrize(
    "x, y, tie, code",
    [(3.5 + 5 * 2.0**-51, 1 + 3 * 2.0**-52, 3.5, 3), (2.5 + 4 * 2.0**-51, 1 + 3 * 2.0**-52, 2.5, 3)],
)
def test_a_quotient_that_double_rounds_to_a_tie(x, y, tie, code):
    """Just below 3.5 is 3 and just above 2.5 is 3, though x / y as a double is the tie, which goes to 4 or 2."""
    assert x / y == tie != Fraction(x) / Fraction(y)
    codes = numerics.run("quotient", "int8", data=np.array([x, y]).tobytes())
    assert np.frombuffer(codes, "<u8").tolist() == [code]


def test_non_finite_scales_follow_ieee_arithmetic():
    operands = {"input": ("int4", [0, 1, 15]), "scale": ("e8m0", np.array(255))}
    assert np.isnan(numerics.dequantize(operands)).all()
    operands = {"input": ("int4", [0, 1, 15]), "scale": ("f16", np.array(0x7C00))}
    assert np.array_equal(numerics.dequantize(operands), [np.nan, np.inf, -np.inf], equal_nan=True)


@pytest.mark.parametrize(
    "operands, options, message",
    [
        ({"input": ("codebook/2/-1/0/1", [[0, 1], [2, 3]])}, [], r"element \[1, 1\] has the code 3.*0 to 2"),
        ({"input": ("int4", np.zeros((2, 8))), "scale": ("f16", np.zeros((2, 3)))}, ["block=1x4"], "is 3, expected 2"),
        ({"input": ("int4", np.zeros((2, 8))), "scale": ("f16", np.zeros(2))}, [], "rank 1, expected 0 or 2"),
        ({"input": ("int4", np.zeros((2, 8))), "scale": ("f16", np.zeros((2, 2)))}, ["block=4"], "has rank 1"),
        ({"input": ("int4", np.zeros((2, 8))), "scale": ("f16", np.zeros((2, 2)))}, ["block=1x0"], "below 1"),
        ({"input": ("int4", [1]), "zero": ("int4", [1])}, [], "go together"),
        ({"input": ("int4", [1]), "second": ("f16", [1])}, [], "needs a scale"),
    ],
)
def test_disagreeing_operands_are_refused(operands, options, message):
    with pytest.raises(RuntimeError, match=message):
        numerics.dequantize(operands, *options)


def test_a_nan_without_a_code_is_refused():
    operands = {"input": ("f16", [0x3C00, 0x7E00])}
    with pytest.raises(RuntimeError, match=r"element \[1\] is NaN"):
        numerics.dequantize(operands, result="int8")
