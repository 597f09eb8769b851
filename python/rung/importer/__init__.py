# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checkpoints into MLIR: `import_gguf` reads a GGUF file, writes a module and its parameters."""

from .convert import import_gguf
from .errors import CheckpointError

__all__ = ["CheckpointError", "import_gguf"]
