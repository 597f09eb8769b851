# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A GGUF file whose structure has been checked: metadata with types, tensors with formats.

The `gguf` package reads the file; it trusts every length in it, so the lengths are walked and checked first."""

from __future__ import annotations

import os
import pathlib
import struct
from typing import Any, Iterator

import gguf
import numpy as np
from gguf.constants import GGMLQuantizationType, GGUFValueType

from .errors import CheckpointError
from .gguf_formats import FORMATS, BlockFormat, block_size, split_rows

_SCALAR_BYTES = {
    GGUFValueType.UINT8: 1, GGUFValueType.INT8: 1, GGUFValueType.BOOL: 1, GGUFValueType.UINT16: 2,
    GGUFValueType.INT16: 2, GGUFValueType.UINT32: 4, GGUFValueType.INT32: 4, GGUFValueType.FLOAT32: 4,
    GGUFValueType.UINT64: 8, GGUFValueType.INT64: 8, GGUFValueType.FLOAT64: 8,
}
_MAX_RANK = 4  # of a tensor in ggml
_VALUES_AT_ONCE = 1 << 22  # converted at a time when a tensor is streamed


class _Walk:
    """A cursor over the bytes of the header that refuses to leave the file."""

    def __init__(self, path: pathlib.Path, data: np.ndarray):
        self.path, self.data, self.at = path, data, 0

    def fail(self, what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: {what}; the file is corrupt or truncated")

    def take(self, count: int, what: str) -> bytes:
        if self.at + count > len(self.data):
            raise self.fail(f"{what} needs bytes {self.at} to {self.at + count}, but the file has {len(self.data)}")
        piece = self.data[self.at : self.at + count].tobytes()
        self.at += count
        return piece

    def number(self, code: str, what: str) -> int:
        return struct.unpack("<" + code, self.take(struct.calcsize(code), what))[0]

    def text(self, what: str) -> str:
        raw = self.take(self.number("Q", what), what)
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.fail(f"{what} is not UTF-8: {raw[:40]!r}") from None

    def value(self, kind: int, what: str) -> None:
        try:
            kind = GGUFValueType(kind)
        except ValueError:
            raise self.fail(f"{what} has type {kind}, which GGUF does not define") from None
        if kind == GGUFValueType.STRING:
            self.text(what)
        elif kind == GGUFValueType.ARRAY:
            inner, count = self.number("I", what), self.number("Q", what)
            if inner in _SCALAR_BYTES:
                self.take(_SCALAR_BYTES[GGUFValueType(inner)] * count, what)
            else:
                for _ in range(count):
                    self.value(inner, what)
        else:
            self.take(_SCALAR_BYTES[kind], what)


def _check_structure(path: pathlib.Path, data: np.ndarray) -> None:
    walk = _Walk(path, data)
    magic = walk.take(4, "the magic number")
    if magic != b"GGUF":
        raise CheckpointError(f"{path}: not a GGUF file: it begins with {magic!r}, expected b'GGUF'")
    version = walk.number("I", "the version")
    if version not in (2, 3):
        raise CheckpointError(f"{path}: GGUF version {version}, expected 2 or 3 (little-endian)")
    tensors, keys = walk.number("Q", "the tensor count"), walk.number("Q", "the key count")
    alignment = 32
    for index in range(keys):
        key = walk.text(f"the name of metadata key {index} of {keys}")
        kind, before = walk.number("I", f"metadata key '{key}'"), walk.at
        walk.value(kind, f"metadata key '{key}'")
        if key == "general.alignment":
            alignment = int.from_bytes(data[before : before + 4].tobytes(), "little")
            if kind != GGUFValueType.UINT32 or alignment == 0 or alignment & (alignment - 1):
                raise walk.fail(f"general.alignment is {alignment}, expected a power of two (uint32)")
    infos = []
    for index in range(tensors):
        name = walk.text(f"the name of tensor {index} of {tensors}")
        rank = walk.number("I", f"tensor '{name}'")
        if not 1 <= rank <= _MAX_RANK:
            raise walk.fail(f"tensor '{name}' has rank {rank}, expected 1 to {_MAX_RANK}")
        shape = [walk.number("Q", f"tensor '{name}'") for _ in range(rank)]
        kind, offset = walk.number("I", f"tensor '{name}'"), walk.number("Q", f"tensor '{name}'")
        infos.append((name, shape, kind, offset))
    start = -(-walk.at // alignment) * alignment
    for name, shape, kind, offset in infos:
        try:
            block, size = block_size(GGMLQuantizationType(kind))
        except (ValueError, KeyError):
            raise CheckpointError(f"{path}: tensor '{name}' has type {kind}, which the gguf package does not know") from None
        if shape[0] % block:
            raise walk.fail(f"tensor '{name}' has rows of {shape[0]} values, not a multiple of the block of {block}")
        count = 1
        for extent in shape:
            count *= extent
        end = start + offset + count // block * size
        if end > len(data):
            raise walk.fail(f"tensor '{name}' needs bytes {start + offset} to {end}, but the file has {len(data)}")


class GGUFFile:
    """Metadata and tensors of one file; every accessor's error names the file and the key or tensor."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = pathlib.Path(path)
        try:
            if self.path.stat().st_size == 0:
                raise CheckpointError(f"{self.path}: not a GGUF file: it is empty")
            _check_structure(self.path, np.memmap(self.path, np.uint8, "r"))
            self.reader = gguf.GGUFReader(self.path)
        except OSError as error:
            raise CheckpointError(f"{self.path}: {error.strerror or error}") from None
        except (ValueError, IndexError, KeyError, OverflowError) as error:
            raise CheckpointError(f"{self.path}: the gguf package cannot read it: {error}") from None
        self.tensors = {tensor.name: tensor for tensor in self.reader.tensors}

    def get(self, key: str, expected: type, default: Any = None) -> Any:
        """The value of a metadata key, or `default`; it must be of the Python type `expected` (an int is a float too)."""
        field = self.reader.get_field(key)
        if field is None:
            return default
        value = field.contents()
        if expected is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise CheckpointError(f"{self.path}: metadata key '{key}' is {str(value)[:40]} ({type(value).__name__}), "
                                  f"expected {expected.__name__}")
        return value

    def require(self, key: str, expected: type) -> Any:
        value = self.get(key, expected)
        if value is None:
            raise CheckpointError(f"{self.path}: metadata key '{key}' is missing")
        return value

    def shape(self, name: str) -> tuple[int, ...]:
        """Row-major, as numpy and MLIR write it (GGUF lists the fastest dimension first)."""
        return tuple(int(extent) for extent in reversed(self.tensor(name).shape))

    def tensor(self, name: str) -> gguf.ReaderTensor:
        if name not in self.tensors:
            raise CheckpointError(f"{self.path}: tensor '{name}' is missing; the file has {len(self.tensors)} tensors")
        return self.tensors[name]

    def format(self, name: str) -> BlockFormat:
        kind = self.tensor(name).tensor_type
        if kind not in FORMATS:
            known = ", ".join(kind.name for kind in FORMATS)
            raise CheckpointError(f"{self.path}: tensor '{name}' has type {kind.name}, which rung-import does not map to a "
                                  f"number format; it knows {known}")
        return FORMATS[kind]

    def records(self, name: str) -> Iterator[np.ndarray]:
        """The bytes of a tensor, some rows at a time: uint8 [rows, bytes of a row]."""
        data = self.tensor(name).data
        data = data.reshape(-1, data.shape[-1]).view(np.uint8)
        step = max(1, _VALUES_AT_ONCE // self.shape(name)[-1])
        for first in range(0, len(data), step):
            yield data[first : first + step]

    def rows(self, name: str) -> Iterator[dict[str, np.ndarray]]:
        """The stored arrays of a tensor (by field suffix), some rows at a time."""
        for records in self.records(name):
            yield split_rows(self.tensor(name).tensor_type, records)
