# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every way to load and store a tile, run on this machine. Arrays end at a page that cannot be read, so that an
access beyond one is a crash."""

import ctypes
import mmap

import numpy as np
import pytest

from tile_kernels import (DEVICES, build, call, codes_of_unit, lanes_are_columns, lanes_are_rows, layout, numerics,
                          pack_canonical, pack_words, supported, unpack_canonical, words_storage)

RNG = np.random.default_rng(23)
PAGE = mmap.PAGESIZE
LIBC = ctypes.CDLL(None, use_errno=True)

# Rows and columns of the fragment, its layout.
LAYOUTS = {
    "lanes are rows": (16, 4, lanes_are_rows(4)),
    "lanes are columns": (1, 16, lanes_are_columns()),
    "lanes are both": (8, 8, layout(2, 3, 3, "register[0] -> col[2]", "register[1] -> row[2]", "lane[0..1] -> col[0..1]",
                                    "lane[2..3] -> row[0..1]")),
    "lanes hold the same": (2, 4, layout(3, 1, 2, "register[0..1] -> col[0..1]", "register[2] -> row[0]", "lane[0..3] -> 0")),
    "some lanes hold the same": (2, 8, layout(1, 1, 3, "register[0] -> row[0]", "lane[0..2] -> col[0..2]", "lane[3] -> 0")),
}


@pytest.fixture
def best():
    return "permvar512" if supported("permvar512") else "gather"


def guarded(array: np.ndarray) -> np.ndarray:
    """A copy whose end is the end of readable memory."""
    size = -(-array.nbytes // PAGE) * PAGE
    memory = mmap.mmap(-1, size + PAGE)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert LIBC.mprotect(ctypes.c_void_p(base + size), ctypes.c_size_t(PAGE), 0) == 0
    result = np.frombuffer(memory, array.dtype, array.size, size - array.nbytes).reshape(array.shape)
    result[...] = array
    return result


def copy_function(name: str, source: str, fmt: str, shape, tile: str, storage="", target="", result="", convert=True, block="",
                  source_transposed=False, transposed=False) -> str:
    """out = source, in tiles of a layout, with bounds. `shape` is that of the result."""
    rows, columns, place = LAYOUTS[tile]
    wide = f"!tile.fragment<{rows}x{columns}xf32, {place}>"
    narrow = f"!tile.fragment<{rows}x{columns}x{fmt}, {place}>"
    attribute = f" {{storage = {storage}}}" if storage else ""
    out_attribute = f" {{storage = {target}}}" if target else ""
    result = result or f"memref<{shape[0]}x{shape[1]}xf32>"
    if source == "convert":
        source = f"memref<{shape[0]}x{shape[1]}xf32>"
        load, convert_line = "", ""
    into = wide
    value = "%v"
    lines = []
    if target:
        lines.append(f"%v = tile.load %x[%r, %c] bounds [%R, %C] : {source} -> {wide}")
        lines.append(f"%w = tile.convert %v {{rounding = #rung<rounding nearest_even>}} : {wide} -> {narrow}")
        into, value = narrow, "%w"
    else:
        index, bound = ("%c, %r", "%C, %R") if source_transposed else ("%r, %c", "%R, %C")
        lines.append(f"%v = tile.load %x[{index}] bounds [{bound}]{' block ' + block if block else ''}"
                     f"{' transposed' if source_transposed else ''}{attribute} : {source} -> {narrow}")
        if fmt != "f32":
            lines.append(f"%w = tile.convert %v : {narrow} -> {wide}")
            value = "%w"
    index, bound = ("%c, %r", "%C, %R") if transposed else ("%r, %c", "%R, %C")
    lines.append(f"tile.store {value}, %y[{index}] bounds [{bound}]{' transposed' if transposed else ''}{out_attribute}"
                 f" : {into}, {result}")
    body = "\n      ".join(lines)
    return f"""
