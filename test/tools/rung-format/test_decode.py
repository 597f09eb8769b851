# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The sequences of `rung-format --decode --json`, lowered by upstream passes alone and run here on every code in every
position, against the value tables. Nothing of the proof inside the tool is used: codes are packed by the printed order,
values come from `rung-format FORMAT --json`, and the code runs instead of being folded."""

from __future__ import annotations

import concurrent.futures
import ctypes
import itertools
import json
import math
import pathlib
import subprocess

import numpy as np
import pytest

LLVM = pathlib.Path("/usr/lib/llvm-22/bin")
_LOWER = ["--convert-vector-to-scf", "--convert-scf-to-cf", "--convert-vector-to-llvm", "--convert-arith-to-llvm",
          "--convert-index-to-llvm", "--finalize-memref-to-llvm", "--convert-cf-to-llvm",
          "--convert-func-to-llvm=use-bare-ptr-memref-call-conv=1", "--reconcile-unrealized-casts"]
_ELEMENT = {"int8": "i8", "e4m3": "f8E4M3FN"}  # how results of a named format are held
_DTYPE = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": np.uint16, "i8": np.int8, "i32": np.int32,
          "f8E4M3FN": np.uint8}

# Source, target, device, and whether the scale is free.
_CASES = [
    ("int1", "f32", "cpu:x86-64", False),
    ("ternary", "f16", "cpu:znver4", False),  # code 3 is invalid
    ("int2", "int8", "cuda:sm_90a", False),
    ("uint3", "bf16", "cpu:haswell", False),
    ("nf3", "f32", "hip:gfx90a", False),  # a tree of selects
    ("int4", "f32", "cpu:znver4", False),
    ("nf4", "f32", "cpu:haswell", False),
    ("e2m1", "e4m3", "cuda:sm_80", False),
    ("!rung.uint<5, offset = 16>", "f16", "cpu:x86-64", False),
    ("!rung.uint<5, offset = 16>", "f16", "cuda:sm_80", True),
    ("!rung.codebook<2, [-1.5, -1, -0.5, 0]>", "f32", "cuda:sm_90a", True),  # value = 0.5 * result - 1.5
    ("!rung.codebook<2, [0, 0.25, 0.5, 0.75]>", "bf16", "hip:gfx90a", True),
    ("e2m3", "f16", "hip:gfx90a", False),
    ("!rung.float<e3m3, bias = 7, specials = ieee, unsigned>", "f64", "cpu:x86-64", False),
    ("!rung.codebook<7, [1, -2.5, 0.375, 7]>", "f32", "cpu:haswell", False),  # a table in memory
    ("uint8", "bf16", "cuda:sm_90a", False),
    ("e4m3", "f16", "cuda:sm_80", False),
    ("e5m2fnuz", "f32", "cpu:znver4", False),
    ("e8m0", "bf16", "cpu:x86-64", False),
    ("!rung.float<e3m4, bias = 5, specials = none>", "f32", "cpu:znver4", False),
    # Methods of the search, each with a device and a freedom that calls for it.
    ("int8", "f16", "cuda:sm_90a", False),  # bytes, flipped when packed
    ("int3", "f16", "cuda:sm_90a", False),  # mantissa, the last code from three words
    ("int6", "f16", "cuda:sm_80", False),  # codes of two bytes
    ("int6", "f16", "hip:gfx90a", False),
    ("int7", "f16", "hip:gfx90a", False),
    ("int7", "f16", "cuda:sm_90a", False),  # leftover bits in one word, some rotated
    ("int7", "f32", "cpu:haswell", False),
    ("int3", "f16", "hip:gfx90a", True),  # bytes, of fewer than 8 bits
    ("int8", "bf16", "cuda:sm_90a", False),  # split mantissa
    ("e4m3", "f16", "cuda:sm_90a", False),  # pair
    ("e5m2", "f16", "cuda:sm_90a", False),
    ("nf4", "f16", "cuda:sm_90a", False),  # byte tables, values rounded
    ("nf4", "bf16", "hip:gfx90a", False),
    ("nf3", "f16", "cuda:sm_80", False),
    ("e2m1", "f16", "cuda:sm_90a", False),  # a table of magnitudes, and signs
    ("e2m1", "f16", "cuda:sm_90a", True),  # top byte
    ("e2m1", "bf16", "cuda:sm_80", False),  # minifloat
    ("e3m2", "f16", "cuda:sm_80", True),
    ("int4", "f16", "cuda:sm_90a", True),  # subnormal
    ("int5", "f16", "cuda:sm_80", True),
    ("int4", "int8", "cuda:sm_80", False),  # integers
    ("int4", "int8", "cuda:sm_90a", True),
    ("int3", "int8", "cuda:sm_90a", True),
    ("int8", "int8", "cuda:sm_90a", False),  # nothing
    ("uint8", "int8", "cuda:sm_90a", True),
    ("uint2", "int8", "cuda:sm_90a", True),
    ("int3", "f32", "cpu:znver4", False),  # lookups of three bits among four
    ("int5", "f32", "cpu:znver4", False),
    ("int7", "f32", "cpu:znver4", False),
    ("e3m4", "f32", "cpu:znver4", False),  # signed lookup, with infinity and NaN
    ("e4m3", "f32", "cpu:znver4", False),
    ("e3m4", "f32", "cpu:haswell", False),  # lines
    ("!rung.float<e3m3, specials = fnuz>", "f32", "cpu:znver4", False),  # lookups of the upper halves of 128 values
    ("!rung.float<e6m2, specials = ieee, unsigned>", "f32", "cpu:znver4", False),  # of 256
    ("!rung.float<e1m6, bias = 140, specials = ieee, unsigned>", "f32", "cpu:znver4", False),  # subnormal results
    ("e5m2", "f32", "cpu:znver4", False),  # half
    ("e4m3fnuz", "f32", "cpu:haswell", False),
    ("e5m2fnuz", "f32", "cpu:haswell", False),  # the sign by a rotation
]

# Instructions per 8 values, and what is asked of them.
_BARS = {
    ("cuda:sm_90a", "f16", False): {"int8": 8, "int4": 9, "int2": 8.5, "int1": 8.25, "int3": 9.5, "int5": 10.5, "int6": 11, "int7": 12,
                                    "e2m1": 11,
                                    "e4m3": 6, "nf4": 21, "iq4nl": 21},
    ("cuda:sm_80", "f16", False): {"e4m3": 22},
    ("cuda:sm_90a", "int8", False): {"int4": 7, "int2": 7.5},
    ("cuda:sm_90a", "f16", True): {"int4": 5, "int2": 4.5, "int1": 4.25, "int3": 5.5, "e2m1": 9},
    ("cuda:sm_90a", "int8", True): {"int4": 3, "int2": 3.5},
    ("cpu:znver4", "f32", False): {"int1": 1, "int2": 1, "int3": 1, "int4": 1, "ternary": 1, "nf3": 1, "nf4": 1, "e2m1": 1,
                                   "uint5": 1.25, "int6": 4, "int7": 4, "int8": 4, "e2m3": 4, "e3m2": 4, "e4m3": 4,
                                   "e5m2": 4, "e3m4": 4, "e4m3fnuz": 4, "e5m2fnuz": 4},
    ("hip:gfx90a", "f16", False): {"int4": 12},
}


def _minifloats():
    """Every format of 7 or 8 bits that has a code for NaN in place of -0, or no sign; two biases besides each one's own:
    values far from 1, and values that f32 has as subnormals. Enough of them to meet every number of exponent bits."""
    formats = [f"!rung.float<e{exponent}m{bits - exponent - (specials == 'fnuz')}{bias}, specials = {specials}"
               f"{', unsigned' * (specials != 'fnuz')}>"
               for bits, specials in itertools.product((7, 8), ("none", "fn", "ieee", "fnuz"))
               for exponent in range(1, bits + (specials != "fnuz"))
               for bias in ("", ", bias = 40", ", bias = 140")]
    return formats[::19]


def _rung_format(build, *arguments):
    done = subprocess.run([build / "bin" / "rung-format", *arguments, "--json"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _parse(value: str) -> float:
    return float(value) if value in ("inf", "-inf", "nan") else float.fromhex(value)


def _units(decode, valid, bits):
    """Every code in every position: unit u holds in position p the valid code number u + 7p. Codes and words."""
    positions = decode["values"]
    number = (np.arange(len(valid))[:, None] + 7 * np.arange(positions)[None, :]) % len(valid)
    codes = np.array(valid, np.uint32)[number]
    words = np.zeros((len(valid), decode["registers"]), np.uint32)
    for position, places in enumerate(decode["order"]):
        assert len(places) == bits
        for bit, place in enumerate(places):
            words[:, place // 32] |= (codes[:, position] >> bit & 1) << np.uint32(place % 32)
    return codes, words ^ np.array(decode["xor"], np.uint32)


def _driver(index, units, decode, element):
    """The printed module with names of its own, and a loop over units in memory."""
    words, values = f"vector<{decode['registers']}xi32>", f"vector<{decode['values']}x{element}>"
    body = decode["mlir"].strip().removeprefix("module {").removesuffix("}")
    for name in ("decode", "lookup_", "instruction_"):
        body = body.replace(f"@{name}", f"@case{index}_{name}")
    return f"""{body}
  func.func @run_{index}(%in: memref<{units}x{decode['registers']}xi32>, %out: memref<{units}x{decode['values']}x{element}>) {{
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %units = arith.constant {units} : index
    scf.for %u = %zero to %units step %one {{
      %words = vector.load %in[%u, %zero] : memref<{units}x{decode['registers']}xi32>, {words}
      %values = func.call @case{index}_decode(%words) : ({words}) -> {values}
      vector.store %values, %out[%u, %zero] : memref<{units}x{decode['values']}x{element}>, {values}
    }}
    return
  }}
