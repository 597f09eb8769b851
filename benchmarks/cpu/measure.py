# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the benchmarks of this folder share: a plain read of memory, and reports."""

from __future__ import annotations

import concurrent.futures
import ctypes
import datetime
import json
import pathlib
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
#: Memory that is touched between two uses of the same bytes: four times the largest cache.
COLD_BYTES = 4 * max((int(path.read_text().strip()[:-1]) * 1024
                      for path in pathlib.Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")), default=32 << 20)


def plain_read() -> Callable[[np.ndarray, int], None]:
    """Reads every byte of an array once, with this many threads, from plain_read.c compiled for this machine."""
    with tempfile.TemporaryDirectory() as folder:
        library = pathlib.Path(folder) / "plain_read.so"
        subprocess.run(["clang-22", "-O3", "-march=native", "-shared", "-fPIC", HERE / "plain_read.c", "-o", library], check=True)
        function = ctypes.CDLL(str(library)).plain_read
    function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_size_t], ctypes.c_uint64
    pool = concurrent.futures.ThreadPoolExecutor()

    def read(array: np.ndarray, threads: int = 1) -> None:
        share = array.nbytes // threads
        jobs = [pool.submit(function, array.ctypes.data + i * share, share) for i in range(1, threads)]
        function(array.ctypes.data, share)
        for job in jobs:
            job.result()

    return read


def seconds(function: Callable, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def device_name() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def write_report(path: str, **fields) -> None:
    """JSON: the date, device, command and commit, then `fields`."""
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    report = {"date": datetime.date.today().isoformat(), "device": device_name(), "command": " ".join(sys.argv),
              "commit": commit, **fields}
    pathlib.Path(path).write_text(json.dumps(report, indent=1) + "\n")
