# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every named format decoded inside a kernel: from packed words in the order that `rung-format --decode` prints for the
device, through tile.convert and the whole way down to NVPTX. The virtual GPU runs the kernel's LLVM IR on every code in every
position, bit for bit against the value tables; ptxas, where there is one, takes its PTX."""

from __future__ import annotations

import functools
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest

HERE = pathlib.Path(__file__).resolve().parent
SIM = HERE.parents[1] / "Sim" / "Inputs"
TARGETS = {"f16": np.float16, "bf16": np.uint16, "f32": np.float32, "i8": np.int32, "i32": np.int32, "f8E4M3FN": np.int32}
QUESTIONS = [(target, device) for target in ("f16", "bf16", "f32", "i8") for device in ("sm_80", "sm_90a")]
QUESTIONS += [("i32", "sm_80"), ("f8E4M3FN", "sm_90a")]
SPELLED = {"i8": "int8", "f8E4M3FN": "e4m3"}
UNITS = 256  # of 8 blocks of a warp
_LOWER = ("canonicalize,cse,gpu-launch-sink-index-computations,gpu-kernel-outlining,nvvm-attach-target{{chip={chip} features=+ptx81 O=3}},"
          "gpu.module(convert-nvgpu-to-nvvm,convert-scf-to-cf,convert-math-to-llvm,"
          "convert-gpu-to-nvvm{{use-bare-ptr-memref-call-conv=1}},canonicalize,cse,reconcile-unrealized-casts),"
          "gpu-module-to-binary{{format={format}}}")


def run(*command, text=None) -> str:
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[:4000]}"
    return done.stdout


class Case:
    """One format into one target on one device."""

    def __init__(self, build, fmt: str, mlir: str, target: str, device: str):
        spelled = SPELLED.get(target, target)
        self.fmt, self.mlir, self.target = fmt, mlir, target
        table = json.loads(run(build / "bin/rung-format", fmt, "--json"))
        self.values = {entry["code"]: float.fromhex(entry["value"]) if entry["value"][-1].isdigit() else float(entry["value"])
                       for entry in table["values"] if entry["value"] is not None}
        self.decode = json.loads(run(build / "bin/rung-format", fmt, f"--to={spelled}", "--decode", f"--target=cuda:{device}", "--json"))
        self.bits, self.codes = table["bits"], self.decode["values"]

    def words(self):
        """Codes of each unit, and its words: unit u holds in position p the valid code number u + 7p."""
        valid = np.array(sorted(self.values), np.uint32)
        codes = valid[(np.arange(UNITS)[:, None] + 7 * np.arange(self.codes)) % len(valid)]
        words = np.zeros((UNITS, self.decode["registers"]), np.uint32)
        for position, places in enumerate(self.decode["order"]):
            for bit, place in enumerate(places):
                words[:, place // 32] |= (codes[:, position] >> bit & 1) << np.uint32(place % 32)
        words ^= np.array(self.decode["xor"], np.uint32)
        return codes, np.ascontiguousarray(words.reshape(UNITS // 32, 32, -1).transpose(0, 2, 1))

    def body(self, number: int) -> str:
        """Loads, converts and stores the units of one block."""
        log = self.codes.bit_length() - 1
        code = ", ".join([*(f"code[{i}] -> col[{i}]" for i in range(log)), *(f"lane[{i}] -> row[{i}]" for i in range(5))])
        order = f"fields<{self.bits}>[{', '.join('+'.join(f'{at}:1' for at in places) for places in self.decode['order'])}]"
        if any(self.decode["xor"]):
            order += " ^ " + ", ".join(f"{word:#010x}" for word in self.decode["xor"])
        storage = (f'#rung.storage<{self.mlir}, [{UNITS}, {self.codes}], words, layout = "(code:{log}, unit:0, lane:5) -> '
                   f'(row:5, col:{log}) {{{code}}}, order = {order}, load = 1">')
        packed = f'#tile.layout<"(code:{log}, register:0, lane:5) -> (row:5, col:{log}) {{{code}}}", order = "{order}">'
        plain = f'#tile.layout<"(register:{log}, lane:5) -> (row:5, col:{log}) {{{code.replace("code", "register")}}}">'
        into, stored = (f"!tile.fragment<32x{self.codes}x{element}, {plain}>" for element in (self.target, self.stored))
        # Codes of less than 16 bits are stored as words.
        widen = "" if self.stored == self.target else f"""
    %z{number} = tile.map %v{number} : {into} -> {stored} {{
    ^bb0(%code: i32):
      tile.yield %code : i32
    }}"""
        return f"""
    %c{number} = tile.load %w{number}[%n, %zero] {{storage = {storage}}} : {self.words_type} -> !tile.fragment<32x{self.codes}x{self.mlir}, {packed}>
    %v{number} = tile.convert %c{number} {{rounding = #rung<rounding nearest_even>}} : !tile.fragment<32x{self.codes}x{self.mlir}, {packed}> -> {into}{widen}
    tile.store {'%z' if widen else '%v'}{number}, %y{number}[%n, %zero] : {stored}, {self.results_type}"""

    @property
    def stored(self) -> str:
        return {"i8": "i32", "f8E4M3FN": "i32"}.get(self.target, self.target)

    @property
    def words_type(self) -> str:
        return f"memref<{UNITS // 32}x1x{self.decode['registers']}x32xi32>"

    @property
    def results_type(self) -> str:
        return f"memref<{UNITS}x{self.codes}x{self.stored}>"

    def check(self, codes, results):
        valid = sorted(self.values)
        values = np.zeros(2**self.bits)
        values[valid] = [self.values[code] for code in valid]
        found = results.astype(np.uint8) if self.stored != self.target else results
        with np.errstate(over="ignore", invalid="ignore"):
            wanted = values.astype(_number(self.target))[codes]
        same = found.view(f"u{found.itemsize}") == wanted.view(f"u{wanted.itemsize}")
        if np.isnan(values).any():
            same |= np.isnan(values)[codes] & np.isnan(found.view(_number(self.target)).astype(float))
        for unit, position in np.argwhere(~same):
            code = codes[unit, position]
            raise AssertionError(f"{self.fmt} to {self.target}: code {code} in position {position} of unit {unit} became "
                                 f"{found[unit, position]!r}, not {wanted[unit, position]!r}")


def _number(target: str):
    """What numpy calls the target."""
    import ml_dtypes
    return {"bf16": ml_dtypes.bfloat16, "f8E4M3FN": ml_dtypes.float8_e4m3fn, "i8": np.int8}.get(target, TARGETS[target])


@functools.cache
def cases_of(build, target: str, device: str) -> list[Case]:
    return [Case(build, name, mlir, target, device) for name, mlir in formats(build, target)]


def formats(build, target: str):
    """The named formats of at most 8 bits with no value that an integer or an 8-bit target lacks."""
    for line in run(build / "bin/rung-format", "--list").splitlines():
        name, bits, _, mlir = line.split(None, 3)
        if int(bits) > 8 or name == "i8":
            continue
        if target in ("i8", "i32", "f8E4M3FN"):
            lossless = subprocess.run([build / "bin/rung-format", name, f"--to={SPELLED.get(target, target)}"], capture_output=True, check=False)
            if lossless.returncode != 0:
                continue
        yield name, mlir


def module(cases) -> str:
    # A kernel's arguments come in the order in which its body uses them.
    arguments = ", ".join(f"%w{i}: {case.words_type}, %y{i}: {case.results_type}" for i, case in enumerate(cases))
    return f"""func.func @decode({arguments}) {{
  %zero = arith.constant 0 : index
  %c32 = arith.constant 32 : index
  %blocks = arith.constant {UNITS // 32} : index
  tile.launch (%i) in (%blocks) {{
    %n = arith.muli %i, %c32 : index{''.join(case.body(i) for i, case in enumerate(cases))}
  }}
  return
}}
"""


def lower(build, text: str, device: str, binary: str) -> str:
    passes = f"rung-set-device{{target=cuda:{device}}},tile-expand-convert,convert-tile-to-nvgpu," + _LOWER.format(chip=device, format=binary)
    return run(build / "bin/rung-opt", f"--pass-pipeline=builtin.module({passes})", text=text)


@pytest.mark.parametrize(("target", "device"), QUESTIONS)
def test_every_code_in_every_position(build, tmp_path, target, device):
    cases = cases_of(build, target, device)
    assert cases
    text = module(cases)
    done = subprocess.run([sys.executable, SIM / "extract_bitcode.py"], input=lower(build, text, device, "llvm").encode(),
                          capture_output=True, check=True)
    (tmp_path / "kernel.bc").write_bytes(done.stdout)
    codes, arguments = [], []
    for number, case in enumerate(cases):
        unit, words = case.words()
        codes.append(unit)
        words.tofile(tmp_path / f"w{number}")
        np.zeros((UNITS, case.codes), TARGETS[target]).tofile(tmp_path / f"y{number}")
        arguments += [tmp_path / f"w{number}", f"={tmp_path / f'y{number}'}"]
    run(build / "test/bin/rung-test-kernel", tmp_path / "kernel.bc", device, "decode_kernel", UNITS // 32, 32, 1, *arguments)
    for number, case in enumerate(cases):
        case.check(codes[number], np.fromfile(tmp_path / f"y{number}", TARGETS[target]).reshape(UNITS, case.codes))


@pytest.mark.skipif(not shutil.which("ptxas"), reason="ptxas is not on PATH")
@pytest.mark.parametrize(("target", "device"), QUESTIONS)
def test_ptxas_takes_it(build, tmp_path, target, device):
    cases = cases_of(build, target, device)
    ptx = run(sys.executable, HERE / "Inputs" / "extract_ptx.py", text=lower(build, module(cases), device, "isa"))
    # All functions of the sequences have become instructions.
    assert "call" not in ptx and ".func" not in ptx
    (tmp_path / "kernel.ptx").write_text(ptx)
    run("ptxas", f"-arch={device}", tmp_path / "kernel.ptx", "-o", tmp_path / "kernel.cubin")
