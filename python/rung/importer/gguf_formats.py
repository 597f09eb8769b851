# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""GGUF tensor types as number formats with block scaling: one table.

A GGUF type is a run of blocks along the last dimension, each a small record of bytes. A `BlockFormat` says which
tensors such a record holds (codes, scales, scales of scales, minima), in which number formats, and splits records
into them. Nothing is requantised: codes keep their value, scales and minima keep their bits; only their places change,
from the record's own order to the canonical one (codes bit-packed along the last dimension, least significant first).
The value of a code v is  scale · second_scale · v - zero, as `rung.dequantize ... rescale` defines it.
"""

from __future__ import annotations

import dataclasses
from typing import Callable

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

# The safetensors name of a numpy dtype.
SAFETENSORS_DTYPES = {"uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "float16": "F16", "float32": "F32"}


@dataclasses.dataclass(frozen=True)
class Field:
    """One stored tensor of a weight: `type` is the MLIR element type, `bits` its width, and one element serves `block`
    consecutive values of the last dimension."""

    suffix: str
    type: str
    bits: int
    dtype: str  # safetensors dtype of the stored array
    block: int = 1

    def logical_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (*shape[:-1], -(-shape[-1] // self.block))

    def stored_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Canonical storage: formats narrower than a byte are U8 with each row's codes bit-packed."""
        *outer, last = self.logical_shape(shape)
        return (*outer, -(-last * self.bits // 8)) if self.bits < 8 else (*outer, last)


@dataclasses.dataclass(frozen=True)
class BlockFormat:
    """`split` takes bytes [blocks, record size] and returns, for each field's suffix, an array [blocks, elements of the
    field in one block]; codes come unpacked, one in each byte. There is none for what no record holds."""

    codes: Field
    split: Callable[[np.ndarray], dict[str, np.ndarray]] | None = None
    scale: Field | None = None
    second_scale: Field | None = None
    zero: Field | None = None
    zero_is_minimum: bool = False  # the file holds a minimum m to be added: zero = -m

    def fields(self) -> list[Field]:
        return [field for field in (self.codes, self.scale, self.second_scale, self.zero) if field]


def pack_canonical(codes: np.ndarray, bits: int) -> np.ndarray:
    """Codes [..., n], one a byte, into bytes [..., ceil(n * bits / 8)], least significant bit first."""
    if bits == 8:
        return codes
    if bits in (1, 2, 4):
        lanes = 8 // bits
        padded = np.zeros((*codes.shape[:-1], -(-codes.shape[-1] // lanes) * lanes), np.uint8)
        padded[..., : codes.shape[-1]] = codes
        packed = padded[..., 0::lanes].copy()
        for lane in range(1, lanes):
            packed |= padded[..., lane::lanes] << np.uint8(lane * bits)
        return packed
    planes = (codes[..., None] >> np.arange(bits, dtype=np.uint8)) & np.uint8(1)
    return np.packbits(planes.reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def _f16(record: np.ndarray, start: int) -> np.ndarray:
    return np.ascontiguousarray(record[:, start : start + 2]).view("<f2")


def _halves(quants: np.ndarray, bits: int = 4, run: int | None = None) -> np.ndarray:
    """Bytes whose lowest fields are the first `run` values, the next fields the following `run`, and so on."""
    blocks, size = quants.shape
    run = run or size
    shifts = np.arange(0, 8, bits, dtype=np.uint8).reshape(1, 1, -1, 1)
    fields = (quants.reshape(blocks, -1, 1, run) >> shifts) & np.uint8((1 << bits) - 1)
    return fields.reshape(blocks, -1)


def _fifth_bits(mask: np.ndarray) -> np.ndarray:
    """The 32-bit mask of a 32-block, as bit 4 of each code."""
    return np.unpackbits(mask, axis=-1, bitorder="little") << np.uint8(4)


def _q4_0(record):
    return {"scales": _f16(record, 0), "codes": _halves(record[:, 2:])}


def _q4_1(record):
    return {"scales": _f16(record, 0), "minima": _f16(record, 2), "codes": _halves(record[:, 4:])}


def _q5_0(record):
    return {"scales": _f16(record, 0), "codes": _halves(record[:, 6:]) | _fifth_bits(record[:, 2:6])}


def _q5_1(record):
    codes = _halves(record[:, 8:]) | _fifth_bits(record[:, 4:8])
    return {"scales": _f16(record, 0), "minima": _f16(record, 2), "codes": codes}


def _q8_0(record):
    return {"scales": _f16(record, 0), "codes": record[:, 2:].view(np.int8)}


def _mxfp4(record):
    return {"scales": record[:, :1], "codes": _halves(record[:, 1:])}


def _product(super_minima: np.ndarray, minima: np.ndarray) -> np.ndarray:
    """f16 · a code of at most 6 bits: 17 significant bits, so the f32 product is exact."""
    return super_minima.astype(np.float32) * minima.astype(np.float32)


def _q2_k(record):
    scales, d, dmin = record[:, :16], _f16(record, 80), _f16(record, 82)
    return {"codes": _halves(record[:, 16:80], 2, 32), "scales": scales & np.uint8(15), "super_scales": d,
            "zeros": _product(dmin, scales >> np.uint8(4))}


def _q3_k(record):
    high = np.unpackbits(record[:, :32], axis=-1, bitorder="little").reshape(-1, 32, 8).swapaxes(1, 2).reshape(-1, 256)
    low, top = _halves(record[:, 96:104]), _halves(record[:, 104:108], 2)
    return {"codes": _halves(record[:, 32:96], 2, 32) | high << np.uint8(2), "scales": low | top << np.uint8(4),
            "super_scales": _f16(record, 108)}


def _six_bit_pairs(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 12 bytes of Q4_K and Q5_K: eight 6-bit scales and eight 6-bit minima."""
    first, second, third = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scales = np.concatenate([first & 63, (third & 15) | (first >> 2 & 48)], axis=-1)
    minima = np.concatenate([second & 63, (third >> 4) | (second >> 2 & 48)], axis=-1)
    return scales, minima


def _q4_k(record):
    scales, minima = _six_bit_pairs(record[:, 4:16])
    return {"codes": _halves(record[:, 16:], 4, 32), "scales": scales, "super_scales": _f16(record, 0),
            "zeros": _product(_f16(record, 2), minima)}


def _q5_k(record):
    scales, minima = _six_bit_pairs(record[:, 4:16])
    high = np.unpackbits(record[:, 16:48], axis=-1, bitorder="little").reshape(-1, 32, 8).swapaxes(1, 2).reshape(-1, 256)
    return {"codes": _halves(record[:, 48:], 4, 32) | high << np.uint8(4), "scales": scales,
            "super_scales": _f16(record, 0), "zeros": _product(_f16(record, 2), minima)}


def _q6_k(record):
    codes = _halves(record[:, :128], 4, 64) | _halves(record[:, 128:192], 2, 32) << np.uint8(4)
    return {"codes": codes, "scales": record[:, 192:208].view(np.int8), "super_scales": _f16(record, 208)}


def _iq4_xs(record):
    low = np.stack([record[:, 4:8] & 15, record[:, 4:8] >> 4], axis=-1).reshape(-1, 8)
    return {"codes": _halves(record[:, 8:], 4, 16), "scales": low | _bit_pairs(record[:, 2:4]) << np.uint8(4),
            "super_scales": _f16(record, 0)}


def _bit_pairs(packed: np.ndarray) -> np.ndarray:
    """Two-bit fields, the lowest of each byte first."""
    return ((packed[:, :, None] >> np.arange(0, 8, 2, dtype=np.uint8)) & np.uint8(3)).reshape(len(packed), -1)


def _tq1_0(record):
    """Five trits a byte: the byte is ceil(256/243 · the base-3 number), so each digit is the carry out of byte · 3."""
    def trits(packed: np.ndarray, count: int, run: int) -> np.ndarray:
        powers = np.array([3**i for i in range(count)], np.uint8).reshape(1, 1, -1, 1)
        digits = packed.reshape(len(packed), -1, 1, run) * powers  # modulo 256: drops the digits before
        return ((digits.astype(np.uint16) * 3) >> 8).astype(np.uint8).reshape(len(packed), -1)

    codes = [trits(record[:, :32], 5, 32), trits(record[:, 32:48], 5, 16), trits(record[:, 48:52], 4, 4)]
    return {"codes": np.concatenate(codes, axis=-1), "scales": _f16(record, 52)}


def _tq2_0(record):
    return {"codes": _halves(record[:, :64], 2, 32), "scales": _f16(record, 64)}


def _codes(type_: str, bits: int, dtype: str = "U8") -> Field:
    return Field("codes", type_, bits, dtype)


def _scales(block: int, type_: str = "f16", bits: int = 16, dtype: str = "F16") -> Field:
    return Field("scales", type_, bits, dtype, block)


_MINIMA = Field("minima", "f16", 16, "F16", 32)
_SUPER_SCALES = Field("super_scales", "f16", 16, "F16", 256)


def _zeros(block: int) -> Field:
    return Field("zeros", "f32", 32, "F32", block)


# The table of ggml's IQ4_NL (docs/formats: a nonlinear 4-bit codebook).
_IQ4NL = "!rung.codebook<4, [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]>"
_UINT6_SIGNED = _scales(32, "!rung.uint<6, offset = 32>", 6, "U8")

_T = GGMLQuantizationType
FORMATS: dict[GGMLQuantizationType, BlockFormat] = {
    _T.Q4_0: BlockFormat(_codes("!rung.uint<4, offset = 8>", 4), _q4_0, _scales(32)),
    _T.Q4_1: BlockFormat(_codes("!rung.uint<4>", 4), _q4_1, _scales(32), zero=_MINIMA, zero_is_minimum=True),
    _T.Q5_0: BlockFormat(_codes("!rung.uint<5, offset = 16>", 5), _q5_0, _scales(32)),
    _T.Q5_1: BlockFormat(_codes("!rung.uint<5>", 5), _q5_1, _scales(32), zero=_MINIMA, zero_is_minimum=True),
    _T.Q8_0: BlockFormat(_codes("i8", 8, "I8"), _q8_0, _scales(32)),
    _T.IQ4_NL: BlockFormat(_codes(_IQ4NL, 4), _q4_0, _scales(32)),
    _T.MXFP4: BlockFormat(_codes("f4E2M1FN", 4), _mxfp4, _scales(32, "f8E8M0FNU", 8, "U8")),
    _T.Q2_K: BlockFormat(_codes("!rung.uint<2>", 2), _q2_k, _scales(16, "!rung.uint<4>", 4, "U8"), _SUPER_SCALES,
                         _zeros(16)),
    _T.Q3_K: BlockFormat(_codes("!rung.uint<3, offset = 4>", 3), _q3_k,
                         _scales(16, "!rung.uint<6, offset = 32>", 6, "U8"), _SUPER_SCALES),
    _T.Q4_K: BlockFormat(_codes("!rung.uint<4>", 4), _q4_k, _scales(32, "!rung.uint<6>", 6, "U8"), _SUPER_SCALES,
                         _zeros(32)),
    _T.Q5_K: BlockFormat(_codes("!rung.uint<5>", 5), _q5_k, _scales(32, "!rung.uint<6>", 6, "U8"), _SUPER_SCALES,
                         _zeros(32)),
    _T.Q6_K: BlockFormat(_codes("!rung.uint<6, offset = 32>", 6), _q6_k, _scales(16, "i8", 8, "I8"), _SUPER_SCALES),
    _T.IQ4_XS: BlockFormat(_codes(_IQ4NL, 4), _iq4_xs, _UINT6_SIGNED, _SUPER_SCALES),
    _T.TQ1_0: BlockFormat(_codes("!rung.uint<2, offset = 1>", 2), _tq1_0, _scales(256)),
    _T.TQ2_0: BlockFormat(_codes("!rung.uint<2, offset = 1>", 2), _tq2_0, _scales(256)),
    # Unscaled types: the stored tensor is the value.
    _T.F32: BlockFormat(Field("", "f32", 32, "F32"), lambda record: {"": record.view("<f4")}),
    _T.F16: BlockFormat(Field("", "f16", 16, "F16"), lambda record: {"": record.view("<f2")}),
    _T.BF16: BlockFormat(Field("", "bf16", 16, "BF16"), lambda record: {"": record.view("<u2")}),
}


def block_size(tensor_type: GGMLQuantizationType) -> tuple[int, int]:
    """Values and bytes of one record."""
    return GGML_QUANT_SIZES[tensor_type]


def split_rows(tensor_type: GGMLQuantizationType, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Bytes [rows, bytes of a row] into the stored arrays of each field, [rows, ...], in canonical storage."""
    layout = FORMATS[tensor_type]
    _, size = block_size(tensor_type)
    parts = layout.split(np.ascontiguousarray(rows).reshape(-1, size))
    result = {}
    for field in layout.fields():
        values = parts[field.suffix].reshape(len(rows), -1)
        result[field.suffix] = pack_canonical(values, field.bits) if field.bits < 8 else values
    return result
