# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung.dequantize, rung.quantize and rung.convert that stand alone round once, from the exact value.

Values are exact in numpy's 80-bit floats: products of f32 numbers and codes have at most 56 digits.
"""

import numpy as np
import pytest

import number_formats

EXACT = np.longdouble
SHAPE, BLOCK = (6, 40), (3, 16)
SCALES = (2, 3)

# name: format of codes, scale, second scale, zero point, mode, result
DEQUANTIZE = {
    "two_f32_scales": ("!rung.int<8>", "f32", "f32", None, None, "f32"),
    "wide_scale_to_f16": ("!rung.int<4>", "f32", None, None, None, "f16"),
    "rescale": ("!rung.uint<4>", "f32", None, "f32", "rescale", "f32"),
    "rescale_f16_to_bf16": ("!rung.uint<4>", "f16", None, "f16", "rescale", "bf16"),
    "float_zero_point": ("!rung.int<6>", "f16", None, "f32", "float", "f32"),
    "integer_zero_point": ("!rung.int<8>", "f32", "f16", "!rung.uint<8>", "integer", "f32"),
    "to_f64": ("f8E4M3FN", "f32", None, None, None, "f64"),
    "wide_codebook": ("!rung.codebook<2, [-0.1, 0.0, 0.3]>", "f16", None, None, None, "f32"),
}


def draw(random, text, shape):
    """Values in a format, and the array that holds them."""
    format = number_formats.parse(text)
    if format.table is None:
        values = format.round(random.normal(size=shape))
        return values.astype(EXACT), format.store(format.encode(values))
    codes = random.choice(format.finite_codes, shape)
    return format.table[codes].astype(EXACT), format.store(codes)


def spread(values, block=BLOCK, shape=SHAPE):
    for dim, extent in enumerate(block):
        values = np.repeat(values, extent, axis=dim).take(range(shape[dim]), axis=dim)
    return values


def tensor(text, shape=SCALES):
    return f"tensor<{'x'.join(map(str, shape))}x{text}>"


@pytest.fixture(scope="module")
def dequantizers(load):
    text = ""
    for name, (w, s, t, z, mode, result) in DEQUANTIZE.items():
        second = f" second_scale(%t : {tensor(t)}) second_block {list(BLOCK)}" if t else ""
        zero = f" zero_point(%z : {tensor(z)}) {mode}" if z else ""
        arguments = [f"%w: {tensor(w, SHAPE)}", f"%s: {tensor(s)}"] + [f"%t: {tensor(t)}"] * bool(t) + [f"%z: {tensor(z)}"] * bool(z)
        text += f"""func.func @{name}({', '.join(arguments)}) -> {tensor(result, SHAPE)} {{
          %d = rung.dequantize %w scale(%s : {tensor(s)}){second}{zero} block {list(BLOCK)} : {tensor(w, SHAPE)} -> {tensor(result, SHAPE)}
          return %d : {tensor(result, SHAPE)}
        }}\n"""
    return load(text)


@pytest.mark.parametrize("name", DEQUANTIZE)
def test_dequantize_is_within_half_a_unit_in_the_last_place(name, dequantizers):
    w, s, t, z, mode, result = DEQUANTIZE[name]
    random = np.random.default_rng(1)
    (v, codes), (scale, scales) = draw(random, w, SHAPE), draw(random, s, SCALES)
    arrays, scale = [codes, scales], spread(scale)
    if t:
        second, seconds = draw(random, t, SCALES)
        arrays, scale = arrays + [seconds], scale * spread(second)
    exact = scale * v
    if z:
        zero, zeros = draw(random, z, SCALES)
        arrays.append(zeros)
        exact = scale * v - spread(zero) if mode == "rescale" else scale * (v - spread(zero))
    format = number_formats.parse(result)
    y = format.decode(format.load(dequantizers[name](*arrays), SHAPE)).astype(EXACT)
    exponent = np.where(exact == 0, -14, np.frexp(exact)[1])
    assert np.all(np.abs(y - exact) <= np.ldexp(EXACT(0.5), exponent - number_formats.FLOATS[result][1]))


def test_quantize_rounds_the_exact_quotient(load):
    """Quotients beside a tie that f32 would round onto it, a zero point that f32 would lose, and a block of zeros."""
    bundle = load("""
      func.func @quotient(%x: tensor<4096xf32>, %s: tensor<4096xf32>) -> tensor<4096x!rung.int<8>> {
        %q = rung.quantize %x scale(%s : tensor<4096xf32>) nearest_even saturate : tensor<4096xf32> -> tensor<4096x!rung.int<8>>
        return %q : tensor<4096x!rung.int<8>>
      }
      func.func @zero_point(%x: tensor<3xf32>, %z: tensor<3xf32>) -> tensor<3x!rung.int<8>> {
        %q = rung.quantize %x zero_point(%z : tensor<3xf32>) float nearest_even saturate : tensor<3xf32> -> tensor<3x!rung.int<8>>
        return %q : tensor<3x!rung.int<8>>
      }
      func.func @zeros(%x: tensor<2xf32>, %s: tensor<f32>) -> tensor<2xf8E4M3FN> {
        %q = rung.quantize %x scale(%s : tensor<f32>) nearest_even saturate : tensor<2xf32> -> tensor<2xf8E4M3FN>
        return %q : tensor<2xf8E4M3FN>
      }
    """)
    random = np.random.default_rng(2)
    s = random.uniform(0.5, 2, 4096).astype(np.float32)
    x = ((random.integers(-120, 120, 4096) + 0.5) * s).astype(np.float32)
    exact = x.astype(EXACT) / s
    assert np.any(x / s != exact) and np.any((x / s) % 1 == 0.5)
    np.testing.assert_array_equal(np.int8(bundle["quotient"](x, s).view(np.int8)), np.rint(exact))
    y = bundle["zero_point"](np.float32([1e-20, -1e-20, 1e-20]), np.float32([0.5, 0.5, 1.5]))
    assert y.view(np.int8).tolist() == [1, 0, 2]
    assert bundle["zeros"](np.zeros(2, np.float32), np.float32(0)).tolist() == [0, 0]


def test_constants_that_are_not_folded_are_codes_too(load):
    codes = np.random.default_rng(3).integers(0, 8, (65, 65))  # more than folders take
    listed = ", ".join(map(str, codes.reshape(-1)))
    bundle = load(f"""func.func @f() -> tensor<65x65xf32> {{
      %c = rung.constant #rung.codes<[{listed}]> : tensor<65x65x!rung.int<3>>
      %y = rung.dequantize %c : tensor<65x65x!rung.int<3>> -> tensor<65x65xf32>
      return %y : tensor<65x65xf32>
    }}""")
    np.testing.assert_array_equal(bundle["f"](), np.where(codes > 3, codes - 8, codes))


def test_saturation_of_infinities_and_sizes_of_rows(load):
    """Widening keeps every value, but `saturate` asks for finite ones; rows of whole bytes may have any size."""
    bundle = load("""
      func.func @saturate(%x: tensor<?xbf16>) -> tensor<?xf32> {
        %y = rung.convert %x nearest_even saturate : tensor<?xbf16> -> tensor<?xf32>
        return %y : tensor<?xf32>
      }
      func.func @rows(%x: tensor<2x?xf8E4M3FN>, %s: tensor<2x1xf16>) -> tensor<2x?xf32> {
        %y = rung.dequantize %x scale(%s : tensor<2x1xf16>) : tensor<2x?xf8E4M3FN> -> tensor<2x?xf32>
        return %y : tensor<2x?xf32>
      }
    """)
    greatest = np.finfo(np.float32).max
    assert bundle["saturate"](np.uint16([0x7F80, 0xFF80, 0x3F80])).tolist() == [greatest, -greatest, 1]
    assert bundle["rows"](np.full((2, 19), 0x40, np.uint8), np.float16([[1], [3]])).tolist() == [[2.0] * 19, [6.0] * 19]


def test_upstream_roundings_of_f64_need_no_library(load):
    bundle = load("""
      func.func @f(%x: tensor<?xf64>) -> (tensor<?xbf16>, tensor<?xf16>) {
        %a = arith.truncf %x : tensor<?xf64> to tensor<?xbf16>
        %b = arith.truncf %x : tensor<?xf64> to tensor<?xf16>
        return %a, %b : tensor<?xbf16>, tensor<?xf16>
      }
    """)
    random = np.random.default_rng(4)
    x = random.normal(size=5000) * 2.0 ** random.integers(-30, 20, 5000)
    ties = np.concatenate([1 + 2.0**-8 * np.arange(1, 9), 1 + 2.0**-11 * np.arange(1, 9)])
    x = np.concatenate([x, ties, ties + 2.0**-40, -ties - 2.0**-40, ties - 2.0**-40, [np.inf, -np.inf, 1e300, 0.0, 65519.99999999, 65520]])
    a, b = bundle["f"](x)
    bf16 = number_formats.parse("bf16")
    np.testing.assert_array_equal(bf16.decode(a.astype(np.uint64)), bf16.round(x))
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(b, x.astype(np.float16))


def test_stochastic_rounding_by_random_bits_of_the_caller(load):
    """r of 256 random numbers are below the fraction, exactly; a format without a code between the numbers rounds too."""
    bundle = load("""
      func.func @f(%x: tensor<?x256xf32>, %r: tensor<?x256x!rung.uint<8>>) -> (tensor<?x256x!rung.int<8>>, tensor<?x256xf8E4M3FN>, tensor<?x256xbf16>) {
        %a = rung.convert %x stochastic random(%r : tensor<?x256x!rung.uint<8>>) saturate : tensor<?x256xf32> -> tensor<?x256x!rung.int<8>>
        %b = rung.convert %x stochastic random(%r : tensor<?x256x!rung.uint<8>>) saturate : tensor<?x256xf32> -> tensor<?x256xf8E4M3FN>
        %c = rung.convert %x stochastic random(%r : tensor<?x256x!rung.uint<8>>) saturate : tensor<?x256xf32> -> tensor<?x256xbf16>
        return %a, %b, %c : tensor<?x256x!rung.int<8>>, tensor<?x256xf8E4M3FN>, tensor<?x256xbf16>
      }
    """)
    values = np.float32([2.25, -2.25, 17 / 256, 100.5, -3.0, 1 + 1 / 256])
    x = np.repeat(values[:, None], 256, axis=1)
    r = np.tile(np.arange(256, dtype=np.uint8), (len(values), 1))
    for y, name in zip(bundle["f"](x, r), ["!rung.int<8>", "f8E4M3FN", "bf16"]):
        format = number_formats.parse(name)
        decoded = format.decode(format.load(y, x.shape)).astype(np.float64)
        np.testing.assert_array_equal(decoded.mean(axis=1), values.astype(np.float64))
