# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Kernels from rung-gen, compiled and run, against the float64 reference.

RUNG_EXHAUSTIVE=1 adds 2000 random combinations of flags (RUNG_EXHAUSTIVE=N: N of them) and every default case on every
target. Many kernels share a module, since a module is compiled in little more time than a kernel; if one does not
compile, the others are compiled alone.
"""

import concurrent.futures
import os

import pytest

import kernels
import matmul_cases

BATCH = 24
EXHAUSTIVE = int(os.environ.get("RUNG_EXHAUSTIVE", "0"))
OTHER_TARGETS = ["cpu:x86-64", "cpu:x86-64-v3", "cpu:x86-64-v4"]


def all_cases():
    default = matmul_cases.unique(matmul_cases.DEFAULT)
    others = matmul_cases.unique(matmul_cases.OTHER_TARGETS)
    if EXHAUSTIVE:
        default += matmul_cases.random_cases(EXHAUSTIVE if EXHAUSTIVE > 1 else 2000)
        default, others = matmul_cases.unique(default), default
    return [("cpu", case) for case in default] + [(target, case) for target in OTHER_TARGETS for case in others]


class Bundles:
    """Bundles of the selected cases, compiled in the background."""

    def __init__(self, cases, folder):
        self._folder = folder
        self._pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        self._of_case = {}
        for target in dict.fromkeys(target for target, _ in cases):
            mine = [case for other, case in cases if other == target]
            for i in range(0, len(mine), BATCH):
                batch = mine[i : i + BATCH]
                bundle = folder / f"{target.replace(':', '-')}-{i}.rung"
                future = self._pool.submit(self._compile, batch, target, bundle)
                for j, case in enumerate(batch):
                    self._of_case[target, case] = future, bundle, f"case_{j}"

    @staticmethod
    def _compile(batch, target, bundle):
        try:
            kernels.compile_cases(batch, target, bundle)
            return True
        except kernels.ToolError:
            return False

    def get(self, target, case):
        future, bundle, entry = self._of_case[target, case]
        if future.result():
            return bundle, entry
        alone = self._folder / f"{abs(hash((target, case)))}.rung"
        kernels.compile_cases([case], target, alone)
        return alone, "case_0"

    def close(self):
        self._pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def bundles(request, tmp_path_factory):
    selected = [(item.callspec.params["target"], item.callspec.params["case"]) for item in request.session.items
                if item.module is request.module and "case" in getattr(getattr(item, "callspec", None), "params", {})]
    bundles = Bundles(selected, tmp_path_factory.mktemp("bundles"))
    yield bundles
    bundles.close()


@pytest.mark.parametrize("target, case", [pytest.param(target, case, id=f"{target}-{case.id}") for target, case in all_cases()])
def test_matmul(bundles, target, case):
    bundle, entry = bundles.get(target, case)
    kernels.run_case(case, bundle, entry, threads=1 + hash(case) % 2)
