# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the entries of bundles that rung-compile made.

    >>> import numpy as np
    >>> from rung import runtime
    >>> bundle = runtime.load("matmul.rung")
    >>> w = bundle["matmul"].pack(weight)          # once; or pass `weight` itself
    >>> y = bundle["matmul"](x, w, scale)          # numpy arrays or DLPack tensors, not copied

An array has the dtype of its format. bf16 is uint16 or ml_dtypes.bfloat16, an 8-bit format uint8, int8 or its dtype of
ml_dtypes. A narrower format is canonical storage: uint8 of shape [..., ceil(K * bits / 8)], the codes of a row packed
least significant bit first. Arrays are row-major; arguments of kind "inout" are updated in place.

A bundle that is loaded with device="cuda" takes tensors on that GPU as they are (PyTorch, CuPy, JAX, or whatever speaks
DLPack), computes on their library's current stream, and gives new tensors of the same library. Such a call returns before
it is done, as the library's own do, and may be captured in a CUDA graph. Arrays on the host are copied there and back.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ._runtime import Bundle as _Bundle
from ._runtime import Error, PackedWeight

__all__ = ["Argument", "Bundle", "Entry", "Error", "PackedWeight", "load"]


@dataclasses.dataclass(frozen=True)
class Argument:
    """What an entry takes or gives in one place."""

    name: str
    kind: Literal["input", "inout", "output"]
    format: str  #: the number format, as MLIR spells it
    bits: int  #: of one code
    dtype: str  #: of the array, by numpy's name
    shape: tuple[int | str, ...]  #: a name stands for a size that each call chooses
    storage_shape: tuple[int | str, ...]  #: of the array; differs from `shape` for formats narrower than a byte
    valid_codes: int  #: codes below it have a value
    packed_bytes: int  #: size in the kernels' order; 0 for an argument that is taken as it is


def _stream_handle(stream: Any) -> int:
    """The CUstream of what a caller names as a stream."""
    if isinstance(stream, int):
        return stream
    if hasattr(stream, "__cuda_stream__"):
        return int(stream.__cuda_stream__()[1])
    for attribute in ("cuda_stream", "ptr"):  # of PyTorch, of CuPy
        if hasattr(stream, attribute):
            return int(getattr(stream, attribute))
    raise TypeError(f"`stream` is a {type(stream).__name__}, expected a stream of PyTorch or CuPy, or a CUstream as a number")


def _current_stream(arrays: Sequence[Any]) -> int:
    """The current stream of the library of the first tensor that tells; else the default stream."""
    torch, cupy = sys.modules.get("torch"), sys.modules.get("cupy")
    for array in arrays:
        if torch is not None and isinstance(array, torch.Tensor) and array.is_cuda:
            return int(torch.cuda.current_stream(array.device).cuda_stream)
        if cupy is not None and isinstance(array, cupy.ndarray):
            return int(cupy.cuda.get_current_stream().ptr)
    return 0


