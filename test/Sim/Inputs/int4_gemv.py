"""Buffers for the kernel of test/Conversion/TileToNVGPU/int4-gemv.mlir: `make FOLDER N K`, then `check FOLDER N K`.

y = x · wᵀ in f64 from the packed words, whose layout is spelled out here: code c of word u of lane l of the tile (i, j)
is row 16i + 8·bit 1 of c + l / 4, column 64j + 16u + 8·bit 2 of c + 2(l % 4) + bit 0 of c.
"""

import sys

import numpy as np

command, folder, n, k = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(1)
words = rng.integers(0, 2**32, (n // 16, k // 64, 32, 4), np.uint32)
scales = rng.uniform(0.5, 2, (n, k // 128)).astype(np.float16)
x = rng.standard_normal(k).astype(np.float16)
if command == "make":
    for name, array in [("w", words), ("s", scales), ("x", x), ("y", np.full(n, np.nan, np.float32))]:
        array.tofile(f"{folder}/{name}")
else:
    i, j, lane, unit = np.indices(words.shape)
    w = np.empty((n, k))
    for code in range(8):
        value = (words >> np.uint32(4 * code) & 15).astype(int)
        row = 16 * i + 8 * (code >> 1 & 1) + lane // 4
        w[row, 64 * j + 16 * unit + 8 * (code >> 2) + 2 * (lane % 4) + (code & 1)] = value - 16 * (value > 7)
    expected = (w * np.repeat(scales.astype(float), 128, axis=1)) @ x.astype(float)
    y = np.fromfile(f"{folder}/y", np.float32)
    error = np.linalg.norm(y - expected) / np.linalg.norm(expected)
    # f32 sums of k products: well below k · 2^-24.
    assert error < 1e-6, error
    print(f"relative error below 1e-6, {y.size} results")
