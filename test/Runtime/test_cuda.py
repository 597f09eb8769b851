# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The runtime on --device=cuda, on a driver that records its calls and computes nothing (fake-cuda.c)."""

import ctypes
import json
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest

#: What the scripts below begin with.
HEADER = '''
import ctypes, os, pathlib, sys
import numpy as np
from rung import runtime

LOG = pathlib.Path(os.environ["FAKE_CUDA_LOG"])
driver = ctypes.CDLL("libcuda.so.1")

class OnGPU:
    """A tensor on a GPU, as other libraries export it: DLManagedTensor of dlpack.h."""
    class Managed(ctypes.Structure):
        _fields_ = [("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32),
                    ("ndim", ctypes.c_int32), ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
                    ("shape", ctypes.c_void_p), ("strides", ctypes.c_void_p), ("byte_offset", ctypes.c_uint64),
                    ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]

    def __init__(self, shape, dtype, device=0, offset=0, data=None):
        dtype = np.dtype(dtype)
        self.size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if data is None:
            context, address = ctypes.c_void_p(), ctypes.c_uint64()
            driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device)
            driver.cuCtxPushCurrent_v2(context)
            assert driver.cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(self.size)) == 0
            driver.cuCtxPopCurrent_v2(ctypes.byref(context))
            data = address.value
        self.data, self.device, self.streams = data, device, []
        self.shape = (ctypes.c_int64 * len(shape))(*shape)
        self.managed = self.Managed(data + offset, 2, device, len(shape), {"i": 0, "u": 1, "f": 2}[dtype.kind], 8 * dtype.itemsize, 1,
                                    ctypes.addressof(self.shape), None, 0, None, None)

    def __dlpack_device__(self):
        return 2, self.device

    def __dlpack__(self, stream=None):
        self.streams.append(stream)
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.managed), b"dltensor", None)

def lines(action):
    """What the driver was asked for by an action."""
    before = len(LOG.read_text()) if LOG.exists() else 0
    action()
    return LOG.read_text()[before:].splitlines()

def error(action):
    try:
        action()
    except runtime.Error as problem:
        return str(problem)
    return "no error"
'''


