# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Times of one matmul of a scaled weight in each number format, 4096 x 4096, f32 activations, one thread.

    .venv/bin/python benchmarks/cpu/kernels.py [--output=FILE] [--targets=cpu,cpu:x86-64-v3] [--weights=int4,e2m1]
                                               [--scales=f16,e8m0] [--groups=32,128] [--m=1,8,64] [--runs=5]

Without flags: every format of at most 4 bits with every kind of scale and group at M = 1, then one kind for 5 to 8 bits,
for M = 8 and 64, and for AVX2. Each result is compared with the exact one (float64) before its kernel is timed. Weights
are copies that take turns, so that they come from memory. With each kernel alternate a plain read of as many bytes and
int4 with the same scales, on the same target and M; figures are the minimum of all runs. Bars, at M = 1 on this machine:
int4 with f16 per 32 within 1.5 plain reads or 450 us, formats of at most 4 bits within 1.3 times int4. Fails if one is
missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import pathlib
import sys
import tempfile

import numpy as np

from measure import COLD_BYTES, HERE, plain_read, seconds, write_report
from rung import runtime

sys.path.insert(0, str(HERE.parent.parent / "test" / "Integration" / "CPU"))
import kernels  # noqa: E402
import number_formats  # noqa: E402
from kernel_reference import Case  # noqa: E402

N = K = 4096
# A table without structure, of values that f32 has but bf16 has not: no trick but a lookup serves it.
ANY_TABLE = ("!rung.codebook<4, [-9.0999755859375, -7.300048828125, -4.699951171875, -3.9000244140625, -2.199951171875, -1.300048828125, -0.5999755859375, -0.0999755859375, "
             "0.300048828125, 0.699951171875, 1.0999755859375, 2.300048828125, 3.0999755859375, 4.4000244140625, 6.5999755859375, 8.199951171875]>")
NARROW = ["int4", "int1", "int2", "int3", "uint1", "uint2", "uint3", "uint4", "!rung.uint<4, offset = 8>", "binary", "ternary", "nf3",
          "nf4", "iq4nl", "e2m1", "!rung.float<e2m0>", "!rung.float<e1m2>", "!rung.float<e3m0>", ANY_TABLE]
WIDE = ["int5", "int6", "int7", "int8", "uint5", "uint6", "uint7", "uint8", "e2m3", "e3m2", "e3m4", "e4m3", "e5m2", "e4m3fnuz", "e5m2fnuz",
        "!rung.float<e2m2>", "!rung.float<e4m3>"]
SCALES, GROUPS = ["f16", "bf16", "f32", "e8m0"], [32, 64, 128]
INT4_BAR_READS, INT4_BAR_SECONDS, NARROW_BAR = 1.5, 450e-6, 1.3


@dataclasses.dataclass(frozen=True)
class Job:
    target: str
    m: int
    weight: str
    scale: str
    group: int

    @property
    def case(self) -> Case:
        return Case(m=self.m, n=N, k=K, activation="f32", weight=self.weight, result="f32", scale=self.scale, group=self.group)

    @property
    def int4(self) -> Job:
        return dataclasses.replace(self, weight="int4")

    @property
    def bytes(self) -> int:
        """Of the weight and its scales."""
        bits = [number_formats.parse(format).bits for format in (self.weight, self.scale)]
        return N * K * bits[0] // 8 + N * K // self.group * bits[1] // 8


