# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a kernel of rung-gen has to compute, in float64, and how far from it a result may be.

The bound, for every element y = f(sum x w + bias) + residual, S = sum |x| |s| (|v| + |z|):

    d = U sum |x| |w| + (8 + sqrt K) u S + 32 u (|sum| + |bias| + |y| + |residual|)

u is half a unit in the last place of the accumulator relative to a value (2^-24 for f32, 2^-53 for f64), U the same of
the type that weights may be rounded to: an activation's own f16 (2^-11) or bf16 (2^-8), else u. A result in a format
must then be a value that something in [y - d, y + d] rounds to. Sums of integers without scales, and what integer
epilogues make of them, are exact: d = 0.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

import number_formats
from number_formats import Format


@dataclasses.dataclass(frozen=True)
class Case:
    """One kernel: the flags of rung-gen."""

    n: int
    k: int
    activation: str
    weight: str
    result: str
    m: int | None = None  # None: dynamic
    rows: tuple[int, ...] = ()  # with which M to call a dynamic kernel
    scale: str | None = None
    group: int | None = None
    zero_point: str | None = None
    bias: bool = False
    epilogue: str | None = None
    residual: bool = False
    inputs: str = "random"  # or "codes", "values": see make_inputs

    @property
    def calls(self) -> tuple[int, ...]:
        return (self.m,) if self.m else self.rows or (1, 7)

    @property
    def groups(self) -> int:
        return -(-self.k // (self.group or self.k))

    @property
    def zero_point_format(self) -> str:
        bits = number_formats.parse(self.weight).bits
        return self.scale if self.zero_point != "integer" else f"uint{bits}" if bits <= 8 else f"ui{bits}"

    def flags(self, entry: str) -> list[str]:
        flags = [f"--entry={entry}", f"--m={self.m or 'dynamic'}"]
        for name in ("n", "k", "activation", "weight", "result", "scale", "group", "zero_point", "epilogue"):
            value = getattr(self, name)
            if value is not None:
                flags.append(f"--{name.replace('_', '-')}={value}")
        return flags + [f"--{name}" for name in ("bias", "residual") if getattr(self, name)]

    @property
    def id(self) -> str:
        parts = [f"{self.m or 'M'}x{self.n}x{self.k}", f"{self.activation}*{self.weight}"]
        if self.scale:
            parts.append(f"scale={self.scale}/{self.group or 'K'}")
        parts += [f"z={self.zero_point}"] if self.zero_point else []
        parts += ["bias"] if self.bias else []
        parts += [self.epilogue] if self.epilogue else []
        parts += ["residual"] if self.residual else []
        parts += [self.inputs] if self.inputs != "random" else []
        return "-".join(parts + [f"to-{self.result}"])


@dataclasses.dataclass(frozen=True)
class Tensor:
    """Values with the format that holds them."""

    format: Format
    values: np.ndarray

    def array(self) -> np.ndarray:
        return self.format.store(self.format.encode(self.values))


#===----------------------------------------------------------------------===#
# Inputs
#===----------------------------------------------------------------------===#


def draw(rng: np.random.Generator, format: Format, shape: tuple[int, ...], size: float = 1.0, limit: float = 2.0**9) -> Tensor:
    """Random values of about this size where the format leaves the choice. Tables are drawn code by code, all of them
    that lie within [1/limit, limit] (or are zero)."""
    if format.table is not None:
        codes = format.finite_codes
        magnitudes = np.abs(format.table[codes])
        near = codes[(magnitudes == 0) | ((magnitudes <= limit) & (magnitudes >= 1 / limit))]
        return Tensor(format, format.table[rng.choice(near if len(near) else codes, shape)])
    if format.kind == "integer":
        reach = max(1.0, min(size * 3, format.max))
        return Tensor(format, np.trunc(rng.uniform(-reach if format.signed else 0, reach, shape)))
    return Tensor(format, format.round(np.clip(rng.normal(size=shape) * size, format.min / 4, format.max / 4)))


def draw_scale(rng: np.random.Generator, format: Format, shape: tuple[int, ...], size: float) -> Tensor:
    """Scales of either sign, none of them zero, within a factor of 16 of `size` in wide floats, of 1 in other formats."""
    if format.table is not None:
        codes = format.finite_codes
        magnitudes = np.abs(format.table[codes])
        near = codes[(magnitudes <= 8) & (magnitudes >= 1 / 8)]
        return Tensor(format, format.table[rng.choice(near if len(near) else codes[magnitudes > 0], shape)])
    if format.kind == "integer":
        return Tensor(format, rng.integers(1, 9, shape).astype(float))
    size = 2.0 ** np.rint(np.log2(np.clip(size, 2.0**-10, 2.0**8)))
    scales = size * rng.uniform(0.5, 2, shape) * 2.0 ** rng.integers(-3, 3, shape)
    return Tensor(format, format.round(scales * rng.choice([-1, 1], shape)))


def make_inputs(case: Case, m: int, seed: int) -> dict[str, Tensor]:
    """Arrays by argument name, in the order of the arguments.

    "random": all drawn, sized such that results fall into the result format's range.
    "codes": x is the identity (M = K) and each row of w counts through all finite codes of its format.
    "values": K = N = 1 and w = 1; x holds the result format's values, the ties between them, and their neighbours.
    """
    rng = np.random.default_rng(seed)
    x_format, w_format, y_format = map(number_formats.parse, (case.activation, case.weight, case.result))
    inputs = {}
    if case.inputs == "codes":
        inputs["x"] = Tensor(x_format, np.eye(m, case.k))
        codes = (np.arange(case.k) + 7 * np.arange(case.n)[:, None]) % len(w_format.finite_codes)
        inputs["w"] = Tensor(w_format, w_format.table[w_format.finite_codes[codes]])
    elif case.inputs == "values":
        inputs["x"] = Tensor(x_format, rounding_values(rng, x_format, y_format, m)[:, None])
        inputs["w"] = Tensor(w_format, np.ones((1, 1)))
    else:
        inputs["x"] = Tensor(x_format, np.zeros((m, case.k)))  # drawn below
        inputs["w"] = draw(rng, w_format, (case.n, case.k), size=2.0 ** 20 if w_format.bits == 32 else 30)
    if case.scale:
        shape = (case.n, case.groups)
        s_format = number_formats.parse(case.scale)
        inputs["s"] = draw_scale(rng, s_format, shape, scale_size(case, x_format, y_format, inputs["w"]))
        if case.zero_point:
            z_format = number_formats.parse(case.zero_point_format)
            size = float(np.median(np.abs(inputs["w"].values)) or 1)
            if case.zero_point == "integer" and z_format.table is None:
                size /= 3
            inputs["z"] = draw(rng, z_format, shape, size=size)
    if case.inputs == "random":
        inputs["x"] = draw_activations(case, rng, x_format, y_format, dequantize(case, inputs)[0], m)
    size = result_size(y_format)
    if case.bias:
        inputs["bias"] = draw(rng, y_format, (case.n,), size, limit=max(size, 4))
    if case.residual:
        inputs["residual"] = draw(rng, y_format, (m, case.n), size, limit=max(size, 4))
    return inputs


def result_size(format: Format) -> float:
    """The standard deviation that results should have: a part of the format's range, and moderate."""
    return min(4.0 if format.kind == "float" else 1000.0, format.max / 2)


def scale_size(case: Case, x_format: Format, y_format: Format, w: Tensor) -> float:
    """Where activations cannot be chosen freely, scales keep results in range."""
    if x_format.kind == "float" and x_format.table is None:
        return 1.0
    x = draw(np.random.default_rng(0), x_format, (1000,), 2.0 ** (x_format.bits - 3)).values
    return result_size(y_format) / math.sqrt(case.k * np.mean(x**2) * np.mean(w.values**2) or 1)


def draw_activations(case, rng, x_format, y_format, w, m) -> Tensor:
    sizes = np.sqrt((w**2).sum(1))
    size = result_size(y_format) / (np.median(sizes) or 1)
    if x_format.kind == "integer" and x_format.table is None:
        # Sums of integers stay within i32; sums with floats need not.
        exact = number_formats.parse(case.weight).is_integer_valued and not case.scale
        size = 2.0**30 / 3 / (np.abs(w).max() * case.k) if exact else 2.0 ** (x_format.bits - 3)
    return draw(rng, x_format, (m, case.k), size)


def rounding_values(rng, x_format: Format, y_format: Format, count: int) -> np.ndarray:
    grid = np.unique(y_format.decode(y_format.finite_codes if y_format.table is not None else
                                     rng.integers(0, 1 << y_format.bits, count // 8, dtype=np.uint64)))
    grid = grid[np.isfinite(grid)]
    ties = (grid[1:] + grid[:-1]) / 2
    reach = min(max(y_format.max, -y_format.min) * 1.5, 2.0**100)
    spread = np.concatenate([grid, ties, rng.uniform(-reach, reach, count // 4), rng.normal(size=count // 4)])
    spread = x_format.round(spread)
    single = spread.astype(np.float32)
    spread = np.concatenate([spread, np.nextafter(single, np.float32(np.inf)), np.nextafter(single, np.float32(-np.inf))])
    spread = np.unique(x_format.round(spread[np.isfinite(spread)]))
    spread = spread[np.isfinite(spread) & ((spread == 0) | (np.abs(spread) >= 2.0**-126))]
    return rng.permutation(np.resize(rng.permutation(spread), count))


#===----------------------------------------------------------------------===#
# The kernel
#===----------------------------------------------------------------------===#


def dequantize(case: Case, inputs: dict[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """w = s (v - z) or s v - z, and the magnitude |s| (|v| + |z|) that bounds its roundings."""
    v = inputs["w"].values
    if not case.scale:
        return v, np.abs(v)
    spread = lambda values: np.repeat(values, case.group or case.k, axis=1)[:, : case.k]  # noqa: E731
    s = spread(inputs["s"].values)
    if not case.zero_point:
        return s * v, np.abs(s * v)
    z = spread(inputs["z"].values)
    if case.zero_point == "rescale":
        return s * v - z, np.abs(s * v) + np.abs(z)
    return s * (v - z), np.abs(s) * (np.abs(v) + np.abs(z))


def activate(name: str | None, value: np.ndarray) -> np.ndarray:
    if name == "relu":
        return np.maximum(value, 0)
    if name == "gelu":
        return value / 2 * (1 + np.vectorize(math.erf, otypes=[float])(value / math.sqrt(2)))
    if name == "silu":
        with np.errstate(over="ignore"):
            return value / (1 + np.exp(-value))
    return value


@dataclasses.dataclass(frozen=True)
class Expected:
    """The exact values of a result and the bound d of the module's description."""

    format: Format
    values: np.ndarray
    bound: np.ndarray

    def check(self, codes: np.ndarray) -> None:
        """Raises AssertionError, naming the worst element, unless every result is within its bound."""
        found = self.format.decode(codes)
        low = self.format.round(self.values - self.bound)
        high = self.format.round(self.values + self.bound)
        good = (low <= found) & (found <= high)
        if good.all():
            return
        distance = np.where(good, -1, np.nan_to_num(np.abs(found - self.values), nan=np.inf))
        i = np.unravel_index(np.argmax(distance), distance.shape)
        where = ", ".join(map(str, i))
        raise AssertionError(
            f"{np.count_nonzero(~good)} of {good.size} results are wrong; y[{where}] = {found[i]!r} (code {codes[i]}), expected "
            f"{self.values[i]!r} within {self.bound[i]:.3g}: {low[i]!r} to {high[i]!r} in {self.format.text}\n"
            f"found {found.reshape(-1)[:8]}\nexpected {self.values.reshape(-1)[:8]}")


def unit_of_weights(case: Case, unit: float) -> float:
    """Half a unit in the last place of the type that weights may be rounded to."""
    return max(unit, {"f16": 2.0**-11, "bf16": 2.0**-8}.get(case.activation, 0.0))


def is_exact_in_f32(format: Format) -> bool:
    if format.table is not None:
        return format.kind == "codebook" or np.array_equal(
            format.table[format.finite_codes].astype(np.float32), format.table[format.finite_codes])
    return format.text in ("f16", "bf16", "f32") or (format.kind == "integer" and format.bits < 32)


def reference(case: Case, inputs: dict[str, Tensor]) -> Expected:
    x, y_format = inputs["x"], number_formats.parse(case.result)
    w, w_magnitude = dequantize(case, inputs)
    value = x.values @ w.T
    magnitude = np.abs(x.values) @ w_magnitude.T
    bias = inputs["bias"].values if case.bias else np.zeros(case.n)
    residual = inputs["residual"].values if case.residual else np.zeros(())

    is_integer = x.format.is_integer_valued and inputs["w"].format.is_integer_valued and not case.scale
    result = activate(case.epilogue, value + bias) + residual
    if is_integer and y_format.is_integer_valued and case.epilogue in (None, "relu"):
        return Expected(y_format, result, np.zeros(result.shape))
    wide = not (is_exact_in_f32(x.format) and is_exact_in_f32(inputs["w"].format))
    unit = 2.0**-53 if wide and not is_integer else 2.0**-24
    bound = 32 * unit * (np.abs(value) + np.abs(bias) + np.abs(result) + np.abs(residual))
    if not is_integer:
        bound += np.abs(x.values) @ np.abs(w).T * unit_of_weights(case, unit)
        bound += magnitude * (8 + math.sqrt(case.k)) * unit
    if case.inputs != "random":  # one product each, of values that the types have
        bound = np.zeros(result.shape) if unit_of_weights(case, 0) == 0 or case.inputs == "values" else bound
    return Expected(y_format, result, bound)
