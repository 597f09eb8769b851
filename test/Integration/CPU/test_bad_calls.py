# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Arrays that do not fit a kernel's arguments: rung-run names the argument, what it found and what it expected."""

import subprocess

import numpy as np
import pytest

import kernel_reference
import kernels

CASE = kernel_reference.Case(n=3, k=17, activation="bf16", weight="ternary", scale="f16", group=8, result="e4m3", residual=True)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    bundle = tmp_path_factory.mktemp("bundle") / "kernel.rung"
    kernels.compile_cases([CASE], "cpu", bundle)
    return bundle


@pytest.fixture
def refuse(bundle, tmp_path):
    """Calls the kernel with some arrays replaced and returns the error."""

    def call(**arrays):
        good = kernel_reference.make_inputs(CASE, 5, seed=1)
        command = [kernels.BUILD / "bin" / "rung-run", bundle, "--output=y.npy"]
        for name, tensor in good.items():
            np.save(tmp_path / f"{name}.npy", arrays.get(name, tensor.array()))
            command.append(f"--input={name}.npy")
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1 and done.stdout == "", done
        assert not (tmp_path / "y.npy").exists()
        return done.stderr

    return call


def test_shapes(refuse):
    assert "argument 'x' has shape [5, 18], expected [M, 17]" in refuse(x=np.zeros((5, 18), np.uint16))
    assert "argument 's' has shape [3, 2], expected [3, 3]" in refuse(s=np.zeros((3, 2), np.float16))


def test_canonical_storage(refuse):
    message = refuse(w=np.zeros((3, 17), np.uint8))
    assert "argument 'w' has shape [3, 17], expected [3, 5]" in message and "[3, 17] !rung.codebook<2, [-1, 0, 1]>" in message


def test_sizes_that_disagree(refuse):
    message = refuse(residual=np.zeros((4, 3), np.uint8))
    assert "'residual'" in message and "4" in message and "5" in message


def test_element_types(refuse):
    assert "argument 'x': dtype float32, expected uint16 for format bf16" in refuse(x=np.zeros((5, 17), np.float32))
    assert "argument 'w': dtype float32, expected uint8" in refuse(w=np.zeros((3, 5), np.float32))


def test_codes_without_a_value(refuse):
    codes = np.zeros((3, 5), np.uint8)
    codes[2, 1] = 0b1100
    message = refuse(w=codes)
    assert "'w'" in message and "code 3" in message and "row 2, column 5" in message
