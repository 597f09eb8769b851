# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels from rung-gen, compiled and run, against the float64 reference.

RUNG_EXHAUSTIVE=1 adds 2000 random combinations of flags (RUNG_EXHAUSTIVE=N: N of them) and every default case on every
target. Many kernels share a module, since a module is compiled in little more time than a kernel; if one does not
compile, the others are compiled alone.
"""

import os
import zlib

import pytest

import kernels
import matmul_cases

BATCH = 24
EXHAUSTIVE = int(os.environ.get("RUNG_EXHAUSTIVE", "0"))
OTHER_TARGETS = ["cpu:x86-64", "cpu:x86-64-v3", "cpu:x86-64-v4"]


def batches():
    """(target, cases): the kernels of one module."""
    default = matmul_cases.unique(matmul_cases.DEFAULT)
    others = matmul_cases.unique(matmul_cases.OTHER_TARGETS)
    if EXHAUSTIVE:
        default += matmul_cases.random_cases(EXHAUSTIVE if EXHAUSTIVE > 1 else 2000)
        default, others = matmul_cases.unique(default), default
    for target, cases in [("cpu", default)] + [(target, others) for target in OTHER_TARGETS]:
        for i in range(0, len(cases), BATCH):
            yield target, cases[i : i + BATCH]


def parameters():
    for number, (target, cases) in enumerate(batches()):
        for case in cases:
            yield pytest.param(number, target, case, id=f"batch {number}-{target}-{case.id}")


@pytest.fixture(scope="module")
def bundles(request, tmp_path_factory):
    return kernels.Bundles(request, tmp_path_factory.mktemp("bundles"))


@pytest.mark.parametrize("batch, target, case", list(parameters()))
def test_matmul(bundles, batch, target, case):
    bundle, entry = bundles.get(batch, target, case)
    kernels.run_case(case, bundle, entry, threads=1 + zlib.crc32(case.id.encode()) % 2)
