# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The llama decoder: its sizes from GGUF metadata, and its IR.

One function serves a prompt of any length and a single step. With M tokens at `position`, C the context, T = position + M:

    x [M, E]                        rows of the embedding
    for each block:
      h = rmsnorm(x)
      q, k, v = linear(h)           [M, heads · D], [M, kv · D], [M, kv · D]
      q, k = rope(q), rope(k)       each head's values reordered: first members of the pairs, second members, the rest
      k_cache[block, position:T] = k, v_cache[block, position:T] = v
      s = q · k_cache[block, :T]    [kv, group, M, T], causal: t <= position + m
      x += linear(softmax(s) · v_cache[block, :T])
      x += linear(silu(linear(rmsnorm(x))) · linear(rmsnorm(x)))
    logits = linear(rmsnorm(x[rows]))  [R, vocabulary], for the rows that the caller names

The order of values within a head changes nothing: q and k share it, and they only meet in a dot product.
Every linalg.generic has its contiguous dimension innermost; sums may be reassociated, so a result differs from the
plain left-to-right f32 sum by a few units in the last place.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .errors import CheckpointError
from .gguf_file import GGUFFile
from .ir import REASSOCIATE, Function, Size, Value
from .rope import Rope

DEFAULT_CONTEXT = 2048
NEGATIVE_INFINITY = "0xFF800000"


