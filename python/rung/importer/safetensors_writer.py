# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes a safetensors file a piece at a time: the whole checkpoint is never in memory."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import BinaryIO

import numpy as np

ITEM_BYTES = {"U8": 1, "I8": 1, "I16": 2, "I32": 4, "F16": 2, "BF16": 2, "F32": 4, "F64": 8}


@dataclasses.dataclass
class _Slot:
    cursor: int
    end: int


class SafetensorsWriter:
    """`entries` are (name, dtype, shape). Wider elements come first in the file, so that every tensor is aligned to its
    element; the order is otherwise the given one, and equal input gives equal bytes."""

    def __init__(self, file: BinaryIO, entries: list[tuple[str, str, tuple[int, ...]]]):
        self.file = file
        self.slots: dict[str, _Slot] = {}
        header = {}
        offset = 0
        for name, dtype, shape in sorted(entries, key=lambda entry: -ITEM_BYTES[entry[1]]):
            if name in header:
                raise ValueError(f"two tensors named '{name}'")
            end = offset + math.prod(shape) * ITEM_BYTES[dtype]
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
            self.slots[name] = _Slot(offset, end)
            offset = end
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 64)  # the data starts on a multiple of 8 (of 64 less the length word)
        file.write(len(text).to_bytes(8, "little") + text)
        self.start = 8 + len(text)
        file.truncate(self.start + offset)

    def append(self, name: str, values: np.ndarray) -> None:
        """The next elements of tensor `name`, in row-major order."""
        slot = self.slots[name]
        data = np.ascontiguousarray(values)
        if slot.cursor + data.nbytes > slot.end:
            raise ValueError(f"tensor '{name}' is longer than its declared shape")
        self.file.seek(self.start + slot.cursor)
        self.file.write(data.data.cast("B") if data.ndim else data.tobytes())
        slot.cursor += data.nbytes

    def finish(self) -> None:
        short = [name for name, slot in self.slots.items() if slot.cursor != slot.end]
        if short:
            raise ValueError(f"tensors shorter than their declared shape: {', '.join(short)}")
