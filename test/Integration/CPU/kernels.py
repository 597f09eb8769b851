# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From flags to results: rung-gen, rung-compile and rung-run, as a user calls them."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import subprocess
import tempfile
import zlib

import numpy as np

import kernel_reference
import number_formats
from kernel_reference import Case

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).absolute()


class ToolError(Exception):
    """A tool exited with another status than 0."""


def tool(name: str, *arguments: str | os.PathLike, **environment: str) -> str:
    """Standard output of a tool of the build tree."""
    done = subprocess.run([BUILD / "bin" / name, *arguments], capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode:
        raise ToolError(f"{name} {' '.join(map(str, arguments))}\nexit status {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


@functools.cache
def generate(case: Case) -> str:
    """The text of a function @kernel, its affine maps written out, so that functions can stand in one module."""
    text = tool("rung-gen", "matmul", *case.flags("kernel"))
    aliases = dict(re.findall(r"^(#map\d*) = (.*)$", text, re.MULTILINE))
    body = text[text.index("module {") + len("module {") : text.rindex("}")]
    return re.sub(r"#map\d*", lambda match: aliases[match[0]], body)


def compile_cases(cases: list[Case], target: str, bundle: pathlib.Path) -> None:
    """One bundle of many kernels; case i is the entry `case_i`."""
    module = "module {" + "".join(generate(case).replace("@kernel", f"@case_{i}") for i, case in enumerate(cases)) + "}\n"
    source = bundle.with_suffix(".mlir")
    source.write_text(module)
    tool("rung-compile", source, f"--target={target}", "--emit=bundle", "-o", bundle)


def run_case(case: Case, bundle: pathlib.Path, entry: str, threads: int = 2, device: str = "cpu") -> None:
    """Calls the kernel with every M of the case and compares the results with the reference."""
    for m in case.calls:
        seed = zlib.crc32(f"{case.id} {m}".encode())
        inputs = kernel_reference.make_inputs(case, m, seed)
        expected = kernel_reference.reference(case, inputs)
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for argument, tensor in inputs.items():
                np.save(folder / f"{argument}.npy", tensor.array())
            tool("rung-run", bundle, f"--entry={entry}", f"--device={device}", f"--threads={threads}", f"--output={folder / 'y.npy'}",
                 *(f"--input={folder / f'{argument}.npy'}" for argument in inputs), RUNG_SIM_SEED=str(seed))
            result = np.load(folder / "y.npy")
        try:
            expected.check(number_formats.parse(case.result).load(result, (m, case.n)))
        except AssertionError as error:
            raise AssertionError(f"M = {m}: {error}\nrung-gen matmul {' '.join(case.flags('matmul'))}") from None


class Bundles:
    """The kernels of a module of tests whose parameters are (batch, target, case): one bundle for each batch. If one kernel
    does not compile, the others are compiled alone."""

    def __init__(self, request, folder: pathlib.Path):
        self.folder, self.compiled, self.selected = folder, {}, {}
        for item in request.session.items:
            if item.module is request.module:
                self.selected.setdefault(item.callspec.params["batch"], []).append(item.callspec.params["case"])

    def get(self, batch: int, target: str, case: Case) -> tuple[pathlib.Path, str]:
        """A bundle with the kernel, and the name of its entry."""
        bundle = self.folder / f"{batch}.rung"
        if batch not in self.compiled:
            try:
                compile_cases(self.selected[batch], target, bundle)
                self.compiled[batch] = True
            except ToolError:
                self.compiled[batch] = False
        if self.compiled[batch]:
            return bundle, f"case_{self.selected[batch].index(case)}"
        alone = self.folder / f"{batch}-alone.rung"
        compile_cases([case], target, alone)
        return alone, "case_0"