@dataclasses.dataclass(frozen=True)
class LlamaConfig:
    layers: int
    context: int
    vocabulary: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    key_length: int
    value_length: int
    epsilon: float
    rope: Rope

    @staticmethod
    def read(file: GGUFFile, context: int | None = None) -> "LlamaConfig":
        """`context` overrides the default: what the model was trained with, at most DEFAULT_CONTEXT."""
        architecture = file.require("general.architecture", str)
        if architecture != "llama":
            raise CheckpointError(f"{file.path}: architecture '{architecture}', expected 'llama'")
        embedding = file.require("llama.embedding_length", int)
        heads = file.require("llama.attention.head_count", int)
        kv_heads = file.get("llama.attention.head_count_kv", int, heads)
        for key, value in (("embedding_length", embedding), ("attention.head_count", heads),
                           ("attention.head_count_kv", kv_heads)):
            if value < 1:
                raise CheckpointError(f"{file.path}: metadata key 'llama.{key}' is {value}, expected at least 1")
        if heads % kv_heads:
            raise CheckpointError(f"{file.path}: {heads} heads do not divide into {kv_heads} key-value heads")
        key_length = file.get("llama.attention.key_length", int, embedding // heads)
        trained = file.require("llama.context_length", int)
        window = file.get("llama.attention.sliding_window", int, 0) or trained
        limit = min(trained, window)
        if context is not None and not 1 <= context <= limit:
            raise CheckpointError(f"{file.path}: context {context}, expected 1 to {limit} (what the model was trained with)")
        for key in ("llama.expert_count", "llama.expert_used_count"):
            if file.get(key, int, 0):
                raise CheckpointError(f"{file.path}: metadata key '{key}' is set; mixtures of experts are not supported")
        if not file.get("llama.attention.causal", bool, True):
            raise CheckpointError(f"{file.path}: metadata key 'llama.attention.causal' is false, expected a causal decoder")
        rotating = file.get("llama.rope.dimension_count", int, key_length)
        if rotating < 2 or rotating % 2 or rotating > key_length:
            raise CheckpointError(f"{file.path}: metadata key 'llama.rope.dimension_count' is {rotating}, expected an even "
                                  f"number of at most {key_length} (the length of a head)")
        layers = file.require("llama.block_count", int)
        if f"blk.{layers - 1}.attn_norm.weight" not in file.tensors:
            raise CheckpointError(f"{file.path}: metadata key 'llama.block_count' is {layers}, but tensor "
                                  f"'blk.{layers - 1}.attn_norm.weight' is missing")
        return LlamaConfig(
            layers=layers,
            context=context if context is not None else min(limit, DEFAULT_CONTEXT),
            vocabulary=file.shape("token_embd.weight")[0],
            embedding=embedding,
            feed_forward=file.require("llama.feed_forward_length", int),
            heads=heads,
            kv_heads=kv_heads,
            key_length=key_length,
            value_length=file.get("llama.attention.value_length", int, key_length),
            epsilon=_positive(file, "attention.layer_norm_rms_epsilon"),
            rope=_read_rope(file, rotating, trained))

    def cache_shapes(self) -> list[tuple[int, ...]]:
        """Of keys and of values."""
        return [(self.layers, self.context, self.kv_heads, length) for length in (self.key_length, self.value_length)]

    def tensor_shapes(self, tied: bool) -> dict[str, tuple[int, ...]]:
        """Every tensor that the decoder needs."""
        shapes = {"token_embd.weight": (self.vocabulary, self.embedding), "output_norm.weight": (self.embedding,)}
        if not tied:
            shapes["output.weight"] = (self.vocabulary, self.embedding)
        for layer in range(self.layers):
            shapes |= {f"blk.{layer}.{name}.weight": shape for name, shape in {
                "attn_norm": (self.embedding,),
                "attn_q": (self.heads * self.key_length, self.embedding),
                "attn_k": (self.kv_heads * self.key_length, self.embedding),
                "attn_v": (self.kv_heads * self.value_length, self.embedding),
                "attn_output": (self.embedding, self.heads * self.value_length),
                "ffn_norm": (self.embedding,),
                "ffn_gate": (self.feed_forward, self.embedding),
                "ffn_up": (self.feed_forward, self.embedding),
                "ffn_down": (self.embedding, self.feed_forward)}.items()}
        return shapes


def _positive(file: GGUFFile, key: str, default: float | None = None) -> float:
    value = file.get(f"llama.{key}", float, default)
    if value is None:
        raise CheckpointError(f"{file.path}: metadata key 'llama.{key}' is missing")
    if not 0 < value < float("inf"):
        raise CheckpointError(f"{file.path}: metadata key 'llama.{key}' is {value}, expected a positive number")
    return value


def _read_rope(file: GGUFFile, rotating: int, trained: int) -> Rope:
    scaling = file.get("llama.rope.scaling.type", str, "none")
    if scaling not in ("none", "linear", "yarn"):
        raise CheckpointError(f"{file.path}: metadata key 'llama.rope.scaling.type' is '{scaling}', expected none, linear or "
                              "yarn")
    old_factor = _positive(file, "rope.scale_linear", 1.0)  # files from before rope.scaling
    if scaling == "none" and old_factor != 1.0:
        scaling = "linear"
    return Rope(rotating, _positive(file, "rope.freq_base", 10000.0), scaling,
                _positive(file, "rope.scaling.factor", old_factor),
                file.get("llama.rope.scaling.original_context_length", int, 0) or trained,
                _positive(file, "rope.scaling.attn_factor", 1.0), _positive(file, "rope.scaling.yarn_beta_fast", 32.0),
                _positive(file, "rope.scaling.yarn_beta_slow", 1.0))


class Weights:
    """How the decoder gets its parameters; `dense` is the value of a matrix or vector in f32."""

    def __init__(self, file: GGUFFile, function: Function):
        self.file, self.function = file, function

    def has(self, name: str) -> bool:
        return name in self.file.tensors

    def table(self, name: str, shape: tuple[int, ...]) -> Value:
        return self.function.parameter(name.replace(".", "_"), name, shape, "f32")

    def dense(self, name: str) -> Value:
        f, layout, shape = self.function, self.file.format(name), self.file.shape(name)
        hint = name.removesuffix(".weight").split(".")[-1]

        def stored(field):
            full = f"{name}.{field.suffix}" if field.suffix else name
            return f.parameter(f"{hint}_{field.suffix}" if field.suffix else hint, full, field.logical_shape(shape),
                               field.type)

        codes = stored(layout.codes)
        if layout.codes.type == "f32":
            return codes
        scale = layout.scale and stored(layout.scale)
        second = layout.second_scale and stored(layout.second_scale)
        zero = layout.zero and stored(layout.zero)
        if zero and layout.zero_is_minimum:
            zero = f.emit(f"{hint}_zeros", f"arith.negf {zero.name} : {zero.type}", zero.element, zero.shape)
        blocks = {"first": layout.scale.block if scale else 1, "second": layout.second_scale.block if second else 1}
        return f.dequantize(hint, codes, scale, second, zero, blocks, "f32")


class Decoder:
    """Emits the function; `weights` may be any object with the methods of Weights."""

    def __init__(self, config: LlamaConfig, function: Function, weights: Weights):
        self.config, self.f, self.weights = config, function, weights

    def emit(self) -> None:
        c, f = self.config, self.f
        tokens = f.argument("tokens", (None,), "i32", 'rung.name = "tokens"')
        position = f.argument("position", (), "i32", 'rung.name = "position"')
        wanted = f.argument("rows", (None,), "i32", 'rung.name = "rows"')
        caches = [f.argument(name, shape, "f32", f'rung.name = "{name}", rung.inout')
                  for name, shape in zip(("k_cache", "v_cache"), c.cache_shapes())]
        self.rows = f.dim("m", tokens, 0)
        self.position = f.extract_index("p", position)
        self.end = f.add_index("t", self.position, self.rows)
        f.check(self.position, "sge", f.index(0), "the position is negative")
        f.check(self.end, "sle", f.index(c.context), f"the position and the number of tokens exceed the context of {c.context} tokens")
        largest = f.generic("largest", "r", [(wanted, "r")], [(f.filled("zero", [], "0", "i32"), "")],
                            lambda b, row, other: [b.op(f"arith.maxui {row}, {other} : i32")], reduce="r")[0]
        f.check(f.extract_index("last_row", largest), "ult", self.rows, "a wanted row is outside the rows of the tokens")
        half = c.rope.dimensions // 2
        self.cos, self.sin = (
            f.extract_slice(name, self.weights.table(f"rope.{name}", (c.context, half)), [self.position, 0],
                            [self.rows, half], [1, 1]) for name in ("cos", "sin"))
        embedding = self.weights.dense("token_embd.weight")
        x = self.gather("x", tokens, embedding, self.rows)
        for layer in range(c.layers):
            f.comment(f"Block {layer}: attention.")
            x, caches = self.attention(layer, x, caches)
            f.comment(f"Block {layer}: feed forward.")
            x = self.feed_forward(layer, x)
        f.comment("The logits of the rows that are wanted.")
        count = f.dim("r", wanted, 0)
        normed = self.rms_norm(self.gather("wanted", wanted, x, count), "output_norm.weight", count)
        head = self.weights.dense("output.weight") if self.weights.has("output.weight") else embedding
        f.result(f.matmul_transposed("head", normed, head, count), 'rung.name = "logits"')
        for cache in caches:
            f.result(cache)

    def gather(self, hint: str, numbers: Value, table: Value, count: Value) -> Value:
        """The `count` rows of the table that have these numbers."""
        def body(b, number, _):
            row = b.op(f"arith.index_cast {number} : i32 to index")
            column = b.index(1)
            return [b.op(f"tensor.extract {table.name}[{row}, {column}] : {table.type}")]

        out = self.f.empty(f"{hint}_init", [count, self.config.embedding])
        return self.f.generic(hint, "mk", [(numbers, "m")], [(out, "mk")], body)[0]

    def linear(self, hint: str, x: Value, name: str) -> Value:
        """x · Wᵀ, plus the bias if the checkpoint has one."""
        result = self.f.matmul_transposed(hint, x, self.weights.dense(f"{name}.weight"), self.rows)
        if not self.weights.has(f"{name}.bias"):
            return result
        bias = self.weights.dense(f"{name}.bias")
        return self.elementwise(hint, "mn", result.shape, [(result, "mn"), (bias, "n")],
                                lambda b, y, z, _: [b.binary("addf", y, z)])

    def elementwise(self, hint: str, dims: str, shape: tuple, inputs: list, body, rows: Value | None = None) -> Value:
        """`rows` is the dynamic extent, if not that of the tokens."""
        out = self.f.empty(f"{hint}_init", [rows or self.rows if extent is None else extent for extent in shape])
        return self.f.generic(hint, dims, inputs, [(out, dims)], body)[0]

    def rms_norm(self, x: Value, weight: str, rows: Value | None = None) -> Value:
        """x / sqrt(mean(x²) + ε) · w, by rows."""
        f, c, rows = self.f, self.config, rows or self.rows

        def square_sum(b, value, total):
            return [b.binary("addf", total, b.binary("mulf", value, value, REASSOCIATE), REASSOCIATE)]

        def reciprocal(b, total, _):
            mean = b.binary("divf", total, b.f32(float(c.embedding)))
            return [b.math("rsqrt", b.binary("addf", mean, b.f32(c.epsilon)))]

        squares = f.generic("square_sum", "mk", [(x, "mk")], [(f.filled("square_sum", [rows], 0.0), "m")], square_sum, "k")[0]
        factor = f.generic("rms_factor", "m", [(squares, "m")], [(f.empty("rms_factor_init", [rows]), "m")], reciprocal)[0]
        return self.elementwise("normed", "mk", x.shape, [(x, "mk"), (factor, "m"), (self.weights.dense(weight), "k")],
                                lambda b, v, s, w, _: [b.binary("mulf", b.binary("mulf", v, s), w)], rows)

    def rotate(self, x: Value, heads: int, target: Value, offsets: list[Size], sizes: list[Size]) -> Value:
        """Writes rope(x), x [M, heads · D], into the slice [M, heads, D] of `target` at `offsets`, reordered as the
        module comment says; `sizes` are the slice's sizes, all but the last."""
        f, c = self.f, self.config
        half, rest = c.rope.dimensions // 2, c.key_length - c.rope.dimensions
        pairs = f.expand("heads", x, [[0], [1, 2]], [self.rows, heads, c.key_length])
        dropped = range(len(sizes) - 2)  # the block's dimension of a cache
        first, second = (f.extract_slice(name, pairs, [0, 0, start], [self.rows, heads, half], [1, 1, 2])
                         for name, start in (("first", 0), ("second", 1)))

        def part(hint, start, body):
            nonlocal target
            place, extent = [*offsets[:-1], start], [*sizes, half]
            view = f.extract_slice(f"{hint}_place", target, place, extent, [1] * len(extent), dropped)
            values = f.generic(hint, "mhi", [(first, "mhi"), (second, "mhi"), (self.cos, "mi"), (self.sin, "mi")],
                               [(view, "mhi")], body)[0]
            target = f.insert_slice(f"{hint}_placed", values, target, place, extent)

        part("rope_first", 0, lambda b, u, v, cos, sin, _: [
            b.binary("subf", b.binary("mulf", u, cos), b.binary("mulf", v, sin))])
        part("rope_second", half, lambda b, u, v, cos, sin, _: [
            b.binary("addf", b.binary("mulf", u, sin), b.binary("mulf", v, cos))])
        if rest:
            tail = f.extract_slice("rope_rest", pairs, [0, 0, 2 * half], [self.rows, heads, rest], [1, 1, 1])
            target = f.insert_slice("rope_rest_placed", tail, target, [*offsets[:-1], 2 * half], [*sizes, rest])
        return target

    def attention(self, layer: int, x: Value, caches: list[Value]) -> tuple[Value, list[Value]]:
        f, c, m = self.f, self.config, self.rows
        prefix = f"blk.{layer}"
        group = c.heads // c.kv_heads
        h = self.rms_norm(x, f"{prefix}.attn_norm.weight")
        q, k, v = (self.linear(name, h, f"{prefix}.attn_{name}") for name in "qkv")

        queries = self.rotate(q, c.heads, f.empty("queries_init", [m, c.heads, c.key_length]), [0, 0, 0], [m, c.heads])
        queries = f.expand("queries", queries, [[0], [1, 2], [3]], [m, c.kv_heads, group, c.key_length])
        place = [layer, self.position, 0, 0]
        k_cache = self.rotate(k, c.kv_heads, caches[0], place, [1, m, c.kv_heads])
        values = f.expand("values", v, [[0], [1, 2]], [m, c.kv_heads, c.value_length])
        v_cache = f.insert_slice("v_cache", values, caches[1], place, [1, m, c.kv_heads, c.value_length])
        keys, values = (f.extract_slice(name, cache, [layer, 0, 0, 0], [1, self.end, *cache.shape[2:]], [1] * 4, [0])
                        for name, cache in (("keys", k_cache), ("values", v_cache)))
        mixed = self.mix(queries, keys, values, group)
        return self.residual(self.linear("attn_output", mixed, f"{prefix}.attn_output"), x), [k_cache, v_cache]

    def mix(self, q: Value, k: Value, v: Value, group: int) -> Value:
        """softmax(q · kᵀ / sqrt(D)) · v with the causal mask: q [M, kv, group, D], k and v [T, kv, D] to [M, heads · D]."""
        f, c, m, t = self.f, self.config, self.rows, self.end
        shape = [c.kv_heads, group, m]

        def product(b, x, y, total):
            return [b.binary("addf", total, b.binary("mulf", x, y, REASSOCIATE), REASSOCIATE)]

        def mask_and_maximum(b, score, maximum):
            row, column = b.index(2), b.index(3)
            seen = b.op(f"arith.cmpi ule, {column}, {b.op(f'arith.addi {row}, {self.position.name} : index')} : index")
            scaled = b.binary("mulf", score, b.f32(float(np.float32(c.key_length**-0.5))))
            masked = b.op(f"arith.select {seen}, {scaled}, {b.f32(NEGATIVE_INFINITY)} : f32")
            return [masked, b.binary("maximumf", maximum, masked, "nnan,nsz,reassoc")]

        def exponential_and_sum(b, maximum, score, total):
            weight = b.math("exp", b.binary("subf", score, maximum))
            return [weight, b.binary("addf", total, weight, REASSOCIATE)]

        scores = f.generic("scores", "hgmtd", [(q, "mhgd"), (k, "thd")],
                           [(f.filled("scores", [*shape, t], 0.0), "hgmt")], product, "d")[0]
        lowest = f.filled("maximum", shape, NEGATIVE_INFINITY)
        scores, maximum = f.generic("masked", "hgmt", [], [(scores, "hgmt"), (lowest, "hgm")], mask_and_maximum, "t")
        weights, total = f.generic("weights", "hgmt", [(maximum, "hgm")],
                                   [(scores, "hgmt"), (f.filled("total", shape, 0.0), "hgm")], exponential_and_sum, "t")
        sums = f.filled("mixed", [m, c.kv_heads, group, c.value_length], 0.0)
        mixed = f.generic("mixed", "hgmtd", [(weights, "hgmt"), (v, "thd")], [(sums, "mhgd")], product, "t")[0]
        mixed = f.generic("attended", "mhgd", [(total, "hgm")], [(mixed, "mhgd")],
                          lambda b, s, value: [b.binary("divf", value, s)])[0]
        return f.collapse("attended", mixed, [[0], [1, 2, 3]])

    def feed_forward(self, layer: int, x: Value) -> Value:
        prefix = f"blk.{layer}"

        def swiglu(b, gate, up, _):
            one = b.f32(1.0)
            silu = b.binary("divf", gate, b.binary("addf", one, b.math("exp", b.negate(gate))))
            return [b.binary("mulf", silu, up)]

        h = self.rms_norm(x, f"{prefix}.ffn_norm.weight")
        gate, up = (self.linear(name, h, f"{prefix}.ffn_{name}") for name in ("gate", "up"))
        inner = self.elementwise("swiglu", "mn", gate.shape, [(gate, "mn"), (up, "mn")], swiglu)
        return self.residual(self.linear("ffn_down", inner, f"{prefix}.ffn_down"), x)

    def residual(self, y: Value, x: Value) -> Value:
        return self.elementwise("x", "mk", x.shape, [(y, "mk"), (x, "mk")], lambda b, u, v, _: [b.binary("addf", u, v)])


def check_tensors(file: GGUFFile, config: LlamaConfig) -> None:
    """Every tensor is there, of the right shape and of a known type, and none is left over."""
    shapes = config.tensor_shapes(tied="output.weight" not in file.tensors)
    biases = {name.removesuffix("weight") + "bias": shape[:1] for name, shape in shapes.items()
              if len(shape) == 2 and name.startswith("blk.")}
    expected = shapes | {name: shape for name, shape in biases.items() if name in file.tensors}
    if "rope_freqs.weight" in file.tensors:
        expected["rope_freqs.weight"] = (config.rope.dimensions // 2,)
    for name, shape in expected.items():
        if file.shape(name) != shape:
            raise CheckpointError(f"{file.path}: tensor '{name}' has shape {list(file.shape(name))}, expected {list(shape)}")
        file.format(name)
    extra = sorted(set(file.tensors) - set(expected))
    if extra:
        more = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise CheckpointError(f"{file.path}: tensor '{extra[0]}'{more} is no part of a llama decoder of {config.layers} blocks")


def frequency_factors(file: GGUFFile) -> np.ndarray | None:
    """Divisors of the rotary frequencies (Llama 3 stores them as a tensor)."""
    if "rope_freqs.weight" not in file.tensors:
        return None
    return np.concatenate([rows[""] for rows in file.rows("rope_freqs.weight")]).reshape(-1).astype(np.float32)
