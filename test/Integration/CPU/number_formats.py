# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Number formats in numpy float64, written a second time: nothing here asks rung what a code means.

Every value of every format is a float64. Arrays of *codes* are uint64 in the tensor's shape; arrays *as a user passes
them* (`store`, `load`) follow cli.md: numpy's dtype where it has one, uint16 for bf16, uint8 for 8 bits, and for
narrower formats canonical storage, uint8 [..., ceil(K * bits / 8)], codes packed least significant bit first.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re

import numpy as np

# Stored tables: float32 in bitsandbytes (nf4) and in AFPQ (nf3), integers in GGUF (iq4nl).
CODEBOOKS = {
    "nf4": (4, [np.float32(v) for v in (
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
        -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
        0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0)]),
    "nf3": (3, [np.float32(v) for v in (-1.0, -0.5350227355957031, -0.2469314038753510, 0.0, 0.1833375245332718,
                                        0.3819939494132996, 0.6229856610298157, 1.0)]),
    "ternary": (2, [-1, 0, 1]),
    "binary": (1, [-1, 1]),
    "iq4nl": (4, [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]),
}

# name: exponent bits, mantissa bits, bias, specials
MINIFLOATS = {
    "e2m1": (2, 1, 1, "none"), "e2m3": (2, 3, 1, "none"), "e3m2": (3, 2, 3, "none"), "e4m3": (4, 3, 7, "fn"),
    "e5m2": (5, 2, 15, "ieee"), "e4m3fnuz": (4, 3, 8, "fnuz"), "e5m2fnuz": (5, 2, 16, "fnuz"),
    "e3m4": (3, 4, 3, "ieee"), "e4m3b11fnuz": (4, 3, 11, "fnuz"),
}
UNNAMED_BUILTINS = {"f8E4M3": (4, 3, 7, "ieee")}

BUILTIN_NAMES = {
    "f4E2M1FN": "e2m1", "f6E2M3FN": "e2m3", "f6E3M2FN": "e3m2", "f8E4M3FN": "e4m3", "f8E5M2": "e5m2",
    "f8E4M3FNUZ": "e4m3fnuz", "f8E5M2FNUZ": "e5m2fnuz", "f8E3M4": "e3m4", "f8E4M3B11FNUZ": "e4m3b11fnuz",
    "f8E8M0FNU": "e8m0",
}

NAMED = ([f"int{b}" for b in range(1, 9)] + [f"uint{b}" for b in range(1, 9)] + list(MINIFLOATS) + ["e8m0"]
         + list(CODEBOOKS) + ["f64", "f32", "f16", "bf16", "i8", "i16", "i32"])

FLOATS = {"f16": (16, 11), "bf16": (16, 8), "f32": (32, 24), "f64": (64, 53)}  # bits, precision


def minifloat_values(exponent: int, mantissa: int, bias: int, specials: str, signed: bool = True) -> np.ndarray:
    """The value of each code: sign, exponent, mantissa from the most significant bit."""
    width = exponent + mantissa
    values = []
    for code in range(1 << (width + signed)):
        negative, magnitude = code >> width, code & ((1 << width) - 1)
        e, m = magnitude >> mantissa, magnitude & ((1 << mantissa) - 1)
        value = math.ldexp(m, 1 - bias - mantissa) if e == 0 else math.ldexp(m + (1 << mantissa), e - bias - mantissa)
        if specials == "ieee" and e == (1 << exponent) - 1:
            value = math.inf if m == 0 else math.nan
        elif specials == "fn" and magnitude == (1 << width) - 1:
            value = math.nan
        elif specials == "fnuz" and negative and magnitude == 0:
            value = math.nan
        values.append(-value if negative else value)
    return np.array(values)


