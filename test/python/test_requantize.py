# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung-import --weights=FORMAT: scales and codes against exact fractions over the tables of rung-format, whole models against
the numpy reference on the values that were written, and what is refused."""

import bisect
import dataclasses
import fractions
import functools
import json
import pathlib
import subprocess

import gguf
import numpy as np
import pytest
from llama_reference import LlamaReference
from tiny_llama import TinyLlama

from rung import _numerics
from rung.generate import LanguageModel
from rung.importer.__main__ import main

BUILD = pathlib.Path(_numerics.__file__).resolve().parents[2]
Fraction = fractions.Fraction


@functools.cache
def table(text: str) -> list[float | None]:
    """The value of each code."""
    rows = json.loads(subprocess.check_output([BUILD / "bin/rung-format", text, "--json"]))["values"]
    return [None if row["value"] is None else float.fromhex(row["value"]) for row in rows]


@functools.cache
def finite(text: str) -> list[Fraction]:
    return [Fraction(value) for value in sorted({value for value in table(text) if value is not None and np.isfinite(value)})]


def unpack(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    """Codes of canonical storage."""
    found = np.unpackbits(packed, axis=-1, bitorder="little")[:, : count * bits].reshape(len(packed), count, bits)
    return (found.astype(np.int64) << np.arange(bits)).sum(axis=-1)


def decoded(packed: np.ndarray, text: str, count: int) -> np.ndarray:
    """The values of canonical storage, f64."""
    packed = np.ascontiguousarray(packed).view(np.uint8).reshape(len(packed), -1)
    if text == "f32":
        return packed.view("<f4").astype(np.float64)
    values = np.array([np.nan if value is None else value for value in table(text)])
    return values[unpack(packed, _numerics.Format(text).bits, count)]


# ---- scales and codes

GROUPS = 8
MATRIX = np.random.default_rng(2).standard_normal((5, 21)).astype(np.float32) * np.float32([[1], [0.01], [90], [1e-6], [0]])
FORMATS = ["int2", "int3", "int4", "int8", "e2m1", "e3m2", "e4m3", "e5m2", "e4m3fnuz", "nf4", "nf3", "iq4nl", "ternary", "binary",
           "!rung.uint<5, offset = 16>", "!rung.uint<3, offset = 1>", "!rung.float<e3m1, bias = 3>",
           "!rung.float<e2m2, specials = ieee>", "!rung.codebook<3, [9, -4, 0, 1, 0.3, -1]>"]
ONE_SIGN = ["uint4", "uint1", "int1", "!rung.float<e2m1, unsigned>", "!rung.codebook<2, [1, 2, 5]>"]


def nearest(x: Fraction, text: str) -> Fraction:
    """The value of the format closest to x; a tie's lower one (ties are Numerics' business, and tested there)."""
    values = finite(text)
    at = bisect.bisect_left(values, x)
    return min(values[max(at - 1, 0) : at + 1], key=lambda value: abs(value - x))


def expected_scale(group: np.ndarray, weights: str, scale: str) -> Fraction:
    values, amax = finite(weights), max(abs(Fraction(float(w))) for w in group)
    if scale == "e8m0":  # 2^(floor(log2 amax) - floor(log2 of the greatest value))
        floor_log2 = [int(np.floor(np.log2(float(x)))) for x in (amax, values[-1])] if amax else [-127, 0]
        return Fraction(2) ** (floor_log2[0] - floor_log2[1])
    exact = amax / min(-values[0], values[-1])
    rounded = nearest(exact, scale)
    return rounded if rounded or not amax else min(value for value in finite(scale) if value > 0)


def groups():
    for row in range(MATRIX.shape[0]):
        for at in range(0, MATRIX.shape[1], GROUPS):
            yield row, at // GROUPS, slice(at, min(at + GROUPS, MATRIX.shape[1]))


def quantized(weights: str, scale: str):
    """Values of codes, scales and zero points of MATRIX."""
    codes, scales, zeros = _numerics.GroupQuantizer(_numerics.Format(weights), _numerics.Format(scale)).quantize(MATRIX, GROUPS)
    count = -(-MATRIX.shape[1] // GROUPS)
    return (decoded(codes, weights, MATRIX.shape[1]), decoded(scales, scale, count),
            None if zeros is None else decoded(zeros, scale, count))


@pytest.mark.parametrize("scale", ["f16", "e4m3", "e8m0"])
@pytest.mark.parametrize("weights", FORMATS)
def test_scales_and_codes_are_the_nearest(weights, scale):
    v, s, z = quantized(weights, scale)
    assert z is None
    for row, group, columns in groups():
        found = Fraction(s[row, group])
        assert found == expected_scale(MATRIX[row, columns], weights, scale)
        for w, value in zip(MATRIX[row, columns], v[row, columns]):
            x = Fraction(float(w)) / (found or 1)
            assert abs(Fraction(value) - x) == abs(nearest(x, weights) - x)


@pytest.mark.parametrize("scale", ["f16", "bf16"])
@pytest.mark.parametrize("weights", ONE_SIGN)
def test_formats_of_one_sign_get_zero_points(weights, scale):
    """s = range / range of the format, z = s · least value - least weight, the code of (w + z) / s."""
    v, s, z = quantized(weights, scale)
    values = finite(weights)
    for row, group, columns in groups():
        part = [Fraction(float(w)) for w in MATRIX[row, columns]]
        exact = (max(part) - min(part)) / (values[-1] - values[0])
        found, zero = Fraction(s[row, group]), Fraction(z[row, group])
        assert found == nearest(exact, scale) or not nearest(exact, scale)
        assert found > 0 or max(part) == min(part)
        assert zero == nearest(found * values[0] - min(part), scale)
        for w, value in zip(part, v[row, columns]):
            x = (w + zero) / (found or 1)
            assert abs(Fraction(value) - x) == abs(nearest(x, weights) - x)


# ---- models

@dataclasses.dataclass(frozen=True)
class Case:
    weights: str
    group: int | None = None
    scale: str | None = None
    model: TinyLlama = dataclasses.field(default_factory=lambda: TinyLlama(layers=1, matrices=["Q4_1", "F16"], table="Q8_0"))

    def flags(self) -> list[str]:
        options = {"weights": self.weights, "group": self.group, "scale": self.scale}
        return [f"--{name}={value}" for name, value in options.items() if value is not None]


CASES = {
    "ragged groups": Case("int3", 24),
    "powers of two": Case("e2m1", 32, "e8m0"),
    "a scale for each row, a head of its own": Case("!rung.float<e3m1, bias = 3>", scale="f32",
                                                    model=TinyLlama(layers=1, tied=False, matrices="F32", biases=True)),
    "zero points": Case("uint4", 32),
}


def read_parameters(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The bytes of each tensor, by rows (the safetensors package has no F8 or BF16)."""
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    return {name: np.frombuffer(raw[8 + size :][slice(*entry["data_offsets"])], np.uint8).reshape(entry["shape"][0], -1)
            for name, entry in header.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_model_computes_with_the_values_that_were_written(name, build, tmp_path):
    case = CASES[name]
    path = case.model.write(tmp_path / "tiny.gguf")
    subprocess.run([build / "bin/rung-import", path, "-o", tmp_path / "model.mlir", *case.flags()], check=True)
    subprocess.run([build / "bin/rung-compile", tmp_path / "model.mlir", "--target=cpu", "--emit=bundle", "-o",
                    tmp_path / "model.rung", f"--parameters={tmp_path / 'model.safetensors'}"], check=True)
    reference, stored = LlamaReference(path, context=64), read_parameters(tmp_path / "model.safetensors")
    scale = case.scale or "f16"
    quantizer = _numerics.GroupQuantizer(_numerics.Format(case.weights), _numerics.Format(scale))
    for tensor, w in reference.weights.items():
        if w.ndim != 2:
            assert stored[tensor].view(np.float32).ravel().tolist() == w.tolist()
            continue
        columns = w.shape[1]
        group = case.group or columns
        expected = quantizer.quantize(np.ascontiguousarray(w), group)
        parts = [stored.get(f"{tensor}.{suffix}") for suffix in ("codes", "scales", "zeros")]
        for part, array in zip(parts, expected):
            assert part is None if array is None else np.array_equal(part, array)
        v, (s, z) = decoded(parts[0], case.weights, columns), (
            0 if part is None else np.repeat(decoded(part, scale, -(-columns // group)), group, axis=1)[:, :columns]
            for part in parts[1:])
        reference.weights[tensor] = (s * v - z).astype(np.float32)
    model, tokens = LanguageModel(str(tmp_path / "model.rung")), np.random.default_rng(3).integers(0, 300, 19).tolist()
    logits = np.concatenate([model.feed_for_all(tokens[:17]), *(model.feed_for_all([token]) for token in tokens[17:])])
    answer = reference.forward(tokens, 0, every=True)
    assert np.linalg.norm(logits - answer) / np.linalg.norm(answer) < 1e-4


@pytest.mark.parametrize("weights, scale", [("i16", "f64"), ("ui16", "bf16"), ("i8", "i32"), ("!rung.uint<7, offset = 64>", "e4m3")])
def test_every_width_has_a_place_in_the_file(weights, scale, tiny, tmp_path, capsys):
    assert command(capsys, tiny, "-o", tmp_path / "model.mlir", f"--weights={weights}", f"--scale={scale}") == (0, "", "")
    stored = read_parameters(tmp_path / "model.safetensors")["blk.0.ffn_up.weight.codes"]
    assert stored.shape == (96, 64 * _numerics.Format(weights).bits // 8)


# ---- the command

def command(capsys, *arguments):
    """Exit status, stdout, stderr of rung-import."""
    try:
        code = main(list(map(str, arguments)))
    except SystemExit as exit:
        code = exit.code
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return TinyLlama(layers=1, matrices="F32", table="F32").write(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.mark.parametrize("flags, message", [
    (["--weights=int9"], "--weights: 'int9' is no number format; expected a name (int4,"),
    (["--weights=!rung.codebook<1, [1, 2, 3]>"], "--weights: '!rung.codebook<1, [1, 2, 3]>' is no number format: a codebook of 1"),
    (["--weights=int4", "--scale=f17"], "--scale: 'f17' is no number format; expected a name"),
    (["--weights=f32"], "--weights=f32 --scale=f16: the format has 32 bits, expected at most 16"),
    (["--weights=uint4", "--scale=e8m0"], "--weights=uint4 --scale=e8m0: the format has values of one sign only and needs a zero"),
    (["--weights=int4", "--scale=int1"], "--weights=int4 --scale=int1: the scale format has no positive value"),
    (["--weights=int4", "--group=0"], "argument --group: '0', expected a count of at least 1"),
    (["--weights=int4", "--group=two"], "argument --group: 'two', expected a count of at least 1"),
    (["--group=32"], "--group goes with --weights=FORMAT only"),
    (["--scale=f32"], "--scale goes with --weights=FORMAT only"),
])
def test_the_command_reports_errors(flags, message, tiny, tmp_path, capsys):
    code, out, log = command(capsys, tiny, "-o", tmp_path / "model.mlir", *flags)
    assert (code, out) == (1, "")
    assert log.startswith(f"rung-import: error: {message}") and log.count("\n") == 1, log
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("value, flags, message", [
    (np.nan, ["--weights=nf4"], "element [1, 0] is NaN; only finite values can be quantized"),
    (-np.inf, ["--weights=uint4"], "element [1, 0] is infinite; only finite values can be quantized"),
    (1e9, ["--weights=int4", "--group=16"], "elements [1, 0] to [1, 15]: a group's greatest magnitude is 1000000000: its scale is "
                                            "greater than 65504, the greatest of the scale format"),
])
def test_values_that_cannot_be_quantized(value, flags, message, tiny, tmp_path, capsys):
    (changed := tmp_path / "changed.gguf").write_bytes(pathlib.Path(tiny).read_bytes())
    tensor = next(t for t in gguf.GGUFReader(changed, "r+").tensors if t.name == "blk.0.ffn_up.weight")
    tensor.data[1, 0] = value
    tensor.data.base.flush()
    code, _, log = command(capsys, changed, "-o", tmp_path / "model.mlir", *flags)
    assert code == 1 and log.startswith(f"rung-import: error: {changed}: tensor 'blk.0.ffn_up.weight': {message}"), log
    assert list(tmp_path.iterdir()) == [changed]
