# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The tokenizer made from GGUF metadata gives the ids that llama.cpp gives (recorded by record_tokens.py)."""

import json
import pathlib

import pytest
from tiny_llama import TinyLlama

from rung.importer import CheckpointError
from rung.importer.gguf_file import GGUFFile
from rung.importer.tokenizer import special_ids, tokenizer_json

RECORDED = json.loads((pathlib.Path(__file__).parent / "Inputs" / "smollm2_tokens.json").read_text())


def test_ids_are_those_of_llama_cpp(tokenizer):
    assert len(RECORDED) > 80
    wrong = [text for text, ids in RECORDED if tokenizer.encode(text, add_special_tokens=False).ids != ids]
    assert not wrong


def test_decoding_gives_the_text_back(tokenizer):
    for text, ids in RECORDED:
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_special_tokens_are_not_printed(tokenizer):
    ids = tokenizer.encode("a<|im_end|>b", add_special_tokens=False).ids
    assert len(ids) == 3 and tokenizer.decode(ids) == "ab"


def test_ends_of_text(smollm2_file):
    assert special_ids(smollm2_file) == {"bos": None, "eos": [2]}


def test_no_tokenizer(tmp_path):
    assert tokenizer_json(GGUFFile(TinyLlama(tokenizer=False).write(tmp_path / "tiny.gguf"))) is None


@pytest.mark.parametrize("metadata, message", [
    ({"tokenizer.ggml.model": "llama"}, "tokenizer model 'llama', expected 'gpt2'"),
    ({"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "klingon"}, "pre-tokenizer 'klingon', expected one of"),
    ({"tokenizer.ggml.model": "gpt2"}, "metadata key 'tokenizer.ggml.tokens' is missing"),
])
def test_unknown_tokenizers_are_named(tmp_path, metadata, message):
    path = TinyLlama(tokenizer=False, metadata=metadata).write(tmp_path / "tiny.gguf")
    with pytest.raises(CheckpointError, match=message):
        tokenizer_json(GGUFFile(path))
