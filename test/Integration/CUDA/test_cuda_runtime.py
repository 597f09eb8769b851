# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""rung.runtime on a real GPU, with tensors of PyTorch, CuPy and JAX, streams and CUDA graphs.

For a machine that has a GPU and no compiler, `python test_cuda_runtime.py FOLDER [PYTHON]` makes, here, a folder with the bundles
and with the package for that Python (python3.12); there, RUNG_BUILD=FOLDER python3 -m pytest test/Integration/CUDA/test_cuda_runtime.py
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("RUNG_BUILD", ROOT / "build")).absolute()
N, K, GROUP = 256, 512, 128
MATMUL = [f"--n={N}", f"--k={K}", "--m=dynamic", "--activation=f16", "--weight=int4", "--result=f16", "--scale=f16", f"--group={GROUP}"]
#: Name, source and targets.
BUNDLES = {
    "dequantize": ("dequantize", "cuda:sm_80,cuda:sm_90a"),
    "dequantize-ptx": ("dequantize", "cuda:sm_80"),
    "matmul": ("matmul", "cpu:x86-64,cuda:sm_80,cuda:sm_90a"),
}


def write_bundle(folder: pathlib.Path, name: str, build: pathlib.Path) -> None:
    source, targets = BUNDLES[name]
    module = folder / f"{source}.mlir"
    if source == "matmul":
        subprocess.run([build / "bin/rung-gen", "matmul", *MATMUL, "-o", module], check=True)
    else:
        shutil.copy(ROOT / "test/tools/rung-compile/Inputs/dequantize.mlir", module)
    subprocess.run([build / "bin/rung-compile", module, f"--target={targets}", "-o", folder / f"{name}.rung"], check=True)