func.func @{name}(%x: {source}, %y: {result}) {{
  %c0 = arith.constant 0 : index
  %R = arith.constant {shape[0]} : index
  %C = arith.constant {shape[1]} : index
  %dr = arith.constant {rows} : index
  %dc = arith.constant {columns} : index
  scf.for %r = %c0 to %R step %dr {{
    scf.for %c = %c0 to %C step %dc {{
      {body}
    }}
  }}
  return
}}"""


NUMPY = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "i32": np.int32, "i16": np.int16, "i8": np.int8}


@pytest.mark.parametrize("device", DEVICES)
def test_plain_arrays(device, tmp_path):
    """Rows or columns, transposed or not, of a shape that no tile divides."""
    if not supported(device):
        pytest.skip(f"this machine cannot run {device}")
    shape, functions, cases = (21, 37), [], []
    for fmt in ["f32", "f16", "i8"]:
        for tile in LAYOUTS:
            for source_transposed in [False, True]:
                for transposed in [False, True]:
                    name = f"f{len(cases)}"
                    turned = (shape[1], shape[0])
                    source, result = turned if source_transposed else shape, turned if transposed else shape
                    functions.append(copy_function(name, f"memref<{source[0]}x{source[1]}x{fmt}>", fmt, shape, tile,
                                                   source_transposed=source_transposed, transposed=transposed,
                                                   result=f"memref<{result[0]}x{result[1]}xf32>"))
                    cases.append((name, fmt, source_transposed, transposed))
    library = build("\n".join(functions), device, tmp_path)
    for name, fmt, source_transposed, transposed in cases:
        x = RNG.integers(-100, 100, shape).astype(NUMPY[fmt])
        y = guarded(np.full(shape[::-1] if transposed else shape, np.nan, np.float32))
        call(library, name, guarded(x.T if source_transposed else x), y)
        assert np.array_equal(y.T if transposed else y, x.astype(np.float32)), (name, fmt)


@pytest.mark.parametrize("device", DEVICES)
def test_canonical_codes(device, tmp_path):
    """Codes of 1 to 8 bits, several to a byte and across bytes; rows end inside a byte."""
    if not supported(device):
        pytest.skip(f"this machine cannot run {device}")
    functions, cases = [], []
    for width in range(1, 9):
        for shape in [(5, 37), (3, 64), (2, 3)]:
            for tile in LAYOUTS:
                name = f"f{len(cases)}"
                storage = f"#rung.storage<!rung.int<{width}>, [{shape[0]}, {shape[1]}], canonical>"
                memory = f"memref<{shape[0]}x{-(-shape[1] * width // 8)}xi8>"
                functions.append(copy_function(name, memory, f"!rung.int<{width}>", shape, tile, storage))
                cases.append((name, width, shape, False))
            name = f"f{len(cases)}"
            functions.append(copy_function(name, f"memref<{shape[0]}x{shape[1]}xf32>", f"!rung.int<{width}>", shape,
                                           "lanes are columns", target=storage, result=memory))
            cases.append((name, width, shape, True))
    library = build("\n".join(functions), device, tmp_path)
    for name, width, shape, stores in cases:
        codes = RNG.integers(0, 1 << width, shape)
        values = numerics.decode(f"int{width}", codes).astype(np.float32)
        packed = pack_canonical(codes, width)
        if stores:
            out = guarded(np.full_like(packed, 0xAA))
            call(library, name, guarded(values), out)
            assert np.array_equal(out, packed), (name, width, shape)
        else:
            y = guarded(np.full(shape, np.nan, np.float32))
            call(library, name, guarded(packed), y)
            assert np.array_equal(y, values), (name, width, shape)


def test_single_codes_of_packed_words(best, tmp_path):
    """Rows of a weight in the order of its kernel, as a gather of the embedding reads them."""
    functions, cases = [], []
    for width in [*range(1, 9), 16]:
        fmt = "f16" if width == 16 else f"!rung.uint<{width}>"
        for order in ["sequential", "flipped"] + (["planes"] if width in (3, 5, 6, 7) else []):
            for shape in [(19, 70), (16, 64)]:
                count = codes_of_unit(width)
                memory = (f"memref<{-(-shape[0] // 16)}x{-(-shape[1] // count)}x{count * width // 32}x16xi32>")
                for tile in ["lanes are columns", "lanes are rows", "lanes hold the same"]:
                    name = f"f{len(cases)}"
                    functions.append(copy_function(name, memory, fmt, shape, tile, words_storage(fmt, width, shape, order)))
                    cases.append((name, width, order, shape))
    library = build("\n".join(functions), best, tmp_path)
    for name, width, order, shape in cases:
        codes = RNG.integers(0, 1 << min(width, 14), shape)
        expected = codes.astype(np.uint16).view(np.float16) if width == 16 else codes
        y = guarded(np.full(shape, np.nan, np.float32))
        call(library, name, guarded(pack_words(codes, width, order)), y)
        assert np.array_equal(y, expected.astype(np.float32)), (name, width, order, shape)


def in_blocks(values: np.ndarray, shape, block) -> np.ndarray:
    return values[np.arange(shape[0])[:, None] // block[0], np.arange(shape[1])[None, :] // block[1]]


def test_a_scale_for_each_element(best, tmp_path):
    """element floor(index / block), for blocks smaller and larger than vectors, powers of two or not."""
    shape, functions, cases = (21, 70), [], []
    for block in [(1, 32), (1, 16), (1, 8), (4, 5), (3, 1), (1, 1), (21, 70), (1 << 62, (1 << 63) - 1)]:
        size = (-(-shape[0] // block[0]), -(-shape[1] // block[1]))
        for tile in LAYOUTS:
            for kind in ["plain", "canonical", "lanes"]:
                if kind == "lanes" and block[0] > 100:
                    continue
                storage, memory, fmt = "", f"memref<{size[0]}x{size[1]}xf16>", "f16"
                if kind == "canonical":
                    fmt = "!rung.uint<3>"
                    storage = f"#rung.storage<{fmt}, [{size[0]}, {size[1]}], canonical>"
                    memory = f"memref<{size[0]}x{-(-size[1] * 3 // 8)}xi8>"
                elif kind == "lanes":
                    storage = f"#rung.storage<f16, [{size[0]}, {size[1]}], lanes, rows_per_block = {block[0]}>"
                    memory = f"memref<{-(-size[0] * block[0] // 16)}x{size[1]}x16xf16>"
                name = f"f{len(cases)}"
                functions.append(copy_function(name, memory, fmt, shape, tile, storage, block=f"[{block[0]}, {block[1]}]"))
                cases.append((name, kind, block, size))
    library = build("\n".join(functions), best, tmp_path)
    for name, kind, block, size in cases:
        scales = RNG.integers(0, 8, size)
        stored = scales.astype(np.float16)
        if kind == "canonical":
            stored = pack_canonical(scales, 3)
        elif kind == "lanes":
            rows = -(-size[0] * block[0] // 16) * 16
            spread = np.zeros((rows, size[1]), np.float16)
            spread[: size[0] * block[0]] = np.repeat(scales, block[0], 0)
            stored = np.ascontiguousarray(spread.reshape(-1, 16, size[1]).transpose(0, 2, 1))
        y = guarded(np.full(shape, np.nan, np.float32))
        call(library, name, guarded(stored), y)
        assert np.array_equal(y, in_blocks(scales, shape, block).astype(np.float32)), (name, kind, block)


def test_scales_of_other_blocks_than_the_storage(best, tmp_path):
    """Rows in the storage stand for 4 rows each, the access wants one of each or 8."""
    shape, functions, cases = (32, 6), [], []
    for block in [1, 8]:
        for tile in LAYOUTS:
            size = (32 // block, 6)
            name = f"f{len(cases)}"
            storage = f"#rung.storage<f16, [{size[0]}, 6], lanes, rows_per_block = 4>"
            functions.append(copy_function(name, f"memref<{size[0] * 4 // 16}x6x16xf16>", "f16", shape, tile, storage,
                                           block=f"[{block}, 1]"))
            cases.append((name, block, size))
    library = build("\n".join(functions), best, tmp_path)
    for name, block, size in cases:
        scales = RNG.standard_normal(size).astype(np.float16)
        stored = np.ascontiguousarray(np.repeat(scales, 4, 0).reshape(-1, 16, 6).transpose(0, 2, 1))
        y = guarded(np.full(shape, np.nan, np.float32))
        call(library, name, guarded(stored), y)
        assert np.array_equal(y, np.repeat(scales, block, 0).astype(np.float32)), (name, block)


def test_reduce_and_relayout(best, tmp_path):
    functions, cases = [], []
    for tile, (rows, columns, place) in LAYOUTS.items():
        fragment = f"!tile.fragment<{rows}x{columns}xf32, {place}>"
        others = [other for other in LAYOUTS.values() if other[:2] == (rows, columns) and other[2] != place]
        row_bits = rows.bit_length() - 1
        if (rows, columns) == (8, 8):
            others.append((8, 8, layout(2, 3, 3, "register[0..1] -> row[1..2]", "lane[0..2] -> col[0..2]", "lane[3] -> row[0]")))
        if (rows, columns) == (16, 4):
            others.append((16, 4, layout(2, 4, 2, "register[0..1] -> row[2..3]", "lane[0..1] -> col[0..1]",
                                         "lane[2..3] -> row[0..1]")))
        # The sums are where the rows were; lanes of one row all have its sum.
        sums = {16: layout(0, 4, 0, "lane[0..3] -> row[0..3]"), 1: layout(0, 0, 0, "lane[0..3] -> 0"),
                8: layout(1, 3, 0, "register[0] -> row[2]", "lane[0..1] -> 0", "lane[2..3] -> row[0..1]"),
                2: layout(1, 1, 0, "register[0] -> row[0]", "lane[0..3] -> 0")}[rows]
        total = f"!tile.fragment<{rows}x1xf32, {sums}>"
        name = f"f{len(cases)}"
        moves = "\n".join(
            f"%r{i} = tile.relayout %v : {fragment} -> !tile.fragment<{rows}x{columns}xf32, {other[2]}>\n"
            f"%b{i} = tile.relayout %r{i} : !tile.fragment<{rows}x{columns}xf32, {other[2]}> -> {fragment}\n"
            f"tile.store %r{i}, %z[%i{i}, %c0] : !tile.fragment<{rows}x{columns}xf32, {other[2]}>, memref<64x{columns}xf32>\n"
            for i, other in enumerate(others))
        starts = "\n".join(f"%i{i} = arith.constant {i * rows} : index" for i in range(len(others)))
        functions.append(f"""
