# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The matrix instructions of test/Conversion/TileToNVGPU/mma.mlir on a GPU: fragments hold what their maps say.

On a machine that has a GPU and no compiler, RUNG_MMA_PTX names the file of `python test_mma.py > FILE` here.
"""

import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "test/Conversion/TileToNVGPU/mma.mlir"
FLOATS = {"f16": np.float16, "bf16": "bfloat16", "f8e4m3fn": "float8_e4m3fn", "f8e5m2": "float8_e5m2"}
INTEGERS = {"i8": np.int8, "u8": np.uint8}
#: Of the fewest significant bits that all the floats have, so that every sum is exact.
VALUES = [-8, -5, -3, -2, -1.5, -1, -0.5, 0, 0.25, 0.5, 1, 1.25, 1.75, 2, 4, 7]
NAMES = re.findall(r"func.func @(\w+)\(", SOURCE.read_text())


def write_ptx() -> str:
    """All kernels of the file, by the pipeline of its own RUN line."""
    build = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build"))
    passes = re.search(r"--pass-pipeline='(.*)'", SOURCE.read_text()).group(1)
    module = subprocess.run([build / "bin/rung-opt", SOURCE, f"--pass-pipeline={passes}"], check=True, capture_output=True, text=True).stdout
    return subprocess.run([sys.executable, SOURCE.parent / "Inputs/extract_ptx.py"], input=module, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def kernels(tmp_path_factory) -> dict:
    try:
        import cupy
        cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        pytest.skip(f"no GPU that CuPy can use: {error}")
    text = pathlib.Path(os.environ["RUNG_MMA_PTX"]).read_text() if "RUNG_MMA_PTX" in os.environ else write_ptx()
    folder, found = tmp_path_factory.mktemp("ptx"), {}
    for number, part in enumerate(re.split(r"(?=\.version)", text)[1:]):
        (folder / f"{number}.ptx").write_text(part)
        name = re.search(r"\.entry (\w+)_kernel\(", part).group(1)
        found[name] = cupy.RawModule(path=str(folder / f"{number}.ptx")).get_function(f"{name}_kernel")
    assert set(found) == set(NAMES)
    return found


def operand(rng: np.random.Generator, rows: int, columns: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Values, and their codes in memory."""
    if name in INTEGERS:
        info = np.iinfo(INTEGERS[name])
        codes = rng.integers(info.min, info.max, (rows, columns), INTEGERS[name], endpoint=True)
        return codes.astype(np.float64), codes
    type = FLOATS[name]
    if isinstance(type, str):
        type = getattr(pytest.importorskip("ml_dtypes"), type)
    values = rng.choice([value for value in VALUES if float(np.asarray(value).astype(type)) == value], (rows, columns))
    return values, values.astype(type)


@pytest.mark.parametrize("name", NAMES)
def test_mma(kernels, name):
    import cupy
    a, b = name.split("_")
    depth = 16 if a.endswith("16") else 32
    rng = np.random.default_rng(0)
    for _ in range(20):
        (x, xs), (y, ys) = operand(rng, 16, depth, a), operand(rng, 8, depth, b)
        result = cupy.zeros((16, 8), np.int32 if a in INTEGERS else np.float32)
        kernels[name]((1,), (32,), (cupy.asarray(xs.view(np.uint8)), cupy.asarray(ys.view(np.uint8)), result))
        np.testing.assert_array_equal(result.get(), x @ y.T)


if __name__ == "__main__":
    sys.stdout.write(write_ptx())
