# Part of rung, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Slices, reshapes, transposes and branches on tensors of codes: of bytes where rows stay whole, of values elsewhere."""

import numpy as np
import pytest

import number_formats

# name: result shape, operations from %a (6x24) and %b (6x3) to %r with T for the format, the same in numpy
MOVES = {
    "slice_of_bytes": ((3, 16), "%r = tensor.extract_slice %a [1, 8] [3, 16] [1, 1] : tensor<6x24xT> to tensor<3x16xT>",
                       lambda a, b: a[1:4, 8:24]),
    "slice_of_bits": ((6, 5), "%r = tensor.extract_slice %a [0, 3] [6, 5] [1, 1] : tensor<6x24xT> to tensor<6x5xT>",
                      lambda a, b: a[:, 3:8]),
    "column": ((6,), "%r = tensor.extract_slice %a [0, 7] [6, 1] [1, 1] : tensor<6x24xT> to tensor<6xT>", lambda a, b: a[:, 7]),
    "row": ((24,), "%r = tensor.extract_slice %a [4, 0] [1, 24] [1, 1] : tensor<6x24xT> to tensor<24xT>", lambda a, b: a[4]),
    "insert": ((6, 24), "%r = tensor.insert_slice %b into %a [0, 21] [6, 3] [1, 1] : tensor<6x3xT> into tensor<6x24xT>",
               lambda a, b: np.concatenate([a[:, :21], b], 1)),
    "insert_bits": ((6, 24), "%r = tensor.insert_slice %b into %a [0, 1] [6, 3] [1, 1] : tensor<6x3xT> into tensor<6x24xT>",
                    lambda a, b: np.concatenate([a[:, :1], b, a[:, 4:]], 1)),
    "reshape": ((18, 8), "%f = tensor.collapse_shape %a [[0, 1]] : tensor<6x24xT> into tensor<144xT> "
                         "%r = tensor.expand_shape %f [[0, 1]] output_shape [18, 8] : tensor<144xT> into tensor<18x8xT>",
                lambda a, b: a.reshape(18, 8)),
    "reshape_padded_rows": ((18,), "%r = tensor.collapse_shape %b [[0, 1]] : tensor<6x3xT> into tensor<18xT>", lambda a, b: b.reshape(18)),
    "concat": ((6, 30), "%r = tensor.concat dim(1) %b, %a, %b : (tensor<6x3xT>, tensor<6x24xT>, tensor<6x3xT>) -> tensor<6x30xT>",
               lambda a, b: np.concatenate([b, a, b], 1)),
    "loop": ((6, 24), "%c0 = arith.constant 0 : index %c1 = arith.constant 1 : index %c6 = arith.constant 6 : index "
                      "%l = tensor.extract_slice %a [5, 0] [1, 24] [1, 1] : tensor<6x24xT> to tensor<1x24xT> "
                      "%r = scf.for %i = %c0 to %c6 step %c1 iter_args(%t = %a) -> (tensor<6x24xT>) { "
                      "%u = tensor.insert_slice %l into %t [%i, 0] [1, 24] [1, 1] : tensor<1x24xT> into tensor<6x24xT> "
                      "scf.yield %u : tensor<6x24xT> }", lambda a, b: np.repeat(a[5:], 6, 0)),
    "branch": ((6, 3), "%c = tensor.extract %on[] : tensor<i32> %z = arith.constant 0 : i32 %p = arith.cmpi ne, %c, %z : i32 "
                       "%s = tensor.extract_slice %a [0, 16] [6, 3] [1, 1] : tensor<6x24xT> to tensor<6x3xT> "
                       "%q = scf.if %p -> tensor<6x3xT> { scf.yield %s : tensor<6x3xT> } else { scf.yield %b : tensor<6x3xT> } "
                       "%r = arith.select %p, %q, %b : tensor<6x3xT>", lambda a, b: a[:, 16:19]),
}
TRANSPOSE = ((24, 6), "%e = tensor.empty() : tensor<24x6xT> "
                      "%r = linalg.transpose ins(%a : tensor<6x24xT>) outs(%e : tensor<24x6xT>) permutation = [1, 0]", lambda a, b: a.T)
FORMATS = ["!rung.int<3>", "!rung.float<e2m2, specials = fn>", "f4E2M1FN", "f8E4M3FN", "!rung.uint<1>", "!rung.codebook<5, [-2.5, 0.0, 1.0, 3.0]>"]