class Kernel:
    """A compiled kernel with weights enough to come from memory, checked."""

    def __init__(self, job: Job, entry: runtime.Entry):
        self.job, self.entry, self.turn = job, entry, 0
        rng = np.random.default_rng(0)
        weight, scale = map(number_formats.parse, (job.weight, job.scale))
        codes = rng.choice(weight.finite_codes.astype(np.uint8), (N, K))
        scales = scale.round(2.0 ** rng.integers(-3, 3, (N, K // job.group)) * (1 if job.scale == "e8m0" else rng.uniform(1, 2, (N, K // job.group))))
        self.x = rng.normal(size=(job.m, K)).astype(np.float32)
        arrays = [weight.store(codes), scale.store(scale.encode(scales))]
        self.copies = [tuple(entry.pack(array, name) for array, name in zip(arrays, "ws"))
                       for _ in range(math.ceil(COLD_BYTES / job.bytes))]
        self.y = np.empty((job.m, N), np.float32)
        self.check(weight.table[codes], scales)

    def run(self) -> None:
        self.entry(self.x, *self.copies[self.turn], out=self.y)
        self.turn = (self.turn + 1) % len(self.copies)

    def check(self, values: np.ndarray, scales: np.ndarray) -> None:
        """The result, per copy, is within (9 + sqrt K) 2^-24 sum |x s v| of the exact one."""
        x = self.x.astype(float).reshape(self.job.m, -1, self.job.group).transpose(1, 2, 0)
        v = values.reshape(N, -1, self.job.group).transpose(1, 0, 2)
        exact = np.einsum("ng,gnm->mn", scales, v @ x)
        bound = (9 + math.sqrt(K)) * 2.0**-24 * np.einsum("ng,gnm->mn", np.abs(scales), np.abs(v) @ np.abs(x))
        for _ in self.copies:
            self.y.fill(math.nan)
            self.run()
            wrong = ~(np.abs(self.y - exact) <= bound)
            if wrong.any():
                m, n = np.argwhere(wrong)[0]
                raise SystemExit(f"{self.job}: y[{m}, {n}] is {self.y[m, n]}, expected {exact[m, n]} within {bound[m, n]:.3g}; "
                                 f"{np.count_nonzero(wrong)} of {wrong.size} are wrong")


def measure(kernel: Kernel, int4: Kernel, read, memory: np.ndarray, runs: int) -> dict:
    """A row of the report."""
    size = kernel.job.bytes
    places = [memory[i: i + size] for i in range(0, len(memory) - size + 1, size)]
    times: dict[str, list[float]] = {"kernel": [], "int4": [], "read": []}
    for turn in range(runs * len(kernel.copies)):
        times["kernel"].append(seconds(kernel.run))
        times["int4"].append(seconds(int4.run))
        times["read"].append(seconds(read, places[turn % len(places)]))
    least = {name: min(values) for name, values in times.items()}
    row = dataclasses.asdict(kernel.job) | {
        "bytes": size, "us": round(least["kernel"] * 1e6, 1), "median_us": round(float(np.median(times["kernel"])) * 1e6, 1),
        "read_us": round(least["read"] * 1e6, 1), "int4_us": round(least["int4"] * 1e6, 1),
        "of_read": round(least["kernel"] / least["read"], 3), "of_int4": round(least["kernel"] / least["int4"], 3)}
    job = kernel.job
    if job.m == 1 and job.target == "cpu" and job == job.int4 and (job.scale, job.group) == ("f16", 32):
        row["met"] = least["kernel"] <= max(INT4_BAR_READS * least["read"], INT4_BAR_SECONDS)
    elif job.m == 1 and job.target == "cpu" and job != job.int4 and number_formats.parse(job.weight).bits <= 4:
        row["met"] = row["of_int4"] <= NARROW_BAR
    return row


def jobs_of(options: argparse.Namespace) -> list[Job]:
    def product(targets, rows, weights, scales, groups):
        return [Job(target, m, weight, scale, group) for target in options.targets or targets for m in options.m or rows
                for scale in options.scales or scales for group in options.groups or groups for weight in options.weights or weights]

    if options.targets or options.m or options.weights:
        return product(["cpu"], [1], NARROW + WIDE, ["f16"], [32])
    jobs = product(["cpu"], [1], NARROW, SCALES, GROUPS) + product(["cpu"], [1], WIDE, ["f16"], [32])
    return (jobs + product(["cpu"], [8, 64], NARROW + WIDE, ["f16"], [32])
            + product(["cpu:x86-64-v3"], [1, 8, 64], NARROW + WIDE, ["f16"], [32]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=lambda text: text.split(","))
    parser.add_argument("--weights", action="append", help="names separated by commas, or one type")
    parser.add_argument("--scales", type=lambda text: text.split(","))
    parser.add_argument("--groups", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--m", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--runs", type=int, default=5, help="over all copies of a weight")
    parser.add_argument("--output")
    options = parser.parse_args()
    if options.weights:
        options.weights = [name for text in options.weights for name in ([text] if text.startswith("!") else text.split(","))]
    jobs = jobs_of(options)
    read, memory = plain_read(), np.ones(2 * COLD_BYTES, np.uint8)
    rows, baseline = [], None
    with tempfile.TemporaryDirectory() as folder:
        bundles = {}
        for target in dict.fromkeys(job.target for job in jobs):
            wanted = list(dict.fromkeys(job for own in jobs if own.target == target for job in (own.int4, own)))
            path = pathlib.Path(folder) / f"{len(bundles)}.rung"
            kernels.compile_cases([job.case for job in wanted], target, path)
            bundle = runtime.load(path, threads=1)
            bundles |= {job: bundle[f"case_{i}"] for i, job in enumerate(wanted)}
        print(f"{'target':14} {'m':>3} {'weight':28} {'scale':5} {'group':>5} {'us':>8} {'read':>6} {'int4':>8} {'/read':>6} {'/int4':>6}")
        for job in jobs:
            if baseline is None or baseline.job != job.int4:
                baseline = Kernel(job.int4, bundles[job.int4])
            kernel = baseline if job == job.int4 else Kernel(job, bundles[job])
            row = measure(kernel, baseline, read, memory, options.runs)
            rows.append(row)
            print(f"{job.target:14} {job.m:3} {job.weight[:28]:28} {job.scale:5} {job.group:5} {row['us']:8} {row['read_us']:6} {row['int4_us']:8} "
                  f"{row['of_read']:6.2f} {row['of_int4']:6.2f}{'' if row.get('met', True) else '  missed'}", flush=True)
    if options.output:
        write_report(options.output, rows=rows)
    return 0 if all(row.get("met", True) for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
