# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the tables of docs/decode-sequences.md: what decoding costs, for every named format and target.

    PATH=$PWD/build/bin:$PATH python3 docs/decode_sequences.py
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import subprocess

PAGE = pathlib.Path(__file__).with_name("decode-sequences.md")
BEGIN, END = "<!-- begin: docs/decode_sequences.py -->", "<!-- end -->"

GPUS = ["cuda:sm_80", "cuda:sm_90a", "hip:gfx90a"]
CPUS = ["cpu:x86-64-v4", "cpu:x86-64-v3", "cpu:x86-64"]
TABLES = [("f16", GPUS), ("bf16", GPUS), ("int8", GPUS), ("f32", CPUS)]


def formats() -> list[str]:
    """The named formats of at most 8 bits, but for aliases of builtin integers."""
    lines = subprocess.run(["rung-format", "--list"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [name for name, bits, *_ in (line.split() for line in lines) if int(bits) <= 8 and name != "i8"]


def cost(source: str, to: str, target: str, *flags: str) -> str:
    """Instructions per 8 values, or a dash where there is no such sequence."""
    done = subprocess.run(["rung-format", source, f"--to={to}", "--decode", f"--target={target}", "--json", *flags],
                          capture_output=True, text=True)
    return f"{json.loads(done.stdout)['instructions_per_8']:.4g}" if done.returncode == 0 else "–"


def cell(source: str, to: str, target: str) -> str:
    exact, free = cost(source, to, target), cost(source, to, target, "--free-scale")
    return exact if exact == free else f"{exact} / {free}"


def row(source: str, to: str, targets: list[str]) -> str:
    return " | ".join([f"| `{source}`", *(cell(source, to, target) for target in targets)]) + " |"


def tables() -> str:
    parts = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for to, targets in TABLES:
            rows = pool.map(lambda source: row(source, to, targets), formats())  # noqa: B023
            head = f"| into {to} | " + " | ".join(f"`{target}`" for target in targets) + " |"
            parts.append("\n".join([head, "| --- |" + " --- |" * len(targets), *rows]))
    return "\n\n".join(parts)


if __name__ == "__main__":
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables()}\n\n{END}{rest.split(END)[1]}")