@pytest.fixture
def environment(build, tmp_path) -> dict[str, str]:
    """That of a process with the stand-in for the driver, and without ptxas."""
    return os.environ | {"LD_LIBRARY_PATH": str(build / "test/bin/fake-cuda"), "FAKE_CUDA_LOG": str(tmp_path / "log"),
                         "PYTHONPATH": str(build / "python"), "CUDA_HOME": "/none", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def script(tmp_path, environment):
    """script(text, VARIABLE=value...): the lines that a script prints."""

    def run(text, **variables):
        done = subprocess.run([sys.executable, "-c", HEADER + textwrap.dedent(text)], cwd=tmp_path, capture_output=True, text=True,
                              env=environment | {name: str(value) for name, value in variables.items()})
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.fixture(scope="module")
def compiled(build, tmp_path_factory):
    """The dequantisation of test/tools/rung-compile as a bundle for GPUs, PTX alone."""
    path = tmp_path_factory.mktemp("cuda") / "dequantize.rung"
    source = os.path.join(os.path.dirname(__file__), "../tools/rung-compile/Inputs/dequantize.mlir")
    subprocess.run([build / "bin/rung-compile", source, "--target=cpu:x86-64,cuda:sm_80", "-o", path], check=True,
                   env=os.environ | {"CUDA_HOME": "/none", "PATH": "/usr/bin:/bin"})
    return path


PTX = ".visible .entry k(\n.param .u64 .ptr .align 1 k_param_0,\n.param .u64 k_param_1,\n.param .u64 k_param_2\n)\n{}\n"


@pytest.fixture
def written(build, tmp_path):
    """written(targets...): a bundle of hand-written entries with kernel k for these targets, each as cubin and PTX."""

    def write(*targets):
        with open(os.path.join(os.path.dirname(__file__), "kernels.json")) as file:
            manifest = json.load(file)
        (matmul,) = [entry for entry in manifest["entries"] if entry["name"] == "matmul"]
        matmul["arguments"][1]["codes"] = 9
        x = {"name": "x", "kind": "input", "format": "f32", "bits": 32, "dtype": "float32", "shape": ["M", "N"], "storage_shape": ["M", "N"]}
        manifest["entries"] = [matmul, {"name": "grid", "arguments": [x]}]
        packed = manifest["binaries"][2]["packed"]
        manifest["binaries"] = [{"target": target, "section": 0, "constants": [1, 0], "packed": packed, "kernels": ["k"],
                                 "device": [{"kind": "cubin", "section": 2}, {"kind": "ptx", "section": 3}]} for target in targets]
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        (tmp_path / "weights").write_bytes(bytes(range(200)))
        (tmp_path / "k.cubin").write_bytes(b"\x7fELF")
        (tmp_path / "k.ptx").write_text(PTX)
        subprocess.run([build / "test/bin/rung-test-bundle", "written.rung", "manifest.json", build / "test/bin/kernels.so", "weights",
                        "k.cubin", "k.ptx"], cwd=tmp_path, check=True)
        return "written.rung"

    return write


def test_arrays_of_the_host_are_copied(script, compiled):
    """7 values for each matrix; the second call allocates nothing."""
    first, second, total = script(f'''
        entry = runtime.load("{compiled}", device="cuda")["dequantize"]
        w, s = np.zeros((3, 64), np.int8), np.zeros((3, 4), np.float16)
        call = lambda: entry(w, s)
        print(lines(call)); print(lines(call))
        print(call().tobytes() == bytes([0xee]) * 384)
    ''')
    first, second = eval(first), eval(second)
    assert [line for line in first if line.startswith("alloc")] == ["alloc 192 on 0", "alloc 128 on 0", "alloc 384 on 0"]
    assert not any("alloc" in line or "free" in line for line in second)
    kinds = [" ".join(line.split()[:3]) for line in second]
    assert kinds == ["to device 192", "to device 24", "launch dequantize_kernel grid", "to host 384", "synchronize"]
    (launch,) = [line for line in second if line.startswith("launch")]
    found = re.match(r"launch dequantize_kernel grid 3 1 1 block (\d+) 1 1 shared 0 stream 0 (.*)", launch)
    assert int(found[1]) % 32 == 0
    values = [int(value) for value in found[2].split()]
    matrices = sorted(tuple(values[i + 2: i + 7]) for i in range(0, len(values), 7))
    assert matrices == [(0, 3, 4, 4, 1), (0, 3, 64, 64, 1), (0, 3, 64, 64, 1)]
    assert all(values[i] == values[i + 1] and values[i] % 64 == 0 for i in range(0, len(values), 7))
    assert total == "True"


def test_tensors_on_the_gpu_are_used_where_they_are(script, compiled):
    """On the stream of the caller, without a copy, an allocation or a wait: a graph may capture it."""
    log, streams, pointers, capture = script(f'''
        entry = runtime.load("{compiled}", device="cuda")["dequantize"]
        w, s, y = OnGPU((3, 64), np.int8), OnGPU((3, 4), np.float16), OnGPU((3, 64), np.float16)
        class Stream:
            cuda_stream = 7
        print(lines(lambda: entry(w, s, out=y, stream=Stream())))
        print(w.streams)
        print([w.data, s.data, y.data])
        print(lines(lambda: entry(w, s, out=y, stream=1000)))
    ''')
    (launch,) = eval(log)
    assert "stream 7" in launch and eval(streams) == [7]
    assert set(eval(pointers)) <= {int(value) for value in launch.split()[13:]}
    (captured,) = eval(capture)
    assert "stream 1000" in captured


def test_results_are_tensors_on_the_gpu_again(script, compiled):
    """Of a library that no one knows, memory of ours that speaks DLPack; it is freed with its tensor."""
    device, log = script(f'''
        entry = runtime.load("{compiled}", device="cuda:1")["dequantize"]
        w, s = OnGPU((3, 64), np.int8, device=1), OnGPU((3, 4), np.float16, device=1)
        y = entry(w, s)
        print(y.__dlpack_device__())
        def drop():
            global y
            y = None
        print(lines(drop))
    ''')
    assert eval(device) == (2, 1) and eval(log) == ["free"]


def test_what_lies_elsewhere_is_refused(script, compiled):
    """Nothing is launched, and the next call works."""
    *messages, log = script(f'''
        entry = runtime.load("{compiled}", device="cuda:0")["dequantize"]
        w, s, y = OnGPU((3, 64), np.int8), OnGPU((3, 4), np.float16), OnGPU((3, 64), np.float16)
        host = np.zeros((3, 64), np.int8)
        start = len(LOG.read_text())
        print(error(lambda: entry(OnGPU((3, 64), np.int8, device=1), s, out=y)))
        print(error(lambda: entry(OnGPU((3, 64), np.int8, data=host.ctypes.data), s, out=y)))
        print(error(lambda: entry(OnGPU((3, 64), np.int8, data=0), s, out=y)))
        print(error(lambda: entry(w, OnGPU((3, 4), np.float16, offset=1), out=y)))
        print(error(lambda: entry(w, OnGPU((3, 4), np.float16, offset=2), out=y)))
        print(error(lambda: entry(w, OnGPU((3, 4), np.float16, offset=16), out=y)))
        print(error(lambda: entry(w, s, out=w)))
        print(error(lambda: entry(OnGPU((2**31, 64), np.int8, data=w.data), OnGPU((2**31, 4), np.float16, data=s.data),
                                  out=OnGPU((2**31, 64), np.float16, data=y.data))))
        print(error(lambda: entry(host, s, out=y, stream=1000)))
        print(error(lambda: entry(OnGPU((3, 63), np.int8), s, out=y)))
        assert "launch" not in LOG.read_text()[start:]
        print(lines(lambda: entry(w, s, out=y)))
    ''')
    for message, parts in zip(messages, [
            ["argument 'w' lies on cuda:1, expected cuda:0"], ["argument 'w' does not lie in memory of a GPU; expected memory of cuda:0"],
            ["argument 'w' has no data"], ["argument 's' lies at an address that is no multiple of 2"],
            ["argument 's' lies at an address that is no multiple of 16; pass an aligned copy"],
            ["argument 's' takes 24 bytes, but its memory ends after 8"], ["argument 'y' of entry 'dequantize' has dtype int8"],
            ["argument 'w' has shape [2147483648, 64], but kernels of a GPU take sizes up to 2147483647"],
            ["a copy of an array to the GPU cannot be captured in a CUDA graph", "pass arrays that lie on cuda:0"],
            ["argument 'w' has shape [3, 63], expected [M, 64]"]], strict=True):
        for part in parts:
            assert part in message
    assert len(eval(log)) == 1


def test_the_driver_is_looked_for_at_run_time(build, compiled, environment):
    """Opening and listing a bundle needs none."""
    environment |= {"LD_LIBRARY_PATH": ""}
    try:
        ctypes.CDLL("libcuda.so.1")
        pytest.skip("this machine has a driver")
    except OSError:
        pass
    command = [build / "bin/rung-run", compiled]
    assert "cuda:sm_80" in subprocess.run([*command, "--list"], env=environment, check=True, capture_output=True, text=True).stdout
    done = subprocess.run([*command, "--device=cuda"], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.match(r"rung-run: error: '.*dequantize.rung': no NVIDIA driver: libcuda.so.1: .*; install it, or run on another device\n$", done.stderr)


@pytest.mark.parametrize("variables, device, parts", [
    ({"FAKE_CUDA_FAIL": "cuInit"}, "cuda", ["the NVIDIA driver does not start: something is wrong"]),
    ({}, "cuda:2", ["there is no device cuda:2: the driver has 2 GPUs"]),
    ({"FAKE_CUDA_DEVICES": "0"}, "cuda", ["there is no device cuda:0: the driver has 0 GPUs"]),
    ({"FAKE_CUDA_CAPABILITY": "75"}, "cuda", ["no kernels for cuda:0, an Imagined GPU 0 of compute capability 7.5; it holds cpu:x86-64, cuda:sm_80",
                                              "--target=cuda:sm_75 or an older one"]),
    ({"FAKE_CUDA_FAIL": "cuModuleLoadDataEx"}, "cuda", ["the ptx for cuda:sm_80 cannot be loaded on cuda:0", "CUDA_ERROR_INVALID_IMAGE",
                                                        "line 7: no such instruction"]),
    ({"FAKE_CUDA_FAIL": "cuModuleGetFunction"}, "cuda", ["kernel 'dequantize_kernel'"]),
    ({}, "cuda:x", ["'cuda:x' names no device; expected cuda or cuda:0"]),
    ({}, "hip", ["no binary for device 'hip'; the bundle holds cpu:x86-64, cuda:sm_80"]),
], ids=lambda value: value if isinstance(value, str) else None)
def test_devices_that_cannot_be_used(script, compiled, variables, device, parts):
    (message,) = script(f'print(error(lambda: runtime.load("{compiled}", device="{device}")))', **variables)
    for part in parts:
        assert part in message, message


def test_out_of_memory(script, compiled):
    """Other blocks that are free are given back first; afterwards the bundle works as before."""
    messages = script(f'''
        entry = runtime.load("{compiled}", device="cuda")["dequantize"]
        call = lambda rows: entry(np.zeros((rows, 64), np.int8), np.zeros((rows, 4), np.float16))
        print(error(lambda: call(100)))
        print(error(lambda: call(10000)))
        print(error(lambda: call(150)))
        print("free" in LOG.read_text())
    ''', FAKE_CUDA_BYTES=40000)
    assert messages[0] == messages[2] == "no error" and messages[3] == "True"
    assert re.match(r"entry 'dequantize': no memory of \d+ bytes on cuda:0: out of memory \(CUDA_ERROR_OUT_OF_MEMORY\)", messages[1])


@pytest.mark.parametrize("function, message", [
    ("cuLaunchKernel", "entry 'dequantize': kernel 'dequantize_kernel' cannot be launched on cuda:0: something is wrong"),
    ("cuStreamSynchronize", "entry 'dequantize': the call failed on cuda:0: something is wrong")])
def test_errors_of_the_driver(script, compiled, function, message):
    (found,) = script(f'''
        entry = runtime.load("{compiled}", device="cuda")["dequantize"]
        print(error(lambda: entry(np.zeros((3, 64), np.int8), np.zeros((3, 4), np.float16))))
    ''', FAKE_CUDA_FAIL=function)
    assert found.startswith(message)


@pytest.mark.parametrize("capability, target, kind", [
    (80, "cuda:sm_80", "cubin"), (86, "cuda:sm_80", "cubin"), (89, "cuda:sm_89", "cubin"), (90, "cuda:sm_90a", "cubin"),
    (100, "cuda:sm_89", "ptx"), (120, "cuda:sm_89", "ptx")])
def test_the_newest_code_that_the_gpu_runs(script, written, capability, target, kind):
    path = written("cuda:sm_80", "cuda:sm_90a", "cuda:sm_89")
    loaded, log = script(f'''
        log = lines(lambda: globals().update(bundle=runtime.load("{path}", device="cuda")))
        print(bundle.target); print(log)
    ''', FAKE_CUDA_CAPABILITY=capability)
    assert loaded == target
    assert f"load {kind}" in eval(log)


def test_constants_and_packed_weights_lie_on_the_gpu(script, written):
    """Packing runs on the host; the weight then stays on the GPU until it is freed."""
    path = written("cuda:sm_80")
    log, codes, invalid, also, refused, freed, grid, constant = script(f'''
        bundle = runtime.load("{path}", device="cuda")
        weight = np.arange(9, dtype=np.uint8).reshape(3, 3)
        log = lines(lambda: globals().update(packed=bundle["matmul"].pack(weight)))
        print(log)
        held = OnGPU((3, 3), np.uint8)
        ctypes.memmove(held.data, weight.ctypes.data, 9)
        log = lines(lambda: bundle["matmul"].pack(held))
        print(log)
        ctypes.memset(held.data + 3, 0xa0, 1)
        print(error(lambda: bundle["matmul"].pack(held)))
        print(error(lambda: bundle["matmul"](np.zeros((1, 5), np.float32), held)))
        print(error(lambda: bundle["matmul"](np.zeros((1, 5), np.float32), weight, stream=1000)))
        def drop():
            global packed
            packed = None
        print(lines(drop))
        x = OnGPU((3, 2), np.float32)
        log = lines(lambda: bundle["grid"](x))
        print(log)
        print(bytes((ctypes.c_uint8 * 4).from_address(int(log[-1].split()[-1]))))
    ''', FAKE_CUDA_CAPABILITY=90)
    assert eval(log) == ["alloc 15 on 0", "to device 15 stream 0", "synchronize"]
    assert eval(codes) == ["to host 9 stream 0", "synchronize", "alloc 15 on 0", "to device 15 stream 0", "synchronize", "free"]
    assert invalid == also == ("entry 'matmul': argument 'w' holds code 10 in row 1, column 1; !rung.int<4> has values for codes "
                               "0 to 8 only")
    assert "cannot be captured" in refused
    assert eval(freed) == ["free"]
    allow, launch = eval(grid)[-2:]
    assert allow == "allow 3 shared"
    assert launch.startswith("launch k grid 3 2 1 block 32 1 1 shared 3 stream 0 ")
    assert eval(constant) == bytes([0, 1, 2, 3])  # constant 1 of the binary is constant 0 of the manifest


def test_launches_that_no_gpu_takes(script, written):
    path = written("cuda:sm_80")
    messages = script(f'''
        entry = runtime.load("{path}", device="cuda")["grid"]
        x = OnGPU((1000000,), np.uint8)
        for shape in ((3, 65536), (240000, 1), (3, 7)):
            print(error(lambda: entry(OnGPU(shape, np.float32, data=x.data))))
    ''')
    assert messages[0] == ("entry 'grid': kernel 'k' needs a grid of 3 x 65536 x 1 blocks, but cuda:0 has at most "
                           "2147483647 x 65535 x 65535; call it with smaller sizes")
    assert messages[1].startswith("entry 'grid': kernel 'k' needs 240000 bytes of dynamic shared memory: ")
    assert messages[2] == "entry 'grid': kernel 9 is launched, but the bundle has 1"


def test_rung_run(build, compiled, tmp_path, environment):
    """The arrays lie on the GPU while runs are timed."""
    np.save(tmp_path / "w.npy", np.zeros((3, 64), np.int8))
    np.save(tmp_path / "s.npy", np.zeros((3, 4), np.float16))
    done = subprocess.run([build / "bin/rung-run", compiled, "--input=w.npy", "--input=s.npy", "--output=y.npy", "--device=cuda:1", "--repeat=3"],
                          cwd=tmp_path, env=environment, check=True, capture_output=True, text=True)
    assert re.match(r"dequantize: median .* of 3 runs .* on cuda:1 \(cuda:sm_80\)\n$", done.stdout)
    assert np.load(tmp_path / "y.npy").tobytes() == bytes([0xee]) * 384
    lines = (tmp_path / "log").read_text().splitlines()
    launches = [i for i, line in enumerate(lines) if line.startswith("launch")]
    assert len(launches) == 4
    assert all(line == "synchronize" or line.startswith("launch") for line in lines[launches[1]:launches[3] + 1])
    assert all("on 1" in line for line in lines if line.startswith("alloc"))
