# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tokens per second of a compiled language model, beside llama.cpp on the same GGUF file, in one run. Two more rows say
what a token costs at least: a plain read of the bundle's bytes, and numpy's f32 products with the model's matrices alone.

    .venv/bin/pip install llama-cpp-python==0.3.36   # builds llama.cpp for this machine, some minutes
    .venv/bin/python benchmarks/cpu/language_model.py build/demo/smollm2.rung MODEL.gguf [--threads=1,2]

The models get the same 256 prompt tokens, then generate 64 greedily. Each figure is the median of several runs, which
alternate between the systems. Prints a table; --output=FILE writes JSON with date, device, command and commit.
"""

import argparse
import ctypes
import pathlib
import re
import statistics
import sys
import time

import numpy as np

from measure import plain_read, seconds, write_report
from rung import runtime

PROMPT, GENERATED = 256, 64


def rung_run(path: str, threads: int):
    bundle = runtime.load(path, threads=threads)
    forward = bundle["forward"]
    shapes = {argument.name: argument.shape for argument in forward.arguments}
    caches = [np.zeros(shapes[name], np.float32) for name in ("k_cache", "v_cache")]

    def feed(tokens: list[int], position: int) -> np.ndarray:
        return forward(np.array(tokens, np.int32), np.array(position, np.int32), np.array([len(tokens) - 1], np.int32), *caches)

    def run(prompt: list[int]) -> tuple[float, float]:
        start = time.perf_counter()
        logits = feed(prompt, 0)
        middle = time.perf_counter()
        for step in range(GENERATED):
            token = int(np.argmax(logits))
            logits = feed([token], len(prompt) + step)
        end = time.perf_counter()
        return len(prompt) / (middle - start), GENERATED / (end - middle)

    return run


def llama_run(path: str, threads: int):
    import llama_cpp

    model = llama_cpp.Llama(path, n_ctx=PROMPT + GENERATED + 8, n_batch=PROMPT, n_ubatch=PROMPT, n_threads=threads,
                            n_threads_batch=threads, verbose=False)

    def run(prompt: list[int]) -> tuple[float, float]:
        model.reset()
        start = time.perf_counter()
        model.eval(prompt)
        middle = time.perf_counter()
        for _ in range(GENERATED):
            token = model.sample(temp=0.0, repeat_penalty=1.0)
            model.eval([token])
        end = time.perf_counter()
        return len(prompt) / (middle - start), GENERATED / (end - middle)

    return run


def read_run(path: str, threads: int):
    read, data = plain_read(), np.fromfile(path, np.uint8)
    return lambda prompt: (None, 1 / seconds(read, data, threads))


def set_numpy_threads(threads: int) -> None:
    """The threads of the OpenBLAS that numpy has loaded."""
    for path in sorted(set(re.findall(r"/\S*openblas\S*", pathlib.Path("/proc/self/maps").read_text()))):
        library = ctypes.CDLL(path)
        for name in ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_", "openblas_set_num_threads"):
            if hasattr(library, name):
                getattr(library, name)(threads)
                return
    raise SystemExit("numpy uses no OpenBLAS whose threads can be set; install numpy from PyPI")


def numpy_run(path: str, threads: int, cache: dict[str, list[np.ndarray]] = {}):
    """All matrices of the model, once for a token; the one of the logits serves the last token of the prompt alone."""
    import gguf

    if path not in cache:
        tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors if len(tensor.shape) == 2}
        head = tensors.pop("output.weight", None) or tensors["token_embd.weight"]
        tensors.pop("token_embd.weight", None)
        cache[path] = [gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32) for tensor in (*tensors.values(), head)]
    *layers, head = cache[path]

    def forward(tokens: int) -> None:
        for matrix in layers:
            ones[:tokens, : matrix.shape[1]] @ matrix.T
        ones[:1, : head.shape[1]] @ head.T

    ones = np.ones((PROMPT, max(matrix.shape[1] for matrix in cache[path])), np.float32)

    def run(prompt: list[int]) -> tuple[float, float]:
        set_numpy_threads(threads)
        return len(prompt) / seconds(forward, len(prompt)), 3 / sum(seconds(forward, 1) for _ in range(3))

    return run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("gguf")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--output")
    options = parser.parse_args()
    prompt = [int(token) for token in np.random.default_rng(0).integers(100, 40000, PROMPT)]
    rows = []
    for threads in map(int, options.threads.split(",")):
        runs = {"rung": rung_run(options.bundle, threads), "llama.cpp": llama_run(options.gguf, threads),
                "plain read": read_run(options.bundle, threads), "numpy f32": numpy_run(options.gguf, threads)}
        figures = {name: [] for name in runs}
        for repeat in range(options.runs + 1):
            for name, run in runs.items():
                result = run(prompt)
                if repeat:  # the first one warms up
                    figures[name].append(result)
        for name, values in figures.items():
            prompts = [value[0] for value in values if value[0] is not None]
            rows.append({"system": name, "threads": threads,
                         "prompt_tokens_per_second": round(statistics.median(prompts), 1) if prompts else None,
                         "tokens_per_second": round(statistics.median(v[1] for v in values), 1)})
    print(f"{'system':10} {'threads':>7} {'prompt t/s':>11} {'generated t/s':>14}")
    for row in rows:
        print(f"{row['system']:10} {row['threads']:7} {row['prompt_tokens_per_second'] or '':11} {row['tokens_per_second']:14}")
    if options.output:
        write_report(options.output, rows=rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
