# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sampling, streaming of text, and what `python -m rung.generate` says about bad arguments and files."""

import subprocess
import sys

import numpy as np
import pytest

from rung.generate import TextStream, sampler


def test_temperature_zero_takes_the_first_maximum():
    assert sampler(0, 5)(np.array([1.0, 3.0, 3.0, -np.inf], np.float32)) == 1


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_sampled_frequencies_are_those_of_softmax(temperature):
    logits = np.array([0.0, 1.0, 2.0, -np.inf, 0.5], np.float32)
    draw, count = sampler(temperature, 7), 20000
    found = np.bincount([draw(logits) for _ in range(count)], minlength=5) / count
    expected = np.exp(logits.astype(np.float64) / temperature)
    expected /= expected.sum()
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / count)  # five standard deviations
    assert found[3] == 0


def test_a_seed_is_a_sequence():
    logits = np.zeros(100, np.float32)
    first, again, other = ([draw(logits) for _ in range(20)] for draw in (sampler(1, 3), sampler(1, 3), sampler(1, 4)))
    assert first == again != other


@pytest.mark.parametrize("text", ["plain words", "🙂🚀 and 漢字", "naïve\n\n  indented", "👩‍👩‍👧‍👦"])
def test_streamed_pieces_are_whole_characters_and_join_to_the_text(tokenizer, text):
    stream = TextStream(tokenizer)
    pieces = [stream.push(token) for token in tokenizer.encode(text).ids] + [stream.finish()]
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_an_unfinished_character_is_written_at_the_end(tokenizer):
    stream = TextStream(tokenizer)
    first_byte = tokenizer.encode("🚀").ids[0]
    assert stream.push(first_byte) == "" and stream.finish() == "\ufffd"


def command(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "rung.generate", *map(str, arguments)], capture_output=True, text=True)


@pytest.mark.parametrize("flag, message", [
    ("--max-tokens=0", "argument --max-tokens: '0', expected a count of at least 1"),
    ("--max-tokens=many", "argument --max-tokens: 'many', expected a count"),
    ("--temperature=-1", "argument --temperature: '-1', expected a number of at least 0"),
    ("--temperature=nan", "argument --temperature: 'nan', expected a number"),
    ("--seed=1.5", "argument --seed: '1.5', expected an integer"),
    ("--threads=0", "argument --threads: '0', expected a count"),
    ("--frobnicate", "unrecognized arguments: --frobnicate"),
])
def test_bad_arguments(flag, message):
    result = command("model.rung", "--prompt=x", flag)
    assert result.returncode == 1 and result.stdout == ""
    assert f"rung.generate: error: {message}" in result.stderr


def test_files_that_are_no_bundle(tmp_path):
    result = command(tmp_path / "absent.rung", "--prompt=x")
    assert result.returncode == 1 and "rung.generate: error: " in result.stderr and "absent.rung" in result.stderr
    (tmp_path / "text.rung").write_text("this is no bundle" * 100)
    result = command(tmp_path / "text.rung", "--prompt=x")
    assert result.returncode == 1 and "rung.generate: error: " in result.stderr and "text.rung" in result.stderr
    assert "Traceback" not in result.stderr
