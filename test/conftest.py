# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests import the `rung` package of the build folder that they test: RUNG_BUILD, else build/."""

import os
import pathlib
import re
import subprocess
import sys

import pytest
from xdist.scheduler import LoadScopeScheduling

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).absolute()
sys.path.insert(0, str(BUILD / "python"))
# Each core has a process of its own (pytest -n): numpy's threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def build() -> pathlib.Path:
    """The build folder."""
    return BUILD


@pytest.fixture(scope="session")
def load(build, tmp_path_factory):
    """load(text, flags of rung-compile...): the bundle of a module, compiled for this machine and loaded."""
    from rung import runtime

    def load(text: str, *flags):
        folder = tmp_path_factory.mktemp("module")
        (folder / "module.mlir").write_text(text)
        subprocess.run([build / "bin/rung-compile", folder / "module.mlir", "--target=cpu", *flags, "-o", folder / "module.rung"], check=True)
        return runtime.load(folder / "module.rung")

    return load


class Scheduling(LoadScopeScheduling):
    """A file's tests share what they have built, so one process runs them; but `batch N` at the beginning of a test's
    parameters says that it shares with these only."""

    def _split_scope(self, nodeid: str) -> str:
        return re.match(r"[^:]*(::[^\[]*\[batch \d+)?", nodeid)[0]


def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
