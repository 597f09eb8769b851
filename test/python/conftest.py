# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Fixtures of the Python tests: the build tree, the real model, and its bundle."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).absolute()

# This build's package, here and in the commands that tests start.
sys.path[:0] = [str(BUILD / "python"), str(ROOT / "examples")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BUILD / "python"), os.environ.get("PYTHONPATH")]))

import demo  # noqa: E402


@pytest.fixture(scope="session")
def build() -> pathlib.Path:
    """The build folder: RUNG_BUILD, else build/."""
    return BUILD


@pytest.fixture(scope="session")
def smollm2() -> str:
    """The GGUF file of the demonstration model."""
    return str(demo.checkpoint())


@pytest.fixture(scope="session")
def smollm2_file(smollm2):
    """The same file, opened: to read its 100000 strings takes seconds."""
    from rung.importer.gguf_file import GGUFFile
    return GGUFFile(smollm2)


@pytest.fixture(scope="session")
def tokenizer(smollm2_file):
    """The demonstration model's tokenizer, made from its GGUF file."""
    from tokenizers import Tokenizer

    from rung.importer.tokenizer import tokenizer_json
    return Tokenizer.from_str(tokenizer_json(smollm2_file))


@pytest.fixture(scope="session")
def smollm2_bundle(build) -> pathlib.Path:
    """build/demo/smollm2.rung, made by the demo's own steps when it is not up to date."""
    subprocess.run([sys.executable, ROOT / "examples" / "demo.py", f"--build={build}", "--compile-only"], check=True)
    return build / "demo" / "smollm2.rung"