func.func @{name}(%x: memref<{rows}x{columns}xf32>, %y: memref<{rows}x1xf32>, %z: memref<64x{columns}xf32>) {{
  %c0 = arith.constant 0 : index
  {starts}
  %v = tile.load %x[%c0, %c0] : memref<{rows}x{columns}xf32> -> {fragment}
  %s = tile.reduce %v : {fragment} -> {total}
  tile.store %s, %y[%c0, %c0] : {total}, memref<{rows}x1xf32>
  {moves}
  return
}}""")
        cases.append((name, rows, columns, len(others)))
    library = build("\n".join(functions), best, tmp_path)
    for name, rows, columns, moves in cases:
        x = RNG.integers(-50, 50, (rows, columns)).astype(np.float32)
        y, z = guarded(np.full((rows, 1), np.nan, np.float32)), guarded(np.zeros((64, columns), np.float32))
        call(library, name, guarded(x), y, z)
        assert np.array_equal(y[:, 0], x.sum(1)), name
        for i in range(moves):
            assert np.array_equal(z[i * rows : (i + 1) * rows], x), (name, i)


def test_buffers(best, tmp_path):
    """Copies into a ring of two stages, with zeros beyond the bounds, and reads from it."""
    rows, columns, place = LAYOUTS["lanes are both"]
    wide = layout(2, 3, 3, "register[0] -> col[2]", "register[1] -> row[2]", "lane[0..1] -> col[0..1]", "lane[2..3] -> row[0..1]")
    fragment, buffer = f"!tile.fragment<8x8xf32, {wide}>", "!tile.buffer<8x8xf32, shared>"
    library = build(f"""