def prepare(folder: pathlib.Path, python: str) -> None:
    (folder / "cuda-bundles").mkdir(parents=True, exist_ok=True)
    for name in BUNDLES:
        write_bundle(folder / "cuda-bundles", name, BUILD)
    with tempfile.TemporaryDirectory() as wheels:
        subprocess.run([python, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", wheels, ROOT], check=True)
        (wheel,) = pathlib.Path(wheels).glob("rung-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder / "python")


@pytest.fixture(scope="module")
def torch():
    module = pytest.importorskip("torch", reason="no PyTorch, whose tensors these tests use")
    if not module.cuda.is_available():
        pytest.skip("no GPU that PyTorch can use")
    return module


@pytest.fixture(scope="module")
def load(torch, tmp_path_factory):
    from rung import runtime

    def load(name: str, device: str = "cuda"):
        path = BUILD / f"cuda-bundles/{name}.rung"
        if not path.exists():
            folder = tmp_path_factory.mktemp("bundle")
            write_bundle(folder, name, BUILD)
            path = folder / f"{name}.rung"
        return runtime.load(path, device=device)

    return load


@pytest.fixture
def case(torch):
    """Codes and scales of a weight, and what they are worth."""
    rng = np.random.default_rng(0)
    w, s = rng.integers(-128, 128, (100, 64), np.int8), rng.uniform(0.5, 2, (100, 4)).astype(np.float16)
    return w, s, w.astype(np.float32) * np.repeat(s.astype(np.float32), 16, axis=1)


def near(result, wanted) -> None:
    np.testing.assert_allclose(np.asarray(result, np.float32), wanted, rtol=2**-10)


@pytest.mark.parametrize("name", ["dequantize", "dequantize-ptx"])
def test_arrays_of_the_host(load, case, name):
    w, s, wanted = case
    bundle = load(name)
    near(bundle["dequantize"](w, s), wanted)
    near(bundle["dequantize"](w[:7], s[:7]), wanted[:7])


def test_tensors_of_torch(load, torch, case):
    w, s, wanted = case
    entry = load("dequantize")["dequantize"]
    w, s = torch.from_numpy(w).cuda(), torch.from_numpy(s).cuda()
    y = entry(w, s)
    assert y.is_cuda and y.dtype == torch.float16 and tuple(y.shape) == (100, 64)
    near(y.cpu(), wanted)
    out = torch.zeros_like(y)
    assert entry(w, s, out=out) is out
    near(out.cpu(), wanted)


def test_streams(load, torch, case):
    """What was queued before on the stream is done before, what comes after sees the result."""
    w, s, wanted = case
    entry = load("dequantize")["dequantize"]
    side = torch.cuda.Stream()
    pinned = torch.from_numpy(w).pin_memory()
    for given in (None, side, side.cuda_stream):
        with torch.cuda.stream(side):
            work = torch.ones(4096, 4096, device="cuda")
            for _ in range(20):
                work = work @ work
            late = pinned.cuda(non_blocking=True)
            y = entry(late, torch.from_numpy(s).cuda(), stream=given)
            half = y / 2
        side.synchronize()
        near(half.cpu(), wanted / 2)


def test_graph(load, torch, case):
    w, s, wanted = case
    entry = load("dequantize")["dequantize"]
    codes, scale = torch.from_numpy(w).cuda(), torch.from_numpy(s).cuda()
    y = entry(codes, scale)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        entry(codes, scale, out=y)
    for factor in (1, 2, 0.5):
        scale.copy_(torch.from_numpy(s * np.float16(factor)))
        graph.replay()
        near(y.cpu(), factor * wanted)
    from rung import runtime
    with pytest.raises(runtime.Error, match="cannot be captured in a CUDA graph"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        entry(codes, s)
    near(entry(w, s), wanted)


def matmul_case(rows: int):
    rng = np.random.default_rng(rows)
    codes = rng.integers(-8, 8, (N, K))
    packed = (codes[:, ::2] & 15 | (codes[:, 1::2] & 15) << 4).astype(np.uint8)
    scale = rng.uniform(0.01, 0.02, (N, K // GROUP)).astype(np.float16)
    x = rng.standard_normal((rows, K)).astype(np.float16)
    return x, packed, scale, x.astype(np.float64) @ (codes * np.repeat(scale.astype(np.float64), GROUP, axis=1)).T


def test_matmul_allocates_once(load, torch):
    """Weights of the host or of the GPU are packed once; a second call of any size takes no more memory of the device."""
    entry = load("matmul")["matmul"]
    for rows in (1, 3, 17, 300):
        x, w, s, wanted = matmul_case(rows)
        arguments = {"w": w, "s": torch.from_numpy(s).cuda()}
        packs = [argument.name for argument in entry.inputs if argument.packed_bytes]
        assert "w" in packs
        arguments |= {name: entry.pack(arguments[name], name) for name in packs}
        x = torch.from_numpy(x).cuda()
        y = entry(x, **arguments)
        error = np.linalg.norm(y.cpu().numpy() - wanted) / np.linalg.norm(wanted)
        assert error < 2**-10, (rows, error)
        torch.cuda.synchronize()
        before = torch.cuda.mem_get_info()
        for _ in range(3):
            entry(x, **arguments, out=y)
        torch.cuda.synchronize()
        assert torch.cuda.mem_get_info() == before


def test_matmul_without_packing_first(load):
    x, w, s, wanted = matmul_case(5)
    y = load("matmul")["matmul"](x, w, s)
    assert np.linalg.norm(y - wanted) / np.linalg.norm(wanted) < 2**-10


def test_tensors_of_cupy(load, case):
    cupy = pytest.importorskip("cupy")
    w, s, wanted = case
    with cupy.cuda.Stream(non_blocking=True) as stream:
        y = load("dequantize")["dequantize"](cupy.asarray(w), cupy.asarray(s))
        assert isinstance(y, cupy.ndarray)
        near(y.get(stream=stream), wanted)


def test_tensors_of_jax(load, case):
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax = pytest.importorskip("jax")
    w, s, wanted = case
    y = load("dequantize")["dequantize"](jax.numpy.asarray(w), jax.numpy.asarray(s))
    assert isinstance(y, jax.Array)
    near(jax.numpy.asarray(y), wanted)


def test_bad_calls_leave_no_error_behind(load, torch, case):
    from rung import runtime
    w, s, wanted = case
    entry = load("dequantize")["dequantize"]
    codes, scale = torch.from_numpy(w).cuda(), torch.from_numpy(s).cuda()
    y = torch.empty(100, 64, dtype=torch.float16, device="cuda")
    bad = [((codes.t(), scale), "not contiguous"), ((codes[:, :63].contiguous(), scale), "expected \\[M, 64\\]"),
           ((codes.float(), scale), "dtype float32"), ((codes, scale[:50]), "M = 50, but argument 'w' has M = 100"),
           ((codes, scale.cpu()[:50]), "M = 50, but argument 'w' has M = 100")]
    for arguments, message in bad:
        with pytest.raises(runtime.Error, match=message):
            entry(*arguments, out=y)
        torch.cuda.synchronize()
        near(entry(codes, scale, out=y).cpu(), wanted)
    with pytest.raises(runtime.Error, match="there is no device cuda:99"):
        load("dequantize", "cuda:99")
    with pytest.raises(runtime.Error, match="no binary for device 'cpu'"):
        load("dequantize", "cpu")


def test_first_call_is_quick(load, torch, case):
    """With a context that exists, from the file to a result on the host in 50 ms."""
    w, s, wanted = case
    torch.zeros(1, device="cuda")
    start = time.perf_counter()
    y = load("dequantize")["dequantize"](w, s)
    seconds = time.perf_counter() - start
    near(y, wanted)
    print(f"first call: {seconds * 1e3:.1f} ms")
    assert seconds < 0.05


if __name__ == "__main__":
    prepare(pathlib.Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "python3.12")
