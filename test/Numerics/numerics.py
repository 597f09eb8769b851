# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Calls lib/Numerics through rung-numerics-driver (test/Unit/Numerics/Driver.cpp)."""

import functools
import os
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVER = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).resolve() / "test" / "bin" / "rung-numerics-driver"
NONE = (1 << 64) - 1  # in place of a code: NaN into a format without one


@functools.cache
def driver() -> subprocess.Popen:
    """Answers requests until it meets a bad one."""
    return subprocess.Popen([DRIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(*args: str, data: bytes) -> bytes:
    process = driver()
    process.stdin.write("\t".join([str(len(data)), *args]).encode() + b"\n" + data)
    process.stdin.flush()
    size = process.stdout.readline()
    if not size:
        driver.cache_clear()
        raise RuntimeError(process.communicate()[1].decode().strip())
    return process.stdout.read(int(size))


def shape_text(shape) -> str:
    return "x".join(map(str, shape))


def codes_bytes(codes) -> bytes:
    return np.ascontiguousarray(codes, dtype="<u8").tobytes()


def decode(fmt: str, codes) -> np.ndarray:
    return np.frombuffer(run("decode", fmt, data=codes_bytes(codes)), "<f8").reshape(np.shape(codes))


def encode(fmt: str, values, *options: str, random=None) -> np.ndarray:
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    if random is not None:
        data += codes_bytes(random)
    return np.frombuffer(run("encode", fmt, *options, data=data), "<u8").reshape(np.shape(values))


def tables(formats: list[str]) -> np.ndarray:
    """The values of all codes of formats without invalid ones, one format after the other."""
    return np.frombuffer(run("tables", *formats, data=b""), "<f8")


def table(fmt: str, bits: int) -> np.ndarray:
    """The values of all codes of a format without invalid ones."""
    return tables([fmt])[: 1 << bits]


def scaled(command: str, result: str, operands: dict, *options: str) -> np.ndarray:
    """`dequantize` or `quantize`; operands: {"input": (format, codes), "scale": ..., "second": ..., "zero": ...}."""
    arguments = [f"{name}={fmt}:{shape_text(np.shape(codes))}" for name, (fmt, codes) in operands.items()]
    data = b"".join(codes_bytes(codes) for _, codes in operands.values())
    out = run(command, result, *arguments, *options, data=data)
    return np.frombuffer(out, "<u8").reshape(np.shape(operands["input"][1]))


def dequantize(operands: dict, *options: str, result: str = "f64") -> np.ndarray:
    """Values, not codes."""
    return decode(result, scaled("dequantize", result, operands, *options))


def quantize_blocks(fmt: str, scale_format: str, rule: str, values, block) -> tuple[np.ndarray, np.ndarray]:
    shape = np.shape(values)
    data = np.ascontiguousarray(values, dtype="<f8").tobytes()
    out = np.frombuffer(
        run("quantize_blocks", fmt, scale_format, rule, shape_text(shape), shape_text(block), data=data), "<u8"
    )
    count = int(np.prod(shape))
    scale_shape = [-(-size // step) for size, step in zip(shape, block)]
    return out[:count].reshape(shape), out[count:].reshape(scale_shape)


def minifloat(exponent_bits: int, mantissa_bits: int, bias: int, specials: str, signed: bool) -> str:
    return f"float/{exponent_bits}/{mantissa_bits}/{bias}/{specials}" + ("" if signed else "/unsigned")
