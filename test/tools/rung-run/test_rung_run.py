# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung-run on a bundle of entries written by hand (test/Runtime/kernels.c): results, errors, and .npy files of all kinds."""

import io
import os
import random
import re
import subprocess
import time

import ml_dtypes
import numpy as np
import pytest


@pytest.fixture(scope="module")
def program(build):
    return build / "bin" / "rung-run"


@pytest.fixture(scope="module")
def kernels(build):
    return build / "test" / "bin" / "kernels.rung"


@pytest.fixture
def run(program, kernels, tmp_path, monkeypatch):
    """Runs rung-run on the bundle, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, bundle=kernels):
        return subprocess.run([program, bundle, *arguments], capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def refuse(run):
    """Runs rung-run, which must refuse, and returns the reason."""

    def refuse(*arguments, **options):
        before = sorted(os.listdir())
        result = run(*arguments, **options)
        assert result.returncode == 1 and result.stdout == ""
        assert result.stderr.startswith("rung-run: error: ") and result.stderr.count("\n") == 1
        assert sorted(os.listdir()) == before  # nothing half-written
        return result.stderr

    return refuse


def test_help_has_an_example(program):
    result = subprocess.run([program, "--help"], capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == ""
    assert "USAGE: rung-run BUNDLE [options]" in result.stdout and "EXAMPLE:" in result.stdout


def test_list(run):
    lines = run("--list").stdout.splitlines()
    assert lines[:5] == ["producer: rung test", "targets: cpu:impossible, sim:cuda:sm_80, cpu:x86-64", "entry twice",
                         "  input x: f32 [M]", "  output y: f32 [M]"]
    assert "  input w: !rung.int<4> [3, 5], array uint8 [3, 3], packed to 15 bytes" in lines
    assert "  inout cache: f32 [T]" in lines
    assert "  input x: bf16 [M], array uint16" in lines


def test_runs_an_entry(run):
    x = np.arange(10, dtype=np.float32).reshape(2, 5)
    np.save("x.npy", x)
    np.save("w.npy", np.full((3, 3), 0xff, np.uint8))  # -1 everywhere, and padding that is not zero
    result = run("--entry=matmul", "--input=x.npy", "--input=w.npy", "--output=y.npy", "--device=cpu", "--threads=2")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    y = np.load("y.npy")
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, np.repeat(-x.sum(axis=1, keepdims=True), 3, axis=1))
    # The same, with options apart from their values.
    assert run("--entry", "matmul", "--input", "x.npy", "--input", "w.npy", "--output", "z.npy").returncode == 0
    assert open("y.npy", "rb").read() == open("z.npy", "rb").read()


def test_outputs_then_inouts(run):
    np.save("cache.npy", np.array([1, 2, 3], np.float32))
    np.save("x.npy", np.float32(7))
    np.save("position.npy", np.int32(1))
    inputs = ["--entry=store", "--input=cache.npy", "--input=x.npy", "--input=position.npy"]
    assert run(*inputs, "--output=old.npy", "--output=new.npy").returncode == 0
    assert np.load("old.npy") == 2 and np.load("old.npy").shape == ()
    np.testing.assert_array_equal(np.load("new.npy"), [1, 7, 3])
    np.testing.assert_array_equal(np.load("cache.npy"), [1, 2, 3])
    # Repeated runs start from the same inouts, so that the result is that of one run.
    result = run(*inputs, "--output=old.npy", "--output=cache.npy", "--repeat=5")
    assert re.fullmatch(r"store: median [\d.]+ (us|ms|s) of 5 runs \(fastest .*, slowest .*\) on \d+ threads?\n", result.stdout)
    assert np.load("old.npy") == 2
    np.testing.assert_array_equal(np.load("cache.npy"), [1, 7, 3])


def test_a_failing_entry_writes_nothing(refuse):
    np.save("cache.npy", np.zeros(3, np.float32))
    np.save("x.npy", np.float32(7))
    np.save("position.npy", np.int32(5))
    assert "entry 'store': position is outside the cache" in refuse(
        "--entry=store", "--input=cache.npy", "--input=x.npy", "--input=position.npy", "--output=old.npy")


def test_a_killed_run_leaves_nothing(program, kernels, tmp_path):
    """The output has no name while the entry runs."""
    np.save(tmp_path / "x.npy", np.arange(1000000, dtype=np.float32))
    (tmp_path / "old.npy").write_text("as it was")
    process = subprocess.Popen([program, kernels, "--entry=twice", "--input=x.npy", "--output=old.npy", "--repeat=100000000"],
                               cwd=tmp_path)
    time.sleep(0.5)
    process.kill()
    process.wait()
    assert sorted(os.listdir(tmp_path)) == ["old.npy", "x.npy"]
    assert (tmp_path / "old.npy").read_text() == "as it was"


def test_outputs_keep_links_and_permissions(run, tmp_path):
    np.save("x.npy", np.ones(3, np.float32))
    (tmp_path / "real.npy").write_text("")
    (tmp_path / "real.npy").chmod(0o640)
    (tmp_path / "link.npy").symlink_to("real.npy")
    assert run("--entry=twice", "--input=x.npy", "--output=link.npy").returncode == 0
    assert (tmp_path / "link.npy").is_symlink() and (tmp_path / "real.npy").stat().st_mode & 0o777 == 0o640
    np.testing.assert_array_equal(np.load("real.npy"), [2, 2, 2])
    umask = os.umask(0o027)
    try:
        assert run("--entry=twice", "--input=x.npy", "--output=new.npy").returncode == 0
    finally:
        os.umask(umask)
    assert (tmp_path / "new.npy").stat().st_mode & 0o777 == 0o640


def test_eight_and_sixteen_bit_formats(run):
    bits = np.array([0, 1, 0x38, 0xff], np.uint8)
    for array in (bits, bits.view(np.int8), bits.view(ml_dtypes.float8_e4m3fn)):
        np.save("x.npy", array)
        assert run("--entry=copy8", "--input=x.npy", "--output=y.npy").returncode == 0
        np.testing.assert_array_equal(np.load("y.npy"), bits)
    halves = np.array([1, 2.5], ml_dtypes.bfloat16)
    for array in (halves.view(np.uint16), halves):
        np.save("x.npy", array)
        assert run("--entry=copy16", "--input=x.npy", "--output=y.npy").returncode == 0
        np.testing.assert_array_equal(np.load("y.npy"), halves.view(np.uint16))


def test_a_single_narrow_code(run):
    np.save("x.npy", np.array([0x73], np.uint8))
    assert run("--entry=nibble", "--input=x.npy", "--output=y.npy").returncode == 0
    np.testing.assert_array_equal(np.load("y.npy"), [3])


def test_invalid_codes(run, refuse):
    np.save("codes.npy", np.array([[0b00100100, 0b01]], np.uint8))
    assert run("--entry=ternary", "--input=codes.npy", "--output=y.npy").returncode == 0
    np.testing.assert_array_equal(np.load("y.npy"), [[-1, 0, 1, -1, 0]])
    np.save("codes.npy", np.array([[0b00100111, 0b01]], np.uint8))
    assert "argument 'codes' holds code 3 in row 0, column 0; !rung.codebook<2, [-1, 0, 1]> has values for codes 0 to 2 only" in \
        refuse("--entry=ternary", "--input=codes.npy")


def test_command_line_errors(refuse, program, tmp_path):
    np.save("x.npy", np.zeros(3, np.float32))
    assert "has 11 entries (twice, matmul, " in refuse("--input=x.npy")
    assert "has no entry 'gemm'; it has twice, matmul" in refuse("--entry=gemm")
    assert "unknown option '--frobnicate'" in refuse("--frobnicate")
    assert "--repeat=0, expected a number from 1" in refuse("--entry=twice", "--input=x.npy", "--repeat=0")
    assert "--threads=many, expected a number" in refuse("--threads=many")
    assert "--output is empty" in refuse("--output=")
    assert "two bundles" in refuse("another.rung")
    assert "entry 'twice' takes 1 inputs (x), got 0 --input" in refuse("--entry=twice")
    assert "entry 'twice' takes 1 inputs (x), got 2 --input" in refuse("--entry=twice", "--input=x.npy", "--input=x.npy")
    assert "has 1 results (y), got 2 --output" in refuse("--entry=twice", "--input=x.npy", "--output=a.npy", "--output=b.npy")
    result = subprocess.run([program], capture_output=True, text=True)
    assert result.returncode == 1 and "no bundle given" in result.stderr


def test_devices(refuse):
    holds = "holds cpu:impossible, sim:cuda:sm_80, cpu:x86-64"
    for device in ("cuda", "cuda:1", "hip", "hip:0"):
        message = refuse("--entry=threads", f"--device={device}")
        assert f"no binary for device '{device}'" in message and holds in message
    assert "the object holds no kernels for the virtual GPU" in refuse("--entry=threads", "--device=sim")
    assert f"no binary for device 'sim:cuda:sm_90a'; the bundle {holds}" in refuse("--entry=threads", "--device=sim:cuda:sm_90a")
    for device in ("tpu", "cuda:x", "cpu:1", "sim:0"):
        assert f"--device={device}, expected cpu, cuda" in refuse("--entry=threads", f"--device={device}")


def test_processor_without_the_features(refuse, build, tmp_path, kernels):
    text = (tmp_path / "manifest.json")
    text.write_text('{"producer": "", "constants": [], "entries": [{"name": "threads", "arguments": []}], "binaries": '
                    '[{"target": "cpu:future", "features": ["sse2", "telepathy", "time-travel"], "section": 0}]}')
    made = tmp_path / "future.rung"
    subprocess.run([build / "test/bin/rung-test-bundle", made, text, build / "test/bin/kernels.so"], check=True)
    assert "no binary for this processor: cpu:future needs telepathy, time-travel" in refuse(bundle=made)


def test_damaged_bundles(refuse, kernels, tmp_path):
    whole = kernels.read_bytes()
    for name, content, reason in [("empty", b"", "not a bundle: the file is empty"),
                                  ("short", whole[:-1], f"truncated: {len(whole) - 1} bytes, expected {len(whole)}"),
                                  ("version", whole[:8] + b"\7" + whole[9:], "bundle version 7, expected version 2"),
                                  ("code", whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:], "does not match its checksum")]:
        (tmp_path / name).write_bytes(content)
        assert reason in refuse("--list", bundle=tmp_path / name)
    assert "missing.rung': cannot open: No such file or directory" in refuse("--list", bundle=tmp_path / "missing.rung")
    assert "no regular file" in refuse("--list", bundle=tmp_path)


def test_unwritable_outputs(refuse):
    np.save("x.npy", np.zeros(3, np.float32))
    os.mkdir("folder")
    for path, reason in [("folder", "Is a directory"), ("nowhere/y.npy", "No such file"), ("/dev/full", "No space left")]:
        message = refuse("--entry=twice", "--input=x.npy", f"--output={path}")
        assert f"cannot write '{path}'" in message and reason in message
    np.save("cache.npy", np.zeros(1, np.float32))
    np.save("s.npy", np.float32(1))
    np.save("p.npy", np.int32(0))
    assert "is given twice" in refuse("--entry=store", "--input=cache.npy", "--input=s.npy", "--input=p.npy",
                                      "--output=y.npy", "--output=y.npy")


def test_wrong_arrays(refuse):
    np.save("x.npy", np.zeros(3))
    assert "'x.npy' for argument 'x': dtype float64, expected float32 for format f32" in refuse("--entry=twice", "--input=x.npy")
    np.save("x.npy", np.zeros((3, 1), np.float32))
    assert "argument 'x' has shape [3, 1], expected [M]" in refuse("--entry=twice", "--input=x.npy")
    np.save("x.npy", np.zeros((2, 5), np.float32))
    np.save("w.npy", np.zeros((3, 5), np.uint8))
    assert "argument 'w' has shape [3, 5], expected [3, 3] (uint8, the storage of [3, 5] !rung.int<4>)" in \
        refuse("--entry=matmul", "--input=x.npy", "--input=w.npy", "--output=y.npy")
    np.save("x.npy", np.zeros(0, np.float32))
    assert "every size is at least 1" in refuse("--entry=twice", "--input=x.npy")


# .npy files


def npy(header, data=b"", version=(1, 0), length=None):
    """A .npy file with any header; `length` is what it says of its own."""
    header = header.encode()
    width = 2 if version[0] == 1 else 4
    length = len(header) if length is None else length
    return b"\x93NUMPY" + bytes(version) + length.to_bytes(width, "little") + header + data


HEADER = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }"
DATA = np.array([1, 2, 3], np.float32).tobytes()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("header", [
    HEADER,
    HEADER + " " * 37 + "\n",
    '{"shape":(3,),"fortran_order":True,"descr":"<f4"}',
    "  { 'descr' : '=f4' , 'shape' : ( 3L , ) , 'fortran_order' : False }  ",
])
def test_reads_any_header(run, version, header):
    open("x.npy", "wb").write(npy(header, DATA, version))
    assert run("--entry=twice", "--input=x.npy", "--output=y.npy").returncode == 0
    np.testing.assert_array_equal(np.load("y.npy"), [2, 4, 6])


def test_converts_order_and_endianness(run):
    x = np.random.default_rng(1).integers(-9, 9, (4, 5)).astype(np.float32)
    np.save("w.npy", np.full((3, 3), 0x11, np.uint8))
    for array in (x, np.asfortranarray(x), x.astype(">f4"), np.asfortranarray(x.astype(">f4"))):
        np.save("x.npy", array)
        assert run("--entry=matmul", "--input=x.npy", "--input=w.npy", "--output=y.npy").returncode == 0
        np.testing.assert_array_equal(np.load("y.npy")[:, 0], x.sum(axis=1))


@pytest.mark.parametrize("content, reason", [
    (b"", "not a .npy file"),
    (b"PK\3\4 an archive", "not a .npy file"),
    (b"\x93NUMPY", "truncated: it ends in its header"),
    (b"\x93NUMPY\1\0\xff", "truncated: it ends in its header"),
    (npy(HEADER, DATA, (4, 0)), ".npy version 4.0, expected 1.0, 2.0 or 3.0"),
    (npy(HEADER, DATA, (1, 1)), ".npy version 1.1"),
    (npy(HEADER, DATA, length=9999), "truncated: a header of 9999 bytes"),
    (npy(HEADER, DATA, (2, 0), length=0xffffffff), "truncated: a header of 4294967295 bytes"),
    (npy(HEADER, DATA[:-1]), "truncated: 11 bytes of data, expected 12 for float32 (3,)"),
    (npy(HEADER, DATA + b"x"), "corrupt: 13 bytes of data, expected 12"),
    (npy("", DATA), "corrupt header: no '{'"),
    (npy("{}", DATA), "no 'descr', 'fortran_order' or 'shape'"),
    (npy(HEADER[:-1] + "'shape': (3,)}", DATA), "the key 'shape' twice"),
    (npy(HEADER[:-1] + "'color': 3}", DATA), "the unknown key 'color'"),
    (npy(HEADER + "}", DATA), "text after the dictionary"),
    (npy(HEADER.replace("False", "0"), DATA), "'fortran_order' that is not True or False"),
    (npy(HEADER.replace("(3,)", "3"), DATA), "no '('"),
    (npy(HEADER.replace("(3,)", "(-3,)"), DATA), "no tuple of sizes"),
    (npy(HEADER.replace("(3,)", "(3 3)"), DATA), "no ',' in the shape"),
    (npy(HEADER.replace("(3,)", "(99999999999999999999,)"), DATA), "does not fit into 64 bits"),
    (npy(HEADER.replace("(3,)", "(4611686018427387904,)"), DATA), "too large for any memory"),
    (npy(HEADER.replace("(3,)", "(4294967296, 4294967296)"), DATA), "too large for any memory"),
    (npy(HEADER.replace("(3,)", "(" + "1," * 99 + ")"), DATA), "more than 64 sizes"),
    (npy(HEADER.replace("'<f4'", "'<c8'"), DATA), "elements of dtype '<c8', expected"),
    (npy(HEADER.replace("'<f4'", "'|O'"), DATA), "elements of dtype '|O', expected"),
    (npy(HEADER.replace("'<f4'", "'f4"), DATA), "corrupt header"),
    (npy(HEADER.replace("'<f4'", "[('a', '<f4')]"), DATA), "a structured dtype"),
])
def test_refuses_broken_files(refuse, content, reason):
    open("x.npy", "wb").write(content)
    message = refuse("--entry=twice", "--input=x.npy", "--output=y.npy")
    assert "'x.npy': " in message and reason in message


def test_missing_file_and_folder(refuse):
    assert "'missing.npy': cannot open: No such file or directory" in refuse("--entry=twice", "--input=missing.npy")
    assert "'.': cannot read: Is a directory" in refuse("--entry=twice", "--input=.")


def test_random_damage_never_crashes(run):
    """Every result is a number or a refusal."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((2, 5), np.float32))
    good = buffer.getvalue()
    np.save("w.npy", np.zeros((3, 3), np.uint8))
    chance = random.Random(3)
    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(90)] = chance.choice(b"0123456789(),'{}LTFf<>|\0\xff ")
        open("x.npy", "wb").write(damaged[: chance.choice([len(good), chance.randrange(len(good))])])
        assert run("--entry=matmul", "--input=x.npy", "--input=w.npy", "--output=y.npy").returncode in (0, 1)


def test_pipes(program, kernels, tmp_path):
    """An input may be a pipe, and so may an output."""
    buffer = io.BytesIO()
    np.save(buffer, np.arange(50000, dtype=np.float32))
    result = subprocess.run([program, kernels, "--entry=twice", "--input=/dev/stdin", "--output=/dev/stdout"],
                            input=buffer.getvalue(), capture_output=True, check=True)
    np.testing.assert_array_equal(np.load(io.BytesIO(result.stdout)), 2 * np.arange(50000, dtype=np.float32))
