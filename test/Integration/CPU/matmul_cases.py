# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Which kernels are run. Each list covers one thing; together they meet every flag and format of cli.md."""

from __future__ import annotations

import dataclasses
import random

import number_formats
from kernel_reference import Case

UNNAMED = ["!rung.float<e3m4, bias = 5, specials = none>", "!rung.codebook<3, [-4, -2.5, -1, 0, 0.75, 1.5, 3.25, 8]>",
           "!rung.uint<5, offset = 16>", "!rung.float<e2m2, specials = fn>", "!rung.float<e4m3, unsigned>",
           "!rung.float<e5m1, bias = 12, specials = ieee>", "!rung.float<e1m5, specials = fnuz>",
           "!rung.codebook<5, [-3, -2, -1, -0.5, 0.1, 0.5, 1, 2, 3]>", "!rung.uint<8, offset = 1000>", "!rung.uint<2, offset = -3>",
           "f6E3M2FN", "f8E4M3", "i4", "ui8", "si3", "i1", "ui16", "ui32", "si16"]
FORMATS = number_formats.NAMED + UNNAMED
# (N, K): one, odd, just beside powers of two, and two that fill tiles.
SHAPES = [(1, 1), (3, 17), (17, 100), (33, 3), (16, 64), (100, 33), (5, 256), (1, 77), (64, 1), (31, 130), (48, 96)]
SCALES = ["f16", "bf16", "f32", "e8m0", "e4m3", "int8", "nf4", "f64", "e5m2", "!rung.float<e5m3, unsigned>"]
GROUPS = [None, 32, 1, 3, 16, 5, 128, 64, 7]
ACTIVATIONS = ["f32", "f16", "bf16"]
M = [dict(m=1), dict(m=5), dict(rows=(1, 2, 19)), dict(m=33), dict(rows=(8,))]


def is_integer(format: str) -> bool:
    return number_formats.parse(format).is_integer_valued


def zero_points(weight: str) -> list[str | None]:
    return [None, "float", "rescale"] + (["integer"] if is_integer(weight) else [])


def pick(choices: list, i: int):
    return choices[i % len(choices)]


# x is the identity, so that the result lists what each code was decoded to: exactly its value.
DECODE = [Case(n=3, k=len(number_formats.parse(f).finite_codes), rows=(len(number_formats.parse(f).finite_codes),),
               activation="f32", weight=f, result="f64" if "1000" in f else "f32", inputs="codes")
          for f in FORMATS if number_formats.parse(f).bits <= 8]

# y = x * 1, so that the result shows how each format rounds: ties, neighbours of ties, values out of range.
ROUND = [Case(m=2000, n=1, k=1, activation="f32", weight="int2", result=f, inputs="values") for f in FORMATS]

# Every format as a weight, without and with scales; activations, shapes, groups and zero points go round beside it.
WEIGHTS = [Case(n=n, k=k, **pick(M, i), activation=pick(ACTIVATIONS, i), weight=f, result=pick(ACTIVATIONS, i))
           for i, f in enumerate(FORMATS) for n, k in [pick(SHAPES, i + 1)]]
