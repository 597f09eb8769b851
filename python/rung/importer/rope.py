# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Rotary position embedding: its parameters and the tables of cosines and sines."""

from __future__ import annotations

import dataclasses
import math

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rope:
    """`dimensions` of each head rotate, as pairs (2i, 2i+1) with angle position · base^(-2i/dimensions)."""

    dimensions: int
    base: float = 10000.0
    scaling: str = "none"  # none, linear or yarn
    factor: float = 1.0
    original_context: int = 0  # yarn: the context that the model was first trained with
    attention_factor: float = 1.0  # yarn
    beta_fast: float = 32.0
    beta_slow: float = 1.0

    def tables(self, context: int, frequency_factors: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(cos, sin), f32 [context, dimensions / 2], computed in f64. `frequency_factors` divide the frequencies."""
        pairs = np.arange(self.dimensions // 2, dtype=np.float64)
        frequency = self.base ** (-2.0 * pairs / self.dimensions)
        if frequency_factors is not None:
            frequency = frequency / frequency_factors.astype(np.float64)
        magnitude = 1.0
        if self.scaling == "linear":
            frequency = frequency / self.factor
        elif self.scaling == "yarn":
            frequency, magnitude = self._yarn(frequency, pairs)
        angle = np.arange(context, dtype=np.float64)[:, None] * frequency
        return (np.cos(angle) * magnitude).astype(np.float32), (np.sin(angle) * magnitude).astype(np.float32)

    def _yarn(self, frequency: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, float]:
        """YaRN (arXiv 2309.00071): slow pairs are interpolated, fast ones left alone, a linear ramp between them."""
        def pair_of_rotations(rotations: float) -> float:
            return (self.dimensions * math.log(self.original_context / (rotations * 2 * math.pi))
                    / (2 * math.log(self.base)))

        low = max(0.0, math.floor(pair_of_rotations(self.beta_fast)))
        high = min(self.dimensions - 1.0, math.ceil(pair_of_rotations(self.beta_slow)))
        kept = 1.0 - np.clip((pairs - low) / max(0.001, high - low), 0.0, 1.0)
        scaled = frequency / self.factor * (1.0 - kept) + frequency * kept
        return scaled, self.attention_factor * (1.0 + 0.1 * math.log(self.factor))
