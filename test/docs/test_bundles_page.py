# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What docs/bundles.md shows is what happens: its manifest loads, its command prints that, its Python runs."""

import json
import re
import subprocess

import numpy as np
import pytest
from pages import ROOT, run_page

from rung import runtime

PAGE = (ROOT / "docs" / "bundles.md").read_text()


def block(language):
    """The page's first block of code in a language."""
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[1]


@pytest.fixture(scope="module")
def folder(build, tmp_path_factory):
    """A folder with matmul.rung: the page's manifest, with code that has its symbols."""
    folder = tmp_path_factory.mktemp("bundles")
    manifest = json.loads(block("json"))
    manifest["binaries"][0]["features"] = ["sse2"]  # as the test's code was compiled
    (folder / "manifest.json").write_text(json.dumps(manifest))
    end = manifest["assets"][0]["offset"] + manifest["assets"][0]["bytes"]
    (folder / "weights").write_bytes(bytes(end))
    subprocess.run([build / "test/bin/rung-test-bundle", folder / "matmul.rung", folder / "manifest.json",
                    build / "test/bin/kernels.so", folder / "weights"], check=True)
    return folder


def test_command(build, folder):
    assert run_page(PAGE, build, folder) == 1


def test_python(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    names = {"x": np.zeros((2, 4096), np.float16), "weight": np.zeros((4096, 2048), np.uint8)}
    exec(block("python"), names)
    assert names["y"].shape == (2, 4096) and names["y"].dtype == np.float16
    assert "cpu:znver4" in capsys.readouterr().out
    assert runtime.load("matmul.rung").asset("tokenizer.json").nbytes == 2104556


def test_numbers_of_the_header(folder):
    header = (folder / "matmul.rung").read_bytes()[:4096]
    magic = bytes.fromhex(re.search(r"`((?:[0-9a-f]{2} ){7}[0-9a-f]{2})`", PAGE)[1])
    assert header[:8] == magic
    assert int.from_bytes(header[8:12], "little") == 2
    sections = int.from_bytes(header[12:16], "little")
    assert int.from_bytes(header[16:24], "little") == (folder / "matmul.rung").stat().st_size
    kinds = [int.from_bytes(header[64 + 32 * i :][:4], "little") for i in range(sections)]
    assert kinds == [2, 3, 1] and not any(header[64 + 32 * sections :])
