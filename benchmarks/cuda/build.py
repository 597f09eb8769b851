# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the bundles of benchmarks/cuda/run.py into a folder, for a machine with a GPU and without rung.

    .venv/bin/python benchmarks/cuda/build.py OUT [--target=cuda:sm_90a] [--only=int4,nf4]

OUT then has cases.json, a bundle for each weight, the runtime library and a kernel that only reads. One entry of a bundle
serves every number of rows, from the same packed bytes.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "Integration" / "CPU"))
import number_formats  # noqa: E402

BUILD = ROOT / "build"
LARGE = [(8192, 8192), (28672, 8192), (8192, 28672)]
SMALL = [(4096, 4096), (14336, 4096), (4096, 14336)]
#: weight, scale, group, activation, shapes (N, K), rows.
CASES = [
    ("int4", "f16", 128, "f16", LARGE, [1, 8, 16, 64, 256, 4096]),
    ("int4", "f16", 128, "f16", SMALL, [1, 16]),
    ("int2", "f16", 128, "f16", LARGE[:2], [1, 16]),
    ("int1", "f16", 128, "f16", LARGE[:2], [1, 16]),
    ("e2m1", "f16", 32, "f16", LARGE[:2], [1, 16]),
    ("nf4", "f16", 128, "f16", LARGE[:2], [1, 16]),
    ("int8", "f16", 128, "f16", LARGE[:1], [1, 16]),
    ("int3", "f16", 128, "f16", LARGE[:1], [1, 16]),
    ("int5", "f16", 128, "f16", LARGE[:1], [1]),
    ("int6", "f16", 128, "f16", LARGE[:1], [1]),
    ("int7", "f16", 128, "f16", LARGE[:1], [1]),
    ("ternary", "f16", 128, "f16", LARGE[:1], [1]),
    ("e4m3", "f16", 128, "f16", LARGE[:1], [1]),
    ("e3m2", "f16", 128, "f16", LARGE[:1], [1]),
]


def compile_case(folder: pathlib.Path, name: str, target: str, weight: str, scale: str, group: int, activation: str, n: int, k: int) -> None:
    module = subprocess.run([BUILD / "bin" / "rung-gen", "matmul", f"--n={n}", f"--k={k}", "--m=dynamic", f"--activation={activation}",
                             f"--weight={weight}", f"--scale={scale}", f"--group={group}", f"--result={activation}"],
                            check=True, capture_output=True).stdout
    subprocess.run([BUILD / "bin" / "rung-compile", "-", f"--target={target}", "--emit=bundle", "-o", folder / name], check=True, input=module)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--target", default="cuda:sm_90a")
    parser.add_argument("--only", type=lambda text: text.split(","), help="weights")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    cases, jobs = [], []
    for weight, scale, group, activation, shapes, rows in CASES:
        if options.only and weight not in options.only:
            continue
        format = number_formats.parse(weight)
        for n, k in shapes:
            name = f"{weight}-{n}x{k}.rung"
            jobs.append((options.out, name, options.target, weight, scale, group, activation, n, k))
            cases.append({"bundle": name, "weight": weight, "bits": format.bits, "table": [float(v) for v in format.table],
                          "codes": [int(code) for code in format.finite_codes], "scale": scale, "group": group,
                          "activation": activation, "n": n, "k": k, "rows": rows})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(compile_case, *arguments) for arguments in jobs]:
            job.result()
    (options.out / "cases.json").write_text(json.dumps(cases) + "\n")
    architecture = options.target.removeprefix("cuda:")
    subprocess.run(["nvcc", "-cubin", f"-arch={architecture}", "-O3", pathlib.Path(__file__).parent / "read.cu", "-o", options.out / "read.cubin"],
                   check=True)
    for library in BUILD.glob("**/librung-runtime.so*"):
        shutil.copy(library, options.out / "librung-runtime.so")
    print(f"{len(cases)} bundles in {options.out}: {sum(path.stat().st_size for path in options.out.iterdir()) / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
