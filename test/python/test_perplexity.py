# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung.perplexity against its formula on the numpy reference, which plays the bundle."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from llama_reference import LlamaReference
from test_language_model import CONTEXT, PlayedBundle

from rung import perplexity, runtime

TEXT = "the cat in the hat and a dog in a fog, said the thin man; then they ran.\n" * 2


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return PlayedBundle(tmp_path_factory.mktemp("model"))


@pytest.fixture
def text(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT)
    return str(tmp_path / "text.txt")


def command(capsys, *arguments: str):
    """Exit status, stdout, stderr."""
    code = perplexity.main(["played.rung", *arguments])
    return code, *capsys.readouterr()


def by_the_formula(reference: LlamaReference, ids: list[int], window: int) -> tuple[float, int]:
    losses = []
    for first in range(0, len(ids), window):
        part = ids[first : first + window]
        logits = reference.forward(part, 0, every=True).astype(np.float64)
        losses += [math.log(np.exp(row - row[token]).sum()) for row, token in zip(logits, part[1:])]
    return math.exp(np.mean(losses)), len(losses)


@pytest.mark.parametrize("window", [None, 2, 7, CONTEXT])
@pytest.mark.parametrize("rows", [1, 5, 128])
def test_the_formula(window, rows, played, text, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: played)
    monkeypatch.setattr(perplexity, "ROWS_AT_ONCE", rows)
    code, out, _ = command(capsys, f"--text={text}", "--json", *([] if window is None else [f"--window={window}"]))
    answer, model = json.loads(out), perplexity.LanguageModel("played.rung")
    expected, count = by_the_formula(played.reference, model.encode(TEXT), window or CONTEXT)
    assert code == 0 and answer["tokens"] == count and answer["tokens_per_second"] > 0
    assert abs(answer["perplexity"] / expected - 1) < 1e-5
    code, out, _ = command(capsys, f"--text={text}", *([] if window is None else [f"--window={window}"]))
    assert code == 0 and out == f"perplexity {answer['perplexity']:.4f} over {count} tokens\n"


def test_bad_texts(played, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: played)
    for name, content, message in [("latin.txt", b"caf\xe9", "not UTF-8 at byte 3"),
                                   ("short.txt", b"a", "a text of 1 tokens in windows of 24: expected at least 2"),
                                   ("absent.txt", None, "absent.txt: No such file or directory")]:
        if content is not None:
            (tmp_path / name).write_bytes(content)
        code, out, log = command(capsys, f"--text={tmp_path / name}")
        assert (code, out) == (1, "") and log.startswith("rung.perplexity: error: ") and message in log


def test_a_window_beyond_the_context(played, text, monkeypatch, capsys):
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: played)
    code, out, log = command(capsys, f"--text={text}", f"--window={CONTEXT + 1}")
    assert (code, out) == (1, "")
    assert log == f"rung.perplexity: error: a window of {CONTEXT + 1} tokens, but the context of played.rung holds {CONTEXT}\n"


@pytest.mark.parametrize("arguments, message", [
    (["model.rung"], "the following arguments are required: --text"),
    (["model.rung", "--text=x", "--window=1"], "argument --window: '1', expected a count of at least 2"),
    (["absent.rung", "--text=/dev/null"], "absent.rung"),
])
def test_the_command_reports_errors(arguments, message):
    result = subprocess.run([sys.executable, "-m", "rung.perplexity", *arguments], capture_output=True, text=True)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("rung.perplexity: error: ") and message in result.stderr
