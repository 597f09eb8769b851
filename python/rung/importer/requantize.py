# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A checkpoint whose matrices are put into another number format on the way.

Matrices are all tensors of rank 2, the embedding and the head among them; vectors (norms, biases) stay as they are. The
values are those that the `gguf` package gives, in f32. Each group of G neighbours in a row gets a scale, and each value
the nearest code. include/rung/Numerics/GroupQuantizer.h has the rules, docs/formats.md explains them."""

from __future__ import annotations

import dataclasses
import os
from typing import Iterator

import gguf
import numpy as np

from .errors import CheckpointError
from .gguf_file import GGUFFile
from .gguf_formats import BlockFormat, Field

# The safetensors dtypes of canonical storage: of floats by their type, of all else by its bits.
_FLOAT_DTYPES = {"f16": "F16", "bf16": "BF16", "f32": "F32", "f64": "F64"}
_DTYPES = {8: "U8", 16: "I16", 32: "I32"}


@dataclasses.dataclass(frozen=True)
class Requantization:
    """Formats as the command line takes them. Without a group, a row has one scale."""

    weights: str
    group: int | None = None
    scale: str = "f16"


class RequantizedFile(GGUFFile):
    """A GGUF file with matrices in another format: `format` and `rows` say so, all else is the file's own."""

    def __init__(self, path: str | os.PathLike[str], target: Requantization):
        try:
            from .. import _numerics
        except ImportError as error:
            raise CheckpointError(f"another format for weights needs rung._numerics, a part of the compiler ({error}); use the "
                                  "rung-import of a build tree") from None
        self.group = target.group
        formats = []
        for option, text in (("--weights", target.weights), ("--scale", target.scale)):
            try:
                formats.append(_numerics.Format(text))
            except ValueError as error:
                raise CheckpointError(f"{option}: {error}") from None
        self.weights, self.scale = formats
        try:
            self.quantizer = _numerics.GroupQuantizer(*formats)
        except ValueError as error:
            raise CheckpointError(f"--weights={target.weights} --scale={target.scale}: {error}") from None
        super().__init__(path)

    def format(self, name: str) -> BlockFormat:
        stored = super().format(name)
        if not self._is_matrix(name):
            return stored
        group = self._group(name)
        return BlockFormat(_field("codes", self.weights), scale=_field("scales", self.scale, group),
                           zero=_field("zeros", self.scale, group) if self.quantizer.has_zero_point else None)

    def rows(self, name: str) -> Iterator[dict[str, np.ndarray]]:
        if not self._is_matrix(name):
            yield from super().rows(name)
            return
        kind, first = self.tensor(name).tensor_type, 0
        for records in self.records(name):
            values = gguf.quants.dequantize(records, kind).astype(np.float32, copy=False)
            try:
                codes, scales, zeros = self.quantizer.quantize(values, self._group(name), first)
            except ValueError as error:
                raise CheckpointError(f"{self.path}: tensor '{name}': {error}") from None
            first += len(values)
            yield {"codes": codes, "scales": scales} | ({} if zeros is None else {"zeros": zeros})

    def _is_matrix(self, name: str) -> bool:
        return len(self.shape(name)) == 2

    def _group(self, name: str) -> int:
        return min(self.group or self.shape(name)[-1], self.shape(name)[-1])


def _field(suffix: str, format, block: int = 1) -> Field:
    dtype = _FLOAT_DTYPES.get(format.type) or _DTYPES[max(format.bits, 8)]
    return Field(suffix, format.type, format.bits, dtype, block)
