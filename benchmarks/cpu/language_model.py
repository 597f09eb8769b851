# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tokens per second of a compiled language model, beside llama.cpp on the same GGUF file, in one run.

    .venv/bin/pip install llama-cpp-python==0.3.36   # builds llama.cpp for this machine, some minutes
    .venv/bin/python benchmarks/cpu/language_model.py build/demo/smollm2.rung MODEL.gguf [--threads=1,2]

Both get the same 256 prompt tokens, then generate 64 greedily. Each figure is the median of several runs, which
alternate between the two. Prints a table; --output=FILE writes JSON with date, device, command and commit.
"""

import argparse
import datetime
import json
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

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


def device_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


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
        runs = {"rung": rung_run(options.bundle, threads), "llama.cpp": llama_run(options.gguf, threads)}
        figures = {name: [] for name in runs}
        for repeat in range(options.runs + 1):
            for name, run in runs.items():
                result = run(prompt)
                if repeat:  # the first one warms up
                    figures[name].append(result)
        for name, values in figures.items():
            rows.append({"system": name, "threads": threads,
                         "prompt_tokens_per_second": round(statistics.median(v[0] for v in values), 1),
                         "tokens_per_second": round(statistics.median(v[1] for v in values), 1)})
    print(f"{'system':10} {'threads':>7} {'prompt t/s':>11} {'generated t/s':>14}")
    for row in rows:
        print(f"{row['system']:10} {row['threads']:7} {row['prompt_tokens_per_second']:11} {row['tokens_per_second']:14}")
    if options.output:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
        report = {"date": datetime.date.today().isoformat(), "device": device_name(), "command": " ".join(sys.argv),
                  "commit": commit, "rows": rows}
        pathlib.Path(options.output).write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
