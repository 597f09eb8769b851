# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The demonstration model, compiled: greedy tokens exactly those of an f32 numpy reference, logits within 1e-4."""

import json
import subprocess
import sys

import numpy as np
import pytest
from llama_reference import LlamaReference

from rung.generate import LanguageModel

TOKENS = 48
LOGITS_BOUND = 1e-4  # relative, Frobenius: f32 sums in another order, through 30 blocks
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a little girl who",
    "def fibonacci(n):\n    ",
    "Water boils at a temperature of",
    "<|im_start|>user\nWhy is the sky blue?<|im_end|>\n<|im_start|>assistant\n",
    "The three primary colours are",
    "1, 2, 3, 4, 5,",
    "Dear Sir or Madam,\n\nI am writing to",
    "La tour Eiffel se trouve à",
    "Photosynthesis is the process by which plants convert light energy into chemical energy. It takes place in",
    "🙂 こんにちは",
    "Q: What is the largest planet in the solar system?\nA:",
]


@pytest.fixture(scope="module")
def model(smollm2_bundle):
    return LanguageModel(str(smollm2_bundle))


@pytest.fixture(scope="module")
def reference(smollm2):
    return LlamaReference(smollm2)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_tokens_are_exact(model, reference, prompt):
    """By induction: if each token is the reference's choice after the ones before it, the texts are the same. So one call
    of the reference, over all of the text, checks every step."""
    ids = model.encode(prompt)
    model.restart()
    logits, tokens = [model.feed(ids).copy()], []
    for _ in range(TOKENS):
        tokens.append(int(np.argmax(logits[-1])))
        logits.append(model.feed(tokens[-1:]).copy())
    expected = reference.forward(ids + tokens, 0, every=True)[len(ids) - 1 :]
    assert tokens == np.argmax(expected[:-1], axis=-1).tolist()
    error = np.linalg.norm(np.array(logits) - expected) / np.linalg.norm(expected)
    assert error < LOGITS_BOUND


def test_a_prompt_token_by_token_is_the_same(model):
    ids = model.encode(PROMPTS[1])
    model.restart()
    whole = model.feed(ids).copy()
    model.restart()
    for token in ids:
        single = model.feed([token]).copy()
    assert np.linalg.norm(whole - single) / np.linalg.norm(whole) < LOGITS_BOUND


def generate(bundle, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "rung.generate", str(bundle), *arguments], capture_output=True, text=True)


def test_the_command_streams_text(smollm2_bundle):
    result = generate(smollm2_bundle, "--prompt=The capital of France is", "--max-tokens=8")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(" Paris.")
    assert "prompt: 5 tokens, " in result.stderr and "generation: 8 tokens, " in result.stderr


def test_the_command_prints_json(smollm2_bundle):
    result = generate(smollm2_bundle, "--prompt=The capital of France is", "--max-tokens=6", "--json", "--threads=1")
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    assert set(answer) == {"prompt_ids", "ids", "text", "prompt_tokens_per_second", "tokens_per_second"}
    assert answer["prompt_ids"] == [504, 3575, 282, 4649, 314]
    assert len(answer["ids"]) == 6 and answer["text"].startswith(" Paris.")
    assert answer["prompt_tokens_per_second"] > 0 and answer["tokens_per_second"] > 0


def test_sampling_follows_the_seed(smollm2_bundle):
    def ids(seed: int) -> list[int]:
        result = generate(smollm2_bundle, "--prompt=Once", "--max-tokens=12", "--temperature=1", f"--seed={seed}", "--json")
        return json.loads(result.stdout)["ids"]

    assert ids(1) == ids(1) != ids(2)


def test_a_text_ends_at_its_end(smollm2_bundle):
    """<|im_end|> is the last token, and no part of the text."""
    prompt = "<|im_start|>user\nSay yes.<|im_end|>\n<|im_start|>assistant\n"
    answer = json.loads(generate(smollm2_bundle, f"--prompt={prompt}", "--max-tokens=200", "--json").stdout)
    assert answer["ids"][-1] == 2 and len(answer["ids"]) < 200 and "<|im_end|>" not in answer["text"]


def test_a_prompt_beyond_the_context(smollm2_bundle):
    result = generate(smollm2_bundle, "--prompt=" + "word " * 2100)
    assert result.returncode == 1 and result.stdout == ""
    assert "rung.generate: error: the text would have 2101 tokens, but the context of" in result.stderr
    assert "holds 2048" in result.stderr


def test_an_empty_prompt(smollm2_bundle):
    result = generate(smollm2_bundle, "--prompt=")
    assert result.returncode == 1 and "rung.generate: error: no tokens to feed" in result.stderr
