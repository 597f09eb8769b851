# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints into MLIR: `import_gguf` reads a GGUF file, writes a module and its parameters."""

from .errors import CheckpointError

__all__ = ["CheckpointError", "import_gguf"]


def __getattr__(name: str):
    if name == "import_gguf":  # imported late: the command's --help should not wait for numpy
        from .convert import import_gguf
        return import_gguf
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
