# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every command in README.md and docs/ prints what the page shows; every link leads somewhere; the reference generates."""

import os
import re
import subprocess
import sys

import pytest
from pages import ROOT, blocks, commands, is_as_shown, run_page

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])

# Commands that run elsewhere: the first runs this test, the second is what .ci/run and examples/demo.py are for.
ELSEWHERE = {"make check", "make demo"}
# Pages whose commands need files that a test of their own makes.
OWN_TEST = {"bundles.md"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands(path, build, tmp_path):
    page = path.read_text()
    assert "```sh" not in page and "```bash" not in page and "```shell" not in page, "show commands in ```console blocks"
    if path.name not in OWN_TEST:
        run_page(page, build, tmp_path, ELSEWHERE)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links(path):
    prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)
    for target, chapter in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", prose):
        if target.startswith(("http://", "https://")):
            continue
        page = path.parent / target if target else path
        assert page.exists(), f"{path.name} links to {target}"
        if chapter:
            headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
            assert chapter in {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}, f"{path.name} links to #{chapter}"


def test_reference(build):
    """Each operation, type, attribute and pass has its chapter in the pages that mlir-tblgen writes."""
    dialect = (build / "docs/RungDialect.md").read_text()
    for chapter in ("### `rung.dequantize`", "### `rung.matmul`", "### CodebookType", "### StorageAttr"):
        assert chapter in dialect
    assert "### `tile.mma`" in (build / "docs/TileDialect.md").read_text()
    help_text = subprocess.run([build / "bin/rung-opt", "--help"], capture_output=True, text=True, check=True).stdout
    passes = set(re.findall(r"^ {6}--((?:rung|tile|convert-rung|convert-tile)-[\w-]+)", help_text, re.MULTILINE))
    documented = set()
    for page in ("RungPasses", "TilePasses", "ConversionPasses", "PipelinePasses"):
        documented |= set(re.findall(r"^### `-([\w-]+)`", (build / f"docs/{page}.md").read_text(), re.MULTILINE))
    assert documented == passes - {"rung-to-cpu", "rung-to-nvvm"}  # pipelines


@pytest.mark.parametrize("source", ["int6", "uint4", "e2m1", "nf3"])
def test_decode_table(build, source, monkeypatch):
    """Rows of docs/decode-sequences.md, of all its tables, say what the search finds today."""
    monkeypatch.setenv("PATH", f"{build / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sys, "path", [str(ROOT / "docs"), *sys.path])
    import decode_sequences

    rows = [line for line in decode_sequences.PAGE.read_text().splitlines() if line.startswith(f"| `{source}` |")]
    assert rows == [decode_sequences.row(source, to, targets) for to, targets in decode_sequences.TABLES]


def test_the_comparison_itself():
    page = "```console\n$ cat a \\\n  b\none … three\n…\nlast\n$ true\n```\n"
    (block,) = blocks(page)
    first, second = commands(block)
    assert first.command == "cat a \\\n  b" and second.command == "true" and second.line == 7
    assert is_as_shown(first.expected, "one two three\nlast\n")
    assert is_as_shown(first.expected, "one 2 three\nx\ny\nlast\n")
    assert not is_as_shown(first.expected, "one two three\nlast\nmore\n")
    assert not is_as_shown(first.expected, "one two three\nx\n")
    assert is_as_shown(second.expected, "") and not is_as_shown(second.expected, "noise\n")
