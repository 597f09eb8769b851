# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bad input to rung-compile: exit status 1, a message that names what was found and expected, and no file."""

import json
import re
import subprocess

import numpy as np
import pytest

GOOD = """
func.func @double(%x: tensor<4xf32> {rung.name = "x"}) -> (tensor<4xf32> {rung.name = "y"}) {
  %y = arith.addf %x, %x : tensor<4xf32>
  return %y : tensor<4xf32>
}
"""


def dequantize(weight="!rung.int<4>", scale="2x4xf16", result="2x64xf32", block="[1, 16]", zero=""):
    return f"""
func.func @f(%w: tensor<2x64x{weight}>, %s: tensor<{scale}>, %z: tensor<{scale}>) -> tensor<{result}> {{
  %d = rung.dequantize %w scale(%s : tensor<{scale}>) {zero} block {block} : tensor<2x64x{weight}> -> tensor<{result}>
  return %d : tensor<{result}>
}}
"""


PARAMETER = """
func.func @f() -> (tensor<2x6xf32> {rung.name = "y"}) {
  %w = rung.parameter @layer.weight : tensor<2x6x!rung.codebook<2, [-1, 0, 1]>>
  %d = rung.dequantize %w : tensor<2x6x!rung.codebook<2, [-1, 0, 1]>> -> tensor<2x6xf32>
  return %d : tensor<2x6xf32>
}
"""


