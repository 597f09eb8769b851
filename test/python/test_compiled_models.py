# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Import, compile, run: small models of many shapes, in every GGUF tensor type, against the numpy reference."""

import subprocess

import numpy as np
import pytest
from llama_reference import LlamaReference
from tiny_llama import TinyLlama

from rung import runtime
from rung.generate import GenerateError, LanguageModel

MODELS = {
    "blocks_of_32": TinyLlama(
        matrices=["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4", "F16", "BF16", "F32"], table="Q8_0"),
    "blocks_of_256": TinyLlama(
        embedding=256, feed_forward=512, heads=8, kv_heads=2, tied=False, table="Q6_K",
        matrices=["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS", "TQ1_0", "TQ2_0"]),
    "uneven_shapes": TinyLlama(layers=1, embedding=96, heads=3, kv_heads=1, head_dim=20, rope_dimensions=12, vocabulary=333,
                               matrices="F16", table="F16", biases=True, context=33),
    "separate_low_bit_head": TinyLlama(layers=1, tied=False, table="Q4_1", matrices="Q8_0", rope_factors=True),
}
BOUND = 1e-4  # relative, Frobenius


@pytest.fixture(scope="module", params=MODELS)
def models(request, tmp_path_factory, build):
    folder = tmp_path_factory.mktemp(request.param)
    path = MODELS[request.param].write(folder / "tiny.gguf")
    subprocess.run([build / "bin" / "rung-import", path, "-o", folder / "model.mlir"], check=True)
    subprocess.run([build / "bin" / "rung-compile", folder / "model.mlir", "--target=cpu", "--emit=bundle",
                    "-o", folder / "model.rung", f"--parameters={folder / 'model.safetensors'}"], check=True)
    return LanguageModel(str(folder / "model.rung")), LlamaReference(path, context=64)


def test_prompt_and_steps(models):
    model, reference = models
    tokens = np.random.default_rng(5).integers(0, 300, 17).tolist()
    model.restart()
    logits = [model.feed(tokens[:11]).copy()] + [model.feed([token]).copy() for token in tokens[11:]]
    expected = reference.forward(tokens, 0, every=True)[10:]
    assert np.linalg.norm(np.array(logits) - expected) / np.linalg.norm(expected) < BOUND


def test_logits_of_every_token(models):
    """In two parts, since the second one has rows of its own."""
    model, reference = models
    tokens = np.random.default_rng(7).integers(0, 300, 23).tolist()
    model.restart()
    logits = np.concatenate([model.feed_for_all(tokens[:9]), model.feed_for_all(tokens[9:])])
    expected = reference.forward(tokens, 0, every=True)
    assert np.linalg.norm(logits - expected) / np.linalg.norm(expected) < BOUND


def test_a_full_context(models):
    model, reference = models
    tokens = np.random.default_rng(6).integers(0, 300, model.context).tolist()
    model.restart()
    logits, expected = model.feed(tokens), reference.forward(tokens, 0)
    assert np.linalg.norm(logits - expected) / np.linalg.norm(expected) < BOUND


def test_the_entry_refuses_what_is_out_of_range(models):
    """By itself, with nothing written: rung.generate is not its only caller."""
    model, _ = models
    context = model.context
    for tokens, position, rows, message in [
            (1, -1, [0], "the position is negative"),
            (2, context - 1, [0], f"exceed the context of {context} tokens"),
            (context + 1, 0, [0], f"exceed the context of {context} tokens"),
            (1, 2**31 - 1, [0], f"exceed the context of {context} tokens"),
            (3, 0, [3], "outside the rows of the tokens"),
            (3, 0, [1, -1, 2], "outside the rows of the tokens")]:
        caches = [np.full_like(cache, 7) for cache in model.caches]
        with pytest.raises(runtime.Error, match=message):
            model.entry(np.zeros(tokens, np.int32), np.array(position, np.int32), np.array(rows, np.int32), *caches)
        assert all((cache == 7).all() for cache in caches)


def test_a_prompt_that_is_no_text(models):
    model, _ = models
    with pytest.raises(GenerateError, match="the prompt is no UTF-8 text: surrogates not allowed at character 1"):
        model.encode("a\udcff")
