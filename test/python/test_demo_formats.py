# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The table that `make demo` ends with, on a small model: its rows, its picture, what a second run keeps."""

import re
import subprocess
import sys

import formats
import pytest
from tiny_llama import TinyLlama


@pytest.fixture
def folder(build, tmp_path, monkeypatch):
    """A build folder with the tools of this one, a model and its bundle."""
    for name in ("bin", "python"):
        (tmp_path / name).symlink_to(build / name)
    model = TinyLlama(layers=1, table="Q4_1").write(tmp_path / "tiny.gguf")
    for command in ([build / "bin/rung-import", model, "-o", tmp_path / "model.mlir"],
                    [build / "bin/rung-compile", tmp_path / "model.mlir", "--target=cpu", "--emit=bundle", "-o",
                     tmp_path / "tiny.rung", f"--parameters={tmp_path / 'model.safetensors'}"]):
        subprocess.run(command, check=True)
    (tmp_path / "text.txt").write_text("the cat in the hat and a dog in a fog\n")
    monkeypatch.setattr(formats, "TEXT", tmp_path / "text.txt")
    monkeypatch.setattr(formats, "FORMATS", [formats.SHIPPED])
    monkeypatch.setattr(formats, "RUNS", 1)
    return tmp_path


def run(folder, capsys, declared: str = "!rung.uint<3, offset = 4>") -> str:
    formats.run(folder, folder / "tiny.gguf", folder / "tiny.rung", [], declared)
    return capsys.readouterr().out


def test_rows_and_picture(folder, capsys):
    out = run(folder, capsys)
    assert out.count("$ ") == 2 and "1 of 1: " in out  # an import and a compilation
    rows = re.findall(r"^(.+?) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$", out, re.MULTILINE)
    assert [row[0] for row in rows] == ["Q4_1 as shipped", "!rung.uint<3, offset = 4>"]
    for row in rows:
        assert float(row[4]) == pytest.approx(float(row[3]) / float(rows[0][3]), abs=0.002)
        assert float(row[2]) > 0
    assert rows[0][4] == "1.000" and float(rows[1][1]) <= float(rows[0][1])
    assert (folder / "demo/formats.png").read_bytes().startswith(b"\x89PNG")
    assert not list((folder / "demo/formats").glob("*.safetensors"))
    again = run(folder, capsys)  # keeps bundles and figures
    assert "$ " not in again and again.endswith(out[out.index("\nweights ") :])


def test_what_is_no_format(build):
    result = subprocess.run([sys.executable, formats.__file__.replace("formats.py", "demo.py"), f"--build={build}", "--format=int9"],
                            capture_output=True, text=True)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("demo: error: rung-format: error: 'int9' is no number format")