@pytest.fixture
def refuse(build, tmp_path):
    """Compiles text, expects an error, and returns it."""

    def compile(text, *flags, output="out.rung", target="cpu", emit="bundle"):
        (tmp_path / "in.mlir").write_text(text)
        before = sorted(path.name for path in tmp_path.iterdir())
        done = subprocess.run([build / "bin" / "rung-compile", "in.mlir", f"--target={target}", f"--emit={emit}", "-o", output, *flags],
                              cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1, f"exit status {done.returncode}: {done.stderr}"
        assert done.stdout == ""
        assert re.search(r"error: \S", done.stderr), done.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == before, "a refused command left a file"
        return done.stderr

    return compile


# The command line.


@pytest.mark.parametrize("target, text", [
    ("", "'' names no CPU target"), ("gpu", "'gpu'"), ("cpu:pentium9", "unknown CPU 'pentium9'"), ("cpu,cpu", "named twice"),
    ("cpu,", "''"), ("cuda:sm_1", "unknown CUDA architecture 'sm_1'; expected one of: sm_80"), ("cuda", "'cuda'"),
    ("sim", "'sim'"), ("sim:cpu", "'sim:cpu' names no virtual GPU; expected sim:cuda:ARCHITECTURE"), ("sim:cuda:sm_1", "unknown CUDA architecture 'sm_1'"),
    ("sim:hip:gfx90a", "'sim:hip:gfx90a' cannot be compiled for yet")])
def test_unknown_targets(refuse, target, text):
    assert text in refuse(GOOD, target=target)


def test_outputs_that_cannot_be_written(refuse):
    assert "none/out.rung" in refuse(GOOD, output="none/out.rung")
    assert "'/dev/full'" in refuse(GOOD, output="/dev/full")


def test_unknown_options(refuse):
    assert "elf" in refuse(GOOD, emit="elf")
    assert "--tarqet" in refuse(GOOD, "--tarqet=cpu")


def test_options_twice_or_without_a_value(refuse):
    assert "-o is given twice" in refuse(GOOD, "-o", "other.rung")
    assert "--emit is given twice" in refuse(GOOD, "--emit=asm")
    assert "--dump-passes has no value" in refuse(GOOD, "--dump-passes=")
    assert "rung-compile: error: --parameters has no value\n" == refuse(GOOD, "--parameters")
    assert "two modules, 'in.mlir' and 'more.mlir', expected one" in refuse(GOOD, "more.mlir")


def test_a_standard_output_that_is_full(build, tmp_path):
    (tmp_path / "in.mlir").write_text(GOOD)
    with open("/dev/full", "w") as full:
        done = subprocess.run([build / "bin" / "rung-compile", "in.mlir", "--target=cpu", "--emit=asm", "-o", "-"], cwd=tmp_path,
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "rung-compile: error: cannot write to standard output: No space left on device\n"


def test_missing_input(build, tmp_path):
    done = subprocess.run([build / "bin" / "rung-compile", "none.mlir", "--target=cpu", "-o", "out.rung"], cwd=tmp_path,
                          capture_output=True, text=True)
    assert done.returncode == 1 and "rung-compile: error: " in done.stderr and "none.mlir" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, problem", [("/dev/zero", "byte 0 is 0, expected text"), (".", "Is a directory")])
def test_an_input_that_is_no_text(build, tmp_path, name, problem):
    done = subprocess.run([build / "bin" / "rung-compile", name, "--target=cpu", "-o", "out.rung"], cwd=tmp_path,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr == f"rung-compile: error: cannot read a module from '{name}': {problem}\n"


def test_an_input_without_an_end(build, tmp_path):
    with subprocess.Popen(["yes", "// " + 1000 * "-"], stdout=subprocess.PIPE) as text:
        done = subprocess.run([build / "bin" / "rung-compile", "-", "--target=cpu", "-o", "out.rung"], cwd=tmp_path,
                              stdin=text.stdout, stderr=subprocess.PIPE, text=True, timeout=60)
        text.kill()
    assert done.returncode == 1 and "it goes on behind 1 GiB, the most that is read" in done.stderr


def test_a_module_from_standard_input_and_in_bytecode(build, tmp_path):
    bytecode = subprocess.run([build / "bin" / "rung-opt", "--emit-bytecode"], input=GOOD.encode(), capture_output=True, check=True).stdout
    for module in (GOOD.encode(), bytecode):
        done = subprocess.run([build / "bin" / "rung-compile", "-", "--target=cpu", "--emit=mlir", "-o", "-"], cwd=tmp_path,
                              input=module, capture_output=True)
        assert done.returncode == 0 and b"llvm.func @double" in done.stdout, done.stderr


# Modules.


def test_an_error_shows_the_source_and_not_what_became_of_it(refuse):
    message = refuse("func.func @f(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {\n  return %x : tensor<4xcomplex<f32>>\n}")
    assert message.splitlines() == ["in.mlir:1:1: error: argument 'arg0' has element type 'complex<f32>', which no array of a user can hold",
                                    "func.func @f(%x: tensor<4xcomplex<f32>>) -> tensor<4xcomplex<f32>> {", "^"]


@pytest.mark.parametrize("text, place", [
    (GOOD, "in.mlir:3:8: error: 'linalg.generic'"),
    ("func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {\n  return %x : tensor<4xf32>\n}", "in.mlir:1:1: error: 'memref.copy'"),
    ("func.func @f(%x: tensor<4xf32>, %i: tensor<index>) -> tensor<4xf32> {\n  %k = tensor.extract %i[] : tensor<index>\n"
     "  %s = tensor.extract_slice %x[%k] [4] [1] : tensor<4xf32> to tensor<4xf32>\n  return %s : tensor<4xf32>\n}",
     "in.mlir:2:8: error: 'memref.load'"),
], ids=["elementwise", "copy", "index"])
@pytest.mark.parametrize("emit", ["bundle", "asm"])
def test_what_no_kernel_computes_yet(refuse, text, place, emit):
    message = refuse(text, target="cuda:sm_80", emit=emit)
    assert place + " would run on the host, which cannot access the memory of cuda:sm_80" in message


def test_a_row_of_bits_of_unknown_length(refuse):
    message = refuse("""func.func @f(%x: tensor<?xf32>) -> tensor<?xi1> {
      %r = arith.cmpf ogt, %x, %x : tensor<?xf32>
      return %r : tensor<?xi1>
    }""")
    assert "give it a static last dimension, or elements of 8 bits" in message


def test_no_module(refuse):
    assert "in.mlir:1:1: error:" in refuse("this is no IR")
    assert "no public function" in refuse("module {}")


@pytest.mark.parametrize("text, parts", [
    (dequantize(scale="2x3xf16"), ["'rung.dequantize' op", "[2, 3]", "expected [2, 4]", "[1, 16]"]),
    (dequantize(block="[1, 24]"), ["'rung.dequantize' op", "[2, 4]", "expected [2, 3]"]),
    (dequantize(block="[1, 0]"), ["'rung.dequantize' op", "[1, 0]", "at least 1"]),
    (dequantize(block="[16]"), ["'rung.dequantize' op", "[16]", "2 dimensions"]),
    (dequantize(result="2x63xf32"), ["'rung.dequantize' op", "2x63xf32", "same shape"]),
    (dequantize(result="2x64x!rung.int<8>"), ["'rung.dequantize' op", "expected a floating-point type"]),
    (dequantize(weight="f4E2M1FN", zero="zero_point(%z : tensor<2x4xf16>) integer"), ["'rung.dequantize' op", "f4E2M1FN", "integer formats"]),
    (dequantize(weight="i64"), ["i64"]),
    (dequantize(weight="!rung.int<9>"), ["width is 9", "1 to 8"]),
    (dequantize(weight="!rung.float<e4>"), ["'e4'", "eXmY"]),
    (dequantize(weight="!rung.codebook<1, [1, 2, 3]>"), ["3"]),
], ids=["groups", "block", "empty-block", "rank", "shape", "result", "zero-point", "i64", "width", "fields", "entries"])
def test_formats_and_shapes_that_disagree(refuse, text, parts):
    message = refuse(text)
    assert "in.mlir:" in message
    for part in parts:
        assert part in message


def test_a_conversion_that_loses_values(refuse):
    message = refuse("""
func.func @f(%x: tensor<4x!rung.int<8>>) -> tensor<4xf8E4M3FN> {
  %y = rung.convert %x : tensor<4x!rung.int<8>> -> tensor<4xf8E4M3FN>
  return %y : tensor<4xf8E4M3FN>
}
""")
    assert "loses code 17, value 17" in message and "rounding mode" in message


def test_a_result_of_unknown_size(refuse):
    message = refuse("""
func.func @f(%x: tensor<?xf32> {rung.name = "x"}, %n: tensor<index> {rung.name = "n"}) -> (tensor<?xf32> {rung.name = "y"}) {
  %m = tensor.extract %n[] : tensor<index>
  %y = tensor.extract_slice %x[0] [%m] [1] : tensor<?xf32> to tensor<?xf32>
  return %y : tensor<?xf32>
}
""")
    assert "in.mlir:2" in message


# Parameters.


def safetensors(tensors: dict[str, tuple[str, np.ndarray]]) -> bytes:
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [len(data), len(data) + array.nbytes]}
        data += array.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


CODES = np.array([[0b01100100, 0b0110], [0b10010001, 0b1000]], np.uint8)
ENTRY = '"layer.weight": {"dtype": "U8", "shape": [2, 2], "data_offsets": [0, 4]}'


def headed(header: str) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + CODES.tobytes() + bytes(4)


def test_a_parameter_without_a_file(refuse):
    message = refuse(PARAMETER)
    assert "layer.weight" in message and "--parameters" in message


def test_a_file_that_is_not_there(refuse):
    assert "none.safetensors" in refuse(PARAMETER, "--parameters=none.safetensors")
    assert "cannot read '/dev/zero': no regular file" in refuse(PARAMETER, "--parameters=/dev/zero")


@pytest.mark.parametrize("content, parts", [
    (b"", ["p.safetensors"]),
    (b"not a file of tensors", ["p.safetensors"]),
    ((1 << 40).to_bytes(8, "little") + b"{}", ["p.safetensors"]),
    ((100000).to_bytes(8, "little") + b"[" * 100000, ["p.safetensors", "nested too deeply"]),
    (safetensors({"layer.weight": ("U8", CODES)})[:-1], ["p.safetensors"]),
    (safetensors({"other.weight": ("U8", CODES)}), ["layer.weight", "p.safetensors"]),
    (safetensors({"layer.weight": ("U8", CODES[:, :1].copy())}), ["layer.weight", "[2, 1]", "[2, 2]"]),
    (safetensors({"layer.weight": ("F32", CODES.astype(np.float32))}), ["layer.weight", "F32", "U8"]),
    (safetensors({"layer.weight": ("U8", CODES | 0b11)}), ["layer.weight", "3"]),
    (headed("{" + ENTRY + ", " + ENTRY.replace("0, 4", "4, 8") + "}"), ["p.safetensors", "names tensor 'layer.weight' twice"]),
    (headed("{" + ENTRY + ", " + ENTRY.replace("layer", "next").replace("0, 4", "3, 7") + "}"),
     ["p.safetensors", "'layer.weight' and 'next.weight' that overlap"]),
], ids=["empty", "junk", "header", "nested", "truncated", "other-name", "shape", "dtype", "invalid-code", "twice", "overlap"])
def test_parameters_that_do_not_fit(refuse, tmp_path, content, parts):
    (tmp_path / "p.safetensors").write_bytes(content)
    message = refuse(PARAMETER, "--parameters=p.safetensors")
    for part in parts:
        assert part in message
