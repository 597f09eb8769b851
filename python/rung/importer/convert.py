# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A GGUF checkpoint into two files: an MLIR module and a safetensors file with its parameters."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile
from typing import Iterator

import numpy as np

from .errors import CheckpointError
from .gguf_file import GGUFFile
from .gguf_formats import SAFETENSORS_DTYPES
from .ir import Function
from .llama import Decoder, LlamaConfig, Weights, check_tensors, frequency_factors
from .requantize import Requantization, RequantizedFile
from .safetensors_writer import SafetensorsWriter
from .tokenizer import special_ids, tokenizer_json

ASSETS = ("tokenizer.json", "model.json")


def import_gguf(checkpoint: str | os.PathLike[str], output: str | os.PathLike[str],
                context: int | None = None, requantization: Requantization | None = None) -> pathlib.Path:
    """Writes `output` (an .mlir file) and, beside it, the .safetensors file of the same stem, whose path is returned.

    `context` is the longest text in tokens that the module can hold; `requantization` puts the matrices into another
    format. On an error neither file is touched."""
    output = pathlib.Path(output)
    parameters = output.with_suffix(".safetensors")
    file = RequantizedFile(checkpoint, requantization) if requantization else GGUFFile(checkpoint)
    config = LlamaConfig.read(file, context)
    check_tensors(file, config)
    small = _tables_and_assets(file, config)
    with replacing(parameters) as weights_path, replacing(output) as module_path:
        module_path.write_text(module_text(file, config, [name for name in ASSETS if name in small]))
        with open(weights_path, "r+b") as stream:
            _write_parameters(file, small, SafetensorsWriter(stream, _entries(file, small)))
    return parameters


def module_text(file: GGUFFile, config: LlamaConfig, assets: list[str]) -> str:
    function = Function("forward")
    Decoder(config, function, Weights(file, function)).emit()
    names = ", ".join(json.dumps(name) for name in assets)
    return f"module attributes {{rung.assets = [{names}]}} {{\n{function.text()}}}\n"


def _tables_and_assets(file: GGUFFile, config: LlamaConfig) -> dict[str, np.ndarray]:
    """What the parameter file holds beside the checkpoint's own tensors. Assets are bytes that the bundle carries along."""
    cos, sin = config.rope.tables(config.context, frequency_factors(file))
    small = {"rope.cos": cos, "rope.sin": sin}
    tokenizer = tokenizer_json(file)
    if tokenizer is not None:
        small["tokenizer.json"] = np.frombuffer(tokenizer.encode(), np.uint8)
    model = {"architecture": "llama", "name": file.get("general.name", str, ""), "entry": "forward",
             "context": config.context, "vocabulary": config.vocabulary, "caches": config.cache_shapes(),
             **special_ids(file)}
    small["model.json"] = np.frombuffer(json.dumps(model).encode(), np.uint8)
    return small


def _entries(file: GGUFFile, small: dict[str, np.ndarray]) -> list[tuple[str, str, tuple[int, ...]]]:
    entries = [(name, SAFETENSORS_DTYPES[array.dtype.name], array.shape) for name, array in small.items()]
    for name in _streamed(file):
        entries += [(stored_name(name, field.suffix), field.dtype, field.stored_shape(file.shape(name)))
                    for field in file.format(name).fields()]
    return entries


def _streamed(file: GGUFFile) -> list[str]:
    return [name for name in file.tensors if name != "rope_freqs.weight"]


def stored_name(name: str, suffix: str) -> str:
    return f"{name}.{suffix}" if suffix else name


def _write_parameters(file: GGUFFile, small: dict[str, np.ndarray], writer: SafetensorsWriter) -> None:
    for name, array in small.items():
        writer.append(name, array)
    for name in _streamed(file):
        for rows in file.rows(name):
            for suffix, array in rows.items():
                writer.append(stored_name(name, suffix), array)
    writer.finish()


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary file in the same folder that takes the place of `path` when all went well, and is removed otherwise."""
    if path.is_dir():
        raise CheckpointError(f"{path}: cannot be written: it is a folder")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(handle)
    temporary = pathlib.Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        temporary.unlink(missing_ok=True)
