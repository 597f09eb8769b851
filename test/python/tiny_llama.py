# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Small GGUF files for tests: random llama models of any shape in any of ggml's tensor types."""

from __future__ import annotations

import dataclasses
import itertools

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

# Where the f16 scales sit in the blocks of types that `gguf` reads but cannot quantise to.
_SCALE_OFFSETS = {"Q2_K": (80, 82), "Q3_K": (108,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,), "IQ4_XS": (0,),
                  "IQ4_NL": (0,)}
_SCALE = {"Q2_K": 0.01, "Q3_K": 0.001, "Q4_K": 0.0005, "Q5_K": 0.0003, "Q6_K": 0.00005, "IQ4_XS": 0.00005, "IQ4_NL": 0.001}


def random_blocks(random: np.random.Generator, shape: tuple[int, ...], kind: GGMLQuantizationType) -> np.ndarray:
    """Blocks of type `kind` with every code in use and scales small enough for a model, [rows, bytes]."""
    values, size = GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (int(np.prod(shape)) // values, size), np.uint8)
    for offset in _SCALE_OFFSETS[kind.name]:
        scales = (random.uniform(0.5, 1.0, len(blocks)) * _SCALE[kind.name]).astype("<f2")
        blocks[:, offset : offset + 2] = scales[:, None].view(np.uint8)
    return blocks.reshape(*shape[:-1], -1)


def quantized(random: np.random.Generator, shape: tuple[int, ...], kind: GGMLQuantizationType) -> np.ndarray:
    if kind.name in _SCALE_OFFSETS:
        return random_blocks(random, shape, kind)
    values = (random.standard_normal(shape) * shape[-1] ** -0.5).astype(np.float32)
    return gguf.quants.quantize(values, kind)


@dataclasses.dataclass
class TinyLlama:
    """`write` makes the file. `changes` replaces the shape of a tensor, or leaves it out (None); `metadata` sets keys."""

    layers: int = 2
    embedding: int = 64
    heads: int = 4
    kv_heads: int = 2
    head_dim: int | None = None
    feed_forward: int = 96
    vocabulary: int = 320
    context: int = 64
    matrices: str | list[str] = "Q4_1"  # a list is dealt out to the matrices in turn
    table: str = "Q8_0"
    tied: bool = True
    biases: bool = False
    rope_dimensions: int | None = None
    rope_factors: bool = False
    rope_linear: float | None = None
    tokenizer: bool = True
    architecture: str = "llama"
    seed: int = 0
    changes: dict[str, tuple[int, ...] | None] = dataclasses.field(default_factory=dict)
    metadata: dict[str, int | float | str] = dataclasses.field(default_factory=dict)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        head_dim = self.head_dim or self.embedding // self.heads
        shapes = {"token_embd.weight": (self.vocabulary, self.embedding), "output_norm.weight": (self.embedding,)}
        if not self.tied:
            shapes["output.weight"] = (self.vocabulary, self.embedding)
        if self.rope_factors:
            shapes["rope_freqs.weight"] = ((self.rope_dimensions or head_dim) // 2,)
        for layer in range(self.layers):
            matrices = {"attn_q": (self.heads * head_dim, self.embedding), "attn_k": (self.kv_heads * head_dim, self.embedding),
                        "attn_v": (self.kv_heads * head_dim, self.embedding),
                        "attn_output": (self.embedding, self.heads * head_dim),
                        "ffn_gate": (self.feed_forward, self.embedding), "ffn_up": (self.feed_forward, self.embedding),
                        "ffn_down": (self.embedding, self.feed_forward)}
            vectors = {name: (self.embedding,) for name in ("attn_norm", "ffn_norm")}
            shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in (matrices | vectors).items()}
            if self.biases:
                shapes |= {f"blk.{layer}.{name}.bias": shape[:1] for name, shape in matrices.items()}
        shapes |= self.changes
        return {name: shape for name, shape in shapes.items() if shape is not None}

    def write(self, path) -> str:
        random = np.random.default_rng(self.seed)
        writer = gguf.GGUFWriter(str(path), self.architecture)
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.embedding)
        writer.add_block_count(self.layers)
        writer.add_feed_forward_length(self.feed_forward)
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.kv_heads)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_rope_freq_base(1000.0)
        if self.head_dim:
            writer.add_key_length(self.head_dim)
            writer.add_value_length(self.head_dim)
        if self.rope_dimensions:
            writer.add_rope_dimension_count(self.rope_dimensions)
        if self.rope_linear:
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(self.rope_linear)
        if self.tokenizer:
            self._write_tokenizer(writer)
        for key, value in self.metadata.items():
            writer.kv_data[0].pop(key, None)
            add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}[type(value)]
            add(key, value)
        kinds = itertools.cycle([self.matrices] if isinstance(self.matrices, str) else self.matrices)
        for name, shape in self.shapes().items():
            if len(shape) == 1:
                values = random.uniform(1.0, 4.0, shape) if name == "rope_freqs.weight" else random.uniform(0.5, 1.5, shape)
                writer.add_tensor(name, values.astype(np.float32))
            else:
                kind = GGMLQuantizationType[self.table if name in ("token_embd.weight", "output.weight") else next(kinds)]
                data = quantized(random, shape, kind)
                writer.add_tensor(name, data, raw_dtype=kind if data.dtype == np.uint8 else None)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return str(path)

    def _write_tokenizer(self, writer: gguf.GGUFWriter) -> None:
        """Two control tokens, the 256 bytes, a few merges, and unused tokens up to the vocabulary's size."""
        merges = ["t h", "th e", "Ġ the", "i n", "Ġ a"]
        alphabet = byte_alphabet()
        tokens = ["<|start|>", "<|end|>", *alphabet, *(merge.replace(" ", "") for merge in merges)]
        tokens += [f"<unused{i}>" for i in range(self.vocabulary - len(tokens))]
        kinds = [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.NORMAL] * (len(tokens) - 2)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("smollm")
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges(merges)
        writer.add_bos_token_id(0)
        writer.add_eos_token_id(1)
        writer.add_add_bos_token(False)


def byte_alphabet() -> list[str]:
    """The printable characters that byte-level BPE writes the bytes 0..255 as."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]