"""


@pytest.fixture(scope="module")
def decoded(build, tmp_path_factory):
    """For each case: what was printed, the codes of each unit, and what the code made of them."""
    cases, text = [], ""
    for index, (source, target, device, free) in enumerate(_CASES):
        table = _rung_format(build, source)
        decode = _rung_format(build, source, f"--to={target}", "--decode", f"--target={device}",
                              *(["--free-scale"] if free else []))
        values = {entry["code"]: _parse(entry["value"]) for entry in table["values"] if entry["value"] is not None}
        codes, words = _units(decode, sorted(values), table["bits"])
        element = _ELEMENT.get(target, target)
        text += _driver(index, len(codes), decode, element)
        cases.append((decode, values, codes, words, np.zeros(codes.shape, _DTYPE[element])))
    folder = tmp_path_factory.mktemp("decode")
    (folder / "all.mlir").write_text(f"module {{\n{text}}}\n")

    def run(tool, *arguments):
        subprocess.run([LLVM / tool, *arguments], cwd=folder, check=True)

    run("mlir-opt", "all.mlir", *_LOWER, "-o", "llvm.mlir")
    run("mlir-translate", "--mlir-to-llvmir", "llvm.mlir", "-o", "all.ll")
    run("clang", "-O0", "-w", "-fPIC", "-shared", "all.ll", "-o", "all.so")
    library = ctypes.CDLL(str(folder / "all.so"))
    for index, (_, _, _, words, results) in enumerate(cases):
        library[f"run_{index}"](ctypes.c_void_p(words.ctypes.data), ctypes.c_void_p(results.ctypes.data))
    return cases


def _expected(target, value):
    """The value in the target, as stored, rounded to nearest even."""
    import ml_dtypes
    if target == "bf16":
        return np.array(value).astype(ml_dtypes.bfloat16).view(np.uint16)
    if target == "e4m3":
        return np.array(value).astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
    dtype = np.dtype(_DTYPE[_ELEMENT.get(target, target)])
    return np.array(value).astype(dtype)


@pytest.mark.parametrize("index", range(len(_CASES)), ids=[f"{s}-{t}-{d}" + "-free" * f for s, t, d, f in _CASES])
def test_every_code_in_every_position(decoded, index):
    target = _CASES[index][1]
    decode, values, codes, _, results = decoded[index]
    assert decode["proved_codes"] == len(values)
    for unit, position in np.ndindex(*codes.shape):
        code, result = int(codes[unit, position]), results[unit, position]
        factor, offset = decode["factor"][position], decode["offset"]
        wanted = _expected(target, (values[code] + offset if offset else values[code]) / factor)  # -0 + 0 is 0
        where = f"code {code} in position {position}: {result!r}, not {wanted!r}"
        if math.isnan(values[code]):
            number = np.uint32(int(result) << 16).view(np.float32) if target == "bf16" else result
            assert np.isnan(number), where
        else:
            assert result.tobytes() == wanted.astype(result.dtype).tobytes(), where


def test_units_are_whole_words(decoded):
    """The order is a permutation of the bits of R words, and there is a factor for each value."""
    for decode, *_ in decoded:
        places = sorted(place for code in decode["order"] for place in code)
        assert places == list(range(32 * decode["registers"]))
        assert len(decode["xor"]) == decode["registers"] and len(decode["factor"]) == decode["values"]


def test_instructions_of_devices_are_tagged(build):
    """What only the device has is a call of a private function with a portable body."""
    decode = _rung_format(build, "nf4", "--to=f32", "--decode", "--target=cpu:znver4")
    assert 'rung.instruction = "vpermps"' in decode["mlir"]
    assert "tile." not in decode["mlir"] and "rung." not in decode["mlir"].replace("rung.instruction", "")


def test_counts(build):
    """Seven shifts and eight permutations serve the 8 values of 16 units; per 8 values of one lane that is 15/16."""
    decode = _rung_format(build, "nf4", "--to=f32", "--decode", "--target=cpu:znver4")
    assert decode["instructions"] == 15 and decode["instructions_per_8"] == 15 / 16
    on_gpu = _rung_format(build, "int8", "--to=f32", "--decode", "--target=cuda:sm_80")
    assert on_gpu["instructions_per_8"] == 8 * on_gpu["instructions"] / on_gpu["values"]


@pytest.mark.parametrize("question", _BARS, ids=lambda q: f"{q[1]}-{q[0]}" + "-free" * q[2])
def test_sequences_are_short(build, question):
    device, target, free = question
    for source, bar in _BARS[question].items():
        decode = _rung_format(build, source, f"--to={target}", "--decode", f"--target={device}",
                              *(["--free-scale"] if free else []))
        assert decode["instructions_per_8"] <= bar, source


def test_sequences_of_minifloats_that_no_one_named_are_short(build):
    def instructions(source):
        return _rung_format(build, source, "--to=f32", "--decode", "--target=cpu:znver4")["instructions_per_8"]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        counts = dict(zip(_minifloats(), pool.map(instructions, _minifloats()), strict=True))
    assert {source: count for source, count in counts.items() if count > 4} == {}


def test_free_scale_saves_the_offset(build):
    """The consumer subtracts 16: value = factor * result - 16, each factor a power of two."""
    arguments = ["!rung.uint<5, offset = 16>", "--to=f16", "--decode", "--target=cuda:sm_80"]
    as_is, free = _rung_format(build, *arguments), _rung_format(build, *arguments, "--free-scale")
    assert (set(as_is["factor"]), as_is["offset"]) == ({1}, 0)
    assert all(math.frexp(factor)[0] == 0.5 for factor in free["factor"]) and free["offset"] == 16
    assert free["instructions"] < as_is["instructions"]
