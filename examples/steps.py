# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the demonstration's steps share."""

from __future__ import annotations

import pathlib
import sys
from typing import NoReturn

ROOT = pathlib.Path(__file__).resolve().parent.parent


def fail(message: str) -> NoReturn:
    sys.exit(f"demo: error: {message}")


def show(path: pathlib.Path) -> str:
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except ValueError:
        return str(path)


def up_to_date(outputs: list[pathlib.Path], inputs: list[pathlib.Path]) -> bool:
    """Whether all outputs are there and newer than all inputs."""
    if not all(path.exists() for path in outputs):
        return False
    return min(path.stat().st_mtime for path in outputs) > max(path.stat().st_mtime for path in inputs)
