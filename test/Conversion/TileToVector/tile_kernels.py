# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles modules of tile kernels for this machine and calls them on numpy arrays."""

import ctypes
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[3]
LLVM = pathlib.Path("/usr/lib/llvm-22/bin")
sys.path.insert(0, str(ROOT / "test" / "Numerics"))

import numerics  # noqa: E402

OPT = pathlib.Path(os.environ.get("RUNG_OPT", pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")) / "bin" / "rung-opt"))

# What the passes may know of a device, and the LLVM features that its code needs.
DEVICES = {
    "gather": ('{lanes = 16 : i64}', []),
    "permps": ('{lanes = 16 : i64, lookup = "permps", lookup_entries = 16 : i64}', ["avx2", "fma", "f16c"]),
    "permvar512": ('{computed_lookups = 11 : i64, lanes = 16 : i64, lookup = "permvar512", lookup_entries = 16 : i64, lookup_halves = 64 : i64}',
                   ["avx512f", "avx512bw", "avx512vl", "avx512dq", "avx2", "fma", "f16c"]),
}
PASSES = ["tile-expand-convert", "convert-tile-to-vector"]
LOWERING = [
    "func.func(rung-expand-math)", "canonicalize", "cse", "expand-strided-metadata", "lower-affine", "convert-scf-to-cf",
    "convert-vector-to-llvm",
    "convert-math-to-llvm", "finalize-memref-to-llvm", "convert-index-to-llvm", "convert-arith-to-llvm",
    "convert-cf-to-llvm", "convert-func-to-llvm{use-bare-ptr-memref-call-conv=1}", "reconcile-unrealized-casts",
]


def supported(device: str) -> bool:
    flags = re.search(r"^flags.*$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    known = set(flags.group(0).split()) if flags else set()
    return set(DEVICES[device][1]) <= known


def run(command: list, text: str) -> str:
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[:4000]}")
    return done.stdout


def lower(functions: str, device: str, passes: list[str]) -> str:
    # Module-level aliases must come first.
    aliases = "\n".join(line for line in functions.splitlines() if line.startswith("#"))
    body = "\n".join(line for line in functions.splitlines() if not line.startswith("#"))
    module = f'{aliases}\nmodule attributes {{rung.device = #rung.device<"cpu:test", {DEVICES[device][0]}>}} {{\n{body}\n}}\n'
    return run([OPT, f"--pass-pipeline=builtin.module({','.join(passes)})"], module)


def build(functions: str, device: str, folder: pathlib.Path) -> ctypes.CDLL:
    """A library of the functions, whose memref arguments of static shape are pointers."""
    lowered = lower(functions, device, PASSES + LOWERING)
    lowered = re.sub(r"attributes \{rung\.device[^\n]*\{$", "{", lowered, count=1, flags=re.M)
    ll = run([LLVM / "mlir-translate", "--mlir-to-llvmir"], lowered)
    source, library = folder / f"{device}.ll", folder / f"{device}.so"
    source.write_text(ll)
    features = [f"-m{feature}" for feature in DEVICES[device][1]]
    run([LLVM / "clang-22", "-x", "ir", "-O1", "-shared", "-fPIC", "-Wno-override-module", *features, source, "-o", library,
         "-lm"], "")
    return ctypes.CDLL(str(library))


def call(library: ctypes.CDLL, name: str, *arrays: np.ndarray) -> None:
    assert all(array.flags.c_contiguous for array in arrays)
    getattr(library, name)(*[ctypes.c_void_p(array.ctypes.data) for array in arrays])


# Layouts of 16 lanes, and how codes are packed.

def log2(n: int) -> int:
    assert n & (n - 1) == 0
    return n.bit_length() - 1


def bits(name: str, count: int, to: str) -> str:
    """`lane[0..3] -> row[0..3]`, or nothing."""
    if count == 0:
        return ""
    if count == 1:
        return f"{name}[0] -> {to}[0]"
    return f"{name}[0..{count - 1}] -> {to}[0..{count - 1}]"


def layout(register: int, row: int, column: int, *maps: str) -> str:
    """(register:REGISTER, lane:4) -> (row:ROW, col:COLUMN), bits each."""
    return f'#tile.layout<"(register:{register}, lane:4) -> (row:{row}, col:{column}) {{{", ".join(m for m in maps if m)}}}">'


def lanes_are_rows(columns: int) -> str:
    n = log2(columns)
    return layout(n, 4, n, bits("register", n, "col"), bits("lane", 4, "row"))


def lanes_are_columns() -> str:
    return layout(0, 0, 4, bits("lane", 4, "col"))


def codes_of_unit(width: int) -> int:
    return {1: 32, 2: 16, 3: 32, 4: 8, 5: 32, 6: 16, 7: 32, 8: 4, 16: 2, 32: 1}[width]


def flips_of(width: int, order: str) -> np.ndarray:
    """What is XORed into the words of a unit: of "flipped", the sequential order with some bits stored inverted."""
    words = codes_of_unit(width) * width // 32
    return np.array([0x5A0FF0A6 * (word + 3) % 2**32 for word in range(words)] if order == "flipped" else [0] * words, np.uint32)


def order_text(width: int, order: str) -> str:
    if order != "flipped":
        return f"{order}<{width}>"
    return f"sequential<{width}> ^ " + ", ".join(f"{flips:#010x}" for flips in flips_of(width, order))


def packed_map(width: int) -> str:
    n = log2(codes_of_unit(width))
    return f"row:4, col:{n}) {{{bits('code', n, 'col')}, lane[0..3] -> row[0..3]}}".replace("{, ", "{")


def packed_layout(width: int, order: str) -> str:
    return (f'#tile.layout<"(code:{log2(codes_of_unit(width))}, register:0, lane:4) -> ({packed_map(width)}", '
            f'order = "{order_text(width, order)}">')


def words_storage(fmt: str, width: int, shape, order: str) -> str:
    text = (f"(code:{log2(codes_of_unit(width))}, unit:0, lane:4) -> ({packed_map(width)}, "
            f"order = {order_text(width, order)}, load = 1")
    return f'#rung.storage<{fmt}, [{shape[0]}, {shape[1]}], words, layout = "{text}">'


def positions(width: int, order: str) -> np.ndarray:
    """Where bit j of code v is in the words of a unit: [codes, width]."""
    codes = codes_of_unit(width)
    if order in ("sequential", "flipped"):
        return np.arange(codes * width).reshape(codes, width)
    result, start, low = np.zeros((codes, width), int), 0, 0
    for plane in (8, 4, 2, 1):
        if width & plane:
            for bit in range(plane):
                result[:, low + bit] = start + np.arange(codes) * plane + bit
            start += codes * plane
            low += plane
    return result


def pack_words(codes: np.ndarray, width: int, order: str = "sequential") -> np.ndarray:
    """[N, K] codes as the words [N/16][K/V][R][16] of the CPU's order, padded with code 0."""
    count = codes_of_unit(width)
    rows, columns = -(-codes.shape[0] // 16) * 16, -(-codes.shape[1] // count) * count
    padded = np.zeros((rows, columns), np.uint64)
    padded[: codes.shape[0], : codes.shape[1]] = codes
    units = padded.reshape(rows // 16, 16, columns // count, count).transpose(0, 2, 1, 3)  # [.., lane, code]
    words = np.zeros((*units.shape[:2], count * width // 32, 16), np.uint64)
    place = positions(width, order)
    for code in range(count):
        for bit in range(width):
            at = int(place[code, bit])
            words[:, :, at // 32, :] |= (units[..., code] >> np.uint64(bit) & np.uint64(1)) << np.uint64(at % 32)
    return words.astype(np.uint32) ^ flips_of(width, order)[:, None]


def pack_canonical(codes: np.ndarray, width: int) -> np.ndarray:
    """Rows of codes, least significant bit first, padded to whole bytes."""
    planes = (codes[..., None].astype(np.uint64) >> np.arange(width, dtype=np.uint64)) & np.uint64(1)
    return np.packbits(planes.reshape(*codes.shape[:-1], -1).astype(np.uint8), axis=-1, bitorder="little")


def unpack_canonical(storage: np.ndarray, width: int, columns: int) -> np.ndarray:
    planes = np.unpackbits(storage, axis=-1, bitorder="little")[..., : columns * width]
    return (planes.reshape(*storage.shape[:-1], columns, width).astype(np.uint64) << np.arange(width, dtype=np.uint64)).sum(
        -1, dtype=np.uint64)
