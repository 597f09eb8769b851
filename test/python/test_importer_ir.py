# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The decoder that the importer writes computes what the numpy reference computes, for models of many shapes."""

import re

import numpy as np
import pytest
from llama_reference import LlamaReference
from tiny_llama import TinyLlama
from upstream_ir import UpstreamModel

MODELS = {
    "grouped": TinyLlama(),
    "one_kv_head": TinyLlama(layers=1, heads=3, kv_heads=1, embedding=96, tied=False, matrices="F32"),
    "head_dim_of_its_own": TinyLlama(head_dim=24, rope_dimensions=16, matrices="Q8_0", table="F16", heads=4, kv_heads=4),
    "biases_and_rope_factors": TinyLlama(biases=True, rope_factors=True, matrices="BF16"),
    "linear_rope_scaling": TinyLlama(rope_linear=2.0, matrices="Q5_1"),
    "single_head": TinyLlama(layers=1, heads=1, kv_heads=1, embedding=32, feed_forward=32),
}
PROMPT = [5, 17, 300, 42, 9, 250, 7]


@pytest.fixture(scope="module", params=MODELS)
def models(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    path = MODELS[request.param].write(folder / "tiny.gguf")
    return UpstreamModel(path, folder), LlamaReference(path, context=64)


def relative_error(value: np.ndarray, reference: np.ndarray) -> float:
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


def test_prompt_then_single_steps(models):
    compiled, reference = models
    assert relative_error(compiled.forward(PROMPT, 0), reference.forward(PROMPT, 0, every=True)) < 1e-5
    for step, token in enumerate([3, 99, 3]):
        position = len(PROMPT) + step
        assert relative_error(compiled.forward([token], position), reference.forward([token], position, every=True)) < 1e-5


def test_a_prompt_in_two_parts(models):
    compiled, reference = models
    compiled.forward(PROMPT[:3], 0)
    assert relative_error(compiled.forward(PROMPT[3:], 3), reference.forward(PROMPT, 0, every=True)[3:]) < 1e-5


def test_the_whole_context(models):
    compiled, reference = models
    tokens = np.random.default_rng(3).integers(0, 320, 64).tolist()
    assert relative_error(compiled.forward(tokens, 0), reference.forward(tokens, 0, every=True)) < 1e-5


def test_nothing_beyond_the_end_is_read(models):
    """The caches start as NaN: any value read past position + M would show."""
    compiled, _ = models
    compiled.k_cache[:], compiled.v_cache[:] = np.nan, np.nan
    assert np.isfinite(compiled.forward(PROMPT, 0)).all()
    assert np.isnan(compiled.k_cache[:, len(PROMPT):]).all() and np.isfinite(compiled.k_cache[:, : len(PROMPT)]).all()


def test_bufferizes_in_place(models):
    """One copy a block (the new values into their cache), none of a cache or of an activation."""
    compiled, _ = models
    copies = re.findall(r"memref\.copy .*", compiled.bufferized)
    rest = compiled.config.key_length > compiled.config.rope.dimensions
    assert len(copies) <= compiled.config.layers * (3 if rest else 1)
    assert not re.search(rf"memref\.alloc.*{compiled.config.layers}x{compiled.config.context}x", compiled.bufferized)
