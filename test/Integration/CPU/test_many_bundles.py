# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Bundles that are open at the same time run their own code each, however much they look alike."""

import subprocess

import numpy as np
import pytest

from rung import runtime


@pytest.fixture(scope="module")
def kernels(build, tmp_path_factory):
    """Two bundles whose entries have the same name and arguments, and another result."""
    folder = tmp_path_factory.mktemp("bundles")
    for name, flags in {"plain": [], "relu": ["--epilogue=relu"]}.items():
        subprocess.run([build / "bin/rung-gen", "matmul", "--n=4", "--k=4", "--m=1", "--activation=f32", "--weight=f32",
                        "--result=f32", *flags, "-o", folder / f"{name}.mlir"], check=True)
        subprocess.run([build / "bin/rung-compile", folder / f"{name}.mlir", "--target=cpu:x86-64-v3", "--emit=bundle",
                        "-o", folder / f"{name}.rung"], check=True)
    return folder


@pytest.mark.parametrize("names", [["plain", "relu"], ["relu", "plain"], ["plain", "relu", "plain"]])
def test_open_at_once(kernels, names):
    bundles = [runtime.load(kernels / f"{name}.rung") for name in names]
    x, w = np.array([[-1, 2, -3, 4]], np.float32), np.eye(4, dtype=np.float32)
    for name, bundle in zip(names, bundles):
        expected = np.maximum(x, 0) if name == "relu" else x
        np.testing.assert_array_equal(bundle["matmul"](x, w), expected)
