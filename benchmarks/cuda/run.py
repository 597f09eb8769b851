# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks and times the kernels that build.py compiled. Needs a GPU, PyTorch and numpy, nothing of rung but the folder.

    python3 benchmarks/cuda/run.py OUT [--output=FILE] [--only=int4] [--rows=1,16]

Every case is compared with the product in f64 before it is timed: relative error ‖y - y64‖ / ‖y64‖ of at most
twice that of y64 rounded to f16, plus 2^-12. Times are medians of CUDA graphs over copies of the weights that together exceed the L2
cache by far; beside each, in the same run, a plain read of the same bytes and cuBLAS in f16 on the dequantized weight.
"""

from __future__ import annotations

import argparse
import ctypes
import datetime
import json
import math
import pathlib
import statistics
import sys

import torch

COLD_BYTES = 400 << 20


class Tensor(ctypes.Structure):
    """rung_tensor of rung-c/Runtime.h."""
    _fields_ = [("data", ctypes.c_void_p), ("rank", ctypes.c_uint32), ("sizes", ctypes.POINTER(ctypes.c_int64)),
                ("packed", ctypes.c_void_p), ("memory", ctypes.c_int)]


def tensor(array: torch.Tensor) -> Tensor:
    sizes = (ctypes.c_int64 * array.dim())(*array.shape)
    return Tensor(array.data_ptr(), array.dim(), sizes, None, 1 if array.is_cuda else 0)


class Bundle:
    def __init__(self, library: ctypes.CDLL, path: pathlib.Path):
        self.library, self.handle, self.entry = library, ctypes.c_void_p(), ctypes.c_size_t()
        self.check(library.rung_bundle_open, str(path).encode(), ctypes.byref(self.handle))
        self.check(library.rung_bundle_load, self.handle, b"cuda")
        self.check(library.rung_bundle_find_entry, self.handle, b"matmul", ctypes.byref(self.entry))

    @staticmethod
    def check(function, *arguments) -> None:
        error = ctypes.c_char_p()
        if function(*arguments, ctypes.byref(error)):
            raise SystemExit(f"{function.__name__}: {error.value.decode()}")

    def pack(self, argument: int, array: torch.Tensor) -> Tensor:
        packed = ctypes.c_void_p()
        self.check(self.library.rung_pack, self.handle, self.entry, ctypes.c_size_t(argument), ctypes.byref(tensor(array)), ctypes.byref(packed))
        return Tensor(None, 0, None, packed, 0)

    def call(self, *tensors: Tensor) -> None:
        self.check(self.library.rung_call_on_stream, self.handle, self.entry, (Tensor * len(tensors))(*tensors),
                   ctypes.c_size_t(len(tensors)), ctypes.c_void_p(torch.cuda.current_stream().cuda_stream))

    def close(self) -> None:
        self.library.rung_bundle_close(self.handle)


def canonical(codes: torch.Tensor, bits: int) -> torch.Tensor:
    """Rows of codes packed least significant bit first."""
    rows, columns = codes.shape
    eight = codes.reshape(rows, -1, 8).long()
    word = sum(eight[:, :, i] << (bits * i) for i in range(8))
    return torch.stack([(word >> (8 * j)) & 255 for j in range(bits)], -1).to(torch.uint8).reshape(rows, columns * bits // 8)


def microseconds(run, count: int) -> float:
    """Median time of one of `count` calls run(0), run(1), ... in a graph."""
    run(0)
    torch.cuda.synchronize()
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        run(0)
    stream.synchronize()
    with torch.cuda.graph(graph, stream=stream):
        for i in range(count):
            run(i)
    times = []
    for turn in range(13):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        if turn > 2:
            times.append(start.elapsed_time(end) * 1e3 / count)
    return statistics.median(times)


class PlainRead:
    def __init__(self, path: pathlib.Path):
        self.driver = ctypes.CDLL("libcuda.so.1")
        module, self.function, image = ctypes.c_void_p(), ctypes.c_void_p(), path.read_bytes()
        assert self.driver.cuModuleLoadData(ctypes.byref(module), image) == 0
        assert self.driver.cuModuleGetFunction(ctypes.byref(self.function), module, b"plain_read") == 0
        self.memory = torch.randint(0, 255, (2 * COLD_BYTES,), dtype=torch.uint8, device="cuda")
        self.sink = torch.zeros(16, dtype=torch.uint8, device="cuda")

    def time(self, size: int) -> float:
        copies, pieces = self.memory.numel() // size, size // 16

        def run(i: int) -> None:
            values = [ctypes.c_uint64(self.memory.data_ptr() + i % copies * size // 16 * 16), ctypes.c_uint64(self.sink.data_ptr()),
                      ctypes.c_uint64(pieces)]
            arguments = (ctypes.c_void_p * 3)(*[ctypes.addressof(value) for value in values])
            threads = 256
            status = self.driver.cuLaunchKernel(self.function, math.ceil(pieces / (8 * threads)), 1, 1, threads, 1, 1, 0,
                                                ctypes.c_void_p(torch.cuda.current_stream().cuda_stream), arguments, None)
            assert status == 0, status
        return microseconds(run, min(copies, 40))


def measure(case: dict, folder: pathlib.Path, library: ctypes.CDLL, plain_read: PlainRead, rows_wanted: list[int] | None) -> list[dict]:
    n, k, group, bits = case["n"], case["k"], case["group"], case["bits"]
    generator = torch.Generator("cuda").manual_seed(n + k + bits)
    valid = torch.tensor(case["codes"], device="cuda")
    codes = valid[torch.randint(0, len(valid), (n, k), device="cuda", generator=generator)]
    scales = (torch.rand(n, k // group, device="cuda", generator=generator) * 0.02 + 0.001).half()
    table = torch.tensor(case["table"], dtype=torch.float64, device="cuda")
    bundle = Bundle(library, folder / case["bundle"])
    weight = canonical(codes, bits).cpu()
    size = n * k * bits // 8 + n * (k // group) * 2
    copies = max(2, math.ceil(COLD_BYTES / size))
    packed = [(bundle.pack(1, weight), bundle.pack(2, scales.cpu())) for _ in range(copies)]
    exact = table[codes] * scales.double().repeat_interleave(group, 1)
    dense = [exact.half() for _ in range(max(2, math.ceil(COLD_BYTES / (2 * n * k))))]
    del codes
    read = plain_read.time(size)
    result = []
    for m in case["rows"]:
        if rows_wanted and m not in rows_wanted:
            continue
        x = torch.randn(m, k, device="cuda", generator=generator).half()
        wanted = x.double() @ exact.T
        y = torch.full((m, n), float("nan"), device="cuda", dtype=torch.float16)
        arguments = (tensor(x), tensor(y))
        floor = ((wanted.half().double() - wanted).norm() / wanted.norm()).item()
        worst = 0.0
        for w, s in packed[:2]:
            y.fill_(float("nan"))
            bundle.call(arguments[0], w, s, arguments[1])
            torch.cuda.synchronize()
            error = ((y.double() - wanted).norm() / wanted.norm()).item()
            worst = max(worst, error) if error == error else float("nan")
        row = {key: case[key] for key in ("weight", "scale", "group", "activation", "n", "k")} | {"m": m, "error": worst}
        result.append(row)
        if not worst <= 2 * floor + 2**-12:
            print(f"{case['weight']} {n}x{k} M={m}: relative error {worst}, that of f16 is {floor}", file=sys.stderr)
            row["wrong"] = True
            continue
        count = max(len(packed), 20) if m <= 256 else 4
        row["us"] = microseconds(lambda i: bundle.call(arguments[0], *packed[i % len(packed)], arguments[1]), count)
        row["cublas_us"] = microseconds(lambda i: torch.matmul(x, dense[i % len(dense)].T, out=y), count)
        row["read_us"] = read
    del packed, exact, dense
    bundle.close()
    torch.cuda.empty_cache()
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", type=lambda text: text.split(","))
    parser.add_argument("--rows", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    library = ctypes.CDLL(str(options.folder / "librung-runtime.so"))
    plain_read = PlainRead(options.folder / "read.cubin")
    cases = [case for case in json.loads((options.folder / "cases.json").read_text()) if not options.only or case["weight"] in options.only]
    rows = []
    print(f"{'weight':8} {'N x K':>12} {'M':>5} {'us':>8} {'read':>7} {'/read':>6} {'cuBLAS':>8} {'error':>8}")
    for case in cases:
        for row in measure(case, options.folder, library, plain_read, options.rows):
            rows.append(row)
            shape = f"{row['n']}x{row['k']}"
            if "us" in row:
                print(f"{row['weight']:8} {shape:>12} {row['m']:5} {row['us']:8.2f} {row['read_us']:7.2f} {row['us'] / row['read_us']:6.2f} "
                      f"{row['cublas_us']:8.2f} {row['error']:8.1e}", flush=True)
            else:
                print(f"{row['weight']:8} {shape:>12} {row['m']:5}    wrong, error {row['error']:.1e}", flush=True)
    if options.output:
        options.output.write_text(json.dumps({"date": datetime.date.today().isoformat(), "device": torch.cuda.get_device_name(),
                                              "command": " ".join(sys.argv), "rows": rows}, indent=1) + "\n")
    return 1 if any(row.get("wrong") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
