# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tile.convert, expanded and run on this machine, against lib/Numerics: every code in every position of a unit,
and the rounding of every f16 value, every tie and every special value."""

import functools

import numpy as np
import pytest

from tile_kernels import (DEVICES, build, call, codes_of_unit, lanes_are_columns, lanes_are_rows, numerics, pack_words,
                          packed_layout, supported, unpack_canonical, words_storage)

# Name of numerics.py: (MLIR type, bits).
FORMATS = {f"int{b}": (f"!rung.int<{b}>", b) for b in range(1, 9)}
FORMATS |= {f"uint{b}": (f"!rung.uint<{b}>", b) for b in range(1, 9)}
FORMATS |= {
    "e2m1": ("f4E2M1FN", 4), "e2m3": ("f6E2M3FN", 6), "e3m2": ("f6E3M2FN", 6), "e4m3": ("f8E4M3FN", 8),
    "e5m2": ("f8E5M2", 8), "e4m3fnuz": ("f8E4M3FNUZ", 8), "e5m2fnuz": ("f8E5M2FNUZ", 8), "e3m4": ("f8E3M4", 8),
    "e4m3b11fnuz": ("f8E4M3B11FNUZ", 8), "e8m0": ("f8E8M0FNU", 8), "i8": ("i8", 8),
    "nf4": (None, 4), "nf3": (None, 3), "iq4nl": (None, 4), "binary": (None, 1),
    # Formats that no one has named.
    "uint/5/16": ("!rung.uint<5, offset = 16>", 5),
    "uint/4/-3": ("!rung.uint<4, offset = -3>", 4),
    "float/3/4/5/none": ("!rung.float<e3m4, bias = 5>", 8),
    "float/3/2/3/none/unsigned": ("!rung.float<e3m2, unsigned>", 5),
    "float/4/4/7/ieee/unsigned": ("!rung.float<e4m4, specials = ieee, unsigned>", 8),
    "float/2/2/1/fn": ("!rung.float<e2m2, specials = fn>", 5),
    "float/6/1/31/ieee": ("!rung.float<e6m1, specials = ieee>", 8),
    "float/7/0/63/none": ("!rung.float<e7m0>", 8),
    "codebook/3/-8/-3/-1/0/0.5/1/3.25/100": ("!rung.codebook<3, [-8, -3, -1, 0, 0.5, 1, 3.25, 100]>", 3),
    "codebook/2/-1.5/-0.5/0.5/1.5": ("!rung.codebook<2, [-1.5, -0.5, 0.5, 1.5]>", 2),
    "codebook/6/" + "/".join(str(i * i - 300.25) for i in range(64)):
        ("!rung.codebook<6, [" + ", ".join(str(i * i - 300.25) for i in range(64)) + "]>", 6),
}
for name in ("nf4", "nf3", "iq4nl", "binary"):
    width = FORMATS[name][1]
    entries = ", ".join(repr(float(v)) for v in numerics.table(name, width)[: 1 << width])
    FORMATS[name] = (f"!rung.codebook<{width}, [{entries}]>", width)

KEYS = {name: f"f{i}" for i, name in enumerate(FORMATS)}
ROUNDINGS = {"nearest_even": [], "nearest_even saturate": ["saturate"], "toward_zero": ["toward_zero"],
             "toward_zero saturate": ["toward_zero", "saturate"]}


def rounding_attribute(rounding: str) -> str:
    mode, *rest = rounding.split()
    return "{rounding = #rung<rounding " + mode + ">" + (", saturate" if rest else "") + "}"


BEST = next(device for device in reversed(DEVICES) if supported(device))


def on_devices(name: str, values) -> pytest.MarkDecorator:
    """Every value on this machine's best device, the first one on the others too. No two tests share anything."""
    values = list(values)
    cases = [(BEST, value) for value in values]
    cases += [(device, values[0]) for device in DEVICES if device != BEST and supported(device)]
    return pytest.mark.parametrize(f"device,{name}", [
        pytest.param(device, value, id=f"batch {number}-{device}-{value}") for number, (device, value) in enumerate(cases)])


