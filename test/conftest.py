# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tests import the `rung` package of the build folder that they test: RUNG_BUILD, else build/."""

import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).absolute()
sys.path.insert(0, str(BUILD / "python"))


@pytest.fixture(scope="session")
def build() -> pathlib.Path:
    """The build folder."""
    return BUILD
