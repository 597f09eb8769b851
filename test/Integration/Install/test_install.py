# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A project that knows rung only by find_package builds and runs against an install tree."""

import pathlib
import shutil
import subprocess

import pytest

PROJECT = pathlib.Path(__file__).resolve().parent / "project"


def run(*command):
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def configure(source, folder, prefix, *options):
    compilers = ["-DCMAKE_C_COMPILER=clang-22", "-DCMAKE_CXX_COMPILER=clang++-22"]
    if shutil.which("ccache"):
        compilers += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    return run("cmake", "-G", "Ninja", "-S", source, "-B", folder, f"-Drung_DIR={prefix}/lib/cmake/rung", *compilers, *options)


@pytest.fixture(scope="module")
def prefix(build):
    """The install tree. In a fixed place, so that ccache knows the project's compilations from last time."""
    prefix = build / "test" / "install"
    shutil.rmtree(prefix, ignore_errors=True)
    run("cmake", "--install", build, "--prefix", prefix)
    return prefix


def test_external_project(prefix, build, tmp_path):
    configure(PROJECT, tmp_path, prefix, "-DCOMPONENTS=runtime;compiler")
    run("cmake", "--build", tmp_path)
    words = run(tmp_path / "format-bits", "!rung.int<3>").split()
    assert " ".join(words[:6]) == "!rung.int<3> has 3 bits, fits in"
    assert {"int3", "int4", "e2m1", "e4m3"} <= set(words[6:]) and not {"uint3", "int2", "nf4"} & set(words[6:])
    assert "matmul\n" in run(tmp_path / "list-entries", build / "test/bin/kernels.rung")


def test_runtime_without_mlir(prefix, build, tmp_path):
    """The component `runtime` needs no MLIR, as on a machine that only runs bundles."""
    configure(PROJECT, tmp_path, prefix, "-DCOMPONENTS=runtime",
              "-DCMAKE_DISABLE_FIND_PACKAGE_MLIR=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_LLVM=ON")
    run("cmake", "--build", tmp_path)
    assert "matmul\n" in run(tmp_path / "list-entries", build / "test/bin/kernels.rung")


def test_unknown_component(prefix, tmp_path):
    with pytest.raises(AssertionError, match="no component 'gpu'"):
        configure(PROJECT, tmp_path, prefix, "-DCOMPONENTS=gpu")


def test_installed_tools(prefix):
    assert "lossless" in run(prefix / "bin/rung-format", "int3", "--to=int4")
    for tool in ("rung-opt", "rung-compile", "rung-run", "rung-gen", "rung-lsp-server", "rung-reduce"):
        assert run(prefix / "bin" / tool, "--help")