def cases():
    for format in FORMATS:
        yield from ((format, name, *move) for name, move in MOVES.items())
        if not format.startswith("!"):  # upstream's own element types
            yield format, "transpose", *TRANSPOSE


@pytest.fixture(scope="module")
def bundle(load):
    text = ""
    for i, (format, _, shape, operations, _) in enumerate(cases()):
        result = f"tensor<{'x'.join(map(str, shape))}xT>"
        text += f"""func.func @move_{i}(%a: tensor<6x24xT>, %b: tensor<6x3xT>, %on: tensor<i32>) -> {result} {{
          {operations}
          return %r : {result}
        }}\n""".replace("xT>", f"x{format}>")
    return load(text)


@pytest.mark.parametrize("i", range(len(list(cases()))), ids=[f"{name}-{format}" for format, name, *_ in cases()])
def test_codes_move_as_values_do(i, bundle):
    text, _, shape, _, move = list(cases())[i]
    format, random = number_formats.parse(text), np.random.default_rng(i)
    a, b = random.choice(format.finite_codes, (6, 24)), random.choice(format.finite_codes, (6, 3))
    result = bundle[f"move_{i}"](format.store(a), format.store(b), np.int32(1))
    np.testing.assert_array_equal(format.decode(format.load(result, shape)), format.decode(move(a, b)))


def test_weights_that_are_moved_before_and_after_dequantizing(load):
    """Two matmuls of the halves of one weight, and upstream casts of codes; scales and activations are slices too."""
    bundle = load("""
      #mk = affine_map<(m, n, k) -> (m, k)>
      #nk = affine_map<(m, n, k) -> (n, k)>
      #mn = affine_map<(m, n, k) -> (m, n)>
      func.func @halves(%x: tensor<3x70xf32>, %w: tensor<40x64xi4>, %s: tensor<40x4xf16>, %e: tensor<20x64xf8E5M2>) -> (tensor<3x20xf32>, tensor<3x20xf32>) {
        %zero = arith.constant dense<0.0> : tensor<3x20xf32>
        %xs = tensor.extract_slice %x [0, 3] [3, 64] [1, 1] : tensor<3x70xf32> to tensor<3x64xf32>
        %ws = tensor.extract_slice %w [20, 0] [20, 64] [1, 1] : tensor<40x64xi4> to tensor<20x64xi4>
        %ss = tensor.extract_slice %s [20, 1] [20, 2] [1, 1] : tensor<40x4xf16> to tensor<20x2xf16>
        %d = rung.dequantize %ws scale(%ss : tensor<20x2xf16>) block [1, 32] : tensor<20x64xi4> -> tensor<20x64xf32>
        %y = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xs, %d : tensor<3x64xf32>, tensor<20x64xf32>) outs(%zero : tensor<3x20xf32>) -> tensor<3x20xf32>
        %f = arith.extf %e : tensor<20x64xf8E5M2> to tensor<20x64xf32>
        %i = arith.sitofp %ws : tensor<20x64xi4> to tensor<20x64xf32>
        %g = arith.addf %f, %i : tensor<20x64xf32>
        %v = linalg.matmul indexing_maps = [#mk, #nk, #mn] ins(%xs, %g : tensor<3x64xf32>, tensor<20x64xf32>) outs(%zero : tensor<3x20xf32>) -> tensor<3x20xf32>
        return %y, %v : tensor<3x20xf32>, tensor<3x20xf32>
      }
    """)
    random = np.random.default_rng(0)
    int4, e5m2 = number_formats.parse("i4"), number_formats.parse("f8E5M2")
    x = random.integers(-8, 9, (3, 70)).astype(np.float32)
    w, e = random.choice(int4.finite_codes, (40, 64)), random.integers(0x30, 0x48, (20, 64)).astype(np.uint64)
    s = random.choice(np.float16([0.5, 1, 2]), (40, 4))
    y, v = bundle["halves"](x, int4.store(w), s, e5m2.store(e))
    x, w = x[:, 3:67].astype(float), int4.decode(w)[20:]
    np.testing.assert_array_equal(y, x @ (w * np.repeat(s[20:, 1:3], 32, 1)).T)
    np.testing.assert_array_equal(v, x @ (e5m2.decode(e) + w).T)
