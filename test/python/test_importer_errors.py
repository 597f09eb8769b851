# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad checkpoints and outputs: an error that names the file and the tensor or key; no file is left behind."""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from tiny_llama import TinyLlama

from rung.importer import CheckpointError, import_gguf


def refused(path, folder: pathlib.Path, **options) -> str:
    """The importer's message; checks that it wrote nothing."""
    output = folder / "out" / "model.mlir"
    output.parent.mkdir(exist_ok=True)
    with pytest.raises(CheckpointError) as error:
        import_gguf(path, output, **options)
    assert not list(output.parent.iterdir())
    return str(error.value)


MODELS = {
    "another architecture": (TinyLlama(architecture="mamba"), "architecture 'mamba', expected 'llama'"),
    "a missing tensor": (TinyLlama(changes={"blk.1.ffn_up.weight": None}), "tensor 'blk.1.ffn_up.weight' is missing"),
    "a wrong shape": (TinyLlama(changes={"blk.0.attn_k.weight": (64, 64)}),
                      r"tensor 'blk.0.attn_k.weight' has shape \[64, 64\], expected \[32, 64\]"),
    "a tensor too many": (TinyLlama(changes={"blk.7.attn_q.weight": (64, 64)}),
                          "tensor 'blk.7.attn_q.weight' is no part of a llama decoder of 2 blocks"),
    "experts": (TinyLlama(metadata={"llama.expert_count": 8}), "'llama.expert_count' is set"),
    "a rotation longer than a head": (TinyLlama(rope_dimensions=32), "'llama.rope.dimension_count' is 32, expected an even"),
    "an odd scaling": (TinyLlama(metadata={"llama.rope.scaling.type": "longrope"}), "is 'longrope', expected none, linear"),
    "heads that do not divide": (TinyLlama(heads=4, kv_heads=3), "4 heads do not divide into 3"),
    "too many blocks": (TinyLlama(metadata={"llama.block_count": 4000000000}),
                        "'llama.block_count' is 4000000000, but tensor 'blk.3999999999.attn_norm.weight' is missing"),
    "no rotation": (TinyLlama(metadata={"llama.rope.freq_base": 0.0}), "'llama.rope.freq_base' is 0.0, expected a positive"),
    "a key of another type": (TinyLlama(metadata={"llama.attention.sliding_window": "wide"}),
                              r"'llama.attention.sliding_window' is wide \(str\), expected int"),
}


@pytest.mark.parametrize("case", MODELS)
def test_wrong_models(case, tmp_path):
    model, message = MODELS[case]
    path = model.write(tmp_path / "tiny.gguf")
    text = refused(path, tmp_path)
    assert text.startswith(path) and re.search(message, text), text


def test_a_type_without_a_number_format(tmp_path):
    """IQ1_S codes are indices into a lattice, not numbers: the tensor and the type are named."""
    path = pathlib.Path(TinyLlama(embedding=256, matrices="TQ2_0", feed_forward=256).write(tmp_path / "tiny.gguf"))
    data = path.read_bytes()
    at = data.index(b"blk.0.attn_q.weight") + len("blk.0.attn_q.weight") + 4 + 2 * 8
    assert data[at] == 35  # TQ2_0
    path.write_bytes(data[:at] + bytes([19]) + data[at + 1 :])  # IQ1_S
    text = refused(path, tmp_path)
    assert "tensor 'blk.0.attn_q.weight' has type IQ1_S, which rung-import does not map" in text and "Q4_1" in text


def test_context_out_of_range(tmp_path):
    path = TinyLlama(context=64).write(tmp_path / "tiny.gguf")
    assert "context 65, expected 1 to 64" in refused(path, tmp_path, context=65)


def test_not_a_gguf_file(tmp_path):
    (tmp_path / "text.gguf").write_text("hello, this is no model")
    assert "not a GGUF file: it begins with b'hell'" in refused(tmp_path / "text.gguf", tmp_path)
    (tmp_path / "empty.gguf").touch()
    assert "it is empty" in refused(tmp_path / "empty.gguf", tmp_path)
    assert "No such file" in refused(tmp_path / "absent.gguf", tmp_path)


def test_truncated_anywhere(tmp_path):
    data = pathlib.Path(TinyLlama(layers=1).write(tmp_path / "tiny.gguf")).read_bytes()
    short = tmp_path / "short.gguf"
    for length in [*np.linspace(5, len(data) - 1, 40).astype(int)]:
        short.write_bytes(data[:length])
        text = refused(short, tmp_path)
        assert text.startswith(str(short)) and "truncated" in text and f"has {length}" in text, text


def test_corrupt_anywhere_in_the_header(tmp_path):
    """A flipped byte is refused with a message, or is harmless (it is a letter of a name that nobody reads)."""
    data = pathlib.Path(TinyLlama(layers=1, tokenizer=False).write(tmp_path / "tiny.gguf")).read_bytes()
    header = data.rindex(b"weight") + 40
    random = np.random.default_rng(4)
    broken, refusals = tmp_path / "broken.gguf", 0
    for _ in range(150):
        changed = bytearray(data)
        changed[random.integers(header)] ^= 1 << random.integers(8)
        broken.write_bytes(changed)
        try:
            import_gguf(broken, tmp_path / "model.mlir")
        except CheckpointError as error:
            assert str(broken) in str(error)
            refusals += 1
    assert refusals > 75


@pytest.mark.parametrize("where", ["nowhere/model.mlir", "folder.mlir"])
def test_unwritable_output(where, tmp_path):
    path = TinyLlama(layers=1).write(tmp_path / "tiny.gguf")
    (tmp_path / "folder.mlir").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(CheckpointError, match=f"{where}: cannot be written|{where[:-4]}safetensors: cannot be written"):
        import_gguf(path, tmp_path / where)
    assert sorted(os.listdir(tmp_path)) == before


def command(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "rung.importer", *map(str, arguments)], capture_output=True, text=True)


def test_the_command_reports_errors(tmp_path):
    result = command(tmp_path / "absent.gguf", "-o", tmp_path / "model.mlir")
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr == f"rung-import: error: {tmp_path}/absent.gguf: No such file or directory\n"
    result = command("model.gguf")
    assert result.returncode == 1 and "rung-import: error: the following arguments are required: -o" in result.stderr
    result = command("model.gguf", "-o", "model.txt")
    assert result.returncode == 1 and "expected a name that ends in .mlir" in result.stderr


def test_the_command_has_help():
    result = command("--help")
    assert result.returncode == 0 and "examples:" in result.stdout and result.stderr == ""
