# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The one exception that the importer reports to its user."""


class CheckpointError(Exception):
    """What is wrong with a checkpoint: names the file and the key or tensor, what was found and what was expected."""
