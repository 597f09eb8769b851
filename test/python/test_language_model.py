# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung.generate around a model: what it feeds, when it stops, what it prints. The bundle is played by the numpy reference,
with the assets that the importer wrote, so no compiler is needed here."""

import json

import numpy as np
import pytest
from llama_reference import LlamaReference
from safetensors.numpy import load_file
from tiny_llama import TinyLlama

from rung import generate, runtime
from rung.importer import import_gguf

CONTEXT = 24


class PlayedBundle:
    """The part of rung.runtime.Bundle that generate uses; `calls` records (tokens, position)."""

    def __init__(self, folder, **model):
        path = TinyLlama(context=CONTEXT, **model).write(folder / "tiny.gguf")
        self.assets = load_file(import_gguf(path, folder / "model.mlir"))
        self.reference, self.calls = LlamaReference(path, CONTEXT), []

    def asset(self, name: str) -> np.ndarray:
        return self.assets[name]

    def __getitem__(self, name: str):
        assert name == "forward"
        return self._forward

    def _forward(self, tokens, position, rows, k_cache, v_cache):
        assert tokens.dtype == position.dtype == rows.dtype == np.int32 and position.shape == ()
        assert k_cache.shape == v_cache.shape == self.reference.k_cache.shape
        self.calls.append((tokens.tolist(), int(position), rows.tolist()))
        return self.reference.forward(tokens.tolist(), int(position), every=True)[rows]


@pytest.fixture
def played(tmp_path, monkeypatch):
    bundle = PlayedBundle(tmp_path)
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: bundle)
    return bundle


def command(capsys, *arguments: str):
    """Exit status, stdout, stderr."""
    code = generate.main(["played.rung", *arguments])
    return code, *capsys.readouterr()


def test_a_prompt_is_one_call_and_each_token_another(played, capsys):
    code, out, _ = command(capsys, "--prompt=the thin", "--max-tokens=4", "--json")
    answer = json.loads(out)
    prompt, ids = answer["prompt_ids"], answer["ids"]
    assert code == 0 and len(ids) == 4
    steps = [([token], len(prompt) + i, [0]) for i, token in enumerate(ids[:3])]
    assert played.calls == [(prompt, 0, [len(prompt) - 1])] + steps
    assert ids == LlamaReference.greedy(played.reference, prompt, 4)


def test_streaming_prints_the_text_that_json_holds(played, capsys):
    _, out, _ = command(capsys, "--prompt=a", "--max-tokens=9", "--json")
    code, text, log = command(capsys, "--prompt=a", "--max-tokens=9")
    assert code == 0 and text == json.loads(out)["text"] + "\n"
    assert log.startswith("prompt: 1 tokens, ") and "generation: 9 tokens, " in log


def test_the_end_of_text_ends_it(played, capsys):
    """The reference's third token is declared to be the end."""
    config = json.loads(played.assets["model.json"].tobytes())
    _, out, _ = command(capsys, "--prompt=a", "--max-tokens=9", "--json")
    ids = json.loads(out)["ids"]
    end = ids.index(ids[2])
    played.assets["model.json"] = np.frombuffer(json.dumps(config | {"eos": [ids[2]]}).encode(), np.uint8)
    _, out, _ = command(capsys, "--prompt=a", "--max-tokens=9", "--json")
    assert json.loads(out)["ids"] == ids[: end + 1]


def test_a_text_stops_where_the_context_is_full(played, capsys):
    code, out, _ = command(capsys, "--prompt=0123456789", "--max-tokens=100", "--json")
    assert code == 0
    assert len(json.loads(out)["ids"]) == CONTEXT - 10 + 1  # the last token needs no room: nothing follows it


def test_a_prompt_as_long_as_the_context(played, capsys):
    assert command(capsys, "--prompt=" + "1" * CONTEXT, "--json")[0] == 0
    code, out, log = command(capsys, "--prompt=" + "1" * (CONTEXT + 1))
    assert (code, out) == (1, "")
    assert log == (f"rung.generate: error: the text would have {CONTEXT + 1} tokens, but the context of played.rung holds "
                   f"{CONTEXT}; shorten the prompt, or import the model with a larger --context\n")


def test_the_first_token_of_a_text_is_put_before_the_prompt(tmp_path, monkeypatch, capsys):
    bundle = PlayedBundle(tmp_path)
    config = json.loads(bundle.assets["model.json"].tobytes())
    bundle.assets["model.json"] = np.frombuffer(json.dumps(config | {"bos": 0}).encode(), np.uint8)
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: bundle)
    ids = json.loads(command(capsys, "--prompt=the", "--max-tokens=1", "--json")[1])["prompt_ids"]
    assert ids[0] == 0 and len(ids) == 2
    assert json.loads(command(capsys, "--prompt=<|start|>the", "--max-tokens=1", "--json")[1])["prompt_ids"] == ids


def test_a_bundle_without_a_tokenizer(tmp_path, monkeypatch, capsys):
    bundle = PlayedBundle(tmp_path, tokenizer=False)
    monkeypatch.setattr(runtime, "load", lambda path, threads=None: bundle)
    code, out, log = command(capsys, "--prompt=a")
    assert (code, out) == (1, "")
    assert "rung.generate: error: played.rung: holds no 'tokenizer.json'; expected a bundle of a language model" in log