func.func @f(%x: memref<5x13xf32>, %y: memref<8x16xf32>) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c5 = arith.constant 5 : index
  %c8 = arith.constant 8 : index
  %c13 = arith.constant 13 : index
  %c16 = arith.constant 16 : index
  %ring = tile.alloc {{stages = 2 : i64}} : {buffer}
  %t = tile.copy async %x[%c0, %c0] bounds [%c5, %c13] to %ring[%c0] : memref<5x13xf32>, {buffer}
  %last, %stage = scf.for %c = %c0 to %c16 step %c8 iter_args(%token = %t, %s = %c0) -> (!tile.token, index) {{
    %other = arith.subi %c1, %s : index
    %next = arith.addi %c, %c8 : index
    %u = tile.copy async %x[%c0, %next] bounds [%c5, %c13] to %ring[%other] : memref<5x13xf32>, {buffer}
    tile.wait %token
    tile.barrier
    %v = tile.read %ring[%s] : {buffer} -> {fragment}
    tile.store %v, %y[%c0, %c] : {fragment}, memref<8x16xf32>
    scf.yield %u, %other : !tile.token, index
  }}
  tile.wait %last
  return
}}""", best, tmp_path)
    x = RNG.standard_normal((5, 13)).astype(np.float32)
    y = guarded(np.full((8, 16), np.nan, np.float32))
    call(library, "f", guarded(x), y)
    expected = np.zeros((8, 16), np.float32)
    expected[:5, :13] = x
    assert np.array_equal(y, expected)
