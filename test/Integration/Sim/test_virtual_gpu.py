# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels for NVIDIA GPUs on the virtual GPU, against the float64 reference of test/Integration/CPU.

Every format as a weight, with f16 activations on one target and bf16 ones on the other (sm_80 and sm_90a), shapes of all kinds; then
half of what other instruction sets could get wrong on a CPU: narrow results, integers, epilogues, rounding.
RUNG_EXHAUSTIVE=N runs both activations on both, and N random combinations of flags for each.
"""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "CPU"))
import kernels
import matmul_cases
import number_formats
from kernel_reference import Case
from matmul_cases import pick

BATCH = 24
EXHAUSTIVE = int(os.environ.get("RUNG_EXHAUSTIVE", "0"))
TARGETS = ["sim:cuda:sm_80", "sim:cuda:sm_90a"]
# (N, K): one, odd, beside the sizes of tiles, and some that fill tiles.
SHAPES = [(1, 1), (3, 17), (17, 100), (33, 3), (16, 64), (100, 33), (5, 256), (1, 77), (64, 1), (31, 130), (48, 96), (64, 512), (15, 63)]
M = [dict(m=1), dict(m=8), dict(rows=(1, 5, 19)), dict(m=16), dict(m=33)]
FORMATS = [f for f in matmul_cases.FORMATS if number_formats.parse(f).bits <= 8]


def cases(target: int) -> list[Case]:
    """Each target has its own pairs of format and shape."""
    found = []
    for i, weight in enumerate(FORMATS):
        for j, activation in enumerate(("f16", "bf16")):
            if not EXHAUSTIVE and (i + j + target) % 2:
                continue
            n, k = pick(SHAPES, i + 5 * j + 3 * target)
            scaled = (i + j + target) % 3 != 0
            found.append(Case(
                n=n, k=k, **pick(M, i + i // 5 + j), activation=activation, weight=weight, result=pick(["f32", "f16", "bf16"], i + j),
                scale=pick(["f16", "bf16", "f32"], i + j) if scaled else None, group=pick([None, 32, 64, 128], i) if scaled else None,
                zero_point=pick(matmul_cases.zero_points(weight), i + target) if scaled else None, bias=i % 4 == 1, residual=i % 5 == 2,
                epilogue=pick([None, "silu", None, "relu", None, "gelu", None], i)))
    found += matmul_cases.OTHER_TARGETS if EXHAUSTIVE else matmul_cases.OTHER_TARGETS[target::2]
    if EXHAUSTIVE:
        found += matmul_cases.random_cases(EXHAUSTIVE, seed=1 + target)
    return matmul_cases.unique(found)


def parameters():
    number = 0
    for index, target in enumerate(TARGETS):
        found = cases(index)
        for first in range(0, len(found), BATCH):
            for case in found[first : first + BATCH]:
                yield pytest.param(number, target, case, id=f"batch {number}-{target}-{case.id}")
            number += 1


@pytest.fixture(scope="module")
def bundles(request, tmp_path_factory):
    return kernels.Bundles(request, tmp_path_factory.mktemp("bundles"))


@pytest.mark.parametrize("batch, target, case", list(parameters()))
def test_matmul(bundles, batch, target, case):
    bundle, entry = bundles.get(batch, target, case)
    kernels.run_case(case, bundle, entry, device="sim")
