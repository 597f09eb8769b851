# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`pip install .` gives rung.runtime, rung.importer and rung.generate, with their commands; no MLIR."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def site(build, tmp_path_factory):
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    environment = os.environ | {"CC": "clang-22", "CXX": "clang++-22"}
    if shutil.which("ninja"):
        environment["CMAKE_GENERATOR"] = "Ninja"
    # The build folder stays, so that a second run compiles nothing; no network is needed.
    for command in (["wheel", "--no-build-isolation", "--no-deps", "--no-index", f"--config-settings=build-dir={build}/test/wheel", "-w", folder, ROOT],
                    ["install", "--no-deps", "--no-index", "--find-links", folder, "--target", folder / "site", "rung"]):
        result = subprocess.run(pip + command, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    return folder / "site"


def run(site, *command):
    # -P: not the rung of the folder that the test runs in; site-packages' rung.pth names the build tree, so ours comes first.
    environment = os.environ | {"PYTHONPATH": str(site), "PATH": f"{site / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(list(map(str, command)), cwd=site, env=environment, capture_output=True, text=True)


def test_modules(site, build):
    program = f"""
import pathlib
import rung.generate, rung.importer, rung.runtime
for module in (rung.generate, rung.importer, rung.runtime):
    assert pathlib.Path(module.__file__).is_relative_to({str(site)!r}), module.__file__
print([entry.name if hasattr(entry, "name") else entry for entry in rung.runtime.load({str(build / "test/bin/kernels.rung")!r}).entries][:2])
"""
    result = run(site, sys.executable, "-c", program)
    assert result.returncode == 0, result.stderr
    assert "matmul" in result.stdout


def test_commands(site):
    for command in ("rung-import", "rung-generate"):
        result = run(site, site / "bin" / command, "--help")
        assert result.returncode == 0 and "usage" in result.stdout.lower(), result.stderr


def test_other_formats_need_the_compiler(site):
    result = run(site, site / "bin/rung-import", "model.gguf", "-o", "model.mlir", "--weights=int4")
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.startswith("rung-import: error: another format for weights needs rung._numerics, a part of the compiler")


def test_no_compiler_inside(site):
    (module,) = site.glob("rung/_runtime*.so")
    libraries = subprocess.run(["ldd", module], capture_output=True, text=True, check=True).stdout
    assert "MLIR" not in libraries and "LLVM" not in libraries
    assert (site / "rung/py.typed").exists() and not list(site.glob("rung/**/*.a"))