def same(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Equal values of equal sign, or NaN both."""
    return (np.isnan(found) & np.isnan(expected)) | ((found == expected) & (np.signbit(found) == np.signbit(expected)))


# ---------------------------------------------------------------------------------------------------------------------
# Codes to values
# ---------------------------------------------------------------------------------------------------------------------

def decode_function(key: str, fmt: str, width: int, order: str, target: str, columns: int) -> str:
    count, units = codes_of_unit(width), columns // codes_of_unit(width)
    words = f"memref<1x{units}x{count * width // 32}x16xi32>"
    out = f"memref<{columns}x16x{target}>"
    packed, plain = packed_layout(width, order), lanes_are_rows(count)
    return f"""
func.func @{key}(%words: {words}, %out: {out}) {{
  %c0 = arith.constant 0 : index
  %step = arith.constant {count} : index
  %end = arith.constant {columns} : index
  scf.for %k = %c0 to %end step %step {{
    %w = tile.load %words[%c0, %k] {{storage = {words_storage(fmt, width, (16, columns), order)}}}
      : {words} -> !tile.fragment<16x{count}x{fmt}, {packed}>
    %v = tile.convert %w {rounding_attribute("nearest_even")}
      : !tile.fragment<16x{count}x{fmt}, {packed}> -> !tile.fragment<16x{count}x{target}, {plain}>
    tile.store %v, %out[%k, %c0] transposed : !tile.fragment<16x{count}x{target}, {plain}>, {out}
  }}
  return
}}"""


def every_code_everywhere(width: int) -> np.ndarray:
    """[16, K] codes such that each code is at each position of a unit."""
    count = codes_of_unit(width)
    units = -(-(1 << width) // 16) + 1
    lane, unit, code = np.ogrid[:16, :units, :count]
    return ((unit * 16 + lane + code) % (1 << width)).reshape(16, units * count)


@on_devices("target", ["f32", "f16", "bf16", "f64"])
def test_every_code_in_every_position(device, target, tmp_path):
    functions, cases = [], []
    for name, (fmt, width) in FORMATS.items():
        # How codes are gathered has nothing to do with the target.
        for order in ["sequential"] + (["planes", "flipped"] if width in (3, 5, 6, 7) and target == "f32" else []):
            codes = every_code_everywhere(width)
            key = f"{KEYS[name]}_{order}"
            functions.append(decode_function(key, fmt, width, order, target, codes.shape[1]))
            cases.append((name, key, codes, pack_words(codes, width, order)))
    library = build("\n".join(functions), device, tmp_path)
    for name, key, codes, words in cases:
        storage = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "bf16": np.uint16}[target]
        out = np.full((codes.shape[1], 16), 77, storage)
        call(library, key, words, out)
        if target == "bf16":
            out = (out.astype(np.uint32) << 16).view(np.float32)
        # The exact value, rounded once.
        exact = numerics.decode(name, codes)
        expected = numerics.decode(target, numerics.encode(target, exact))
        wrong = ~same(out.T.astype(np.float64), expected)
        assert not wrong.any(), (name, key, codes[wrong][:4], out.T[wrong][:4], expected[wrong][:4])


# ---------------------------------------------------------------------------------------------------------------------
# Values to codes
# ---------------------------------------------------------------------------------------------------------------------

def encode_function(key: str, source: str, fmt: str, width: int, rounding: str, count: int) -> str:
    line = lanes_are_columns()
    x, out = f"memref<{count}x{source}>", f"memref<{count * width // 8}xi8>"
    storage = f"#rung.storage<{fmt}, [{count}], canonical>"
    return f"""
func.func @{key}(%x: {x}, %out: {out}) {{
  %c0 = arith.constant 0 : index
  %step = arith.constant 16 : index
  %end = arith.constant {count} : index
  scf.for %i = %c0 to %end step %step {{
    %v = tile.load %x[%i] : {x} -> !tile.fragment<1x16x{source}, {line}>
    %q = tile.convert %v {rounding_attribute(rounding)}
      : !tile.fragment<1x16x{source}, {line}> -> !tile.fragment<1x16x{fmt}, {line}>
    tile.store %q, %out[%i] {{storage = {storage}}} : !tile.fragment<1x16x{fmt}, {line}>, {out}
  }}
  return
}}"""


@functools.cache
def interesting_values(dtype) -> np.ndarray:
    """Every f16 value, the values of all formats, their midpoints and neighbours of these, and random bits; padded."""
    parts = [np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)]
    for name, (_, width) in FORMATS.items():
        values = numerics.table(name, width)
        values = np.unique(values[np.isfinite(values)])
        middles = (values[1:] + values[:-1]) / 2
        beyond = np.array([1.0, 1.0625, 1.125, 1.25, 1.5]) * values[[0, -1], None]
        parts += [values, middles, beyond.ravel()]
    points = np.unique(np.concatenate([p.ravel() for p in parts[1:]])).astype(dtype)
    near = [np.nextafter(points, dtype(-np.inf)), points, np.nextafter(points, dtype(np.inf))]
    bits = np.random.default_rng(7).integers(0, 1 << 32, 4096, dtype=np.uint64).astype(np.uint32)
    with np.errstate(all="ignore"):
        special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 1e-45, -1e-45, 3e38, -3e38], dtype)
        result = np.concatenate([parts[0].astype(dtype), *near, special, bits.view(np.float32).astype(dtype)])
    return np.concatenate([result, np.zeros(-len(result) % 16, dtype)])


@on_devices("rounding", ROUNDINGS)
def test_encode(device, rounding, tmp_path):
    values = interesting_values(np.float32)
    functions = [encode_function(KEYS[name], "f32", fmt, width, rounding, len(values))
                 for name, (fmt, width) in FORMATS.items()]
    library = build("\n".join(functions), device, tmp_path)
    check_encode(library, values, values.astype(np.float64), rounding)


def check_encode(library, stored: np.ndarray, values: np.ndarray, rounding: str) -> None:
    for name, (_, width) in FORMATS.items():
        out = np.full(len(values) * width // 8, 0xAA, np.uint8)
        call(library, KEYS[name], stored, out)
        found = unpack_canonical(out, width, len(values))
        expected = numerics.encode(name, values, *ROUNDINGS[rounding])
        zero = numerics.encode(name, np.zeros(1), "saturate")[0]
        expected = np.where(expected == numerics.NONE, zero, expected)
        wrong = found != expected
        assert not wrong.any(), (name, [v.hex() for v in values[wrong][:4]], found[wrong][:4], expected[wrong][:4])


@pytest.mark.parametrize("source", ["f64", "f16", "bf16", "i32", "i16"])
def test_encode_from_other_types(source, tmp_path):
    rng = np.random.default_rng(5)
    if source == "f64":
        stored = interesting_values(np.float64)
        values = stored
    elif source == "f16":
        stored = np.arange(1 << 16, dtype=np.uint16)
        values = stored.view(np.float16).astype(np.float64)
    elif source == "bf16":
        stored = np.arange(1 << 16, dtype=np.uint16)
        with np.errstate(invalid="ignore"):  # signaling NaNs
            values = (stored.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    else:
        limit = 1 << int(source[1:]) - 1
        stored = np.concatenate([np.arange(-1000, 1000), rng.integers(-limit, limit, 2096 - 4), [-limit, limit - 1, 0, 0]])
        stored = stored.astype(f"int{source[1:]}")
        values = stored.astype(np.float64)
    with np.errstate(all="ignore"):
        functions = [encode_function(KEYS[name], source, fmt, width, "nearest_even", len(values))
                     for name, (fmt, width) in FORMATS.items()]
        library = build("\n".join(functions), BEST, tmp_path)
        check_encode(library, stored, values, "nearest_even")


# ---------------------------------------------------------------------------------------------------------------------
# Between builtin types
# ---------------------------------------------------------------------------------------------------------------------

NUMPY = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": np.uint16, "i32": np.int32, "i16": np.int16}


def as_values(stored: np.ndarray, name: str) -> np.ndarray:
    if name == "bf16":
        stored = (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float64)


@on_devices("rounding", ROUNDINGS)
def test_builtin_types(device, rounding, tmp_path):
    line = lanes_are_columns()
    rng = np.random.default_rng(3)
    inputs = {
        "f64": interesting_values(np.float64), "f32": interesting_values(np.float32),
        "f16": np.arange(1 << 16, dtype=np.uint16).view(np.float16), "bf16": np.arange(1 << 16, dtype=np.uint16),
        "i32": rng.integers(-(1 << 31), 1 << 31, 4096).astype(np.int32), "i16": np.arange(-(1 << 15), 1 << 15).astype(np.int16),
    }
    # Ties of f16 and bf16, with and without something behind them.
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float64)
    halves = np.sort(halves[np.isfinite(halves)])
    ties = (halves[1:] + halves[:-1]) / 2
    inputs["f64"] = np.concatenate([inputs["f64"], np.nextafter(ties, -1e9), ties, np.nextafter(ties, 1e9)])
    inputs["f64"] = inputs["f64"][: len(inputs["f64"]) // 16 * 16]
    functions, cases = [], []
    for source, values in inputs.items():
        for target in inputs:
            if source == target:
                continue
            x, out = f"memref<{len(values)}x{source}>", f"memref<{len(values)}x{target}>"
            functions.append(f"""
func.func @{source}_{target}(%x: {x}, %out: {out}) {{
  %c0 = arith.constant 0 : index
  %step = arith.constant 16 : index
  %end = arith.constant {len(values)} : index
  scf.for %i = %c0 to %end step %step {{
    %v = tile.load %x[%i] : {x} -> !tile.fragment<1x16x{source}, {line}>
    %q = tile.convert %v {rounding_attribute(rounding)}
      : !tile.fragment<1x16x{source}, {line}> -> !tile.fragment<1x16x{target}, {line}>
    tile.store %q, %out[%i] : !tile.fragment<1x16x{target}, {line}>, {out}
  }}
  return
}}""")
            cases.append((source, target, values))
    library = build("\n".join(functions), device, tmp_path)
    for source, target, stored in cases:
        out = np.zeros(len(stored), NUMPY[target])
        call(library, f"{source}_{target}", stored, out)
        with np.errstate(all="ignore"):
            values = as_values(stored, source)
            codes = numerics.encode(target, values, *ROUNDINGS[rounding])
            zero = numerics.encode(target, np.zeros(1))[0]
            expected = numerics.decode(target, np.where(codes == numerics.NONE, zero, codes))
            wrong = ~same(as_values(out, target), expected)
        assert not wrong.any(), (source, target, [v.hex() for v in values[wrong][:4]], out[wrong][:4], expected[wrong][:4])


# ---------------------------------------------------------------------------------------------------------------------
# Stochastic rounding
# ---------------------------------------------------------------------------------------------------------------------

RANDOM = {"!rung.uint<1>": 1, "!rung.int<7>": 7, "i8": 8, "i16": 16, "i32": 32}


@functools.cache
def between_values(name: str) -> np.ndarray:
    """Values of a format, thresholds of 16 random bits between them, neighbours of both, and what is beyond."""
    rng = np.random.default_rng(8)
    if name in FORMATS:
        values = numerics.table(name, FORMATS[name][1])
    elif name in ("i16", "i32"):
        limit = 1 << int(name[1:]) - 1
        values = np.concatenate([np.arange(-50.0, 50), [limit - 2, limit - 1, -limit, 1 - limit]])
    else:
        codes = np.concatenate([rng.integers(0, 1 << (32 if name == "f32" else 16), 500), np.arange(100)])
        codes = np.concatenate([codes, codes + 1])
        values = numerics.decode(name, codes)
        values = np.concatenate([values, [numerics.decode(name, np.array([c]))[0] for c in numerics.encode(
            name, np.array([1e300, -1e300]), "saturate")]])
    values = np.unique(values[np.isfinite(values)])
    steps = values[:-1] + np.diff(values) * (rng.integers(0, 1 << 16, (8, len(values) - 1)) / 65536.0)
    points = np.concatenate([values, steps.ravel()])
    with np.errstate(all="ignore"):
        beyond = np.array([1.0, 1.0001, 1.01, 1.0625, 1.125, 1.2, 1.5, 2, 3])[:, None] * values[[0, -1]]
        points = np.concatenate([points, np.nextafter(points, np.inf), np.nextafter(points, -np.inf), beyond.ravel(),
                                 [0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, -5e-324, 1e-40, -1e-40]])
    return np.concatenate([points, np.zeros(-len(points) % 16)])


def stochastic_function(key, source, fmt, bits, random, count, saturate):
    line = lanes_are_columns()
    width = 8 if random == "i8" else bits
    stored = f"memref<{count}x{random}>" if width >= 8 else f"memref<{count * width // 8}xi8>"
    attributes = f" {{storage = #rung.storage<{random}, [{count}], canonical>}}" if width < 8 else ""
    narrow = fmt not in NUMPY
    out = f"memref<{count}x{fmt}>" if not narrow else f"memref<{count * narrow_width(fmt) // 8}xi8>"
    to = f" {{storage = #rung.storage<{fmt}, [{count}], canonical>}}" if narrow else ""
    return f"""
func.func @{key}(%x: memref<{count}x{source}>, %r: {stored}, %out: {out}) {{
  %c0 = arith.constant 0 : index
  %step = arith.constant 16 : index
  %end = arith.constant {count} : index
  scf.for %i = %c0 to %end step %step {{
    %v = tile.load %x[%i] : memref<{count}x{source}> -> !tile.fragment<1x16x{source}, {line}>
    %b = tile.load %r[%i]{attributes} : {stored} -> !tile.fragment<1x16x{random}, {line}>
    %q = tile.convert %v random(%b : !tile.fragment<1x16x{random}, {line}>)
      {{rounding = #rung<rounding stochastic>{", saturate" if saturate else ""}}}
      : !tile.fragment<1x16x{source}, {line}> -> !tile.fragment<1x16x{fmt}, {line}>
    tile.store %q, %out[%i]{to} : !tile.fragment<1x16x{fmt}, {line}>, {out}
  }}
  return
}}"""


def narrow_width(fmt: str) -> int:
    return next(width for spelled, width in FORMATS.values() if spelled == fmt)


@pytest.mark.parametrize("source, saturate", [("f64", False), ("f32", True)])
@pytest.mark.parametrize("random", RANDOM)
def test_stochastic_rounding_is_that_of_numerics(source, random, saturate, tmp_path):
    bits = RANDOM[random]
    targets = list(FORMATS) + ["f32", "f16", "bf16", "i16", "i32"]
    if bits == 32:  # thresholds of the others are no f64, and an error says so
        targets = [name for name in targets if not name.startswith(("nf", "codebook/6"))]
    functions, cases, rng = [], [], np.random.default_rng(bits)
    for number, name in enumerate(targets):
        if name == source:
            continue
        with np.errstate(all="ignore"):
            stored = between_values(name).astype(NUMPY[source])
        values = stored.astype(np.float64)
        randoms = rng.choice(np.array([0, 1, (1 << bits) - 1, 1 << bits - 1]), len(values))
        randoms = np.where(rng.random(len(values)) < 0.7, rng.integers(0, 1 << bits, len(values)), randoms)
        fmt = FORMATS[name][0] if name in FORMATS else name
        functions.append(stochastic_function(f"g{number}", source, fmt, bits, random, len(values), saturate))
        cases.append((name, f"g{number}", stored, values, randoms))
    library = build("\n".join(functions), BEST, tmp_path)
    for name, key, stored, values, randoms in cases:
        if bits < 8:
            planes = (randoms[:, None] >> np.arange(bits)) & 1
            packed = np.packbits(planes.astype(np.uint8).ravel(), bitorder="little")
        else:
            packed = randoms.astype(f"uint{bits}")
        narrow = name in FORMATS
        out = np.zeros(len(values) * FORMATS[name][1] // 8, np.uint8) if narrow else np.zeros(len(values), NUMPY[name])
        call(library, key, stored, packed, out)
        expected = numerics.encode(name, values, f"stochastic={bits}", *["saturate"] * saturate, random=randoms)
        zero = numerics.encode(name, np.zeros(1), "saturate")[0]
        expected = np.where(expected == numerics.NONE, zero, expected)
        if narrow:
            found = unpack_canonical(out, FORMATS[name][1], len(values))
            wrong = found != expected
        else:
            found, expected = as_values(out, name), numerics.decode(name, expected)
            wrong = ~same(found, expected)
        assert not wrong.any(), (name, wrong.sum(), [v.hex() for v in values[wrong][:4]], randoms[wrong][:4],
                                 found[wrong][:4], expected[wrong][:4])