class Entry:
    """A function of a bundle. Calling it runs it; the GIL is released meanwhile."""

    def __init__(self, bundle: Bundle, index: int, name: str, arguments: Sequence[Argument]):
        self.bundle, self.name, self.arguments = bundle, name, tuple(arguments)
        self.inputs = tuple(argument for argument in self.arguments if argument.kind != "output")
        self.outputs = tuple(argument for argument in self.arguments if argument.kind == "output")
        self._index = index

    def __repr__(self) -> str:
        texts = [f"{argument.name}: {argument.format}{list(argument.shape)}" for argument in self.arguments]
        count = len(self.inputs)
        return f"<Entry {self.name}({', '.join(texts[:count])}) -> ({', '.join(texts[count:])})>"

    def __call__(self, *arrays: Any, out: Any = None, stream: Any = None, **named: Any) -> Any:
        """Runs the entry on its inputs and inouts, given in their order or by name.

        Returns the output (a tuple of them when there are several, None when there is none). `out` is an array to write
        the output to, or a sequence of them. `stream` is where a GPU computes; without it, it is the current stream of the
        tensors' library. Raises `Error` where an array does not fit, with nothing written; and where
        something goes wrong inside (an index outside its table), with undefined values in outputs and inouts.
        """
        inputs = list(arrays) if not named else self._in_order(arrays, named)
        if len(inputs) != len(self.inputs):
            names = ", ".join(argument.name for argument in self.inputs)
            raise TypeError(f"entry '{self.name}' takes {len(self.inputs)} arrays ({names}), got {len(inputs)}")
        if out is not None:
            out = list(out) if isinstance(out, (tuple, list)) else [out]
            if len(out) != len(self.outputs):
                raise TypeError(f"entry '{self.name}' has {len(self.outputs)} outputs, got {len(out)} in `out`")
        if stream is not None:
            queue = _stream_handle(stream)
        else:
            queue = _current_stream(inputs + (out or [])) if self.bundle._handle.has_device_memory else 0
        results = self.bundle._handle.call(self._index, inputs, out, queue)
        return None if not results else results[0] if len(results) == 1 else tuple(results)

    def pack(self, array: Any, argument: str | None = None) -> PackedWeight:
        """Brings a weight in canonical storage into the kernels' order, for use in place of the array.

        `argument` names which one it is; it may be left out where only one packs.
        """
        names = [candidate.name for candidate in self.inputs if candidate.packed_bytes]
        if argument is None:
            if len(names) != 1:
                raise TypeError(f"entry '{self.name}' packs {', '.join(names) or 'no argument'}; name one with `argument=`"
                                if names else f"entry '{self.name}' has no argument that packs; pass the array itself")
            argument = names[0]
        for index, candidate in enumerate(self.arguments):
            if candidate.name == argument:
                return self.bundle._handle.pack(self._index, index, array)
        raise TypeError(f"entry '{self.name}' has no argument '{argument}'")

    def _in_order(self, arrays: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        inputs = list(arrays)
        for argument in self.inputs[len(arrays):]:
            if argument.name not in named:
                raise TypeError(f"entry '{self.name}' lacks the argument '{argument.name}'")
            inputs.append(named.pop(argument.name))
        if named:
            raise TypeError(f"entry '{self.name}' has no further argument '{next(iter(named))}'")
        return inputs


class Bundle(Mapping[str, Entry]):
    """An open bundle: a mapping from the names of its entries. What comes from it keeps it open."""

    def __init__(self, path: str | os.PathLike[str], threads: int | None = None, device: str = "cpu"):
        self.path = os.fspath(path)
        self._handle = _Bundle(self.path, device)
        if threads is not None:
            self._handle.threads = threads
        self._arguments = {name: (index, [Argument(**argument) for argument in arguments])
                           for index, (name, arguments) in enumerate(self._handle.entries())}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._arguments:
            raise KeyError(f"'{self.path}' has no entry '{name}'; it has {', '.join(self._arguments) or 'none'}")
        index, arguments = self._arguments[name]
        return Entry(self, index, name, arguments)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arguments)

    def __len__(self) -> int:
        return len(self._arguments)

    def __repr__(self) -> str:
        return f"<Bundle {self.path}: {', '.join(self)} for {self.target}>"

    @property
    def entries(self) -> dict[str, Entry]:
        """The entries by name, in the bundle's order."""
        return dict(self.items())

    @property
    def producer(self) -> str:
        """Who wrote the bundle."""
        return self._handle.producer

    @property
    def targets(self) -> list[str]:
        """The targets that the bundle holds binaries for."""
        return self._handle.targets

    @property
    def target(self) -> str:
        """The target of the binary that was loaded."""
        return self._handle.target

    @property
    def threads(self) -> int:
        """How many threads calls use; may be set."""
        return self._handle.threads

    @threads.setter
    def threads(self, count: int) -> None:
        self._handle.threads = count

    def asset(self, name: str) -> np.ndarray:
        """Bytes that the bundle carries, as a read-only array of uint8 on the mapped file; KeyError if it has none such."""
        return self._handle.asset(name)


def load(path: str | os.PathLike[str], threads: int | None = None, device: str = "cpu") -> Bundle:
    """Maps a bundle, checks every byte of it, and loads its binary for this machine.

    `device` is "cpu", or "cuda:i", GPU i of NVIDIA's driver ("cuda" is the first one). Without `threads`, RUNG_NUM_THREADS says how many to use, else all cores are. Raises `Error`.
    """
    return Bundle(path, threads, device)
