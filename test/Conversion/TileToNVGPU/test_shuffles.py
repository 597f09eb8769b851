# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""tile.relayout and tile.reduce between random layouts of a warp, swizzled and replicated ones among them, run on the virtual GPU."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np
import pytest

from test_decode_in_kernels import SIM, lower, run

DTYPES = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "i32": np.int32}


def layout(rng: random.Random, rows: int, columns: int) -> str:
    """A random linear map onto 2^rows x 2^columns, of five bits of the lane and as many registers as it takes, or one more."""
    outs = rows + columns
    registers = max(outs - 5, 0) + rng.randint(0, 1)
    while True:
        bases = [rng.choice([0, *(1 << bit for bit in range(outs)), rng.randrange(1 << outs)]) for _ in range(registers + 5)]
        span = {0}
        for basis in bases:
            span |= {point ^ basis for point in span}
        if len(span) == 1 << outs:
            break

    def name(basis: int) -> str:
        bits = [f"row[{bit}]" if bit < rows else f"col[{bit - rows}]" for bit in range(outs) if basis >> bit & 1]
        return " ^ ".join(bits) or "0"

    inputs = [f"register[{bit}]" for bit in range(registers)] + [f"lane[{bit}]" for bit in range(5)]
    text = ", ".join(f"{place} -> {name(basis)}" for place, basis in zip(inputs, bases, strict=True))
    return f'#tile.layout<"(register:{registers}, lane:5) -> (row:{rows}, col:{columns}) {{{text}}}">'


@pytest.mark.parametrize("reduces", [False, True], ids=["relayout", "reduce"])
@pytest.mark.parametrize("element", DTYPES)
def test_random_layouts(build, tmp_path, element, reduces):
    rng, functions, arrays = random.Random(f"{element} {reduces}"), [], []
    for number in range(12):
        rows, columns = rng.randint(0, 4), rng.randint(0, 4)
        shape, out = (2**rows, 2**columns), (2**rows, 1 if reduces else 2**columns)
        source = f"!tile.fragment<{shape[0]}x{shape[1]}x{element}, {layout(rng, rows, columns)}>"
        target = f"!tile.fragment<{out[0]}x{out[1]}x{element}, {layout(rng, rows, 0 if reduces else columns)}>"
        x, y = (f"memref<{a}x{b}x{element}>" for a, b in (shape, out))
        functions.append((f"%x{number}: {x}, %y{number}: {y}", f"""
    %a{number} = tile.load %x{number}[%zero, %zero] : {x} -> {source}
    %b{number} = tile.{'reduce' if reduces else 'relayout'} %a{number} : {source} -> {target}
    tile.store %b{number}, %y{number}[%zero, %zero] : {target}, {y}"""))
        values = np.random.default_rng(number).integers(-50, 50, shape).astype(DTYPES[element])  # their sums are exact
        arrays.append((values, values.sum(1, keepdims=True).astype(values.dtype) if reduces else values))
    text = f"""func.func @decode({', '.join(arguments for arguments, _ in functions)}) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  tile.launch (%i) in (%one) {{{''.join(body for _, body in functions)}
  }}
  return
}}
"""
    done = subprocess.run([sys.executable, SIM / "extract_bitcode.py"], input=lower(build, text, "sm_80", "llvm").encode(),
                          capture_output=True, check=True)
    (tmp_path / "kernel.bc").write_bytes(done.stdout)
    arguments = []
    for number, (values, expected) in enumerate(arrays):
        values.tofile(tmp_path / f"x{number}")
        np.full(expected.shape, 99, expected.dtype).tofile(tmp_path / f"y{number}")
        arguments += [tmp_path / f"x{number}", f"={tmp_path / f'y{number}'}"]
    run(build / "test/bin/rung-test-kernel", tmp_path / "kernel.bc", "sm_80", "decode_kernel", 1, 32, 1, *arguments)
    for number, (_, expected) in enumerate(arrays):
        found = np.fromfile(tmp_path / f"y{number}", expected.dtype).reshape(expected.shape)
        assert np.array_equal(found, expected), functions[number][1]
