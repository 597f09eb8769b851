# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A llama decoder in f32 numpy, on weights that the `gguf` package dequantised: what a compiled model is compared with.

It shares no code with the importer. `python llama_reference.py MODEL.gguf ID,ID,... N` prints N greedy tokens.
"""

from __future__ import annotations

import sys

import gguf
import numpy as np


class LlamaReference:
    def __init__(self, path: str, context: int = 512):
        reader = gguf.GGUFReader(path)

        def key(name: str, default=None):
            field = reader.get_field(f"llama.{name}")
            return default if field is None else field.contents()

        self.weights = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
                        for tensor in reader.tensors}
        self.layers = key("block_count")
        self.heads = key("attention.head_count")
        self.kv_heads = key("attention.head_count_kv", self.heads)
        self.head_dim = key("attention.key_length", key("embedding_length") // self.heads)
        self.value_dim = key("attention.value_length", self.head_dim)
        self.rotating = key("rope.dimension_count", self.head_dim)
        self.epsilon = np.float32(key("attention.layer_norm_rms_epsilon"))
        frequency = key("rope.freq_base", 10000.0) ** (-np.arange(0, self.rotating, 2) / self.rotating)
        if "rope_freqs.weight" in self.weights:
            frequency = frequency / self.weights["rope_freqs.weight"]
        if key("rope.scaling.type") == "linear":
            frequency = frequency / key("rope.scaling.factor")
        angles = np.arange(context)[:, None] * frequency
        self.cos, self.sin = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        self.k_cache = np.zeros((self.layers, context, self.kv_heads, self.head_dim), np.float32)
        self.v_cache = np.zeros((self.layers, context, self.kv_heads, self.value_dim), np.float32)

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.epsilon) * self.weights[f"{name}.weight"]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        y = x @ self.weights[f"{name}.weight"].T
        return y + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else y

    def _rope(self, x: np.ndarray, start: int) -> np.ndarray:
        """x [M, heads, D]; the pairs are neighbours (2i, 2i+1)."""
        span = slice(start, start + len(x))
        cos, sin = self.cos[span, None], self.sin[span, None]
        first, second = x[..., 0 : self.rotating : 2], x[..., 1 : self.rotating : 2]
        y = x.copy()
        y[..., 0 : self.rotating : 2] = first * cos - second * sin
        y[..., 1 : self.rotating : 2] = first * sin + second * cos
        return y

    def _attention(self, layer: int, h: np.ndarray, start: int) -> np.ndarray:
        rows, end, name = len(h), start + len(h), f"blk.{layer}.attn_"
        q = self._rope(self._linear(h, name + "q").reshape(rows, self.heads, self.head_dim), start)
        k = self._rope(self._linear(h, name + "k").reshape(rows, self.kv_heads, self.head_dim), start)
        self.k_cache[layer, start:end] = k
        self.v_cache[layer, start:end] = self._linear(h, name + "v").reshape(rows, self.kv_heads, self.value_dim)
        group = self.heads // self.kv_heads
        keys = np.repeat(self.k_cache[layer, :end], group, axis=1).transpose(1, 2, 0)
        values = np.repeat(self.v_cache[layer, :end], group, axis=1).transpose(1, 0, 2)
        scores = q.transpose(1, 0, 2) @ keys / np.sqrt(np.float32(self.head_dim))
        future = np.arange(end)[None, :] > start + np.arange(rows)[:, None]
        scores[:, future] = -np.inf
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return self._linear((weights @ values).transpose(1, 0, 2).reshape(rows, -1), name + "output")

    def forward(self, tokens: list[int], position: int, every: bool = False) -> np.ndarray:
        """Logits of the last token, or of every one; the caches hold what came before `position`."""
        x = self.weights["token_embd.weight"][tokens]
        for layer in range(self.layers):
            block = f"blk.{layer}."
            x = x + self._attention(layer, self._norm(x, block + "attn_norm"), position)
            h = self._norm(x, block + "ffn_norm")
            gate = self._linear(h, block + "ffn_gate")
            x = x + self._linear(gate / (1 + np.exp(-gate)) * self._linear(h, block + "ffn_up"), block + "ffn_down")
        head = "output" if "output.weight" in self.weights else "token_embd"
        return self._linear(self._norm(x if every else x[-1], "output_norm"), head)

    def greedy(self, prompt: list[int], count: int) -> list[int]:
        """`count` tokens, each the most likely one; ends of text are tokens like any other."""
        tokens, position, result = list(prompt), 0, []
        for _ in range(count):
            logits = self.forward(tokens, position)
            position += len(tokens)
            tokens = [int(np.argmax(logits))]
            result += tokens
        return result


if __name__ == "__main__":
    print(LlamaReference(sys.argv[1]).greedy([int(token) for token in sys.argv[2].split(",")], int(sys.argv[3])))