@dataclasses.dataclass(frozen=True, eq=False)
class Format:
    """`table` holds the value of each code of a format of up to 8 bits (NaN for an invalid code too); None otherwise.
    `valid` counts the codes that may occur."""

    text: str
    bits: int
    kind: str  # "integer", "float" or "codebook"
    table: np.ndarray | None = None
    valid: int = 0
    signed: bool = True  # wide integers

    # Codes and values.

    @functools.cached_property
    def finite_codes(self) -> np.ndarray:
        return np.array([c for c in range(self.valid) if math.isfinite(self.table[c])], np.uint64)

    @functools.cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct finite values in ascending order and, for each, its lowest code."""
        values, first = np.unique(self.table[self.finite_codes], return_index=True)
        return values, self.finite_codes[first]

    @property
    def is_integer_valued(self) -> bool:
        if self.table is None:
            return self.kind == "integer"
        values = self.table[: self.valid]
        return bool(np.all(np.isfinite(values) & (values == np.trunc(values))))

    @property
    def max(self) -> float:
        """The greatest finite value."""
        if self.table is not None:
            return float(self._sorted[0][-1])
        if self.kind == "integer":
            return 2.0 ** (self.bits - self.signed) - 1
        return {"bf16": 3.3895313892515355e38}.get(self.text) or float(np.finfo(f"float{self.bits}").max)

    @property
    def min(self) -> float:
        if self.table is not None:
            return float(self._sorted[0][0])
        if self.kind == "integer":
            return -(2.0 ** (self.bits - 1)) if self.signed else 0.0
        return -self.max

    def decode(self, codes: np.ndarray) -> np.ndarray:
        if self.table is not None:
            return self.table[codes]
        if self.kind == "integer":
            return codes.astype(f"u{self.bits // 8}").view(f"{'i' if self.signed else 'u'}{self.bits // 8}").astype(float)
        with np.errstate(invalid="ignore"):  # signaling NaNs
            if self.text == "bf16":
                return (codes.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(float)
            return codes.astype(f"u{self.bits // 8}").view(f"f{self.bits // 8}").astype(float)

    # Rounding.

    def round(self, values: np.ndarray) -> np.ndarray:
        """Nearest, ties to even, as values. Up to 8 bits and integers saturate; wide floats overflow to infinity."""
        values = np.asarray(values, float)
        if self.table is not None:
            return self._round_to_table(values)
        if self.kind == "integer":
            return np.clip(np.rint(values), self.min, self.max)
        if self.text == "bf16":
            return round_bf16(values)
        with np.errstate(over="ignore"):
            return values.astype(f"f{self.bits // 8}").astype(float)

    def _round_to_table(self, values: np.ndarray) -> np.ndarray:
        grid, codes = self._sorted
        clipped = np.clip(values, grid[0], grid[-1])
        above = np.clip(np.searchsorted(grid, clipped), 1 if len(grid) > 1 else 0, len(grid) - 1)
        below = np.maximum(above - 1, 0)
        low, high = grid[below], grid[above]
        to_low, to_high = clipped - low, high - clipped
        rounded = np.where(to_low < to_high, low, high)
        for i in np.argwhere((to_low == to_high) & (low != high)):
            i = tuple(i)
            rounded[i] = tie(low[i], high[i], int(codes[below[i]]), int(codes[above[i]]))
        return rounded

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Codes of values of the format."""
        values = np.asarray(values, float)
        if self.table is not None:
            grid, codes = self._sorted
            found = codes[np.searchsorted(grid, values)]
            assert np.array_equal(self.table[found], values), f"not values of {self.text}"
            return found
        if self.kind == "integer":
            return values.astype(np.int64).astype(f"u{self.bits // 8}").astype(np.uint64)
        if self.text == "bf16":
            return (values.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint64)
        return values.astype(f"f{self.bits // 8}").view(f"u{self.bits // 8}").astype(np.uint64)

    # Arrays as a user passes them.

    def store(self, codes: np.ndarray) -> np.ndarray:
        if self.bits < 8:
            return pack(codes, self.bits)
        words = codes.astype(f"u{self.bits // 8}")
        if self.bits == 8 or self.text == "bf16":
            return words
        letter = "f" if self.kind == "float" else "i" if self.signed else "u"
        return words.view(f"{letter}{self.bits // 8}")

    def load(self, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Codes of an array that a tool wrote for a tensor of this shape. Refuses another dtype or shape."""
        like = self.store(np.zeros(shape, np.uint64))
        allowed = {like.dtype} | ({np.dtype("i1"), np.dtype("u1")} if self.bits == 8 else set())
        assert array.dtype in allowed, f"dtype {array.dtype}, expected {like.dtype} for {self.text}"
        assert array.shape == like.shape, f"shape {array.shape}, expected {like.shape} for {shape} {self.text}"
        if self.bits < 8:
            return unpack(array, self.bits, shape[-1])
        return array.view(f"u{self.bits // 8}").astype(np.uint64)


def tie(low: float, high: float, low_code: int, high_code: int) -> float:
    """Of two neighbours the one that is an even multiple of their distance; in codebooks, where there may be none,
    the one with an even code, else the smaller magnitude, else the lower code."""
    distance = high - low
    for value in (low, high):
        if value / distance == np.rint(value / distance) and (value / distance) % 2 == 0:
            return value
    if low_code % 2 != high_code % 2:
        return low if low_code % 2 == 0 else high
    if abs(low) != abs(high):
        return low if abs(low) < abs(high) else high
    return low if low_code < high_code else high


def round_bf16(values: np.ndarray) -> np.ndarray:
    """Once, to nearest even: f32 rounded to odd keeps enough for a second, exact rounding."""
    values = np.asarray(values, float)
    with np.errstate(over="ignore", invalid="ignore"):
        single = values.astype(np.float32)
        back = single.astype(float)
        # The f32 towards zero, its last bit set if anything was cut off.
        cut = np.where(np.abs(back) > np.abs(values), np.nextafter(single, np.float32(0)), single).astype(np.float32)
        odd = cut.view(np.uint32) | (cut.astype(float) != values).astype(np.uint32)
    bits = odd.astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> np.uint64(16)) & np.uint64(1))) >> np.uint64(16)
    result = (rounded.astype(np.uint32) << np.uint32(16)).view(np.float32).astype(float)
    return np.where(np.isfinite(values), result, values)


def pack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Canonical storage along the last dimension."""
    stream = (codes[..., None].astype(np.uint8) >> np.arange(bits, dtype=np.uint8)) & 1
    return np.packbits(stream.reshape(*codes.shape[:-1], -1), axis=-1, bitorder="little")


def unpack(array: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Inverse of pack; padding must be zero."""
    stream = np.unpackbits(array, axis=-1, bitorder="little")
    assert not stream[..., count * bits:].any(), "padding bits of canonical storage are not zero"
    fields = stream[..., : count * bits].reshape(*array.shape[:-1], count, bits)
    return (fields.astype(np.uint64) << np.arange(bits, dtype=np.uint64)).sum(-1, dtype=np.uint64)


@functools.cache
def parse(text: str) -> Format:
    """FORMAT of cli.md."""
    name = BUILTIN_NAMES.get(text, text)
    if name in CODEBOOKS:
        return codebook(text, *CODEBOOKS[name])
    if name in MINIFLOATS | UNNAMED_BUILTINS:
        return table(text, "float", minifloat_values(*(MINIFLOATS | UNNAMED_BUILTINS)[name]))
    if name == "e8m0":
        return table(text, "float", np.array([math.ldexp(1, c - 127) for c in range(255)] + [math.nan]))
    if name in FLOATS:
        return Format(text, FLOATS[name][0], "float")
    if match := re.fullmatch(r"!rung\.codebook<(\d+),\s*\[(.*)\]>", text):
        return codebook(text, int(match[1]), [float(v) for v in match[2].split(",")])
    if match := re.fullmatch(r"!rung\.float<e(\d+)m(\d+)(.*)>", text):
        return parse_float(text, int(match[1]), int(match[2]), match[3])
    if match := re.fullmatch(r"(?:!rung\.)?(u?)int<?(\d+)(?:,\s*offset\s*=\s*(-?\d+))?>?", text):
        return integer(text, int(match[2]), not match[1], int(match[3] or 0))
    if match := re.fullmatch(r"(u?)s?i(\d+)", text):
        bits = int(match[2])
        return integer(text, bits, not match[1]) if bits <= 8 else Format(text, bits, "integer", signed=not match[1])
    raise ValueError(f"no format: {text}")


def parse_float(text: str, exponent: int, mantissa: int, options: str) -> Format:
    fields = [field.strip() for field in options.split(",")[1:]]
    given = dict(field.split(" = ") for field in fields if "=" in field)
    bias = int(given.get("bias", 2 ** (exponent - 1) - 1))
    return table(text, "float", minifloat_values(exponent, mantissa, bias, given.get("specials", "none"),
                                                 signed="unsigned" not in fields))


def table(text: str, kind: str, values: np.ndarray) -> Format:
    return Format(text, len(values).bit_length() - 1, kind, values, len(values))


def codebook(text: str, bits: int, values: list) -> Format:
    padded = np.full(1 << bits, math.nan)
    padded[: len(values)] = values
    return Format(text, bits, "codebook", padded, len(values))


def integer(text: str, bits: int, signed: bool, offset: int = 0) -> Format:
    codes = np.arange(1 << bits, dtype=float)
    values = np.where(codes >= 1 << (bits - 1), codes - (1 << bits), codes) if signed else codes - offset
    return table(text, "integer", values)
