# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung without its compiler: `rung.runtime` runs bundles, `rung.importer` reads checkpoints, `rung.generate` writes text."""
