# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the importer's IR without rung's compiler: parameters become f32 function arguments, upstream passes and clang do
the rest. What the IR *means* is tested here, apart from what rung makes of it."""

from __future__ import annotations

import ctypes
import pathlib
import subprocess

import gguf
import numpy as np

from rung.importer.gguf_file import GGUFFile
from rung.importer.ir import Function, Value
from rung.importer.llama import Decoder, LlamaConfig, frequency_factors

LLVM = pathlib.Path("/usr/lib/llvm-22")
_BUFFERIZE = ["--canonicalize",
              "--one-shot-bufferize=bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map",
              "--canonicalize", "--cse", "--canonicalize"]
_LOWER = ["--convert-linalg-to-loops", "--expand-strided-metadata", "--lower-affine", "--convert-scf-to-cf",
          "--convert-math-to-llvm", "--convert-arith-to-llvm", "--convert-cf-to-llvm", "--finalize-memref-to-llvm",
          "--convert-func-to-llvm", "--convert-arith-to-llvm", "--convert-index-to-llvm", "--reconcile-unrealized-casts"]


class ArgumentWeights:
    """Weights whose dense f32 values are arguments of the function."""

    def __init__(self, file: GGUFFile, function: Function):
        self.file, self.function, self.values = file, function, {}

    def has(self, name: str) -> bool:
        return name in self.file.tensors

    def table(self, name: str, shape: tuple[int, ...]) -> Value:
        if name not in self.values:
            self.values[name] = self.function.argument(name.replace(".", "_"), shape, "f32", "")
        return self.values[name]

    def dense(self, name: str) -> Value:
        return self.table(name, self.file.shape(name))


def _descriptor(array: np.ndarray):
    """MLIR's strided memref descriptor of a contiguous array."""
    class Descriptor(ctypes.Structure):
        _fields_ = [("allocated", ctypes.c_void_p), ("aligned", ctypes.c_void_p), ("offset", ctypes.c_int64),
                    ("sizes", ctypes.c_int64 * array.ndim), ("strides", ctypes.c_int64 * array.ndim)]

    assert array.flags.c_contiguous
    address = array.ctypes.data
    strides = [stride // array.itemsize for stride in array.strides]
    return Descriptor(address, address, 0, (ctypes.c_int64 * array.ndim)(*array.shape), (ctypes.c_int64 * array.ndim)(*strides))


class UpstreamModel:
    """The decoder of a GGUF file, compiled in `folder` by upstream passes. `bufferized` is its IR on memrefs."""

    def __init__(self, path: str, folder: pathlib.Path):
        file = GGUFFile(path)
        self.config = LlamaConfig.read(file)
        function = Function("forward")
        weights = ArgumentWeights(file, function)
        Decoder(self.config, function, weights).emit()
        text = function.text().replace("{\n", "attributes {llvm.emit_c_interface} {\n", 1)
        (folder / "model.mlir").write_text(f"module {{\n{text}}}\n")
        self._run("mlir-opt", folder / "model.mlir", *_BUFFERIZE, "-o", folder / "buffers.mlir")
        self.bufferized = (folder / "buffers.mlir").read_text()
        self._run("mlir-opt", folder / "buffers.mlir", *_LOWER, "-o", folder / "llvm.mlir")
        self._run("mlir-translate", "--mlir-to-llvmir", folder / "llvm.mlir", "-o", folder / "model.ll")
        runner = LLVM / "lib" / "libmlir_c_runner_utils.so"  # has memrefCopy
        self._run("clang", "-O1", "-w", "-fPIC", "-shared", folder / "model.ll", runner, f"-Wl,-rpath,{runner.parent}", "-lm",
                  "-o", folder / "model.so")
        self.library = ctypes.CDLL(str(folder / "model.so"))
        tables = dict(zip(("rope.cos", "rope.sin"), self.config.rope.tables(self.config.context, frequency_factors(file))))
        self.weights = [tables[name] if name in tables else
                        gguf.quants.dequantize(file.tensor(name).data, file.tensor(name).tensor_type).astype(np.float32)
                        for name in weights.values]
        c = self.config
        self.k_cache = np.full((c.layers, c.context, c.kv_heads, c.key_length), np.nan, np.float32)
        self.v_cache = np.full((c.layers, c.context, c.kv_heads, c.value_length), np.nan, np.float32)

    @staticmethod
    def _run(tool: str, *arguments) -> None:
        subprocess.run([str(LLVM / "bin" / tool), *map(str, arguments)], check=True)

    def forward(self, tokens: list[int], position: int) -> np.ndarray:
        """The logits of all rows."""
        rows = np.arange(len(tokens), dtype=np.int32)
        arrays = [np.array(tokens, np.int32), np.array(position, np.int32), rows, self.k_cache, self.v_cache, *self.weights]
        descriptors = [_descriptor(array) for array in arrays]
        logits = np.zeros((len(rows), self.config.vocabulary), np.float32)
        shapes = [logits, self.k_cache, self.v_cache]

        class Results(ctypes.Structure):
            _fields_ = [(f"r{i}", type(_descriptor(shape))) for i, shape in enumerate(shapes)]

        results = Results()
        self.library._mlir_ciface_forward(ctypes.byref(results), *map(ctypes.byref, descriptors))
        assert results.r1.aligned == self.k_cache.ctypes.data, "the cache was not updated in place"
        ctypes.memmove(logits.ctypes.data, results.r0.aligned + 4 * results.r0.offset, logits.nbytes)
        return logits
