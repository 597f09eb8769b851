# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Block scaling against the `gguf` package: the codes of its block formats, unpacked here, have its values, bit for bit.

gguf computes in f32; each of its formulas rounds at most once, as ours does by definition.
"""

import gguf
import ml_dtypes
import numpy as np
import pytest
from gguf.constants import GGML_QUANT_SIZES
from gguf.constants import GGMLQuantizationType as Type

import numerics

ROWS, COLUMNS = 5, 512


def random_blocks(kind: Type, scales_at: list[int]) -> np.ndarray:
    """Rows of blocks with random bytes, but finite f16 scales at the given offsets."""
    elements, size = GGML_QUANT_SIZES[kind]
    generator = np.random.default_rng(int(kind))
    blocks = generator.integers(0, 256, (ROWS, COLUMNS // elements, size), dtype=np.uint8)
    for offset in scales_at:
        scales = generator.standard_normal(blocks.shape[:2] + (1,)).astype(np.float16)
        blocks[..., offset : offset + 2] = scales.view(np.uint8)
    return blocks


def f16_codes(blocks: np.ndarray, offset: int) -> np.ndarray:
    return np.ascontiguousarray(blocks[..., offset : offset + 2]).view("<u2")[..., 0]


def halves(packed: np.ndarray) -> np.ndarray:
    """Low nibbles are the first half of a group, high nibbles the second."""
    return np.concatenate([packed & 15, packed >> 4], axis=-1)


def planes(packed: np.ndarray, group: int, shifts: list[int], mask: int) -> np.ndarray:
    """Groups of bytes; one field of all bytes of a group after the other."""
    packed = packed.reshape(*packed.shape[:-1], -1, 1, group)
    fields = packed >> np.array(shifts, dtype=np.uint8)[:, None] & mask
    return fields.reshape(*packed.shape[:-3], -1)


def rows(codes: np.ndarray) -> np.ndarray:
    return codes.reshape(ROWS, -1)


def q4_0(blocks):
    return {"input": ("uint/4/8", rows(halves(blocks[..., 2:]))), "scale": ("f16", f16_codes(blocks, 0))}, ["block=1x32"]


def q4_1(blocks):
    minimum = f16_codes(blocks, 2) ^ 0x8000  # rescale subtracts
    operands = {"input": ("uint4", rows(halves(blocks[..., 4:]))), "scale": ("f16", f16_codes(blocks, 0))}
    return operands | {"zero": ("f16", minimum)}, ["block=1x32", "rescale"]


def q5_0(blocks):
    high = np.unpackbits(blocks[..., 2:6], axis=-1, bitorder="little")
    codes = halves(blocks[..., 6:]) | high << 4
    return {"input": ("uint/5/16", rows(codes)), "scale": ("f16", f16_codes(blocks, 0))}, ["block=1x32"]


def q8_0(blocks):
    return {"input": ("int8", rows(blocks[..., 2:])), "scale": ("f16", f16_codes(blocks, 0))}, ["block=1x32"]


def iq4_nl(blocks):
    return {"input": ("iq4nl", rows(halves(blocks[..., 2:]))), "scale": ("f16", f16_codes(blocks, 0))}, ["block=1x32"]


def tq2_0(blocks):
    # Four values a byte; 3 is a code of the file (2) though no ternary one.
    codes = planes(blocks[..., :64], 32, [0, 2, 4, 6], 3)
    return {"input": ("uint/2/1", rows(codes)), "scale": ("f16", f16_codes(blocks, 64))}, ["block=1x256"]


def mxfp4(blocks):
    blocks[..., 0] %= 255  # 255 is NaN in e8m0; gguf reads 2^127
    return {"input": ("e2m1", rows(halves(blocks[..., 1:]))), "scale": ("e8m0", rows(blocks[..., 0]))}, ["block=1x32"]


def nvfp4(blocks):
    blocks[..., :4] %= 127  # no sign, no NaN
    codes = halves(blocks[..., 4:].reshape(*blocks.shape[:2], 4, 8))
    operands = {"input": ("e2m1", rows(codes)), "scale": ("e4m3", rows(blocks[..., :4]))}
    # The file's scale of the whole tensor is elsewhere; any power of two tests the second level exactly.
    return operands | {"second": ("f32", np.float32(1).view(np.uint32))}, ["block=1x16"]


def q4_k(blocks):
    """Super-blocks: f16 times 6-bit scales and minima."""
    packed = blocks[..., 4:16].reshape(*blocks.shape[:2], 3, 4)
    d, m, both = packed[..., 0, :], packed[..., 1, :], packed[..., 2, :]
    scales = np.concatenate([d & 63, both & 15 | d >> 2 & 48], axis=-1)
    minima = np.concatenate([m & 63, both >> 4 | m >> 2 & 48], axis=-1)
    minimum = f16_codes(blocks, 2).view(np.float16).astype(np.float32)[..., None] * minima.astype(np.float32)
    operands = {
        "input": ("uint4", rows(planes(blocks[..., 16:], 32, [0, 4], 15))),
        "scale": ("uint6", rows(scales)),
        "second": ("f16", f16_codes(blocks, 0)),
        "zero": ("f32", rows(minimum).view(np.uint32)),
    }
    return operands, ["block=1x32", "second_block=1x256", "rescale"]


def q6_k(blocks):
    codes = planes(blocks[..., :128], 64, [0, 4], 15) | planes(blocks[..., 128:192], 32, [0, 2, 4, 6], 3) << 4
    operands = {
        "input": ("uint/6/32", rows(codes)),
        "scale": ("int8", rows(blocks[..., 192:208])),
        "second": ("f16", f16_codes(blocks, 208)),
    }
    return operands, ["block=1x16", "second_block=1x256"]


CASES = {
    Type.Q4_0: (q4_0, [0]),
    Type.Q4_1: (q4_1, [0, 2]),
    Type.Q5_0: (q5_0, [0]),
    Type.Q8_0: (q8_0, [0]),
    Type.IQ4_NL: (iq4_nl, [0]),
    Type.TQ2_0: (tq2_0, [64]),
    Type.MXFP4: (mxfp4, []),
    Type.NVFP4: (nvfp4, []),
    Type.Q4_K: (q4_k, [0, 2]),
    Type.Q6_K: (q6_k, [208]),
}


@pytest.mark.parametrize("kind", CASES, ids=lambda kind: kind.name)
def test_values_of_block_formats(kind):
    split, scales_at = CASES[kind]
    blocks = random_blocks(kind, scales_at)
    operands, options = split(blocks)
    ours = numerics.dequantize(operands, *options, result="f32")
    with np.errstate(over="ignore"):
        theirs = gguf.dequantize(blocks.reshape(ROWS, -1), kind)
    assert np.array_equal(ours, theirs)


def test_q8_0_quantizer():
    """absmax / 127 in f32, codes to nearest. gguf multiplies by a rounded reciprocal and rounds ties away: where it
    differs from ours, ours is at least as near."""
    generator = np.random.default_rng(3)
    values = generator.standard_normal((4, 256)).astype(np.float32)
    codes, scales = numerics.quantize_blocks("int8", "f32", "absmax", values, (1, 32))
    theirs = gguf.quantize(values, Type.Q8_0).reshape(4, 8, 34)[..., 2:].reshape(4, 256)
    scale = np.repeat(numerics.decode("f32", scales), 32, axis=1)
    wrong = np.flatnonzero(codes != theirs)
    assert wrong.size <= 2
    ours, theirs = numerics.decode("int8", codes), theirs.view(np.int8)
    assert np.all(np.abs(values - scale * ours) <= np.abs(values - scale * theirs))


def test_mx_quantizer_takes_the_same_scales():
    """OCP: 2^(floor(log2(amax)) - 2) for e2m1, also gguf's; elements to nearest, ties to even (gguf: to the lower)."""
    generator = np.random.default_rng(4)
    values = (generator.standard_normal((4, 256)) * np.exp2(generator.integers(-60, 60, (4, 1)))).astype(np.float32)
    values[0, :32] = 0
    codes, scales = numerics.quantize_blocks("e2m1", "e8m0", "mx", values, (1, 32))
    theirs = gguf.quantize(values, Type.MXFP4).reshape(4, 8, 17)
    assert np.array_equal(scales, theirs[..., 0])
    scale = np.repeat(numerics.decode("e8m0", scales), 32, axis=1)
    expected = (values / scale).astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
    assert np.array_equal(codes, expected)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("columns", [1, 7, 8, 33])
def test_canonical_storage_is_little_endian_bits(bits, columns):
    """Least significant bit first along the last dimension, rows padded with zeros to whole bytes."""
    generator = np.random.default_rng(bits)
    codes = generator.integers(0, 1 << bits, (3, columns))
    bit_rows = (codes[..., None] >> np.arange(bits) & 1).astype(np.uint8).reshape(3, -1)
    expected = np.packbits(bit_rows, axis=-1, bitorder="little")
    stored = numerics.run("pack", str(bits), f"3x{columns}", data=numerics.codes_bytes(codes))
    assert stored == expected.tobytes()
    back = np.frombuffer(numerics.run("unpack", str(bits), f"3x{columns}", data=stored), "<u8")
    assert np.array_equal(back.reshape(3, columns), codes)