SCALED = [Case(n=n, k=k, **pick(M, i + i // 5), activation=pick(ACTIVATIONS, i + i // 3), weight=f, result=pick(ACTIVATIONS, i),
               scale=pick(SCALES, i), group=pick(GROUPS, i), zero_point=pick(zero_points(f), i))
          for i, f in enumerate(FORMATS) for n, k in [pick(SHAPES, i + i // 11)]]

# Every format as an activation, and as result, bias and residual.
OPERANDS = [Case(n=n, k=k, **pick(M, i), activation=f, weight=pick(["int4", "e2m1", "nf4", "f16", "uint3"], i), scale="f16",
                 group=pick(GROUPS, i), result=pick(["f32", "f16", "bf16"], i))
            for i, f in enumerate(FORMATS) for n, k in [pick(SHAPES, i + 2)]]
RESULTS = [Case(n=n, k=k, **pick(M, i), activation=pick(ACTIVATIONS, i), weight=pick(["int4", "e4m3", "iq4nl"], i), scale="f16",
                group=16, result=f, bias=True, residual=i % 2 == 0, epilogue=pick([None, "relu", "silu", "gelu"], i))
           for i, f in enumerate(FORMATS) for n, k in [pick(SHAPES, i + 3)]]

EPILOGUES = [Case(n=17, k=100, **pick(M, i), activation=f, weight="int4", result=f, scale=f, group=32, bias=bias, residual=residual,
                  epilogue=epilogue)
             for i, (f, epilogue, bias, residual) in enumerate(
                 (f, e, b, r) for f in ACTIVATIONS for e in (None, "relu", "gelu", "silu") for b, r in ((True, True), (False, True), (True, False)))]

# Both operands integers: exact in i32, whatever the result's format.
INTEGERS = [Case(n=n, k=k, **pick(M, i), activation=a, weight=w, result=r, bias=i % 2 == 0, residual=i % 3 == 0,
                 epilogue="relu" if i % 4 == 1 else None)
            for i, (a, w, r) in enumerate([
                ("int8", "int8", "i32"), ("i8", "int4", "i32"), ("uint8", "int3", "i32"), ("uint8", "uint8", "i32"), ("int4", "int4", "int8"),
                ("int1", "uint1", "i16"), ("i16", "i8", "i32"), ("i32", "int2", "i32"), ("i16", "i16", "i32"), ("int8", "ternary", "i32"),
                ("iq4nl", "binary", "int8"), ("!rung.uint<5, offset = 16>", "uint7", "int4"), ("uint3", "!rung.uint<2, offset = 1>", "uint6"),
                ("i8", "i8", "f32"), ("int5", "int6", "f16"), ("int2", "uint8", "e4m3"), ("int3", "!rung.uint<8, offset = 1000>", "f64"),
                ("uint2", "i32", "i32"), ("i16", "i16", "i32"), ("int7", "int7", "!rung.uint<8, offset = 128>"), ("i32", "i8", "i32")])
            for n, k in [pick(SHAPES, i + 1)]]

# Operands that f32 does not hold.
WIDE = [Case(n=17, k=33, m=5, activation=a, weight=w, result=r, scale=s, bias=b, group=None)
        for a, w, r, s, b in [("i32", "f16", "f32", None, False), ("f64", "int4", "f64", "f32", True), ("f64", "f64", "f64", None, False),
                              ("f32", "f64", "f32", None, True), ("i32", "int4", "i32", "f16", True), ("f16", "i32", "f64", "bf16", False),
                              ("f32", "f32", "f64", None, False), ("bf16", "f16", "bf16", None, False), ("f16", "f32", "f16", None, True),
                              ("f16", "e8m0", "bf16", None, False), ("nf4", "i16", "i32", "f32", False)]]
WIDE += [Case(n=17, k=33, m=5, activation="f64", weight="uint8", result="f64", scale="e8m0", epilogue=epilogue, residual=True)
         for epilogue in ("gelu", "silu")]

GROUPED = [Case(n=17, k=k, m=m, activation="f32", weight=w, result="f32", scale="f16", group=g, zero_point=z)
           for i, (k, g) in enumerate([(100, 1), (100, 3), (100, 5), (96, 16), (100, 32), (300, 128), (33, 128), (257, 32), (1, 1), (64, 64)])
           for m in (1, 5) for w, z in [pick([("int4", None), ("uint4", "integer"), ("e2m1", "rescale"), ("int3", "float")], i + m)]]

DEFAULT = DECODE + ROUND + WEIGHTS + SCALED + OPERANDS + RESULTS + EPILOGUES + INTEGERS + WIDE + GROUPED
# What other instruction sets could get wrong: shapes, decoding, rounding, epilogues.
OTHER_TARGETS = DECODE[3::7] + ROUND[2::9] + SCALED[1::6] + RESULTS[4::11] + INTEGERS[::5] + EPILOGUES[5::13]


def random_cases(count: int, seed: int = 0) -> list[Case]:
    """Any combination that cli.md allows."""
    rng = random.Random(seed)
    cases = []
    for _ in range(count):
        weight, scale = rng.choice(FORMATS), rng.choice([None, *SCALES])
        m = rng.choice(M)
        cases.append(Case(
            n=rng.choice([1, 2, 3, 8, 15, 16, 17, 33, 64, 100]), k=rng.choice([1, 2, 3, 7, 16, 17, 31, 33, 64, 100, 129, 300]), **m,
            activation=rng.choice(FORMATS + 10 * ACTIVATIONS), weight=weight, result=rng.choice(FORMATS + 10 * ACTIVATIONS), scale=scale,
            group=rng.choice([None, 1, 2, 3, 5, 8, 16, 32, 33, 64, 128]) if scale else None,
            zero_point=rng.choice(zero_points(weight)) if scale else None, bias=rng.random() < 0.3, residual=rng.random() < 0.3,
            epilogue=rng.choice([None, None, "relu", "gelu", "silu"])))
    return unique(cases)


def unique(cases: list[Case]) -> list[Case]:
    return list(dict.fromkeys(dataclasses.replace(case) for case in cases))
