# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""One bundle for a CPU and for GPUs: each packs weights in an order of its own."""

import json
import re
import subprocess

import numpy as np
import pytest
from safetensors.numpy import save_file

N, K, GROUP = 70, 130, 64
TARGETS = "--target=cpu:x86-64,sim:cuda:sm_80,cuda:sm_90a"


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(0)
    codes = rng.integers(-8, 8, (N, K))
    scale = rng.uniform(0.5, 2, (N, -(-K // GROUP))).astype(np.float16)
    x = rng.standard_normal((3, K)).astype(np.float16)
    weight = codes * np.repeat(scale.astype(np.float64), GROUP, axis=1)[:, :K]
    stored = (codes[:, ::2] & 15 | (codes[:, 1::2] & 15) << 4).astype(np.uint8)
    return x, stored, scale, x.astype(np.float64) @ weight.T


def manifest_of(path) -> dict:
    data = path.read_bytes()
    start = data.rindex(b'{"assets"')
    return json.loads(data[start:].rstrip(b"\0"))


def check(path, case, *arguments) -> None:
    from rung import runtime
    for device in ("cpu", "sim"):
        y = runtime.load(path, device=device)["matmul"](case[0], *arguments)
        assert np.linalg.norm(y - case[3]) / np.linalg.norm(case[3]) < 2**-9, device


def generate(build) -> str:
    return subprocess.run([build / "bin/rung-gen", "matmul", f"--n={N}", f"--k={K}", "--m=dynamic", "--activation=f16", "--weight=int4",
                           "--result=f32", "--scale=f16", f"--group={GROUP}"], check=True, capture_output=True, text=True).stdout


def write(build, folder, text, *flags):
    (folder / "m.mlir").write_text(text)
    subprocess.run([build / "bin/rung-compile", "m.mlir", TARGETS, *flags, "-o", "m.rung"], cwd=folder, check=True)
    return folder / "m.rung"


def test_weights_at_run_time(build, tmp_path, case):
    path = write(build, tmp_path, generate(build))
    binaries = manifest_of(path)["binaries"]
    packed = [{item["argument"]: item["bytes"] for item in binary["packed"]} for binary in binaries]
    assert all("w" in sizes for sizes in packed) and packed[0]["w"] != packed[1]["w"]
    check(path, case, case[1], case[2])


def test_parameters(build, tmp_path, case):
    """Constants that two targets share are in the bundle once."""
    text = generate(build)
    head, body = re.fullmatch(r"(.*func.func .*?), %arg1: .*?(\) -> .*)", text, re.DOTALL).groups()
    first, rest = body.split("\n", 1)
    text = (f"{head}{first}\n  %arg1 = rung.parameter @w : tensor<{N}x{K}x!rung.int<4>>\n"
            f"  %arg2 = rung.parameter @s : tensor<{N}x3xf16>\n{rest}")
    save_file({"w": case[1], "s": case[2]}, tmp_path / "p.safetensors")
    path = write(build, tmp_path, text, "--parameters=p.safetensors")
    manifest = manifest_of(path)
    cpu, sim, cuda = [binary["constants"] for binary in manifest["binaries"]]
    assert cpu != sim and sim == cuda
    assert len(manifest["constants"]) == len(set(cpu + sim + cuda))
    check(path, case)
